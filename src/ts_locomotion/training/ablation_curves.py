"""The picture of an ablation along the training: a curve per variant, the band its seeds span."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ts_locomotion.training.learning_curves import ITERATIONS, Curves, smoothed


def draw(trained: Mapping[str, Sequence[Curves]], name: str, path: Path) -> None:
    """Write the smoothed curve `name` of each variant over environment steps to a PNG file.

    A training that noted no such curve is left out.
    """
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for variant, seeds in trained.items():
        noted = [points for curves in seeds if (points := curves.points(name))]
        if not noted:
            continue
        steps, runs = together(noted)
        (line,) = axes.plot(steps / 1e6, runs.mean(axis=0), label=f"{variant} (n = {len(runs)})")
        axes.fill_between(
            steps / 1e6,
            runs.min(axis=0),
            runs.max(axis=0),
            color=line.get_color(),
            alpha=0.15,
            linewidth=0,
        )
    axes.set_xlabel("environment steps [million]")
    axes.set_ylabel(f"{name}, mean and range over seeds")
    axes.set_ylim(bottom=0.0)
    if axes.lines:
        axes.legend(fontsize=8, frameon=False)
    figure.savefig(path, dpi=110)


def together(curves: Sequence[Mapping[int, float]]) -> tuple[NDArray, NDArray]:
    """Steps (T,) that all runs reached, and the curves (runs, T) smoothed up to there."""
    length = min(len(curve) for curve in curves)
    window = min(ITERATIONS, length)
    values = [list(curve.values())[:length] for curve in curves]
    smooth = np.array([smoothed(run, window) for run in values])
    return np.array(list(curves[0])[window - 1 : length]), smooth
