"""Stage 2 of the belief task: the student imitates the teacher along its own walks (DAgger)."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from tensordict import TensorDict
from torch import Tensor, nn

from ts_locomotion.errors import ConfigurationError
from ts_locomotion.simulation import curriculum
from ts_locomotion.simulation.environment import Robots
from ts_locomotion.simulation.sighted_environment import TOLD, SightedEnvironment
from ts_locomotion.training import belief_teacher, checkpoint, run
from ts_locomotion.training.belief_encoder import DECODED, BeliefStudent, Senses
from ts_locomotion.training.belief_networks import BeliefTeacher
from ts_locomotion.training.belief_tasks import BeliefTask, Specialist, Student, student_grounds
from ts_locomotion.training.runner import Runner
from ts_locomotion.training.side_by_side import SideBySide
from ts_locomotion.training.vector import VectorEnvironment

SENSED = ("policy", *Senses._fields[1:])
"""Observation groups that are its Senses."""
GROUPS = (*SENSED, "scans", TOLD, "privileged")
BLIND_GROUPS = ("policy", "privileged")


class Targets(NamedTuple):
    """What the student should have done and believed, (T, B, ...); beliefs normalised.

    It should do what its teacher would have done with a map as good as the student's, and believe
    the truth: who asks for steps that only the truth could tell of gets the mean of all of them.
    """

    actions: Tensor
    heights: Tensor
    privileged: Tensor


class Elsewhere(NamedTuple):
    """Robots on whose ground another teaches."""

    teacher: BeliefTeacher
    robots: Tensor
    """Whether each of them (B,) is one."""


class Distillation:
    """Behaviour cloning and reconstruction through time, on sequences that the student walked.

    Speaks to the runner as rsl_rl's algorithms do.
    """

    def __init__(
        self,
        teacher: BeliefTeacher,
        student: BeliefStudent,
        config: Student,
        robots: int,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self.teacher, self.student, self.config = teacher.eval(), student, config
        self.elsewhere = elsewhere
        self.groups = GROUPS if student.sight else BLIND_GROUPS
        self.cores = SideBySide()
        self.learning_rate = config.learning_rate
        self.parameters = tuple(student.parameters())
        self.optimizer = torch.optim.Adam(self.parameters, lr=self.learning_rate, fused=True)
        self.state = torch.zeros(robots, student.state_size)
        self.first_state = torch.zeros(robots, student.state_size)
        self.ended = torch.zeros(config.steps_per_iteration, robots, dtype=torch.bool)
        self.stored: dict[str, Tensor] = {}
        self.step = 0

    def train_mode(self) -> None:
        """Nothing here behaves differently while training."""

    def act(self, obs: TensorDict) -> Tensor:
        """Deterministic actions (B, A) of the student; remembers what they answer."""
        if self.step == 0:
            self.first_state.copy_(self.state)
        for name in self.groups:
            if name not in self.stored:
                shape = (self.config.steps_per_iteration, *obs[name].shape)
                self.stored[name] = torch.zeros(shape)
            self.stored[name][self.step].copy_(obs[name])
        actions, self.state, _ = self.student.step(_senses(obs), self.state)
        return actions

    def process_env_step(
        self, _obs: TensorDict, _rewards: Tensor, dones: Tensor, _extras: dict
    ) -> None:
        """Forget the past of episodes that ended."""
        self.ended[self.step].copy_(dones)
        self.state = self.state * (~dones)[:, None]
        self.step += 1

    def compute_returns(self, _obs: TensorDict) -> None:
        """Imitation needs none."""

    def update(self) -> dict[str, float]:
        """Train on the stored sequences and forget them; returns mean losses."""
        targets = self._targets()
        losses = [self._learn(targets, robots) for robots in self._batches()]
        self.step = 0
        names = ("behaviour", *self.student.decoded, *(("gate",) if self.student.sight else ()))
        return dict(zip(names, torch.tensor(losses).mean(0).tolist(), strict=True))

    def decay(self, progress: float) -> None:
        """Set the learning rate for a share of the training done."""
        config = self.config
        falls = config.final_learning_rate / config.learning_rate
        self.learning_rate = config.learning_rate * falls**progress
        self.optimizer.param_groups[0]["lr"] = self.learning_rate

    def save(self) -> dict[str, Any]:
        """State of network (normalisers included), recurrent state and optimiser."""
        return {
            "student_state_dict": self.student.state_dict(),
            "optimizer_state_dict": self.optimizer.state_dict(),
            "recurrent": self.state.clone(),
        }

    def load(self, state: dict[str, Any], _cfg: dict | None = None, strict: bool = True) -> bool:
        """Restore what `save` returned."""
        self.student.load_state_dict(state["student_state_dict"], strict)
        self.optimizer.load_state_dict(state["optimizer_state_dict"])
        self.state = state["recurrent"]
        return True

    def _targets(self) -> Targets:
        stored = self.stored
        walked = TensorDict(stored, batch_size=stored["policy"].shape[:2])
        with torch.no_grad():
            actions = self.teacher(walked)
            if self.elsewhere:
                other, robots = self.elsewhere
                # Who sees nothing cannot know whose ground it is on.
                sees = stored["valid"].any(-1, keepdim=True)[:, robots]
                own = other(walked[:, robots])
                actions[:, robots] = torch.where(sees, own, actions[:, robots])
            heights = stored["policy"][..., :0]
            if self.teacher.scan_encoder is not None:
                heights = self.teacher.scan_encoder.normalize(stored["scans"]).flatten(-2)
            privileged = self.student.privileged_normalizer(stored["privileged"])
        return Targets(actions, heights, privileged)

    def _batches(self) -> Iterator[Tensor]:
        for _ in range(self.config.epochs):
            yield from torch.randperm(self.state.shape[0]).chunk(self.config.mini_batches)

    def _learn(self, targets: Targets, robots: Tensor) -> tuple[float, ...]:
        """One step on the sequences of some robots, half of them on each core."""
        parts = self.cores.descend(
            self.parameters, robots, lambda half: self._gradient(targets, half, len(robots))
        )
        nn.utils.clip_grad_norm_(self.parameters, self.config.max_grad_norm)
        self.optimizer.step()
        return tuple(parts.tolist())

    def _gradient(
        self, targets: Targets, robots: Tensor, total: int
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """What some of `total` robots add to the means of the losses and to their gradient."""
        felt = {name: self.stored[name][:, robots] for name in SENSED if name in self.stored}
        actions, believed = self.student.sequence(
            _senses(felt), self.first_state[robots], self.ended[:, robots]
        )
        share = 1.0 / (len(actions) * total)
        losses = {"behaviour": (actions - targets.actions[:, robots]).square().sum() * share}
        for name in self.student.decoded:
            wrong = getattr(believed, name) - getattr(targets, name)[:, robots]
            losses[name] = wrong.square().mean(-1).sum() * share
        reconstruction = sum(losses[name] for name in self.student.decoded)
        loss = losses["behaviour"] + self.config.reconstruction * reconstruction
        gradient = torch.autograd.grad(loss, self.parameters)
        if self.student.sight:
            losses["gate"] = believed.gate.mean(-1).sum() * share
        return torch.stack(list(losses.values())).detach(), gradient


class Stage(NamedTuple):
    """What the training loop asks of a task."""

    name: str
    steps_per_iteration: int
    save_interval: int


class StudentRunner(Runner):
    """The training loop with a height noise that grows and a rate that falls."""

    alg: Distillation  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(
        self, environment: SightedEnvironment, task: BeliefTask, alg: Distillation, folder: Path
    ) -> None:
        if task.exteroception and environment.noise is None:
            raise ConfigurationError("a student that sees needs height noise in its environment")
        self.noise = environment.noise
        self.env, self.folder = VectorEnvironment(environment), folder
        self.alg = alg  # pyright: ignore[reportIncompatibleVariableOverride]
        self.config = config = task.student
        self.task = Stage(f"{task.name} student", config.steps_per_iteration, task.save_interval)
        self.steps_done = self.current_learning_iteration = 0

    def _collect(self, obs):
        done = self.steps_done / self.config.steps
        self.alg.decay(done)
        if self.noise is None:
            return super()._collect(obs)
        self.noise.factor = noise_factor(self.config, done)
        obs, notes = super()._collect(obs)
        return obs, notes | {"walk/noise": self.noise.factor}

    def _describe(self) -> dict[str, float]:
        return {"policy/std": 0.0, "policy/learning_rate": self.alg.learning_rate}


def noise_factor(config: Student, done: float) -> float:
    """Strength of the height noise after a share of the training."""
    growth = (done - config.noise_from) / (config.noise_until - config.noise_from)
    return min(max(growth, 0.0), 1.0)


def build(task: BeliefTask, seed: int, teacher_folder: Path, folder: Path) -> StudentRunner:
    """Environment, networks and algorithm; the student begins with its teacher's weights."""
    teacher, _ = belief_teacher.load(task, teacher_folder, TOLD)
    noise = task.height_noise if task.exteroception else None
    grounds = student_grounds(task)
    config = replace(task.environment, grounds=grounds, height_noise=noise, told_noise=noise)
    environment = SightedEnvironment(config, seed + 1)
    highest = _highest(task, teacher_folder)[environment.ground]
    environment.level[:] = highest
    # A student that earned its levels would, blind so often, never walk the teacher's hardest.
    environment.promote = curriculum.anywhere_up_to(highest)
    elsewhere = _elsewhere(task, teacher_folder, environment.ground)
    specialist = elsewhere.teacher if elsewhere else None
    student = BeliefStudent(teacher, specialist, **student_settings(task))
    algorithm = Distillation(teacher, student, task.student, environment.count, elsewhere)
    return StudentRunner(environment, task, algorithm, folder)


