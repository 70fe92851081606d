"""What a training noted of itself, read back from its event files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tensorboard.backend.event_processing.event_accumulator import SCALARS, EventAccumulator

ITERATIONS = 10
"""Over which a curve is smoothed."""


class Curves:
    """The scalars of a run by name, one value per iteration, also where it was interrupted."""

    def __init__(self, folder: Path) -> None:
        self._events = EventAccumulator(str(folder), {SCALARS: 0})
        self._events.Reload()

    def points(self, name: str) -> dict[int, float]:
        """A curve by environment step; empty where there is none.

        A step that was trained again counts once.
        """
        if name not in self._events.Tags()[SCALARS]:
            return {}
        by_step = {event.step: event.value for event in self._events.Scalars(name)}
        return {step: by_step[step] for step in sorted(by_step)}

    def values(self, name: str) -> list[float]:
        """A curve, in order."""
        return list(self.points(name).values())

    def last(self, name: str) -> float:
        """Where a curve ends; nan where there is none."""
        return _mean(self.values(name)[-ITERATIONS:])

    def mean(self, name: str, unit: float = 1.0) -> float:
        """The mean of a whole curve in a unit."""
        return unit * _mean(self.values(name))

    def spent_until(self, name: str, low: float) -> float:
        """Minutes of two cores' time until a smoothed curve fell below `low`; nan if never."""
        times = zip(self.values("time/collection"), self.values("time/learning"), strict=True)
        spent = np.cumsum([sum(parts) for parts in times])[ITERATIONS - 1 :]
        below = np.flatnonzero(smoothed(self.values(name)) < low)
        return float(spent[below[0]]) / 60.0 if len(below) else float("nan")


def smoothed(values: Sequence[float], window: int = ITERATIONS) -> NDArray:
    """Mean of each `window` values in a row: none where there are fewer."""
    return np.array([_mean(values[end - window : end]) for end in range(window, len(values) + 1)])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")
