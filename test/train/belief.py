"""Small belief networks and senses for tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor

from ts_locomotion import observation, perception
from ts_locomotion.simulation.sighted_environment import PRIVILEGED
from ts_locomotion.training import belief_student, belief_teacher, tasks
from ts_locomotion.training.belief_encoder import BeliefStudent, Senses
from ts_locomotion.training.belief_networks import BeliefTeacher
from ts_locomotion.training.belief_tasks import BeliefTask

STEPS = 8 * 6
"""Environment steps of one iteration of the tiny task."""


def task(teacher: int = 4, student: int = 4) -> BeliefTask:
    """The tiny belief task, so many iterations of each stage, with a checkpoint after each."""
    tiny = tasks.make("go2_belief_tiny")
    assert isinstance(tiny, BeliefTask)
    return replace(
        tiny,
        steps=teacher * STEPS,
        save_interval=1,
        student=replace(tiny.student, steps=student * STEPS),
    )


def teacher(seed: int = 0) -> BeliefTeacher:
    """An untrained teacher whose normalisers have seen something."""
    torch.manual_seed(seed)
    network = belief_teacher.blank(task())
    with torch.no_grad():
        network.scan_encoder.update_normalization(0.1 * torch.randn(64, perception.SCAN_SIZE))
        network.obs_normalizer.update(torch.randn(64, network.obs_dim))
        told = torch.randn(64, sum(PRIVILEGED.values()))
        network.privileged_encoder.normalizer.update(told)
    return network.eval()


def student(of: BeliefTeacher) -> BeliefStudent:
    """An untrained student of a teacher."""
    return BeliefStudent(of, **belief_student.student_settings(task()))


def senses(*shape: int, seed: int = 0) -> Senses:
    """Random senses with leading axes `shape`, a fifth of the points missing."""
    random = torch.Generator().manual_seed(seed)
    size = observation.size(task().environment.policy_terms)
    valid = (torch.rand(*shape, perception.SCAN_SIZE, generator=random) > 0.2).float()
    heights = 0.1 * torch.randn(*shape, perception.SCAN_SIZE, generator=random) * valid
    age = 2 * torch.rand(*shape, 1, generator=random)
    return Senses(torch.randn(*shape, size, generator=random), heights, valid, age)


def at(told: Senses, step: int) -> Senses:
    """One step of a sequence of senses."""
    return Senses(*(part[step] for part in told))


@contextmanager
def unchanged(*modules: torch.nn.Module) -> Iterator[None]:
    """Asserts that no weight and no statistic changes inside."""
    before = [{n: v.clone() for n, v in module.state_dict().items()} for module in modules]
    yield
    for module, state in zip(modules, before, strict=True):
        for name, value in module.state_dict().items():
            assert torch.equal(value, state[name]), name


def difference(first: Tensor, second: Tensor) -> float:
    """Largest absolute difference."""
    return (first - second).abs().max().item()
