"""The table of an ablation: mean and 95 % interval over seeds, as JSON, Markdown and picture."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
from matplotlib.figure import Figure

matplotlib.use("Agg")

NUMBERS, PAGE, PICTURE = "ablation.json", "ablation.md", "ablation.png"
CURVES = "curves.png"
STUDENT_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
"""97.5 % quantiles of Student's t distribution with 1 to 9 degrees of freedom (NIST/SEMATECH
e-Handbook of Statistical Methods, table 1.3.6.7.2)."""
MOST_SEEDS = len(STUDENT_T) + 1


class Result(NamedTuple):
    """What was measured of a variant under a seed."""

    variant: str
    seed: int
    measures: Mapping[str, float | None]


class Estimate(NamedTuple):
    """A mean over seeds."""

    mean: float
    half_width: float
    """Of the 95 % interval; nan for a single seed."""
    n: int


def estimate(values: Sequence[float]) -> Estimate:
    """Mean and interval by Student's t. Raises ValueError for no value or too many."""
    count = len(values)
    if not 0 < count <= MOST_SEEDS:
        raise ValueError(f"{count} values given, expected 1 to {MOST_SEEDS}")
    mean = sum(values) / count
    if count == 1:
        return Estimate(mean, math.nan, 1)
    variance = sum((value - mean) ** 2 for value in values) / (count - 1)
    return Estimate(mean, STUDENT_T[count - 2] * math.sqrt(variance / count), count)


def summarize(results: Sequence[Result]) -> dict[str, dict[str, Estimate]]:
    """Estimates by variant and measure; a measure that no seed knows is left out."""
    table: dict[str, dict[str, list[float]]] = {}
    for result in results:
        row = table.setdefault(result.variant, {})
        for name, value in result.measures.items():
            if value is not None:
                row.setdefault(name, []).append(value)
    return {
        variant: {name: estimate(values) for name, values in row.items()}
        for variant, row in table.items()
    }


def write(results: Sequence[Result], folder: Path, about: Mapping[str, Any]) -> None:
    """Write numbers, page and picture of all results so far."""
    folder.mkdir(parents=True, exist_ok=True)
    table = summarize(results)
    told = {
        "about": dict(about),
        "cells": [result._asdict() for result in results],
        "table": {
            variant: {name: _plain(value) for name, value in row.items()}
            for variant, row in table.items()
        },
    }
    (folder / NUMBERS).write_text(json.dumps(told, indent=1) + "\n")
    (folder / PAGE).write_text(page(table, about))
    draw(table, folder / PICTURE)


def page(table: Mapping[str, Mapping[str, Estimate]], about: Mapping[str, Any]) -> str:
    """The table in Markdown: a row per measure, a column per variant."""
    told = ", ".join(f"{name}: {value}" for name, value in about.items() if value)
    lines = [
        "# Ablation",
        "",
        f"{told}. Mean ± half the 95 % interval over the seeds (Student's t); "
        "n beside a mean of fewer seeds.",
        "",
        f"| | {' | '.join(table)} |",
        f"|---|{'---|' * len(table)}",
    ]
    most = max((value.n for row in table.values() for value in row.values()), default=0)
    for measure in _measures(table):
        cells = [_text(row.get(measure), most) for row in table.values()]
        lines.append(f"| {measure} | {' | '.join(cells)} |")
    pictures = (f"![the same as bars]({PICTURE})", f"![along the training]({CURVES})")
    return "\n".join([*lines, "", *pictures, ""])


def draw(table: Mapping[str, Mapping[str, Estimate]], path: Path) -> None:
    """A panel per measure, a bar per variant."""
    measures, columns = _measures(table), 3
    rows = -(-len(measures) // columns)
    figure = Figure(figsize=(4.2 * columns, 2.6 * rows), layout="constrained")
    for number, measure in enumerate(measures):
        axes = figure.add_subplot(rows, columns, number + 1)
        for place, row in enumerate(table.values()):
            if measure in row:
                value = row[measure]
                error = None if math.isnan(value.half_width) else value.half_width
                axes.bar(place, value.mean, yerr=error, capsize=3)
        axes.set_title(measure, fontsize=9)
        axes.set_xticks(range(len(table)), list(table), rotation=40, ha="right", fontsize=7)
        axes.set_ylim(bottom=0.0)
    figure.savefig(path, dpi=100)


def _measures(table: Mapping[str, Mapping[str, Estimate]]) -> list[str]:
    return list(dict.fromkeys(name for row in table.values() for name in row))


def _text(value: Estimate | None, most: int) -> str:
    if value is None:
        return "-"
    digits = max(0, 2 - math.floor(math.log10(abs(value.mean)))) if value.mean else 2
    digits = min(digits, 4)
    interval = "" if math.isnan(value.half_width) else f" ± {value.half_width:.{digits}f}"
    return f"{value.mean:.{digits}f}{interval}" + (f" (n = {value.n})" if value.n < most else "")


def _plain(value: Estimate) -> dict[str, float | None]:
    return {
        "mean": value.mean,
        "half_width": None if math.isnan(value.half_width) else value.half_width,
        "n": value.n,
    }
