"""Pictures of an evaluation: every cell a number in a colour, and the gate against noise."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ts_locomotion.robot import Array
from ts_locomotion.training.belief_evaluate import SeeingCell

matplotlib.use("Agg")


class Panel(NamedTuple):
    """One figure of a cell."""

    field: str
    title: str
    form: str
    good_is_high: bool
    limits: tuple[float, float] | None = None
    """Of the colours; None spans what there is."""


PANELS = (
    Panel("success", "success, and its 95 % interval [%]", "{:.2f}", True, (0.0, 1.0)),
    Panel("survival", "survival", "{:.2f}", True, (0.0, 1.0)),
    Panel("velocity_error", "mean |v_x error| [m/s]", "{:.2f}", False),
    Panel("torque", "torque, root mean square [N m]", "{:.1f}", False),
    Panel("foot_strikes", "feet that struck a riser, per robot", "{:.1f}", False),
    Panel("heights_believed_error", "error of the reconstructed heights [m]", "{:.3f}", False),
)


def draw(cells: Sequence[SeeingCell], path: Path) -> None:
    """Write the heat maps of a table to a PNG file: a row per terrain, a column per regime."""
    rows = list(dict.fromkeys((cell.terrain, cell.height_m) for cell in cells))
    columns = list(dict.fromkeys((cell.policy, cell.regime) for cell in cells))
    size = (2.4 + 0.62 * len(columns), 1.8 + 0.34 * len(rows))
    figure = Figure(figsize=(2 * size[0], 3 * size[1] + 0.6), layout="constrained")
    first = cells[0]
    counts = " or ".join(str(count) for count in sorted({cell.n for cell in cells}))
    seeds = [seed for cell in cells for seed in cell.seeds]
    figure.suptitle(
        f"{first.policy}: {counts} robots per cell, held-out terrain seeds {min(seeds)} to "
        f"{max(seeds)}",
        fontsize=13,
    )
    for axes, panel in zip(figure.subplots(3, 2).flat, PANELS, strict=True):
        values = np.full((len(rows), len(columns)), np.nan)
        notes: dict[tuple[int, ...], str] = {}
        for cell in cells:
            row = rows.index((cell.terrain, cell.height_m))
            column = columns.index((cell.policy, cell.regime))
            values[row, column] = getattr(cell, panel.field)
            if panel.field == "success":
                low, high = (round(100.0 * share) for share in cell.ci)
                notes[row, column] = f"{low}..{high}"
        _panel(axes, panel, values, notes)
        axes.set_yticks(range(len(rows)), [f"{kind} {height:.2f}" for kind, height in rows])
        axes.set_xticks(range(len(columns)), [_label(first, *name) for name in columns])
        axes.tick_params(labelsize=8)
        axes.tick_params(axis="x", labelrotation=90)
    figure.savefig(path, dpi=90)


def draw_gate(levels: Sequence[float], cells: Sequence[SeeingCell], path: Path) -> None:
    """Write the mean of the gate, and the success, over the level of the noise to a PNG file."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.plot(levels, [cell.gate for cell in cells], "o-", color="#1f4e79", label="gate")
    axes.set_xlabel("level of the height noise (1: the noisy regime)")
    axes.set_ylabel("mean of the gate")
    others = axes.twinx()
    others.plot(levels, [cell.success for cell in cells], "s--", color="#c0392b", label="success")
    others.fill_between(levels, *np.array([c.ci for c in cells]).T, color="#c0392b", alpha=0.15)
    others.set_ylim(-0.02, 1.02)
    others.set_ylabel("success")
    cell = cells[0]
    axes.set_title(f"{cell.policy} on {cell.terrain} {cell.height_m:.2f} m, n = {cell.n}")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    figure.savefig(path, dpi=110)


def _label(first: SeeingCell, policy: str, regime: str) -> str:
    if policy == first.policy:
        return regime
    return f"{policy.removeprefix(first.policy).strip()}: {regime}"


def _panel(axes: Axes, panel: Panel, values: Array, notes: Mapping[tuple[int, ...], str]) -> None:
    """Draw values (R, C) as colours and numbers, with a note below each that has one."""
    known = values[np.isfinite(values)]
    low, high = panel.limits or ((known.min(), known.max()) if known.size else (0.0, 1.0))
    high = max(high, low + 1e-9)
    colours = "RdYlGn" if panel.good_is_high else "RdYlGn_r"
    axes.imshow(values, cmap=colours, vmin=low, vmax=high, aspect="auto")
    axes.set_title(panel.title, fontsize=10, loc="left")
    for (row, column), value in np.ndenumerate(values):
        told = panel.form.format(value) if np.isfinite(value) else "-"
        dark = abs((value - low) / (high - low) - 0.5) > 0.4
        colour = "white" if dark else "black"
        note = notes.get((row, column), "")
        style: dict[str, Any] = {"ha": "center", "va": "center", "color": colour}
        axes.text(column, row - 0.17 * bool(note), told, fontsize=8, **style)
        axes.text(column, row + 0.27, note, fontsize=6, **style)
