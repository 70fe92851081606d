"""Unit quaternions (w, x, y, z) that rotate base to world, batched over leading axes."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


def to_matrix(quaternion: Array) -> Array:
    """Rotation matrices base to world. Shape (..., 4) gives (..., 3, 3)."""
    w, x, y, z = _parts(quaternion)
    entries = (
        *(1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        *(2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        *(2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return np.stack(entries, axis=-1).reshape(*np.shape(w), 3, 3)


def projected_gravity(quaternion: Array) -> Array:
    """Direction of gravity in the base frame. Shape (..., 4) gives (..., 3)."""
    w, x, y, z = _parts(quaternion)
    return np.stack([2 * (w * y - x * z), -2 * (y * z + w * x), 2 * (x * x + y * y) - 1], axis=-1)


def yaw(quaternion: Array) -> Array:
    """Heading about the world's z axis [rad]. Shape (..., 4) gives (...)."""
    w, x, y, z = _parts(quaternion)
    return np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))


def from_yaw(yaw: Array) -> Array:
    """Quaternions of headings about the world's z axis [rad]. Shape (...) gives (..., 4)."""
    none = np.zeros_like(yaw)
    return np.stack([np.cos(yaw / 2), none, none, np.sin(yaw / 2)], axis=-1)


def roll_pitch_yaw(quaternion: Array) -> Array:
    """Rotations about the fixed x, y and z axes, in that order [rad]. Shape (..., 3)."""
    w, x, y, z = _parts(quaternion)
    roll = np.arctan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y))
    pitch = np.arcsin(np.clip(2 * (w * y - x * z), -1.0, 1.0))
    return np.stack([roll, pitch, yaw(quaternion)], axis=-1)


def tilt(quaternion: Array) -> Array:
    """Angle between the base's z axis and the vertical [rad]. Shape (..., 4) gives (...)."""
    return np.arccos(np.clip(-projected_gravity(quaternion)[..., 2], -1.0, 1.0))


def rotate_inverse(quaternion: Array, vector_in_world: Array) -> Array:
    """World vectors seen from the base. Shapes (..., 4) and (..., 3) give (..., 3)."""
    return np.einsum("...ij,...i->...j", to_matrix(quaternion), vector_in_world)


def rotate(quaternion: Array, vector_in_base: Array) -> Array:
    """Base vectors seen from the world. Shapes (..., 4) and (..., 3) give (..., 3)."""
    return np.einsum("...ij,...j->...i", to_matrix(quaternion), vector_in_base)


def _parts(quaternion: Array) -> tuple[Array, Array, Array, Array]:
    """Its four entries. Several times faster than to move an axis, and done at every tick."""
    entries = np.asarray(quaternion)
    return entries[..., 0], entries[..., 1], entries[..., 2], entries[..., 3]
