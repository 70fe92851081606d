"""Velocity commands made fit for the policy: finite, within limits, fresh and without jumps."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ts_locomotion.errors import ConfigurationError, InvalidInput
from ts_locomotion.robot import Array

AXES = ("linear_x", "linear_y", "angular_z")


@dataclass(frozen=True)
class CommandLimits:
    """Bounds of the velocity command v_x, v_y [m/s], w_z [rad/s] in the base frame."""

    lower: tuple[float, float, float]
    upper: tuple[float, float, float]
    acceleration: tuple[float, float, float] = (2.0, 2.0, 4.0)
    """Largest change per second, speeding up and slowing down alike."""
    timeout: float = 0.5
    """Age at which the last request stops counting [s]."""
    dead_zone: float = 0.05
    """Requests of a smaller norm mean standing still."""

    def __post_init__(self) -> None:
        for axis, low, high in zip(AXES, self.lower, self.upper, strict=True):
            if not low <= 0.0 <= high:
                raise ConfigurationError(f"{axis} limits are [{low}, {high}], expected around 0")
        if min(self.acceleration) <= 0.0 or self.timeout <= 0.0:
            raise ConfigurationError(
                f"acceleration {self.acceleration} and timeout {self.timeout}, expected positive"
            )


def limits_of(ranges: Mapping[str, tuple[float, float]]) -> CommandLimits:
    """The limits that a contract states as ranges per axis."""
    low, high = zip(*(ranges[axis] for axis in AXES), strict=True)
    return CommandLimits(lower=low, upper=high)


def checked(request: Array) -> Array:
    """The request, shape (..., 3). Raises InvalidInput when it is not finite."""
    request = np.asarray(request, dtype=np.float64)
    if request.shape[-1:] != (len(AXES),):
        raise InvalidInput(f"velocity command has shape {request.shape}, expected (..., 3)")
    if not np.isfinite(request).all():
        raise InvalidInput(f"velocity command {request.tolist()} is not finite")
    return request


def wanted(request: Array, age: Array | float, limits: CommandLimits) -> Array:
    """What to approach, shape (..., 3): the request within limits, zero when stale or tiny.

    The age (...) of the request [s] is measured in the time of the robot's state.
    """
    within = np.clip(request, limits.lower, limits.upper)
    counts = (np.asarray(age) <= limits.timeout) & (
        np.linalg.norm(within, axis=-1) >= limits.dead_zone
    )
    return np.where(counts[..., None], within, 0.0)


def approach(velocity: Array, target: Array, limits: CommandLimits, step_time: float) -> Array:
    """The conditioned command one control step later. All of shape (..., 3)."""
    reach = step_time * np.array(limits.acceleration)
    return velocity + np.clip(target - velocity, -reach, reach)
