"""Two pieces of a learner's work at once, each on a core of its own."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch
from torch import Tensor, nn

One = TypeVar("One")
Other = TypeVar("Other")
Losses = TypeVar("Losses", float, Tensor)


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

    def descend(
        self,
        parameters: Iterable[nn.Parameter],
        items: Tensor,
        share: Callable[[Tensor], tuple[Losses, tuple[Tensor, ...]]],
    ) -> Losses:
        """Gradient of the parameters from items, half of them on each core; returns the losses.

        `share` tells what some items add to the losses and to each parameter's gradient.
        """
        here, there = items.tensor_split(2)
        (losses, own), (further, other) = self.run(lambda: share(here), lambda: share(there))
        for weights, one, another in zip(parameters, own, other, strict=True):
            weights.grad = one + another
        return losses + further


def _timed(work: Callable[[], One]) -> tuple[One, float]:
    start = time.thread_time()
    return work(), time.thread_time() - start
