"""The ground a run went over, as boxes on the plane z = 0."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ts_locomotion import rotation
from ts_locomotion.demo.recording import Recording
from ts_locomotion.robot import Array

SIDES = ((0, 1.0), (0, -1.0), (1, 1.0), (1, -1.0), (2, 1.0))


def height(recording: Recording, x: Array, y: Array) -> Array:
    """Height of the topmost surface [m]. Shape as `x`; boxes may be tilted, not overhang."""
    top = np.zeros_like(x)
    boxes = zip(
        recording.box_centres,
        recording.box_half_sizes,
        rotation.to_matrix(recording.box_quaternions),
        strict=True,
    )
    for centre, half, box_to_world in boxes:
        normal = box_to_world[:, 2]
        face = centre + normal * half[2]
        z = face[2] - (normal[0] * (x - face[0]) + normal[1] * (y - face[1])) / normal[2]
        inside = np.abs((np.stack([x, y, z], axis=-1) - centre) @ box_to_world) <= half + 1e-9
        top = np.where(inside.all(axis=-1), np.maximum(top, z), top)
    return top


class Tiles(NamedTuple):
    """Pieces of the boxes' faces: K of them."""

    corners: Array  # (K, 4, 3) [m]
    normals: Array  # (K, 3) outward
    box: Array  # (K,) index of the box


def tiles(recording: Recording, largest: float) -> Tiles:
    """The boxes' sides and tops, in this order, cut into pieces no longer than `largest` [m]."""
    pieces, normals, boxes = [], [], []
    for box, half in enumerate(recording.box_half_sizes):
        box_to_world = rotation.to_matrix(recording.box_quaternions[box])
        for axis, side in SIDES:
            for local in _cut(face(axis, side) * half, largest):
                pieces.append(local @ box_to_world.T + recording.box_centres[box])
                normals.append(box_to_world[:, axis] * side)
                boxes.append(box)
    return Tiles(
        np.array(pieces).reshape(-1, 4, 3), np.array(normals).reshape(-1, 3), np.array(boxes, int)
    )


def face(axis: int, side: float) -> Array:
    """Corners of one face of the cube from -1 to 1, in turn. Shape (4, 3)."""
    corners = np.full((4, 3), side)
    corners[:, (axis + 1) % 3] = [1, 1, -1, -1]
    corners[:, (axis + 2) % 3] = [1, -1, -1, 1]
    return corners


def _cut(face: Array, largest: float) -> Iterator[Array]:
    along, across = face[1] - face[0], face[3] - face[0]
    rows = max(1, int(np.ceil(np.linalg.norm(along) / largest)))
    columns = max(1, int(np.ceil(np.linalg.norm(across) / largest)))
    step, stride = along / rows, across / columns
    for row in range(rows):
        for column in range(columns):
            start = face[0] + row * step + column * stride
            yield np.array([start, start + step, start + step + stride, start + stride])
