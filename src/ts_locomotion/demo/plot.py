"""The plot of a run: the way over the ground, its profile, and velocities against commands."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ts_locomotion.demo import ground
from ts_locomotion.demo.recording import Recording
from ts_locomotion.modes import Mode
from ts_locomotion.robot import Array

matplotlib.use("Agg")

COMMANDED, ACHIEVED = "#c0392b", "#1f4e79"
GROUND = "#b9b2a3"
SHADE = {Mode.DAMP: "#f3c6c0", Mode.STAND: "#e8e4da", Mode.SIT: "#d9dfe8"}
AXES = (("v_x", "m/s"), ("v_y", "m/s"), ("w_z", "rad/s"))


def draw(recording: Recording, title: str, path: Path) -> None:
    """Write the plot of a run to a PNG file."""
    figure = Figure(figsize=(11, 9), layout="constrained")
    axes = figure.subplots(5, 1, height_ratios=[1.1, 1.1, 1, 1, 1])
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    _way(axes[0], recording)
    _profile(axes[1], recording)
    for index, (name, unit) in enumerate(AXES):
        _velocity(axes[2 + index], recording, index, f"{name} [{unit}]")
    axes[2].legend(loc="upper right", fontsize=8, frameon=False, ncols=2)
    axes[-1].set_xlabel("time [s]")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _way(axes: Axes, recording: Recording) -> None:
    axes.plot(recording.position[:, 0], recording.position[:, 1], color=ACHIEVED)
    axes.axhline(0.0, color=COMMANDED, linewidth=0.8, linestyle=":")
    axes.set_ylabel("y [m]")
    axes.set_ylim(-1.0, 1.0)
    axes.set_title("seen from above", loc="left", fontsize=9)


def _profile(axes: Axes, recording: Recording) -> None:
    x = recording.position[:, 0]
    across = np.linspace(x.min() - 0.5, x.max() + 0.5, 800)
    height = ground.height(recording, across, np.zeros_like(across))
    axes.fill_between(across, height.min() - 0.05, height, color=GROUND, linewidth=0)
    axes.plot(x, recording.position[:, 2], color=ACHIEVED)
    axes.set_ylabel("z [m]")
    axes.set_xlabel("x [m]")
    axes.set_title("seen from the side", loc="left", fontsize=9)


def _velocity(axes: Axes, recording: Recording, index: int, label: str) -> None:
    for mode, colour in SHADE.items():
        axes.fill_between(
            recording.time,
            0,
            1,
            where=(recording.mode == mode).tolist(),
            transform=axes.get_xaxis_transform(),
            color=colour,
            linewidth=0,
        )
    raw = recording.velocity[:, index]
    axes.plot(recording.time, raw, color=ACHIEVED, linewidth=0.4, alpha=0.4)
    axes.plot(recording.time, smoothed(raw, 10), color=ACHIEVED, label="achieved (mean of 0.2 s)")
    axes.plot(recording.time, recording.command[:, index], color=COMMANDED, label="commanded")
    axes.set_ylabel(label)
    axes.margins(x=0)


def smoothed(values: Array, width: int) -> Array:
    """Moving mean over `width` samples. Shape (N,)."""
    if len(values) < width:
        return values
    padded = np.pad(values, (width // 2, width - 1 - width // 2), mode="edge")
    return np.convolve(padded, np.full(width, 1 / width), mode="valid")
