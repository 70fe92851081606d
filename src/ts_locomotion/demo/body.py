"""The robot as a picture shows it: solid shapes at the places its joints put them."""

from typing import NamedTuple

import numpy as np

from ts_locomotion import robot, rotation
from ts_locomotion.demo import ground
from ts_locomotion.robot import Array

TRUNK = "#3b4048"
HEAD = "#2a2e35"
LEG = "#7d8794"
SHANK = "#aeb6c0"
FOOT = "#e07b39"

BASE_HALF = np.array([0.188, 0.075, 0.057])
HEAD_HALF = np.array([0.055, 0.06, 0.045])
HEAD_CENTRE = np.array([0.285, 0.0, 0.0])
ALL_SIDES = (*ground.SIDES, (2, -1.0))
THIGH_RADIUS, SHANK_RADIUS, HIP_RADIUS = 0.028, 0.016, 0.046


class Capsule(NamedTuple):
    """A rod with round ends, in world."""

    start: Array  # (3,) [m]
    end: Array  # (3,) [m]
    radius: float  # [m]
    colour: str


class Block(NamedTuple):
    """A box, in world: six faces of four corners, and their outward normals."""

    corners: Array  # (6, 4, 3) [m]
    normals: Array  # (6, 3)
    colour: str


def shapes(
    position: Array, orientation: Array, joint_positions: Array
) -> tuple[list[Capsule], list[Block]]:
    """All parts of the robot at a pose: base (3,) [m], quaternion (4,), joints (J,) [rad]."""
    base_to_world = rotation.to_matrix(orientation)

    def placed(point_in_base: Array) -> Array:
        return position + base_to_world @ point_in_base

    capsules = []
    for hip, knee, foot, thigh in zip(*leg_points(joint_positions), strict=True):
        inward = hip + (thigh - hip) * 0.45
        capsules += [
            Capsule(placed(inward), placed(thigh), HIP_RADIUS, HEAD),
            Capsule(placed(thigh), placed(knee), THIGH_RADIUS, LEG),
            Capsule(placed(knee), placed(foot), SHANK_RADIUS, SHANK),
            Capsule(placed(foot), placed(foot), robot.FOOT_RADIUS, FOOT),
        ]
    blocks = [
        _block(position, base_to_world, np.zeros(3), BASE_HALF, TRUNK),
        _block(position, base_to_world, HEAD_CENTRE, HEAD_HALF, HEAD),
    ]
    return capsules, blocks


def leg_points(joint_positions: Array) -> tuple[Array, Array, Array, Array]:
    """Hip joints, knees, feet and thigh joints in base [m]. Shape (F, 3) each."""
    hip, thigh, _ = joint_positions.reshape(4, 3).T
    outward = robot.THIGH_OFFSET_Y * robot.LEFT
    to_thigh = np.stack([0 * hip, outward * np.cos(hip), outward * np.sin(hip)], axis=1)
    down = -robot.LINK_LENGTH * np.cos(thigh)
    to_knee = np.stack(
        [-robot.LINK_LENGTH * np.sin(thigh), -down * np.sin(hip), down * np.cos(hip)], axis=1
    )
    thigh_joint = robot.HIP_OFFSET + to_thigh
    feet = robot.foot_position_in_base(joint_positions)
    return robot.HIP_OFFSET, thigh_joint + to_knee, feet, thigh_joint


def _block(
    position: Array, base_to_world: Array, centre: Array, half: Array, colour: str
) -> Block:
    local = np.array([ground.face(axis, side) * half for axis, side in ALL_SIDES]) + centre
    normals = np.array([base_to_world[:, axis] * side for axis, side in ALL_SIDES])
    return Block(local @ base_to_world.T + position, normals, colour)
