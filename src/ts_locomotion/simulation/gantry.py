"""The crane a robot hangs on until its policy runs: it holds the base, lowers it and lets go."""

# mujoco ships no type stubs.
# pyright: reportAttributeAccessIssue=false

import mujoco
import numpy as np

from ts_locomotion import robot
from ts_locomotion.robot import Array

LOWERED_AT = 0.8
"""Share of the lowering after which the rope goes slack."""
CLEARANCE = 0.12
"""Of the feet of STAND_POSE; limp legs, which hang lower, do not touch the ground either [m]."""
DURATION = 1.5
"""Of the lowering [s]."""
STIFFNESS, DAMPING = 3000.0, 400.0
"""[N/m], [N s/m]"""
ANGULAR_STIFFNESS, ANGULAR_DAMPING = 200.0, 20.0
"""[N m/rad], [N m s/rad]"""


class Gantry:
    """Spring and damper between the base and a hook above the starting point."""

    def __init__(self, ground_height: float, weight: float):
        """Ground height [m] where the robot is put down and the robot's weight [N]."""
        self._weight = weight
        self._low = ground_height + robot.STAND_HEIGHT
        self._released_at: float | None = None

    @property
    def height(self) -> float:
        """Of the base while it hangs [m]."""
        return self._low + CLEARANCE

    def release(self, time: float) -> None:
        """Begin to lower the robot at `time` [s]; nothing happens when it has begun already."""
        if self._released_at is None:
            self._released_at = time

    def state(self, time: float) -> str:
        """`holding`, `lowering` or `free`."""
        if self._released_at is None:
            return "holding"
        return "lowering" if self._lowered(time) < 1.0 else "free"

    def wrench(self, time: float, pose: Array, velocity: Array) -> Array:
        """Force [N] and torque [N m] on the base's centre, in the world. Shape (6,).

        `pose` (7,) is the position [m] and quaternion of the base, `velocity` (6,) its linear
        velocity in the world [m/s] and angular velocity in the base [rad/s], as in MuJoCo.
        """
        lowered = self._lowered(time)
        if lowered >= 1.0:
            return np.zeros(6)
        hook = np.array([0.0, 0.0, self.height - CLEARANCE * min(lowered / LOWERED_AT, 1)])
        force = STIFFNESS * (hook - pose[:3]) - DAMPING * velocity[:3]
        force[2] += self._weight
        w, vector = pose[3], pose[4:7]
        torque_in_base = -2 * ANGULAR_STIFFNESS * np.sign(w) * vector
        torque_in_base -= ANGULAR_DAMPING * velocity[3:]
        torque = np.empty(3)
        mujoco.mju_rotVecQuat(torque, torque_in_base, pose[3:7])
        support = min(1.0, (1.0 - lowered) / (1.0 - LOWERED_AT))
        return support * np.concatenate([force, torque])

    def _lowered(self, time: float) -> float:
        if self._released_at is None:
            return 0.0
        return (time - self._released_at) / DURATION
