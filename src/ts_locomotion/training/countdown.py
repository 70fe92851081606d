"""How far an evaluation is and how long it will still take."""

import sys
import time
from collections.abc import Sequence

CLEAR_LINE = "\r\x1b[K"


def bar(share: float) -> str:
    """A share as a picture of 20 characters."""
    return f"[{'#' * int(20 * share):.<20}]"


class Countdown:
    """A bar with an estimate, in place on a terminal and a line at a time elsewhere."""

    def __init__(self, efforts: Sequence[float]) -> None:
        """How much work each part is, in any unit."""
        self._efforts, self._done = efforts, 0
        self._started = time.monotonic()

    def done(self, name: str) -> None:
        """Another part is done."""
        self._done += 1
        share = sum(self._efforts[: self._done]) / sum(self._efforts)
        left = (time.monotonic() - self._started) * (1.0 / share - 1.0)
        line = f"{bar(share)} {self._done}/{len(self._efforts)} left {left / 60:.1f} min | {name}"
        last = self._done == len(self._efforts)
        if sys.stderr.isatty():
            print(f"{CLEAR_LINE}{line}", end="\n" if last else "", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)
