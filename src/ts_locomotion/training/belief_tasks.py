"""The belief task as data: a teacher that sees the truth, then a student that has to guess it."""

from dataclasses import dataclass, field, replace

from ts_locomotion.action import ActionForm
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.simulation.commands import CommandRanges
from ts_locomotion.simulation.curriculum import Ground
from ts_locomotion.simulation.height_noise import PERCEPTIONS, HeightNoiseConfig
from ts_locomotion.simulation.randomization import Domain
from ts_locomotion.simulation.ranges import check_above_zero, check_not_negative
from ts_locomotion.simulation.rewards import Shape, Weights
from ts_locomotion.simulation.sighted_environment import HOLE, SightedConfig, Wrenches
from ts_locomotion.training.ppo_settings import PPO, ActionNoise, check_share


@dataclass(frozen=True)
class BeliefNetworks(ActionNoise):
    """Widths of the layers. Those of the paper where not marked."""

    trunk: tuple[int, ...] = (128, 128)
    """The paper's 256, 160, 128 costs three times as much to train."""
    scan_encoder: tuple[int, ...] = (64, 32)
    """The paper's 80, 60 costs twice as much to train."""
    scan_encoding: int = 24
    privileged_encoder: tuple[int, ...] = (64, 32)
    privileged_encoding: int = 24
    critic: tuple[int, ...] = (128, 128)
    critic_scan_encoder: tuple[int, ...] = (32,)
    critic_scan_encoding: int = 16


@dataclass(frozen=True)
class TeacherAlgorithm(PPO):
    """PPO of the teacher."""

    num_learning_epochs: int = 3
    entropy_coef: float = 0.0005
    learning_rate_bounds: tuple[float, float] = (2e-5, 1e-3)
    desired_kl: float = 0.02


@dataclass(frozen=True)
class Misled:
    """The end of a teacher's training, which is told what its student can know of the truth.

    Told the truth only, it sets its feet where a map that is off by little makes it fall, and
    trusts its speed more than the student can.
    """

    begins: float = 8 / 9
    """Share of the steps after which this is so; 1 for never."""
    learning_rate: float = 1e-4
    """Highest, from which it falls to the lowest once more."""
    noise: HeightNoiseConfig = PERCEPTIONS["drifting"]
    velocity: float = 0.0
    """Standard deviation of the velocity told, along each axis [m/s]; students guess as well."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.begins <= 1.0:
            raise ConfigurationError(f"misled.begins: {self.begins} given, expected from 0 to 1")
        check_above_zero(self, "misled.", "learning_rate")
        check_not_negative(self, "misled.", "velocity")


@dataclass(frozen=True)
class Student:
    """Distillation into the student; see training/distillation.py."""

    steps: int = 3_000_000
    """Environment steps."""
    steps_per_iteration: int = 24
    """Also the length of the sequences that gradients flow through."""
    epochs: int = 4
    mini_batches: int = 4
    learning_rate: float = 1e-3
    final_learning_rate: float = 1e-4
    """Reached at the end by exponential decay."""
    max_grad_norm: float = 1.0
    reconstruction: float = 2.0
    """Weight of the reconstruction loss, a mean over its entries, beside that of behaviour, a sum
    over the joints. The paper's 0.5 weighs sums."""
    noise_from: float = 0.02
    noise_until: float = 0.3
    """Shares of the training over which the height noise grows from 0 to 1."""
    hidden: int = 100
    """Of each layer. The paper's 50 imitated less well."""
    layers: int = 2
    head: tuple[int, ...] = (64, 64)
    """Hidden layers of belief head and gate."""
    decoder: tuple[int, ...] = (64, 64)
    """Of the privileged state, and of how much of each height is taken as seen."""
    heights_decoder: tuple[int, ...] = (128,)
    """Is shown whole scans, beyond the paper: one wide layer smooths them as well as two."""
    selector: tuple[int, ...] = (32,)
    """Of who tells how much of which teacher's trunk is to act, where there are two."""
    recurrent: bool = True
    """Otherwise as many weights that know the current step only."""
    gated: bool = True
    """Otherwise what is seen enters belief and reconstruction whole."""
    decodes_heights: bool = True
    decodes_privileged: bool = True
    """Whether heights and the privileged state are reconstructed at all."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.noise_from < self.noise_until <= 1.0:
            raise ConfigurationError(
                f"student.noise_from and noise_until: {self.noise_from} and {self.noise_until}"
                " given, expected shares of the training, the first before the second"
            )
        check_above_zero(self, "student.", "learning_rate", "final_learning_rate")


GROUNDS = (
    Ground("flat", share=2, variants=32),
    Ground("rough", variants=4, easiest=0.01, hardest=0.10),
    Ground("slope", variants=4, easiest=0.05, hardest=0.40),
    Ground("stairs_up", share=5, variants=6, easiest=0.03, hardest=0.25),
    Ground("stairs_random_up", variants=4, easiest=0.03, hardest=0.22),
    Ground("stairs_ledged_up", variants=4, easiest=0.05, hardest=0.22),
    Ground("stairs_down", share=4, variants=6, easiest=0.03, hardest=0.25),
    Ground("grid_steps", variants=4, easiest=0.03, hardest=0.25),
    Ground("blocks", share=3, variants=6, easiest=0.03, hardest=0.25),
    Ground("gaps", share=3, variants=6, easiest=0.05, hardest=0.35),
    Ground("planks", share=2, variants=4, easiest=0.06, hardest=0.25),
    Ground("stepping_stones", share=3, variants=6, easiest=0.06, hardest=0.25),
)

HOLE_SHARES = {"gaps": 1, "planks": 1, "stepping_stones": 8}
HOLES = tuple(
    replace(ground, share=HOLE_SHARES[ground.kind], least_depth=0.3)
    for ground in GROUNDS
    if ground.kind in HOLE_SHARES
)
"""Too deep to wade through: who can wade does not learn to aim."""


STUDENT_SHARES = {"slope": 2}
"""Least shares of grounds on a student's way: on slopes it fell behind the blind."""


