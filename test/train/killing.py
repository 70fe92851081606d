"""Trainings that are killed, and what must not have changed by it."""

import multiprocessing
import os
import signal
from pathlib import Path

import torch

from ts_locomotion.training.tasks import Task
from ts_locomotion.training.train import train


def in_a_process_killed_during(
    algorithm: type, update: int, task: Task, seed: int, folder: Path, resume: bool = True
) -> None:
    """Train in a process of its own that is killed in the given update of an algorithm.

    A fork would inherit what torch's threads left half done in the tests before.
    """
    training = (algorithm, update, task, seed, folder, resume)
    child = multiprocessing.get_context("spawn").Process(target=_train, args=training)
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL


def _train(
    algorithm: type, update: int, task: Task, seed: int, folder: Path, resume: bool
) -> None:
    original, count = algorithm.update, [0]

    def killing(self):
        count[0] += 1
        if count[0] == update:
            os.kill(os.getpid(), signal.SIGKILL)
        return original(self)

    algorithm.update = killing
    torch.set_num_threads(1)
    train(task, [], seed, folder, resume=resume)


def assert_equal(first: object, second: object, place: str = "") -> None:
    """Trees of numbers and tensors, compared to the last bit."""
    if isinstance(first, dict) and isinstance(second, dict):
        assert first.keys() == second.keys(), place
        for name, value in first.items():
            assert_equal(value, second[name], f"{place}/{name}")
    elif isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor):
        assert torch.equal(first, second), place
    elif isinstance(first, list) and isinstance(second, list):
        for index, (one, other) in enumerate(zip(first, second, strict=True)):
            assert_equal(one, other, f"{place}/{index}")
    else:
        assert first == second, place
