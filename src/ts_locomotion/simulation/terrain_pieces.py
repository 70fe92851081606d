"""What stands on a lane: bumps, slopes, blocks, stones, gaps. Stairs: see terrain_stairs.py."""

from typing import NamedTuple

import numpy as np

from ts_locomotion.robot import Array

Upright = tuple[float, float, float, float, float]
"""x, y of the centre, length, width, top [m] of a box that is not turned."""

LANE_WIDTH = 4.0
BOX_LIMIT = 64
"""No terrain for training has more boxes: physics pads all of them to one count."""
SLAB_THICKNESS = 0.04
"""Of treads with nothing below them [m]: a plank, twice as thick as a foot sinks in at times."""
HOLE_LENGTH, TREAD = 4.0, 0.4
"""Of what stepping stones and planks cross, and their own side along the lane [m]."""


class Piece(NamedTuple):
    """A stretch of lane that begins at x = 0 on level 0 and is centred on y = 0."""

    tops: list[Upright]
    """Boxes reaching to the ground."""
    length: float
    rise: float = 0.0
    """Level at the end less level at the beginning [m]."""
    tilted: tuple[tuple[Array, Array, Array], ...] = ()
    """Free boxes: centre, half sizes, quaternion."""
    slabs: tuple[Upright, ...] = ()
    """Boxes of `SLAB_THICKNESS` with nothing below."""


def flat(length: float) -> Piece:
    """Level ground."""
    return Piece([(length / 2, 0.0, length, LANE_WIDTH, 0.0)], length)


def rough(rng: np.random.Generator, size: float, length: float = 5.0) -> Piece:
    """Slabs of half a metre, tilted by up to `size` over their length, tops around `size`/2."""
    cell, width = 0.5, LANE_WIDTH
    columns, rows = max(1, round(length / cell)), round(width / 0.8)
    slabs = []
    for column in range(columns):
        for row in range(rows):
            centre = np.array([(column + 0.5) * cell, (row + 0.5) * width / rows - width / 2, 0.0])
            pitch, roll = rng.uniform(-0.5, 0.5, 2) * size / cell
            half = np.array([0.55 * cell, 0.55 * width / rows, 0.1])
            centre[2] = rng.uniform(0.2, 0.8) * size - half[2]
            slabs.append((centre, half, _tilt(roll, pitch)))
    return Piece([], columns * cell, 0.0, tuple(slabs))


def slope(rng: np.random.Generator, size: float) -> Piece:
    """A ramp that rises by `size` metres per metre, then falls again."""
    del rng
    length, angle = 3.0, np.arctan(size)
    slant, thickness = length / np.cos(angle), 0.2
    down = thickness * np.array([np.sin(angle), 0.0, -np.cos(angle)])
    middle = np.array([length / 2, 0.0, length * size / 2]) + down
    half = np.array([slant / 2, LANE_WIDTH / 2, thickness])
    up_ramp = (middle, half, _tilt(0.0, -angle))
    plateau = (1.5 * length, 0.0, length, LANE_WIDTH, length * size)
    mirrored = np.array([3 * length - middle[0], 0.0, middle[2]])
    return Piece([plateau], 3 * length, 0.0, (up_ramp, (mirrored, half, _tilt(0.0, angle))))


def blocks(rng: np.random.Generator, size: float) -> Piece:
    """Scattered blocks up to `size` high, side lengths 0.3 to 0.9 m."""
    length, count = 6.0, 40
    limits = np.array(
        [
            [0.3, length - 0.3],
            [-LANE_WIDTH / 2, LANE_WIDTH / 2],
            [0.3, 0.9],
            [0.3, 0.9],
            [0.5, 1.0],
        ]
    )
    boxes = [tuple(box) for box in rng.uniform(limits[:, 0], limits[:, 1], (count, 5))]
    boxes = [(x, y, long, wide, share * size) for x, y, long, wide, share in boxes]
    return Piece([(length / 2, 0.0, length, LANE_WIDTH, 0.0), *boxes], length)