@dataclass(frozen=True)
class Specialist:
    """A second teacher, who goes on where the first ended, over the holes of some grounds.

    Learned beside the others, stepping stones took four times as many steps, and cost stairs.
    """

    grounds: tuple[Ground, ...] = HOLES
    """Gaps and planks it knows soon, stones it learns to the end."""
    steps: int = 8_000_000
    """Environment steps."""
    steps_per_iteration: int = 12
    """Half of the first teacher's: an update moves it no further than the divergence allows, so it
    learns faster in smaller ones."""
    initial_std: float = 0.4
    """Of its actions: who had settled explores again, and learns twice as fast."""
    foothold: float = -3.0
    hips: float = -0.05
    """Weights of rewards that differ from those of the first teacher."""
    misled: Misled = Misled(begins=0.75, learning_rate=3e-4, velocity=0.08)

    def __post_init__(self) -> None:
        check_above_zero(self, "specialist.", "initial_std")


@dataclass(frozen=True)
class BeliefTask:
    """All that defines a training in stages: teacher, specialist if there is one, student."""

    name: str
    purpose: str
    steps: int
    """Environment steps of the teacher."""
    steps_per_iteration: int = 24
    """Of each environment between two updates of the teacher."""
    settling: float = 0.75
    """Share of the steps before it is misled after which the highest rate of the policy falls to
    the lowest."""
    save_interval: int = 1
    """Iterations between checkpoints, each of which costs 1 % of an iteration."""
    mirror_share: float = 0.5
    """Share of the samples that train as their mirror images."""
    exteroception: bool = True
    """Whether the teacher is told the true foot scans, and its student sees noisy ones."""
    environment: SightedConfig = field(default_factory=SightedConfig)
    networks: BeliefNetworks = field(default_factory=BeliefNetworks)
    algorithm: TeacherAlgorithm = field(default_factory=TeacherAlgorithm)
    misled: Misled = field(default_factory=Misled)
    specialist: Specialist | None = None
    student: Student = field(default_factory=Student)
    height_noise: HeightNoiseConfig = field(
        default_factory=lambda: HeightNoiseConfig(map_period=0.1)
    )

    def __post_init__(self) -> None:
        check_share(self.settling, "settling")

    @property
    def second_teacher(self) -> Specialist | None:
        """The specialist; the blind, who could not tell that they are on its ground, have none."""
        return self.specialist if self.exteroception else None


