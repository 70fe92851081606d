"""The last stage of the belief task: its student, its environment and its training loop."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from ts_locomotion.errors import ConfigurationError
from ts_locomotion.simulation import curriculum
from ts_locomotion.simulation.curriculum import Ground
from ts_locomotion.simulation.environment import Robots
from ts_locomotion.simulation.sighted_environment import TOLD, SightedEnvironment
from ts_locomotion.training import belief_teacher, checkpoint, run
from ts_locomotion.training.belief_encoder import DECODED, BeliefStudent
from ts_locomotion.training.belief_tasks import BeliefTask, Student, student_grounds
from ts_locomotion.training.distillation import Distillation, Elsewhere
from ts_locomotion.training.runner import Runner
from ts_locomotion.training.vector import VectorEnvironment


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
        "heights_decoder": student.heights_decoder,
        "selector": student.selector,
        "recurrent": student.recurrent,
        "gated": student.gated,
        "decodes": [name for name in DECODED if getattr(student, f"decodes_{name}")],
    }


def _elsewhere(task: BeliefTask, folder: Path, ground: Robots) -> Elsewhere | None:
    """The specialist in a teacher's folder, for the robots whose `ground` (B,) is one of its."""
    if not task.second_teacher:
        return None
    specialist, _ = belief_teacher.load(task, folder / run.SPECIALIST, TOLD)
    own = [each.kind for each in task.second_teacher.grounds]
    is_own = np.array([each.kind in own for each in task.environment.grounds])
    return Elsewhere(specialist, torch.from_numpy(is_own[ground]))


def _highest(task: BeliefTask, folder: Path) -> Robots:
    """The highest level on each kind of ground that any robot of its teacher was at."""
    highest = _reached(task.environment.grounds, folder)
    if task.second_teacher:
        highest |= _reached(task.second_teacher.grounds, folder / run.SPECIALIST)
    return np.array([highest[ground.kind] for ground in task.environment.grounds])


def _reached(grounds: Sequence[Ground], folder: Path) -> dict[str, int]:
    """The highest level on each kind of ground that a robot of the teacher in a folder was at."""
    levels = checkpoint.load(folder / run.CHECKPOINT)["environment"]["arrays"]["level"].numpy()
    kinds = curriculum.interleave(grounds, len(levels))
    return {ground.kind: levels[kinds == i].max(initial=0) for i, ground in enumerate(grounds)}
