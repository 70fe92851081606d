"""CPU time, the one honest measure of speed on a machine that others use too."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class CpuTime(NamedTuple):
    """CPU seconds of this process."""

    total: float
    physics: float
    beside: float = 0.0
    """That of one of two threads, as long as both work."""

    @property
    def two_cores(self) -> float:
        """Estimated wall time on two idle cores, both of which physics uses [s]."""
        return self.total - self.physics / 2 - self.beside


class CpuClock:
    """Tells the CPU time of physics from that of everything else."""

    def __init__(self) -> None:
        self._start = time.process_time()
        self._physics = 0.0

    @contextmanager
    def physics(self) -> Iterator[None]:
        """Count what runs inside as physics."""
        start = time.process_time()
        yield
        self._physics += time.process_time() - start

    def read(self) -> CpuTime:
        """CPU time since construction."""
        return CpuTime(time.process_time() - self._start, self._physics)