def load(task: BeliefTask, folder: Path) -> tuple[BeliefStudent, int]:
    """The trained student in a folder and the environment steps it took."""
    state = checkpoint.load(folder / run.CHECKPOINT)
    specialist = belief_teacher.blank(task) if task.second_teacher else None
    student = BeliefStudent(belief_teacher.blank(task), specialist, **student_settings(task))
    student.load_state_dict(state["student_state_dict"])
    return student.eval(), state["steps"]


def student_settings(task: BeliefTask) -> dict[str, Any]:
    """Arguments of BeliefStudent."""
    networks, student = task.networks, task.student
    return {
        "scan_encoding": networks.scan_encoding,
        "scan_encoder": networks.scan_encoder,
        "hidden": student.hidden,
        "layers": student.layers,
        "head": student.head,
        "decoder": student.decoder,
        "selector": student.selector,
        "recurrent": student.recurrent,
        "gated": student.gated,
        "decodes": [name for name in DECODED if getattr(student, f"decodes_{name}")],
    }


def _elsewhere(task: BeliefTask, folder: Path, ground: Robots) -> Elsewhere | None:
    """The specialist in a teacher's folder, for the robots on the `ground` (B,) of its kind."""
    if not task.second_teacher:
        return None
    specialist, _ = belief_teacher.load(task, folder / run.SPECIALIST, TOLD)
    return Elsewhere(
        specialist, torch.from_numpy(ground == _special_kind(task.second_teacher, task))
    )


def _highest(task: BeliefTask, folder: Path) -> Robots:
    """The highest level on each kind of ground that any robot of its teacher was at."""
    grounds, levels = task.environment.grounds, _levels(folder)
    highest = np.zeros(len(grounds), dtype=np.int64)
    np.maximum.at(highest, curriculum.interleave(grounds, len(levels)), levels)
    if task.second_teacher:
        kind = _special_kind(task.second_teacher, task)
        highest[kind] = _levels(folder / run.SPECIALIST).max()
    return highest


def _levels(folder: Path) -> Robots:
    """Of the robots (B,) of the teacher in a folder."""
    state = checkpoint.load(folder / run.CHECKPOINT)
    return state["environment"]["arrays"]["level"].numpy()


def _special_kind(special: Specialist, task: BeliefTask) -> int:
    """Which of the grounds is the specialist's."""
    return [ground.kind for ground in task.environment.grounds].index(special.ground.kind)


def _senses(obs: Any) -> Senses:
    return Senses(obs["policy"], *(obs.get(name, None) for name in SENSED[1:]))
