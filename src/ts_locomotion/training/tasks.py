"""Every task that can be trained, as data. Variants are functions that edit a task."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from ts_locomotion.errors import ConfigurationError
from ts_locomotion.simulation.curriculum import Ground
from ts_locomotion.simulation.environment import EnvironmentConfig
from ts_locomotion.simulation.height_noise import HeightNoiseConfig
from ts_locomotion.simulation.ranges import check_above_zero
from ts_locomotion.simulation.rewards import Shape
from ts_locomotion.simulation.sighted_environment import SightedConfig, Wrenches
from ts_locomotion.training.belief_tasks import (
    BeliefTask,
    go2_belief,
    go2_belief_blind,
    go2_belief_paper,
    go2_belief_phase,
)
from ts_locomotion.training.ppo_settings import PPO, ActionNoise, check_share


@dataclass(frozen=True)
class Networks(ActionNoise):
    """Kind of the history encoder and widths of the layers."""

    encoder: str = "mlp"
    """One of history_encoders.KINDS."""

    policy: tuple[int, ...] = (128, 128)
    critic: tuple[int, ...] = (128, 128)
    privilege_encoder: tuple[int, ...] = (64, 32)
    history_encoder: tuple[int, ...] = (128, 64)
    """Of the encoder mlp."""
    tcn_channels: int = 44
    """Of the encoder tcn (Lee et al. 2020 for 20 frames)."""
    gru_hidden: int = 64
    """Of the encoder gru."""
    latent: int = 16
    scan_encoder: tuple[int, ...] = (64, 32)
    """With exteroception, of the scan of each foot, true and seen; as in the belief task."""
    scan_encoding: int = 24
    sight_head: tuple[int, ...] = (64,)
    """With exteroception, from what the student sees and its history to the latent."""
    critic_scan_encoder: tuple[int, ...] = (32,)
    critic_scan_encoding: int = 16


@dataclass(frozen=True)
class Algorithm(PPO):
    """Teacher-student PPO; see training/teacher_student.py."""

    encoder_learning_rate: float = 1e-3
    encoder_epochs: int = 1
    latent_regularization: float = 0.1
    """Pull of the teacher's latent towards what the student can know."""
    student_share: float = 0.125
    """Environments in which the student acts, for its own regression."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_above_zero(self, "algorithm.", "encoder_learning_rate")
        check_share(self.student_share, "algorithm.student_share")


@dataclass(frozen=True)
class Concurrent(Algorithm):
    """Concurrent teacher-student PPO; see training/cts.py."""

    encoder_epochs: int = 4
    """As many samples per iteration as one epoch over all robots."""
    latent_regularization: float = 0.0
    student_share: float = 0.25
    """Of the environments on each kind of ground, as in the paper."""
    student_weight: float = 1.0
    """Of a student's sample in the surrogate, where a teacher's counts 1; 3 gives the groups equal
    weight when there are three teachers to a student."""


@dataclass(frozen=True)
class Settling:
    """The end of a training: ever smaller steps, a sharper eye for speed, harder pushes."""

    begins: float = 0.645
    """Share of the steps that are walked before."""
    linear_tolerance: float = 0.1
    """Of rewards.Shape, reached half-way through the settling."""
    angular_tolerance: float = 0.15
    push_speed: float = 1.0
    """Of randomization.Domain, reached half-way as well [m/s]."""
    learning_rate: float = 2e-5
    """Highest rate of the policy at the end."""

    def __post_init__(self) -> None:
        check_share(self.begins, "settling.begins")
        check_above_zero(self, "settling.", "learning_rate")


@dataclass(frozen=True)
class Task:
    """All that defines a training."""

    name: str
    purpose: str
    steps: int
    """Environment steps of the whole training."""
    steps_per_iteration: int = 16
    """Of each environment between two updates."""
    save_interval: int = 20
    """Iterations between checkpoints."""
    mirror_share: float = 0.5
    """Share of the samples that train as their mirror images."""
    exteroception: bool = False
    """Whether teacher and critic are told the true foot scans, and students see noisy ones."""
    environment: EnvironmentConfig = field(default_factory=EnvironmentConfig)
    networks: Networks = field(default_factory=Networks)
    algorithm: Algorithm = field(default_factory=Algorithm)
    settling: Settling = field(default_factory=Settling)
    height_noise: HeightNoiseConfig = field(
        default_factory=lambda: HeightNoiseConfig(map_period=0.1)
    )
    """Of what students see with exteroception; at its full strength from the beginning."""


def world(task: Task) -> EnvironmentConfig:
    """The environment of a task, one with scans if the task asks for them.

    Where it does, the privileged state is that of the belief task.
    """
    config = task.environment
    if not task.exteroception:
        return config
    if not isinstance(config, SightedConfig):
        given: dict[str, Any] = {
            field.name: getattr(config, field.name) for field in fields(config)
        }
        config = SightedConfig(**given, wrenches=Wrenches(force=0.0, torque=0.0))
    return replace(config, height_noise=task.height_noise)


def go2_ts() -> Task:
    """Blind walking on everything up to stairs of 14 cm."""
    return Task(
        "go2_ts",
        "one-stage teacher-student (RLvRL): blind over stairs, blocks and rough ground",
        steps=12_500_000,
        environment=EnvironmentConfig(
            gait_frequency_hz=2.5,
            shape=Shape(overlift=0.5),
            grounds=(
                Ground("flat", share=5, variants=48),
                Ground("rough", easiest=0.01, hardest=0.08),
                Ground("slope", easiest=0.03, hardest=0.35),
                Ground("stairs_up", share=3, easiest=0.02, hardest=0.14),
                Ground("stairs_down", easiest=0.02, hardest=0.14),
                Ground("blocks", share=2, easiest=0.02, hardest=0.14),
            ),
        ),
    )


def go2_ts_flat() -> Task:
    """The same on level ground."""
    return level_ground(go2_ts())


def go2_cts() -> Task:
    """Teachers and students at once on the grounds of go2_ts."""
    return replace(
        go2_ts(),
        name="go2_cts",
        purpose="concurrent teacher-student: students learn the policy beside their teachers",
        algorithm=Concurrent(),
    )


def go2_cts_flat() -> Task:
    """The same on level ground."""
    return level_ground(go2_cts())


def go2_ts_sighted() -> Task:
    """go2_ts with eyes, on the grounds of go2_belief."""
    return sighted(go2_ts())


def go2_cts_sighted() -> Task:
    """go2_cts with eyes, on the grounds of go2_belief."""
    return sighted(go2_cts())


def sighted(task: Task) -> Task:
    """A task with eyes where they matter: ground, rewards and learning rates of go2_belief."""
    belief = go2_belief()
    environment = replace(belief.environment, history_frames=task.environment.history_frames)
    shape, domain, rates = environment.shape, environment.domain, belief.algorithm
    return replace(
        task,
        name=f"{task.name}_sighted",
        purpose=f"{task.name} with eyes: stairs, gaps, stepping stones of go2_belief",
        steps=belief.steps,
        steps_per_iteration=belief.steps_per_iteration,
        exteroception=True,
        environment=environment,
        # A latent that has room for the ground under four feet.
        networks=replace(task.networks, privilege_encoder=(128, 64), latent=48),
        algorithm=replace(
            task.algorithm,
            num_learning_epochs=rates.num_learning_epochs,
            entropy_coef=rates.entropy_coef,
            learning_rate_bounds=rates.learning_rate_bounds,
            desired_kl=rates.desired_kl,
        ),
        settling=Settling(
            begins=belief.settling,
            linear_tolerance=shape.linear_tolerance,
            angular_tolerance=shape.angular_tolerance,
            push_speed=domain.push_speed,
            learning_rate=rates.learning_rate_bounds[0],
        ),
        height_noise=belief.height_noise,
    )


def level_ground(task: Task) -> Task:
    """A task without its obstacles."""
    environment = replace(task.environment, grounds=(Ground("flat", variants=32),))
    return replace(
        task,
        name=f"{task.name}_flat",
        purpose=f"{task.name} on level ground with pushes",
        steps=4_000_000,
        environment=environment,
    )


AnyTask = Task | BeliefTask

TASKS: Mapping[str, Callable[[], AnyTask]] = {
    "go2_ts": go2_ts,
    "go2_ts_flat": go2_ts_flat,
    "go2_ts_sighted": go2_ts_sighted,
    "go2_cts": go2_cts,
    "go2_cts_flat": go2_cts_flat,
    "go2_cts_sighted": go2_cts_sighted,
    "go2_belief": go2_belief,
    "go2_belief_blind": go2_belief_blind,
    "go2_belief_paper": go2_belief_paper,
    "go2_belief_phase": go2_belief_phase,
}
TINY = "_tiny"


def make(name: str) -> AnyTask:
    """A task by name, as a seconds long one where that ends in TINY.

    Raises ConfigurationError for an unknown one.
    """
    known = name.removesuffix(TINY)
    if known not in TASKS:
        raise ConfigurationError(f"unknown task {name!r}; valid: {', '.join(TASKS)}")
    task = TASKS[known]()
    return task if known == name else tiny(task)


def tiny(task: AnyTask) -> AnyTask:
    """A training of seconds that learns nothing: for tests of the machinery."""
    config = task.environment
    stage = {"steps": 8 * 6 * 4, "steps_per_iteration": 6}
    small = replace(
        task,
        name=task.name + TINY,
        purpose="seconds long, for tests",
        save_interval=2,
        environment=replace(
            config,
            environments=8,
            history_frames=min(4, config.history_frames),
            threads=1,
            levels=2 if isinstance(config, SightedConfig) else 8,
            grounds=(Ground("flat", variants=2), Ground("stairs_up", hardest=0.1)),
        ),
        **stage,
    )
    if isinstance(small, BeliefTask):
        misled = replace(small.misled, begins=0.25)
        student = replace(small.student, **stage)
        special = small.specialist and replace(
            small.specialist, grounds=small.environment.grounds[1:], **stage
        )
        return replace(small, misled=misled, specialist=special, student=student)
    return small
