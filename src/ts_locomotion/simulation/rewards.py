"""What makes a good step: pure functions of the motion, weighted and summed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ts_locomotion import robot
from ts_locomotion.robot import Array


class Motion(NamedTuple):
    """One control step of B robots as the rewards see it. Frames: base unless named otherwise."""

    command: Array  # (B, 3) v_x, v_y [m/s], w_z [rad/s]
    moving: NDArray[np.bool_]  # (B,) whether the command asks for motion
    leg_phases: Array  # (B, F) in [0, 1): swing first, then stance
    linear_velocity: Array  # (B, 3) [m/s]
    angular_velocity: Array  # (B, 3) [rad/s]
    gravity: Array  # (B, 3) unit vector
    height: Array  # (B,) of the base above the ground under the feet [m]
    joint_positions: Array  # (B, J) [rad]
    joint_velocities: Array  # (B, J) [rad/s]
    joint_accelerations: Array  # (B, J) [rad/s2]
    torques: Array  # (B, J) [N m]
    actions: Array  # (3, B, A) this one, the last, the one before
    foot_clearances: Array  # (B, F) of the soles above the ground around them [m]
    foot_overhangs: Array  # (B, F) share of the ground around each sole that lies far below it
    foot_velocities_in_world: Array  # (B, F, 3) [m/s]
    contacts: NDArray[np.bool_]  # (B, F)
    collisions: Array  # (B,) number of knees, shins and trunks that touch something


@dataclass(frozen=True)
class Weights:
    """Weight of each term per second of walking."""

    linear_tracking: float = 1.5
    angular_tracking: float = 0.75
    alive: float = 0.2
    contact_schedule: float = 0.5
    swing_clearance: float = -30.0
    vertical_velocity: float = -1.0
    roll_pitch_rate: float = -0.05
    roll: float = -2.0
    pitch: float = -0.5
    height: float = -15.0
    torque: float = -1e-4
    joint_acceleration: float = -4e-8
    action_rate: float = -0.01
    action_smoothness: float = -0.005
    foothold: float = 0.0
    slip: float = -0.1
    collision: float = -0.5
    joint_limits: float = -2.0
    hips: float = -0.3
    stand_pose: float = -1.0
    stand_still: float = -0.01


@dataclass(frozen=True)
class Shape:
    """Constants inside the terms."""

    linear_tolerance: float = 0.15
    """Squared width of the velocity tracking bell [m2/s2]."""
    angular_tolerance: float = 0.2
    """Squared width of the turning rate bell [rad2/s2]."""
    swing_height: float = 0.10
    """Clearance of the sole at mid-swing [m]."""
    overlift: float = 1.0
    """Cost of lifting a foot too high as a share of that of lifting it too little."""
    base_height: float = 0.31
    soft_limit: float = 0.95
    """Share of the joint range that costs nothing."""


def judge(motion: Motion, weights: Weights, shape: Shape) -> tuple[Array, dict[str, Array]]:
    """Reward per second (B,), never negative, and its weighted terms."""
    terms = {
        field.name: getattr(weights, field.name) * TERMS[field.name](motion, shape)
        for field in fields(weights)
    }
    return np.maximum(sum(terms.values(), np.zeros(len(motion.command))), 0.0), terms


def _linear_tracking(motion: Motion, shape: Shape) -> Array:
    error = motion.command[:, :2] - motion.linear_velocity[:, :2]
    return np.exp(-_square(error) / shape.linear_tolerance)


def _angular_tracking(motion: Motion, shape: Shape) -> Array:
    error = motion.command[:, 2] - motion.angular_velocity[:, 2]
    return np.exp(-np.square(error) / shape.angular_tolerance)


def _contact_schedule(motion: Motion, _: Shape) -> Array:
    """Share of feet that do what the clock asks: all of them stand when no motion is asked."""
    stance = (motion.leg_phases >= 0.5) | ~motion.moving[:, None]
    return (motion.contacts == stance).mean(axis=1)


def _swing_clearance(motion: Motion, shape: Shape) -> Array:
    swing = (motion.leg_phases < 0.5) & motion.moving[:, None]
    wanted = shape.swing_height * np.sin(2 * np.pi * motion.leg_phases)
    excess = motion.foot_clearances - wanted
    cost = np.where(excess > 0.0, shape.overlift, 1.0) * np.square(excess)
    return (swing * cost).sum(axis=1)


def _foothold(motion: Motion, _: Shape) -> Array:
    """Feet at an edge or above a hole while they stand, or should."""
    stance = motion.contacts | ((motion.leg_phases >= 0.5) & motion.moving[:, None])
    return (stance * motion.foot_overhangs).sum(axis=1)


def _slip(motion: Motion, _: Shape) -> Array:
    speed = np.square(motion.foot_velocities_in_world[..., :2]).sum(axis=-1)
    return (motion.contacts * speed).sum(axis=1)


def _joint_limits(motion: Motion, shape: Shape) -> Array:
    middle = (robot.JOINT_UPPER + robot.JOINT_LOWER) / 2
    half = shape.soft_limit * (robot.JOINT_UPPER - robot.JOINT_LOWER) / 2
    return np.maximum(np.abs(motion.joint_positions - middle) - half, 0.0).sum(axis=1)


def _action_smoothness(motion: Motion, _: Shape) -> Array:
    now, last, before = motion.actions
    return _square(now - 2 * last + before)


def _stand_pose(motion: Motion, _: Shape) -> Array:
    return ~motion.moving * _square(motion.joint_positions - robot.STAND_POSE)


TERMS: Mapping[str, Callable[[Motion, Shape], Array]] = {
    "linear_tracking": _linear_tracking,
    "angular_tracking": _angular_tracking,
    "alive": lambda motion, _: np.ones(len(motion.command)),
    "contact_schedule": _contact_schedule,
    "swing_clearance": _swing_clearance,
    "vertical_velocity": lambda motion, _: np.square(motion.linear_velocity[:, 2]),
    "roll_pitch_rate": lambda motion, _: _square(motion.angular_velocity[:, :2]),
    "roll": lambda motion, _: np.square(motion.gravity[:, 1]),
    "pitch": lambda motion, _: np.square(motion.gravity[:, 0]),
    "height": lambda motion, shape: np.square(motion.height - shape.base_height),
    "torque": lambda motion, _: _square(motion.torques),
    "joint_acceleration": lambda motion, _: _square(motion.joint_accelerations),
    "action_rate": lambda motion, _: _square(motion.actions[0] - motion.actions[1]),
    "action_smoothness": _action_smoothness,
    "foothold": _foothold,
    "slip": _slip,
    "collision": lambda motion, _: motion.collisions,
    "joint_limits": _joint_limits,
    "hips": lambda motion, _: _square(motion.joint_positions[:, ::3]),
    "stand_pose": _stand_pose,
    "stand_still": lambda motion, _: ~motion.moving * _square(motion.joint_velocities),
}


def _square(vectors: Array) -> Array:
    return np.einsum("...i,...i->...", vectors, vectors)