def grid_steps(rng: np.random.Generator, size: float) -> Piece:
    """Square columns side by side, each of its own height up to `size`."""
    cell, columns = 0.5, 7
    rows = round(LANE_WIDTH / cell)
    heights = rng.uniform(0.0, size, (columns, rows))
    tops = [
        ((column + 0.5) * cell, (row + 0.5) * cell - LANE_WIDTH / 2, cell, cell, height)
        for column in range(columns)
        for row, height in enumerate(heights[column])
    ]
    return Piece(tops, columns * cell)


def discrete_rough(rng: np.random.Generator, size: float) -> Piece:
    """Scattered plates up to `size` high, turned anyhow, most small: sides of 0.1 to 0.9 m."""
    length, plates = 5.0, []
    for _ in range(50):
        x, y = rng.uniform([0.6, -LANE_WIDTH / 2], [length - 0.6, LANE_WIDTH / 2])
        long, wide = np.exp(rng.uniform(np.log(0.1), np.log(0.9), 2))
        height, half_turn = rng.uniform(0.2, 1.0) * size, rng.uniform(0.0, np.pi / 2)
        half = np.array([long, wide, height + SLAB_THICKNESS]) / 2
        turn = np.array([np.cos(half_turn), 0.0, 0.0, np.sin(half_turn)])
        plates.append((np.array([x, y, height - half[2]]), half, turn))
    ground = (length / 2, 0.0, length, LANE_WIDTH, 0.0)
    return Piece([ground], length, 0.0, tuple(plates))


def stepping_stones(rng: np.random.Generator, size: float) -> Piece:
    """Square stones `size` apart over a hole, each off its place by a little."""
    stone, pitch = TREAD, TREAD + size
    columns = int(np.ceil((HOLE_LENGTH - size) / pitch))
    rows = min(int(LANE_WIDTH / pitch), (BOX_LIMIT - 4) // columns)
    jitter = rng.uniform(-0.1, 0.1, (columns, rows, 2)) * size
    heights = rng.uniform(-0.2, 0.2, (columns, rows)) * size
    tops = []
    for column in range(columns):
        for row in range(rows):
            x = size + stone / 2 + column * pitch + jitter[column, row, 0]
            y = (row - (rows - 1) / 2) * pitch + jitter[column, row, 1]
            tops.append((x, y, stone, stone, heights[column, row]))
    return Piece(tops, columns * pitch + size)


def planks(rng: np.random.Generator, size: float) -> Piece:
    """Planks across the lane, `size` apart over a hole: stones that are missed only lengthwise."""
    plank, pitch = TREAD, TREAD + size
    count = int(np.ceil((HOLE_LENGTH - size) / pitch))
    tops = []
    for number in range(count):
        x = size + plank / 2 + number * pitch + rng.uniform(-0.1, 0.1) * size
        tops.append((x, 0.0, plank, LANE_WIDTH, rng.uniform(-0.2, 0.2) * size))
    return Piece(tops, count * pitch + size)


def gaps(rng: np.random.Generator, size: float, count: int = 4) -> Piece:
    """`count` gaps of width `size` across the lane, with platforms of 0.7 to 1.1 m between."""
    tops, x = [], 0.0
    for _ in range(count):
        platform = rng.uniform(0.7, 1.1)
        tops.append((x + size + platform / 2, 0.0, platform, LANE_WIDTH, 0.0))
        x += size + platform
    return Piece(tops, x)


def _tilt(roll: float, pitch: float) -> Array:
    half_roll, half_pitch = roll / 2, pitch / 2
    cr, sr, cp, sp = np.cos(half_roll), np.sin(half_roll), np.cos(half_pitch), np.sin(half_pitch)
    return np.array([cp * cr, cp * sr, sp * cr, -sp * sr])
