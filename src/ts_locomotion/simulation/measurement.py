"""What simulation knows of the robots: kinematics, contacts, ground around the feet."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ts_locomotion import robot, rotation
from ts_locomotion.robot import Array
from ts_locomotion.simulation.physics import Physics
from ts_locomotion.simulation.terrain import HeightGrids

GRID_SPACING = 0.08
"""Of the 3 x 3 points around each foot whose heights are taken [m]."""
_STEPS = np.array([-GRID_SPACING, 0.0, GRID_SPACING])
GRID = np.stack(np.meshgrid(_STEPS, _STEPS, indexing="ij"), axis=-1).reshape(9, 2)
OVERHANG = 0.05
"""Ground this far below a sole does not carry it [m]."""
CONTACT_FORCE = 1.0
"""A foot that presses harder stands [N]."""


class Body(NamedTuple):
    """n robots at one moment. Frames: base unless named otherwise."""

    gravity: Array  # (n, 3) unit vector
    linear_velocity: Array  # (n, 3) [m/s]
    yaw: Array  # (n,) [rad]
    height: Array  # (n,) of the base above the mean ground under the feet [m]
    foot_velocities_in_world: Array  # (n, F, 3) [m/s]
    grids: Array  # (n, F, 9) height of the sole above the points around it [m]
    contacts: NDArray[np.bool_]  # (n, F)

    @property
    def clearances(self) -> Array:
        """Height of the soles above the mean of the ground around them [m]. Shape (n, F)."""
        return self.grids.mean(axis=2)

    @property
    def overhangs(self) -> Array:
        """Share of the points around each sole whose ground does not carry it. Shape (n, F)."""
        return (self.grids > OVERHANG).mean(axis=2)


def measure(physics: Physics, heights: HeightGrids, robots: NDArray[np.integer]) -> Body:
    """The robots named by index (n,), whose terrain is that of their model."""
    base = physics.base_position[robots]
    quaternion = physics.orientation[robots]
    to_world = rotation.to_matrix(quaternion)
    velocity = np.einsum("nji,nj->ni", to_world, physics.base_velocity[robots])
    joints, rates = physics.joint_positions[robots], physics.joint_velocities[robots]
    feet = robot.foot_position_in_base(joints)
    feet_in_world = base[:, None] + np.einsum("nij,nfj->nfi", to_world, feet)
    yaw = rotation.yaw(quaternion)
    points = feet_in_world[:, :, None, :2] + _turned_grid(yaw)[:, None]  # (n, F, 9, 2)
    terrain = physics.assignment[robots, None, None]
    ground = heights.at(terrain, points[..., 0], points[..., 1])
    foot_velocity = (
        velocity[:, None]
        + np.cross(physics.angular_velocity[robots][:, None], feet)
        + robot.foot_velocity_in_base(joints, rates)
    )
    return Body(
        rotation.projected_gravity(quaternion),
        velocity,
        yaw,
        base[:, 2] - ground[:, :, 4].mean(axis=1),
        np.einsum("nij,nfj->nfi", to_world, foot_velocity),
        feet_in_world[:, :, None, 2] - robot.FOOT_RADIUS - ground,
        np.linalg.norm(physics.foot_forces[robots], axis=2) > CONTACT_FORCE,
    )


def ground_normals(grids: Array) -> Array:
    """Unit normals of the ground at the feet, yaw-aligned, z up. (n, F, 9) gives (n, F, 3)."""
    ground = -grids.reshape(*grids.shape[:2], 3, 3)
    along_x = (ground[:, :, 2] - ground[:, :, 0]).mean(axis=-1) / (2 * GRID_SPACING)
    along_y = (ground[..., 2] - ground[..., 0]).mean(axis=-1) / (2 * GRID_SPACING)
    normal = np.stack([-along_x, -along_y, np.ones_like(along_x)], axis=-1)
    return normal / np.linalg.norm(normal, axis=-1, keepdims=True)


def _turned_grid(yaw: Array) -> Array:
    """The grid turned by each yaw. Shape (n,) gives (n, 9, 2)."""
    cos, sin = np.cos(yaw)[:, None], np.sin(yaw)[:, None]
    x, y = GRID.T
    return np.stack([cos * x - sin * y, sin * x + cos * y], axis=-1)
