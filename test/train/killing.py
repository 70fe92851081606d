"""Trainings that are killed, and what must not have changed by it."""

import os
import signal
from collections.abc import Callable

import torch


def in_a_process_killed_during(algorithm: type, update: int, act: Callable[[], object]) -> None:
    """Do something in a child that is killed in the given update of an algorithm."""
    child = os.fork()
    if not child:
        original, count = algorithm.update, [0]

        def killing(self):
            count[0] += 1
            if count[0] == update:
                os.kill(os.getpid(), signal.SIGKILL)
            return original(self)

        algorithm.update = killing
        try:
            act()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


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
