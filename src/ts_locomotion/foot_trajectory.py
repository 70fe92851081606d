"""Where the feet of a trot on the spot are: Miki et al. 2022, supplement S5, on a Go2.

The x and y of a foot stay those of robot.STAND_POSE; z rises and falls in two cubics during the
first half of the leg's period. All this in the base frame: it tilts as the base does.
"""

import numpy as np

from ts_locomotion import robot
from ts_locomotion.robot import Array

LIFT_HEIGHT = 0.10
"""Of the feet in mid-swing [m]. The paper's 0.2 m suit ANYmal, whose legs reach 0.5 m; for the
0.31 m from the Go2's hip to its foot that makes 0.12 m. A tenth is what the rewards ask for."""

STANCE = robot.foot_position_in_base(robot.STAND_POSE)
"""Feet in the base frame [m]. Shape (F, 3)."""
UP = np.array([0.0, 0.0, 1.0])


def lift(leg_phase: Array) -> Array:
    """Share of the lift height at a leg's phase, in periods; 0 in stance. Shape (...)."""
    quarters = 4 * (np.asarray(leg_phase) % 1.0)
    way = np.minimum(quarters, 2.0 - quarters).clip(0.0, 1.0)
    return np.square(way) * (3.0 - 2.0 * way)


def feet_in_base(leg_phases: Array, lift_height: Array | float) -> Array:
    """Foot positions [m] at the legs' phases (..., F), in periods. Shape (..., F, 3)."""
    return STANCE + (lift_height * lift(leg_phases))[..., None] * UP
