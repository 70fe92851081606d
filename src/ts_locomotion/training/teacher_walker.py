"""In an evaluation: teachers that see, and the student of a run without a bundle. Needs torch."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from rsl_rl.models import MLPModel
from tensordict import TensorDict
from torch import Tensor

from ts_locomotion import action, bundle, gait, observation
from ts_locomotion.belief import Scans
from ts_locomotion.bundle import Bundle
from ts_locomotion.contract import Contract
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.observation import Proprioception
from ts_locomotion.robot import Array
from ts_locomotion.simulation import measurement, randomization
from ts_locomotion.simulation.sighted_environment import privileged, true_scans
from ts_locomotion.simulation.terrain import HeightGrids
from ts_locomotion.training import belief_export, belief_student, belief_teacher, run
from ts_locomotion.training.belief_encoder import BeliefStudent
from ts_locomotion.training.belief_networks import sees_hole
from ts_locomotion.training.belief_tasks import BeliefTask
from ts_locomotion.training.course import Course
from ts_locomotion.training.export import contract_of, export
from ts_locomotion.training.walkers import Answer


def load(folder: Path, name: str) -> "TeacherWalker":
    """The teacher whose checkpoint lies in a folder: of a run, or of the bundle made of it."""
    task = run.task_of(run.read_record(folder))
    if not task.exteroception:
        raise ConfigurationError(f"{folder} holds a {task.name}, which has no teacher that sees")
    if not isinstance(task, BeliefTask):
        _, actor, _ = run.load_actor(folder)
        return TeacherWalker(name, actor, contract_of(task, actor, name, {}))
    teacher, _ = belief_teacher.load(task, folder)
    student = BeliefStudent(teacher, **belief_student.student_settings(task))
    contract = belief_export.contract_of(task, student, name, {})
    return TeacherWalker(name, teacher, contract, _specialists(task, folder))


def _specialists(task: BeliefTask, folder: Path) -> Mapping[str, MLPModel]:
    """Who teaches instead where there is a hole, by the kind of ground; nobody while untrained."""
    place = folder / run.SPECIALIST
    if not task.second_teacher or not (place / run.CHECKPOINT).exists():
        return {}
    specialist, _ = belief_teacher.load(task, place)
    return {ground.kind: specialist for ground in task.second_teacher.grounds}


def student_bundle(folder: Path) -> Bundle | None:
    """The bundle of a run as far as it has come; None while there is no student."""
    two_stages = isinstance(run.task_of(run.read_record(folder)), BeliefTask)
    if not (folder / (run.STUDENT if two_stages else "") / run.CHECKPOINT).exists():
        return None
    with tempfile.TemporaryDirectory() as place:
        export(folder, Path(place), name=folder.name)
        return bundle.load(place)


class TeacherWalker:
    """The teacher of a ground, told the truth about it and the privileged state."""

    sight: str | None = "truth"

    def __init__(
        self,
        name: str,
        teacher: MLPModel,
        contract: Contract,
        specialists: Mapping[str, MLPModel] | None = None,
    ) -> None:
        """`specialists` take the teacher's place before the holes of their kinds of ground."""
        torch.set_num_threads(1)
        self.name, self.contract = name, contract
        self._teacher, self._specialists = teacher, specialists or {}

    def begin(self, course: Course, heights: HeightGrids) -> None:
        """Forget everything."""
        self._course, self._heights = course, heights
        self._special = self._specialists.get(course.trial.terrain)
        count = course.count
        friction = [randomization.privileged(each)["friction"] for each in course.variations]
        self._friction = np.array(friction)[course.physics.assignment]
        self._air_time = np.zeros((count, 4))
        self._phase, self._action = np.zeros(count), np.zeros((count, self.contract.action.size))

    def act(self, sensed: Proprioception, command: Array, scans: Scans) -> Answer:
        """One control step of all robots."""
        del scans
        clock = gait.clock(self._phase, gait.is_moving(command))
        observed = self._observe(sensed, command, clock)
        with torch.no_grad():
            raw = self._decide(observed).numpy()
        self._action = np.clip(raw, -self.contract.action_clip, self.contract.action_clip)
        self._phase = gait.advance(
            self._phase,
            gait.is_moving(command),
            self.contract.gait.frequency_hz,
            self.contract.step_time,
        )
        none = np.empty((len(raw), 0))
        return Answer(action.joint_targets(self.contract, raw, clock), raw, none, none)

    def _decide(self, observed: TensorDict) -> Tensor:
        actions, special = self._teacher(observed), self._special
        if special is None:
            return actions
        return torch.where(sees_hole(observed["scans"]), special(observed), actions)

    def _observe(self, sensed: Proprioception, command: Array, clock: Array) -> TensorDict:
        physics = self._course.physics
        body = measurement.measure(physics, self._heights, np.arange(physics.count))
        air_time = self._air_time + self.contract.step_time
        self._air_time = np.where(body.contacts, 0.0, air_time)
        groups = {
            "policy": observation.observe(
                self.contract.policy_observation, sensed, command, self._action, clock
            ),
            "scans": true_scans(physics, self._heights),
            "privileged": privileged(physics, body, self._friction, self._air_time),
        }
        tensors = {name: torch.from_numpy(array) for name, array in groups.items()}
        return TensorDict(tensors, batch_size=[physics.count])
