"""The one table of observation terms, used by training and by the belief node alike."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ts_locomotion import robot, rotation
from ts_locomotion.errors import ConfigurationError, InvalidInput
from ts_locomotion.robot import Array


class Term(NamedTuple):
    """One observation term; `noise` is the uniform half-width of training, before scaling."""

    size: int
    scale: float
    noise: float


# Scales and noise after LeggedGym-Ex go2_ts (https://github.com/lupinjia/LeggedGym-Ex, 6624286).
TERMS: Mapping[str, Term] = {
    "command": Term(3, 1.0, 0.0),
    "projected_gravity": Term(3, 1.0, 0.05),
    "angular_velocity": Term(3, 0.25, 0.2),
    "joint_positions": Term(12, 1.0, 0.01),
    "joint_velocities": Term(12, 0.05, 0.5),
    "last_action": Term(12, 1.0, 0.0),
    "last_phase_action": Term(16, 1.0, 0.0),
    "gait_clock": Term(2, 1.0, 0.0),
}


class Proprioception(NamedTuple):
    """What the robot feels of itself. B robots, or none for a single one."""

    orientation: Array  # (..., 4) base to world, w x y z
    angular_velocity: Array  # (..., 3) in base [rad/s]
    joint_positions: Array  # (..., J) [rad]
    joint_velocities: Array  # (..., J) [rad/s]


def layout(names: Sequence[str]) -> dict[str, slice]:
    """Where each named term lies in the observation vector."""
    unknown = sorted(set(names) - set(TERMS))
    if unknown:
        raise ConfigurationError(f"unknown observation terms {unknown}; valid: {sorted(TERMS)}")
    ends = np.cumsum([TERMS[name].size for name in names])
    return {
        name: slice(int(end) - TERMS[name].size, int(end))
        for name, end in zip(names, ends, strict=True)
    }


def columns(names: Sequence[str], wanted: Sequence[str]) -> NDArray[np.intp]:
    """Where the entries of the terms `wanted` lie in the observation of `names`."""
    places = layout(names)
    return np.concatenate([np.arange(places[name].start, places[name].stop) for name in wanted])


def size(names: Sequence[str]) -> int:
    """Length of the observation vector."""
    return sum(TERMS[name].size for name in names)


def scales(names: Sequence[str]) -> Array:
    """Scale of each entry. Shape (N,)."""
    return np.repeat([TERMS[n].scale for n in names], [TERMS[n].size for n in names])


def noise_half_widths(names: Sequence[str]) -> Array:
    """Half-width of the uniform training noise on each scaled entry. Shape (N,)."""
    return np.repeat(
        [TERMS[n].noise * TERMS[n].scale for n in names], [TERMS[n].size for n in names]
    )


def observe(
    names: Sequence[str],
    sensed: Proprioception,
    command: Array,
    last_action: Array,
    gait_clock: Array,
) -> Array:
    """The scaled observation, in the order of `names`. Shape (..., N), float32.

    Command (..., 3) is v_x, v_y [m/s] and w_z [rad/s] in the base frame, last_action (..., A) the
    policy's raw output, gait_clock (..., 2) the sine and cosine of the gait phase. Raises
    InvalidInput for a term of another size than in TERMS.
    """
    values = {
        "command": command,
        "projected_gravity": rotation.projected_gravity(sensed.orientation),
        "angular_velocity": sensed.angular_velocity,
        "joint_positions": sensed.joint_positions - robot.STAND_POSE,
        "joint_velocities": sensed.joint_velocities,
        "last_action": last_action,
        "last_phase_action": last_action,
        "gait_clock": gait_clock,
    }
    terms = [np.asarray(values[name]) * TERMS[name].scale for name in names]
    for name, term in zip(names, terms, strict=True):
        if term.shape[-1] != TERMS[name].size:
            raise InvalidInput(f"{name} has {term.shape[-1]} entries, expected {TERMS[name].size}")
    return np.concatenate(terms, axis=-1).astype(np.float32)
