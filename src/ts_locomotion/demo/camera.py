"""A pinhole camera beside the robot, and the flat shapes that it is painted with."""

from typing import NamedTuple

import numpy as np

from ts_locomotion.robot import Array

WIDTH, HEIGHT = 416, 240
SCALE = 2
"""Painted this much larger, then shrunk: smooth edges."""
EYE = np.array([-0.8, -1.75, 0.75])
"""Where the camera is, seen from the robot [m]."""
FOCAL_LENGTH = 1.45
"""In heights of the picture."""
LIGHT = np.array([-0.35, -0.5, 0.79])


class Polygon(NamedTuple):
    """Something flat to be painted; the farthest first."""

    distance: float
    points: list[tuple[float, float]]
    colour: tuple[int, ...]


class Camera:
    """A pinhole that looks at a point from `EYE` beside it."""

    def __init__(self, target: Array) -> None:
        self.position = target + EYE
        forward = -EYE / np.linalg.norm(EYE)
        right = np.cross(forward, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        self._axes = np.stack([right, np.cross(forward, right), forward], axis=1)

    def project(self, points: Array) -> Array:
        """Pixels right and down, and the depth [m]. Shape (..., 3) gives (..., 3)."""
        seen = (points - self.position) @ self._axes
        depth = np.maximum(seen[..., 2:], 0.05)
        scale = FOCAL_LENGTH * HEIGHT * SCALE / depth
        centre = np.array([WIDTH, HEIGHT * 1.05]) * SCALE / 2
        return np.concatenate([centre + scale * seen[..., :2], depth], axis=-1)


def pairs(pixels: Array) -> list[tuple[float, float]]:
    """Pixels (N, 3) as the brush takes them."""
    return [(float(x), float(y)) for x, y in pixels[:, :2]]


def shaded(colour: tuple[int, ...], normal: Array) -> tuple[int, int, int]:
    """A colour of 0 to 255 on a face with that normal."""
    brightness = 0.62 + 0.38 * max(0.0, float(normal @ LIGHT))
    red, green, blue = (int(min(255.0, value * brightness)) for value in colour[:3])
    return red, green, blue
