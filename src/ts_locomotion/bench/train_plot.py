"""A picture of where trainings spend their time and how they scale."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ts_locomotion.bench.throughput import LABELS, PARTS, RAW, Row

matplotlib.use("Agg")
COLOURS = ("#5b6f8c", "#8fa77a", "#d9b45b", "#c9724f")


def draw(whole: Sequence[Row], scaling: Sequence[Row], path: Path) -> None:
    """Write the picture: time per step of each task, rates over the number of environments."""
    figure = Figure(figsize=(12.0, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_parts(left, whole)
    _draw_rates(right, scaling)
    figure.savefig(str(path), dpi=110)


def _draw_parts(axes: Axes, rows: Sequence[Row]) -> None:
    names = [f"{row.task}\nx {row.environments}" for row in rows]
    below = [0.0] * len(rows)
    for part, colour in zip(PARTS, COLOURS, strict=True):
        index = PARTS.index(part)
        spent = [1e6 * row.parts[index] for row in rows]
        axes.bar(names, spent, 0.6, below, label=part, color=colour)
        below = [a + b for a, b in zip(below, spent, strict=True)]
    for place, row in enumerate(rows):
        axes.hlines(1e6 * row.raw, place - 0.4, place + 0.4, "k", label="" if place else RAW)
    axes.set_ylim(top=1.4 * max(below, default=1.0))
    axes.set_ylabel("µs per environment step, on the busier of two cores")
    axes.legend(frameon=False)


def _draw_rates(axes: Axes, rows: Sequence[Row]) -> None:
    if not rows:
        axes.axis("off")
        return
    counts = [row.environments for row in rows]
    axes.plot(counts, [1.0 / row.raw for row in rows], "k--", label=RAW)
    for index, (label, colour) in enumerate(zip(LABELS, COLOURS, strict=True)):
        axes.plot(counts, [row.rates[index] for row in rows], "o-", color=colour, label=label)
    axes.set_xscale("log", base=2)
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.set_ylim(bottom=0.0)
    axes.set_xlabel(f"environments of {rows[0].task}")
    axes.set_ylabel("environment steps per second")
    axes.legend(frameon=False)