def go2_belief() -> BeliefTask:
    """Seeing walk over stairs, gaps and stepping stones (Miki et al. 2022 on a Go2)."""
    return BeliefTask(
        "go2_belief",
        "belief teachers, then their student (Miki et al. 2022): stairs, gaps, stepping stones",
        steps=22_500_000,
        specialist=Specialist(),
        environment=SightedConfig(
            history_frames=1,
            physics_steps=3,
            # Without it the fastest way down stairs is to leap.
            runaway_speed=0.6,
            domain=Domain(push_speed=0.5),
            wrenches=Wrenches(force=12.0, torque=2.0),
            levels=12,
            grounds=GROUNDS,
            commands=CommandRanges(stand_share=0.06),
            weights=Weights(
                alive=0.05,
                torque=-5e-5,
                pitch=-0.2,
                roll=-1.0,
                height=-8.0,
                hips=-0.15,
                foothold=-1.0,
            ),
            shape=Shape(swing_height=0.11, overlift=0.3),
        ),
    )


def go2_belief_phase() -> BeliefTask:
    """The same with the paper's action: phase offsets of a trot and joint residuals."""
    return phase_residual(go2_belief())


def go2_belief_paper() -> BeliefTask:
    """The same in the sizes of the paper's networks (Miki et al. 2022, S6), slower to train."""
    task = go2_belief()
    networks = replace(task.networks, trunk=(256, 160, 128), scan_encoder=(80, 60))
    return replace(
        task,
        name=f"{task.name}_paper",
        purpose=f"{task.name} in the sizes of the paper's networks",
        networks=networks,
        student=replace(task.student, hidden=50),
    )


def go2_belief_blind() -> BeliefTask:
    """The same without eyes: teacher and student know the ground by their feet alone."""
    return blind(go2_belief())


def blind(task: BeliefTask) -> BeliefTask:
    """A task whose teacher is told no scans and whose student has none to guess from."""
    return replace(
        task,
        name=f"{task.name}_blind",
        purpose=f"{task.name} without eyes: the belief of the privileged state alone",
        exteroception=False,
        specialist=None,
    )


def specialised(task: BeliefTask, special: Specialist) -> BeliefTask:
    """What the specialist of a task is trained for."""
    environment = task.environment
    weights = replace(environment.weights, foothold=special.foothold, hips=special.hips)
    return replace(
        task,
        name=f"{task.name} specialist",
        steps=special.steps,
        steps_per_iteration=special.steps_per_iteration,
        specialist=None,
        misled=special.misled,
        environment=replace(environment, grounds=special.grounds, weights=weights),
    )


def student_grounds(task: BeliefTask) -> tuple[Ground, ...]:
    """The grounds of the teachers, each as often as it was walked by who walked it most, or more.

    Holes are as shallow as those before which a specialist teaches.
    """
    special = task.second_teacher
    holes = {ground.kind: ground.share for ground in special.grounds} if special else {}

    def walked(ground: Ground) -> Ground:
        share = max(each.get(ground.kind, 0) for each in (holes, STUDENT_SHARES))
        depth = HOLE if ground.kind in holes else ground.least_depth
        return replace(ground, share=max(ground.share, share), least_depth=depth)

    return tuple(map(walked, task.environment.grounds))


def phase_residual(task: BeliefTask) -> BeliefTask:
    """A task whose policy bends a trot instead of placing each joint; see action.py."""
    environment = task.environment
    form = ActionForm("phase_residual")

    def renamed(terms: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(form.observed if t == environment.action.observed else t for t in terms)

    return replace(
        task,
        name=f"{task.name}_phase",
        purpose=f"{task.name} with phase offsets of a trot and joint residuals as action",
        environment=replace(
            environment,
            action=form,
            policy_terms=renamed(environment.policy_terms),
            frame_terms=renamed(environment.frame_terms),
        ),
    )
