"""The plot of what the robot saw and believed: heights, their errors, the gate, the map's age."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ts_locomotion import perception, robot
from ts_locomotion.demo import knowledge
from ts_locomotion.demo.knowledge import STALE, Knowledge
from ts_locomotion.demo.plot import GROUND, smoothed
from ts_locomotion.demo.recording import Recording
from ts_locomotion.modes import Mode
from ts_locomotion.robot import Array

Mask = NDArray[np.bool_]

MEASURED, BELIEVED, LOST = "#e07b1a", "#0e7f62", "#f3c6c0"
AHEAD = (perception.SCAN_RADII[0], perception.SCAN_RADII[-1])
"""How far before the feet the drawn points lie [m]."""
LEGS = ("#1f4e79", "#7fa8d1", "#7a3b69", "#c79bbb")
OLDEST = 20.0
"""The axis of the map's age ends here [s]."""
SMOOTHING = 10


def draw(recording: Recording, title: str, path: Path) -> None:
    """Write the plot of a run, in which the robot looked, to a PNG file."""
    figure = drawn(recording, title)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def drawn(recording: Recording, title: str) -> Figure:
    """That plot; a bundle without a gate has no panel for one."""
    gate = [1.0] if np.isfinite(recording.gate).any() else []
    heights = [1.5, 1.5, 1.0, *gate, 0.8]
    figure = Figure(figsize=(11, 1.7 * sum(heights)), layout="constrained")
    axes = figure.subplots(len(heights), 1, height_ratios=heights)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    known = knowledge.of(recording, stride=1)
    shown = _walk(recording)
    for axis, ahead in zip(axes[:2], AHEAD, strict=True):
        _heights(axis, recording, known, shown, ahead)
    axes[0].sharex(axes[1])
    axes[1].set_xlabel("x [m]")
    _errors(axes[2], recording, known, shown)
    if gate:
        _gate(axes[3], recording)
    _age(axes[-1], recording)
    for axis in axes[2:]:
        axis.set_xlim(*recording.time[shown][[0, -1]])
    axes[0].legend(loc="upper left", fontsize=8, frameon=False, ncols=4, markerscale=3)
    axes[-1].set_xlabel("time [s]")
    return figure


def _walk(recording: Recording) -> Mask:
    """The samples of walking; of a robot that never walked, all of them. Shape (N,)."""
    walking = recording.mode == Mode.WALK
    return walking if walking.any() else ~walking


def _heights(
    axes: Axes, recording: Recording, known: Knowledge, walking: Mask, ahead: float
) -> None:
    """Heights at a point before both front feet, where that point was."""
    places = perception.scan_points(
        recording.position, recording.orientation, recording.joint_positions
    )
    point = _straight_ahead(ahead)
    front = [leg for leg, name in enumerate(robot.LEGS) if name.startswith("F")]
    x = places.x[walking][:, front, point].ravel()
    feet = places.foot_height[walking][:, front].ravel()
    actual, measured, believed = (
        feet + heights[walking][:, front, point].ravel() for heights in known[1:]
    )
    order = np.argsort(x)
    floor = actual.min() - 0.1
    axes.fill_between(x[order], floor, actual[order], color=GROUND, linewidth=0, label="ground")
    axes.plot(x, measured, ".", color=MEASURED, markersize=4, label="measured")
    axes.plot(x, believed, ".", color=BELIEVED, markersize=1.5, label="believed")
    _shade(axes, recording.position[:, 0], walking & (recording.map_age > STALE))
    axes.set_ylim(floor, actual.max() + 0.2)
    axes.margins(x=0)
    axes.set_ylabel("z [m]")
    axes.set_title(f"{100 * ahead:.0f} cm before the front feet", loc="left", fontsize=9)


def _errors(axes: Axes, recording: Recording, known: Knowledge, walking: Mask) -> None:
    for heights, colour, name in (
        (known.measured, MEASURED, "measured"),
        (known.believed, BELIEVED, "believed"),
    ):
        error = 100 * knowledge.rms(heights - known.actual)
        axes.plot(
            recording.time, np.where(walking, error, np.nan), color=colour, linewidth=1, label=name
        )
    _shade(axes, recording.time, recording.map_age > STALE)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("error [cm]")
    axes.margins(x=0)
    axes.set_title("error of all heights around the feet, rms", loc="left", fontsize=9)


def _gate(axes: Axes, recording: Recording) -> None:
    gate = recording.gate.astype(float)
    for leg, (name, colour) in enumerate(zip(robot.LEGS, LEGS, strict=True)):
        axes.plot(recording.time, smoothed(gate[:, leg], SMOOTHING), color=colour, label=name)
    _shade(axes, recording.time, recording.map_age > STALE)
    axes.set_ylim(0, 1)
    axes.margins(x=0)
    axes.set_ylabel("gate")
    axes.set_title("how much of what is seen enters the belief, by foot", loc="left", fontsize=9)
    axes.legend(loc="lower left", fontsize=8, frameon=False, ncols=4)


def _age(axes: Axes, recording: Recording) -> None:
    age = np.minimum(recording.map_age, OLDEST)
    axes.plot(recording.time, age, color="#40444c", linewidth=1)
    _shade(axes, recording.time, recording.map_age > STALE)
    axes.set_ylim(0, max(1.5 * STALE, float(age.max()) * 1.05))
    axes.margins(x=0)
    axes.set_ylabel("map age [s]")
    lost = f"shaded, here and above: no map for more than {STALE:g} s"
    axes.set_title(lost, loc="left", fontsize=9)


def _shade(axes: Axes, along: Array, lost: Mask) -> None:
    """Where no map had come for a while."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], lost, [False]])))
    for begin, end in edges.reshape(-1, 2):
        ends = float(along[begin]), float(along[end - 1])
        axes.axvspan(*ends, color=LOST, linewidth=0, zorder=0)


def _straight_ahead(radius: float) -> int:
    """Index of the point that lies straight ahead at that distance."""
    return int(np.argmin(np.abs(perception.scan_offsets() - [radius, 0.0]).sum(axis=1)))
