"""Facts of the Unitree Go2 and its leg kinematics.

Source of the numbers unless marked: unitree_ros go2_description.urdf (d6f13aa),
https://github.com/unitreerobotics/unitree_ros. Legs and joints are in the order of the motors
(unitree_sdk2), which is the order of every array of this package: J = 12 joints, F = 4 feet.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

LEGS = ("FR", "FL", "RR", "RL")
PARTS = ("hip", "thigh", "calf")
JOINTS = tuple(f"{leg}_{part}_joint" for leg in LEGS for part in PARTS)
FEET = tuple(f"{leg}_foot" for leg in LEGS)
LINKS = tuple(f"{leg}_{part}" for leg in LEGS for part in PARTS)
"""The links that the joints move."""
BASE_LINK = "base_link"

# +1 front, -1 rear; +1 left, -1 right. Shape (F,).
FRONT = np.array([1.0, 1.0, -1.0, -1.0])
LEFT = np.array([-1.0, 1.0, -1.0, 1.0])

HIP_OFFSET = np.stack([0.1934 * FRONT, 0.0465 * LEFT, np.zeros(4)], axis=1)
"""Position of the hip joints in the base frame [m]. Shape (F, 3)."""
THIGH_OFFSET_Y = 0.0955
"""Distance of the thigh joint outward from the hip joint [m]."""
LINK_LENGTH = 0.213
"""Length of thigh and of calf [m]."""
FOOT_RADIUS = 0.022
FOOT_SPHERE_X = -0.002
"""Forward offset of the collision sphere in the foot frame [m]."""
IMU_POSITION = (-0.02557, 0.0, 0.04232)

JOINT_ORIGIN = np.stack(
    [HIP_OFFSET, THIGH_OFFSET_Y * np.outer(LEFT, [0, 1, 0]), [[0, 0, -LINK_LENGTH]] * 4], axis=1
).reshape(12, 3)
"""Position of each joint in the frame of the link before it [m]. Shape (J, 3)."""
JOINT_AXIS = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]] * 4)
"""Shape (J, 3)."""

JOINT_LOWER = np.array([-1.0472, -1.5708, -2.7227] * 2 + [-1.0472, -0.5236, -2.7227] * 2)
JOINT_UPPER = np.array([1.0472, 3.4907, -0.83776] * 2 + [1.0472, 4.5379, -0.83776] * 2)
TORQUE_LIMIT = np.array([23.7, 23.7, 45.43] * 4)
VELOCITY_LIMIT = np.array([30.1, 30.1, 15.70] * 4)

STAND_POSE = np.array([0.0, 0.8, -1.5] * 4)
"""Standing pose and centre of the action space [rad]. Shape (J,)."""
FOLDED_POSE = np.array([0.0, 1.36, -2.65] * 4)
"""Lying on the belly with folded legs [rad]. Shape (J,)."""
STAND_HEIGHT = 0.335
"""Height of the base above the floor when the feet of STAND_POSE touch it [m]."""


def within_limits(joint_positions: Array) -> Array:
    """Joint positions [rad] moved into the joint limits. Shape (..., J)."""
    return np.clip(joint_positions, JOINT_LOWER, JOINT_UPPER)


def foot_position_in_base(joint_positions: Array) -> Array:
    """Position of the foot frames in the base frame [m].

    Joint positions [rad], shape (..., J), give shape (..., F, 3).
    """
    hip, thigh, calf = _by_leg(joint_positions)
    forward = -LINK_LENGTH * (np.sin(thigh) + np.sin(thigh + calf))
    upward = -LINK_LENGTH * (np.cos(thigh) + np.cos(thigh + calf))
    outward = THIGH_OFFSET_Y * LEFT
    y = outward * np.cos(hip) - upward * np.sin(hip)
    z = outward * np.sin(hip) + upward * np.cos(hip)
    return HIP_OFFSET + np.stack([forward, y, z], axis=-1)


def joint_positions_at(foot_position_in_base: Array) -> Array:
    """Joint positions [rad] that bring the foot frames to positions in the base frame [m].

    The inverse of foot_position_in_base for knees that point backwards: shape (..., F, 3) gives
    (..., J). A leg too short to reach stretches towards the position. Joint limits are not heeded.
    """
    x, y, z = np.moveaxis(foot_position_in_base - HIP_OFFSET, -1, 0)
    outward = THIGH_OFFSET_Y * LEFT
    # Seen along the hip's axis, thigh joint and foot span a triangle with a right angle.
    upward = -np.sqrt(np.maximum(np.square(y) + np.square(z) - np.square(outward), 0.0))
    hip = np.arctan2(z, y) - np.arctan2(upward, outward)
    hip = (hip + np.pi) % (2 * np.pi) - np.pi
    reach = np.hypot(x, upward)
    calf = -2 * np.arccos(np.minimum(reach / (2 * LINK_LENGTH), 1.0))
    thigh = np.arctan2(-x, -upward) - calf / 2
    return np.stack([hip, thigh, calf], axis=-1).reshape(*np.shape(x)[:-1], len(JOINTS))


def foot_velocity_in_base(joint_positions: Array, joint_velocities: Array) -> Array:
    """Velocity of the foot frames relative to the base, in the base frame [m/s].

    Joint positions [rad] and velocities [rad/s], shape (..., J), give shape (..., F, 3).
    """
    hip, thigh, calf = _by_leg(joint_positions)
    hip_rate, thigh_rate, calf_rate = _by_leg(joint_velocities)
    knee, knee_rate = thigh + calf, thigh_rate + calf_rate
    upward = -LINK_LENGTH * (np.cos(thigh) + np.cos(knee))
    forward_rate = -LINK_LENGTH * (np.cos(thigh) * thigh_rate + np.cos(knee) * knee_rate)
    upward_rate = LINK_LENGTH * (np.sin(thigh) * thigh_rate + np.sin(knee) * knee_rate)
    outward = THIGH_OFFSET_Y * LEFT
    y_rate = -(outward * np.sin(hip) + upward * np.cos(hip)) * hip_rate - upward_rate * np.sin(hip)
    z_rate = (outward * np.cos(hip) - upward * np.sin(hip)) * hip_rate + upward_rate * np.cos(hip)
    return np.stack([forward_rate, y_rate, z_rate], axis=-1)


def _by_leg(joints: Array) -> tuple[Array, Array, Array]:
    """Hips, thighs and calves (..., F) of joints (..., J)."""
    joints = np.asarray(joints)
    return joints[..., ::3], joints[..., 1::3], joints[..., 2::3]
