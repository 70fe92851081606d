"""The figures of a benchmark, each beside what it is measured against."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ts_locomotion.robot import Array


@dataclass(frozen=True)
class Figure:
    """A measured value, and the anchor it is judged by: a goal, or another value of this run."""

    name: str
    value: float
    unit: str
    anchor: float | None = None

    def entry(self) -> dict[str, Any]:
        """The figure as bench.json has it; `ratio` is value over anchor."""
        return {**asdict(self), "ratio": self.value / self.anchor if self.anchor else None}


def table(figures: Sequence[Figure]) -> str:
    """The figures as a person reads them."""
    rows: list[tuple[str, ...]] = [("figure", "value", "unit", "anchor", "ratio")]
    for figure in figures:
        entry = figure.entry()
        numbers = [
            "" if entry[key] is None else f"{entry[key]:.3g}" for key in ("anchor", "ratio")
        ]
        rows.append((figure.name, f"{figure.value:.4g}", figure.unit, *numbers))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def cpu_time(work: Callable[[], object], repeats: int = 300, rounds: int = 7) -> float:
    """CPU time of one call of `work` [s]: the median of rounds, after one that warms up."""
    spent = []
    for _ in range(rounds + 1):
        began = time.process_time()
        for _ in range(repeats):
            work()
        spent.append((time.process_time() - began) / repeats)
    return float(np.median(spent[1:]))


def percentiles(durations: Sequence[float] | Array) -> dict[str, float]:
    """Median, p99, p99.9 and maximum of durations [s], in milliseconds."""
    shares = {"p50": 50.0, "p99": 99.0, "p999": 99.9, "max": 100.0}
    values = np.percentile(np.asarray(durations) * 1e3, list(shares.values()))
    return {name: float(value) for name, value in zip(shares, values, strict=True)}
