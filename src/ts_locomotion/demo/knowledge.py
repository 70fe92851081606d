"""What the robot knew of the ground around its feet, judged by the ground itself."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ts_locomotion import perception
from ts_locomotion.demo import ground
from ts_locomotion.demo.recording import Recording
from ts_locomotion.modes import Mode
from ts_locomotion.robot import Array

STALE = 1.0
"""A map older than this is no map [s]."""
STRIDE = 5
"""Every fifth sample is judged: the exact height of each point takes its time."""


class Knowledge(NamedTuple):
    """K samples of a run; heights are those of the ground over the foot [m], NaN if not known."""

    sample: NDArray[np.intp]
    """Its index in the recording. Shape (K,)."""
    actual: Array
    """Shape (K, F, P)."""
    measured: Array
    """Shape (K, F, P)."""
    believed: Array
    """Shape (K, F, P)."""


def of(recording: Recording, stride: int = STRIDE) -> Knowledge:
    """What was measured and believed beside what was so."""
    index = np.arange(0, len(recording.map_age), stride)
    points = perception.scan_points(
        recording.position[index], recording.orientation[index], recording.joint_positions[index]
    )
    actual = ground.height(recording, points.x, points.y) - points.foot_height[..., None]
    measured = np.where(recording.valid[index], recording.measured[index], np.nan)
    return Knowledge(index, actual, measured, recording.believed[index].astype(float))


def figures(recording: Recording) -> dict[str, float | None] | None:
    """Root mean squares [m] and means over the walk; nothing when the robot did not look."""
    if not recording.looked:
        return None
    walking = recording.mode == Mode.WALK
    known = of(recording)
    chosen = walking[known.sample]
    actual, measured, believed = (part[chosen] for part in known[1:])
    seen = np.isfinite(measured)
    lasting = np.diff(recording.time, append=recording.time[-1:])
    wrong = believed - actual
    return {
        "measured_error": _rms(measured - actual),
        "believed_error": _rms(wrong[seen]),
        "believed_error_unmeasured": _rms(wrong[~seen]),
        "difference": _rms(believed - measured),
        "known_share": _mean(recording.valid[walking].astype(float)),
        "gate": _mean(recording.gate[walking].astype(float)),
        "seconds_without_map": _rounded(lasting[walking & (recording.map_age > STALE)].sum()),
    }


def rms(values: Array) -> Array:
    """Root mean square over the last two axes, NaN left out; NaN where all are. (..., F, P)"""
    known = np.isfinite(values)
    total = np.sum(np.where(known, values, 0.0) ** 2, axis=(-2, -1))
    count = known.sum(axis=(-2, -1))
    return np.sqrt(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))


def _rms(values: Array) -> float | None:
    known = values[np.isfinite(values)]
    return _rounded(np.sqrt(np.mean(known**2))) if known.size else None


def _mean(values: Array) -> float | None:
    known = values[np.isfinite(values)]
    return _rounded(known.mean()) if known.size else None


def _rounded(value: float) -> float:
    return round(float(value), 4)
