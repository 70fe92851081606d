"""Two pieces of a learner's work at once, each on a core of its own."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

One = TypeVar("One")
Other = TypeVar("Other")


class SideBySide:
    """Torch leaves Python to others while it computes, so two threads use two cores."""

    def __init__(self) -> None:
        # The number of threads is a setting of each thread: a new one would take all cores.
        self._pool = ThreadPoolExecutor(1, "learner", torch.set_num_threads, (1,))
        self.saved = 0.0
        """CPU time that a second core takes off the first [s]."""

    def run(self, one: Callable[[], One], other: Callable[[], Other]) -> tuple[One, Other]:
        """Results of both, which must not share what they change nor draw random numbers both."""
        beside = self._pool.submit(_timed, other)
        result, spent = _timed(one)
        other_result, other_spent = beside.result()
        self.saved += min(spent, other_spent)
        return result, other_result


def _timed(work: Callable[[], One]) -> tuple[One, float]:
    start = time.thread_time()
    return work(), time.thread_time() - start
