"""Perception: terrain heights around the feet, read from an elevation map."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ts_locomotion import robot, rotation
from ts_locomotion.elevation import ElevationMap
from ts_locomotion.robot import Array

SCAN_RADII = (0.08, 0.16, 0.26, 0.36, 0.48)
SCAN_POINTS = (6, 8, 10, 12, 16)
"""Radii [m] of the circles around each foot and points on each (Miki et al. 2022, table S3)."""
SCAN_SIZE = 4 * sum(SCAN_POINTS)
"""Heights in one scan of all feet: F * P."""


class FootScanArrays(NamedTuple):
    """Terrain around the feet."""

    heights: NDArray[np.float32]  # (..., F, P) terrain minus foot frame [m], 0 where not valid
    valid: NDArray[np.bool_]  # (..., F, P) whether the map knew the height


class ScanPoints(NamedTuple):
    """Where to ask for terrain heights, in the world frame [m]."""

    x: Array  # (..., F, P)
    y: Array  # (..., F, P)
    foot_height: Array  # (..., F) z of the foot frames


def scan_offsets() -> Array:
    """The points around a foot in a frame that shares the base's heading [m]. Shape (P, 2).

    Innermost circle first; on each circle the first point lies ahead and the others follow
    counter-clockwise (the paper does not say where its circles begin).
    """
    circles = [
        radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        for radius, count in zip(SCAN_RADII, SCAN_POINTS, strict=True)
        for angle in [2 * np.pi * np.arange(count) / count]
    ]
    return np.concatenate(circles)


_OFFSET_X, _OFFSET_Y = scan_offsets().T


def scan_points(base_position: Array, orientation: Array, joint_positions: Array) -> ScanPoints:
    """The points of all feet in the world, turned with the base's heading but kept level.

    Base position (..., 3) [m] and orientation (..., 4) base to world, joint positions (..., J).
    """
    feet_in_base = robot.foot_position_in_base(joint_positions)  # (..., F, 3)
    rotated = feet_in_base @ np.swapaxes(rotation.to_matrix(orientation), -1, -2)
    feet = np.asarray(base_position)[..., None, :] + rotated
    heading = rotation.yaw(orientation)[..., None]
    cosine, sine = np.cos(heading), np.sin(heading)
    ahead = cosine * _OFFSET_X - sine * _OFFSET_Y  # (..., P)
    leftward = sine * _OFFSET_X + cosine * _OFFSET_Y
    return ScanPoints(
        feet[..., 0, None] + ahead[..., None, :],
        feet[..., 1, None] + leftward[..., None, :],
        feet[..., 2],
    )


def foot_scans(
    elevation_map: ElevationMap, base_position: Array, orientation: Array, joint_positions: Array
) -> FootScanArrays:
    """What the map knows around the feet; the pose (see scan_points) is in the map's frame."""
    points = scan_points(base_position, orientation, joint_positions)
    terrain = elevation_map.heights_at(points.x, points.y)
    relative = terrain.heights - points.foot_height[..., None]
    heights = np.where(terrain.valid, relative, 0.0).astype(np.float32)
    return FootScanArrays(heights, terrain.valid)
