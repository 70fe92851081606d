"""Small belief networks and senses for tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ts_locomotion import observation, perception
from ts_locomotion.belief import Scans
from ts_locomotion.simulation.sighted_environment import PRIVILEGED, TOLD
from ts_locomotion.training import belief_student, belief_teacher, tasks
from ts_locomotion.training.ablation_plan import Edit
from ts_locomotion.training.belief_encoder import BeliefStudent, Senses
from ts_locomotion.training.belief_networks import BeliefTeacher
from ts_locomotion.training.belief_tasks import BeliefTask
from ts_locomotion.training.distillation import Distillation

ROBOTS = 8
STEPS = ROBOTS * 6
"""Environment steps of one iteration of the tiny task."""


def task(teacher: int = 4, student: int = 4) -> BeliefTask:
    """The tiny belief task without specialist, so many iterations of the other stages.

    With a checkpoint after each.
    """
    tiny = tasks.make("go2_belief_tiny")
    assert isinstance(tiny, BeliefTask)
    return replace(
        tiny,
        steps=teacher * STEPS,
        save_interval=1,
        specialist=None,
        student=replace(tiny.student, steps=student * STEPS),
    )


def teacher(seed: int = 0, scan_group: str = "scans") -> BeliefTeacher:
    """An untrained teacher whose normalisers have seen something."""
    torch.manual_seed(seed)
    network = belief_teacher.blank(task(), scan_group)
    with torch.no_grad():
        network.scan_encoder.update_normalization(0.1 * torch.randn(64, perception.SCAN_SIZE))
        network.obs_normalizer.update(torch.randn(64, network.obs_dim))
        told = torch.randn(64, sum(PRIVILEGED.values()))
        network.privileged_encoder.normalizer.update(told)
    return network.eval()


def student(of: BeliefTeacher, edit: Edit = lambda task: task) -> BeliefStudent:
    """An untrained student of a teacher, for the edited tiny task."""
    return BeliefStudent(of, **belief_student.student_settings(edit(task()))).eval()


def distillation(edit: Edit = lambda task: task) -> Distillation:
    """A sequence of random senses, stored as if a student of the edited task had walked it."""
    taught, config = teacher(scan_group=TOLD), edit(task()).student
    learner = Distillation(taught, student(taught, edit), config, ROBOTS)
    random = torch.Generator().manual_seed(2)
    with torch.inference_mode():
        for step in range(config.steps_per_iteration):
            learner.act(observed(step, random))
            learner.process_env_step({}, torch.zeros(ROBOTS), ended(step), {})
    learner.stored = {name: values.clone() for name, values in learner.stored.items()}
    return learner


def observed(step: int, random: torch.Generator) -> dict[str, Tensor]:
    """What robots of a distillation observe."""
    felt = senses(ROBOTS, seed=step)
    return {
        "policy": felt.observation,
        "heights": felt.heights,
        "valid": felt.valid,
        "map_age": felt.map_age,
        "scans": felt.heights + 0.02 * torch.randn(felt.heights.shape, generator=random),
        "told_scans": felt.heights,
        "privileged": torch.randn(ROBOTS, sum(PRIVILEGED.values()), generator=random),
    }


def ended(step: int) -> Tensor:
    """One robot's episode ends with each step."""
    return torch.arange(ROBOTS) == step


def senses(*shape: int, seed: int = 0) -> Senses:
    """Random senses with leading axes `shape`, a fifth of the points missing."""
    random = torch.Generator().manual_seed(seed)
    size = observation.size(task().environment.policy_terms)
    valid = (torch.rand(*shape, perception.SCAN_SIZE, generator=random) > 0.2).float()
    heights = 0.1 * torch.randn(*shape, perception.SCAN_SIZE, generator=random) * valid
    age = 2 * torch.rand(*shape, 1, generator=random)
    return Senses(torch.randn(*shape, size, generator=random), heights, valid, age)


def sights(rng: np.random.Generator, step: int, robots: int) -> Scans | None:
    """What robots may see: whole and patchy scans, old ones, none, and no map at all."""
    if step % 50 > 45:
        return None
    heights = rng.normal(scale=0.2, size=(robots, perception.SCAN_SIZE))
    valid = rng.random(heights.shape) < (step % 7) / 6
    heights[rng.random(heights.shape) < 0.01] = np.nan
    return Scans(heights, valid, rng.uniform(0.0, 5.0, robots))


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
