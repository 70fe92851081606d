"""Teacher-student trainings that see, in seconds."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ts_locomotion import perception, robot
from ts_locomotion.observation import Proprioception
from ts_locomotion.training import tasks
from ts_locomotion.training.networks import TeacherStudentActor
from ts_locomotion.training.overrides import override
from ts_locomotion.training.runner import Runner
from ts_locomotion.training.tasks import Task
from ts_locomotion.training.teacher_student import TeacherStudentPPO
from ts_locomotion.training.train import build


def task(name: str = "go2_ts_sighted_tiny", *edits: str) -> Task:
    """A tiny task that sees, edited."""
    edited = override(tasks.make(name), edits)
    assert isinstance(edited, Task)
    return edited


def walked(folder: Path, name: str = "go2_ts_sighted_tiny", edits: Sequence[str] = ()) -> Runner:
    """A runner after a rollout, an update and another rollout."""
    torch.manual_seed(0)
    runner = build(task(name, *edits), 0, folder)
    runner.alg.train_mode()
    runner.env.episode_length_buf[2:6] = 996
    obs, _ = runner._collect(runner.env.get_observations())
    runner.alg.update()
    runner._collect(obs)
    return runner


def algorithm(runner: Runner) -> TeacherStudentPPO:
    assert isinstance(runner.alg, TeacherStudentPPO)
    return runner.alg


def shaken(actor: TeacherStudentActor) -> TeacherStudentActor:
    """An untrained actor whose normalisers have seen something."""
    with torch.no_grad():
        actor.history_encoder.normalizer.update(1.0 + 2.0 * torch.randn(200, 45))
        actor.obs_normalizer.update(torch.randn(200, 47))
        assert actor.privilege_encoder.scan_encoder is not None
        actor.privilege_encoder.scan_encoder.update_normalization(
            0.1 + 0.2 * torch.randn(200, perception.SCAN_SIZE)
        )
    return actor.eval()


def felt(rng: np.random.Generator, robots: int) -> Proprioception:
    """What robots may feel."""
    orientation = rng.normal([1.0, 0.0, 0.0, 0.0], 0.1, (robots, 4))
    return Proprioception(
        orientation / np.linalg.norm(orientation, axis=1, keepdims=True),
        rng.normal(size=(robots, 3)),
        robot.STAND_POSE + rng.normal(scale=0.3, size=(robots, 12)),
        rng.normal(scale=3.0, size=(robots, 12)),
    )
