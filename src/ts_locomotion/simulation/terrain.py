"""Named terrains made of boxes, and their exact height.

Boxes and not height fields: sphere feet tunnel into height fields. The ground is the plane z = 0;
what is to be a hole lies lower than the level on which the robot starts. A terrain is a lane along
+x made of pieces in a row.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ts_locomotion.errors import ConfigurationError
from ts_locomotion.robot import Array
from ts_locomotion.rotation import to_matrix
from ts_locomotion.simulation.terrain_pieces import BOX_LIMIT as BOX_LIMIT
from ts_locomotion.simulation.terrain_pieces import (
    LANE_WIDTH,
    SLAB_THICKNESS,
    Piece,
    blocks,
    discrete_rough,
    flat,
    gaps,
    grid_steps,
    planks,
    rough,
    slope,
    stepping_stones,
)
from ts_locomotion.simulation.terrain_stairs import (
    STEPS,
    downwards,
    ledged_stairs,
    open_stairs,
    random_stairs,
    stairs,
    stairs_down,
)

Stream = Literal["train", "eval"]

START_LENGTH = 1.0
"""Flat ground ahead of and behind the robot's starting point [m]."""
HOLE_DEPTH = 0.5

# Distinct spawn keys make the random streams of training and evaluation disjoint for every seed.
_STREAM_KEY = {"train": 0, "eval": 1}


@dataclass(frozen=True)
class Terrain:
    """Static boxes on the plane z = 0, robot starting at x = y = 0 with heading +x."""

    name: str
    size: float
    """The obstacle's characteristic length [m]; see `KINDS`."""
    centres: Array
    """Shape (N, 3)."""
    half_sizes: Array
    """Shape (N, 3)."""
    quaternions: Array
    """Box to world, w x y z. Shape (N, 4)."""
    bounds: tuple[float, float, float, float]
    """x_min, x_max, y_min, y_max of what is built [m]. Outside of it the robot has left."""
    unmapped: tuple[tuple[float, float], ...] = ()
    """Where, from x to x [m], no map reaches the robot."""

    def height(self, x: Array, y: Array) -> Array:
        """Exact height of the topmost surface [m]. Broadcasts x and y."""
        x, y = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))
        top = np.zeros(x.shape)
        for box in range(len(self.centres)):
            near = self._may_cover(box, x, y)
            top[near] = np.maximum(top[near], self._box_top(box, x[near], y[near]))
        return top

    @cached_property
    def start_height(self) -> float:
        """Height of the ground where the robot starts [m]."""
        return float(self.height(np.zeros(1), np.zeros(1))[0])

    def _may_cover(self, box: int, x: Array, y: Array) -> NDArray[np.bool_]:
        reach = np.abs(to_matrix(self.quaternions[box])) @ self.half_sizes[box] + 1e-9
        centre = self.centres[box]
        return (np.abs(x - centre[0]) <= reach[0]) & (np.abs(y - centre[1]) <= reach[1])

    def _box_top(self, box: int, x: Array, y: Array) -> Array:
        """Where a vertical line leaves the box upwards, -inf where it misses."""
        box_to_world = to_matrix(self.quaternions[box])
        up = box_to_world[2]
        start = np.stack([x, y, np.zeros_like(x)], axis=-1) - self.centres[box]
        start = start @ box_to_world
        enters, leaves = np.full(x.shape, -np.inf), np.full(x.shape, np.inf)
        for axis in range(3):
            half = self.half_sizes[box, axis]
            if abs(up[axis]) < 1e-9:
                leaves[np.abs(start[..., axis]) > half + 1e-9] = -np.inf
                continue
            crossings = (np.array([-half, half]) - start[..., axis, None]) / up[axis]
            enters = np.maximum(enters, crossings.min(axis=-1))
            leaves = np.minimum(leaves, crossings.max(axis=-1))
        return np.where(enters <= leaves, leaves, -np.inf)


class HeightGrids:
    """Heights of many terrains sampled once, for lookups by the hundred thousand."""

    def __init__(self, terrains: Sequence[Terrain], resolution: float = 0.02):
        bounds = np.array([terrain.bounds for terrain in terrains])
        x_min, x_max, y_min, y_max = bounds.T
        self._x_min, self._y_min = x_min.astype(np.float32), y_min.astype(np.float32)
        self._columns = np.ceil((x_max - x_min) / resolution).astype(np.int32) + 1
        self._rows = np.ceil((y_max - y_min) / resolution).astype(np.int32) + 1
        cells = np.cumsum(self._columns * self._rows)
        self._first = np.concatenate([[0], cells[:-1]]).astype(np.int32)
        self._resolution = np.float32(resolution)
        self._heights = np.concatenate(
            [self._sample(index, terrain) for index, terrain in enumerate(terrains)]
        )

    def at(self, terrain: NDArray[np.integer], x: Array, y: Array) -> Array:
        """Height at the nearest cell [m], float32; beyond the bounds that of their edge.

        Terrain indices broadcast against x and y.
        """
        column = self._cell(x, self._x_min[terrain], self._columns[terrain])
        row = self._cell(y, self._y_min[terrain], self._rows[terrain])
        return self._heights[self._first[terrain] + column * self._rows[terrain] + row]

    def _cell(self, position: Array, start: Array, count: Array) -> NDArray[np.integer]:
        cell = np.asarray(position, np.float32) - start
        cell /= self._resolution
        cell += np.float32(0.5)
        return np.clip(cell, 0, count - np.float32(1), out=cell).astype(np.int32)

    def _sample(self, index: int, terrain: Terrain) -> Array:
        x_min, x_max, y_min, y_max = terrain.bounds
        x = np.minimum(x_min + self._resolution * np.arange(self._columns[index]), x_max)
        y = np.minimum(y_min + self._resolution * np.arange(self._rows[index]), y_max)
        return terrain.height(x[:, None], y[None, :]).astype(np.float32).ravel()


class Kind(NamedTuple):
    """How a terrain is made and how its size grows with difficulty."""

    build: Callable[[np.random.Generator, float], Piece]
    easiest: float
    hardest: float
    start_level: Callable[[float, Stream], float]
    """Level of the starting platform for a size [m] in training or evaluation."""
    meaning: str
    """Of its size."""


def _on_ground(_size: float, _stream: Stream) -> float:
    return 0.0


def _above_hole(size: float, stream: Stream) -> float:
    """Small holes are shallow, and those of training shallower: who stumbles there can learn."""
    depth = max(0.06, 2.0 * size - 0.1) if stream == "train" else 2.0 * size
    return min(depth, HOLE_DEPTH)


def _above_stairs(size: float, _stream: Stream) -> float:
    return STEPS * size


def _flat_lane(_rng: np.random.Generator, _size: float) -> Piece:
    return flat(8.0)


KINDS: Mapping[str, Kind] = {
    "flat": Kind(_flat_lane, 0.0, 0.0, _on_ground, "nothing"),
    "rough": Kind(rough, 0.01, 0.08, _on_ground, "height of the bumps"),
    "slope": Kind(slope, 0.05, 0.45, _on_ground, "rise per metre"),
    "stairs_up": Kind(stairs, 0.03, 0.20, _on_ground, "step height"),
    "stairs_down": Kind(stairs_down, 0.03, 0.20, _above_stairs, "step height"),
    "stairs_open_up": Kind(open_stairs, 0.05, 0.20, _on_ground, "step height"),
    "stairs_open_down": Kind(downwards(open_stairs), 0.05, 0.20, _above_stairs, "step height"),
    "stairs_ledged_up": Kind(ledged_stairs, 0.05, 0.20, _on_ground, "step height"),
    "stairs_ledged_down": Kind(downwards(ledged_stairs), 0.05, 0.20, _above_stairs, "step height"),
    "stairs_random_up": Kind(random_stairs, 0.03, 0.20, _on_ground, "mean step height"),
    "stairs_random_down": Kind(
        downwards(random_stairs), 0.03, 0.20, _above_stairs, "mean step height"
    ),
    "grid_steps": Kind(grid_steps, 0.03, 0.20, _on_ground, "height of the highest column"),
    "discrete_rough": Kind(discrete_rough, 0.02, 0.15, _on_ground, "height of the highest plate"),
    "blocks": Kind(blocks, 0.03, 0.20, _on_ground, "height of the highest block"),
    "stepping_stones": Kind(stepping_stones, 0.02, 0.25, _above_hole, "distance of the stones"),
    "planks": Kind(planks, 0.02, 0.25, _above_hole, "distance of the planks"),
    "gaps": Kind(gaps, 0.03, 0.35, _above_hole, "width of the gaps"),
}


def make(
    name: str,
    size: float | None = None,
    *,
    difficulty: float | None = None,
    seed: int = 0,
    stream: Stream = "eval",
    least_depth: float = 0.0,
) -> Terrain:
    """A terrain by name, of a `size` [m] (see `KINDS`) or a `difficulty` in [0, 1].

    It starts at least at `least_depth` [m] above the ground, which is how deep its holes are.

    Equal arguments give equal terrains. The streams "train" and "eval" never share one.
    Raises ConfigurationError for an unknown name or a size that makes no sense.
    """
    kind = _kind(name)
    size = _resolve_size(name, kind, size, difficulty)
    rng = _generator(name, seed, stream)
    before, after = flat(2 * START_LENGTH), flat(2.0)
    pieces = [before, kind.build(rng, size), after]
    level = max(kind.start_level(size, stream), least_depth)
    return _lay_out(name, size, pieces, -START_LENGTH, level)


class Segment(NamedTuple):
    """One stretch of a course."""

    name: str
    size: float = 0.0
    length: float = 1.0
    """Used by "flat" and "rough" [m]."""
    number: int | None = None
    """Of steps ("stairs_up", "stairs_down") or "gaps", when not as many as usual."""
    mapped: bool = True
    """Whether maps reach the robot here."""


_COUNTED: Mapping[str, Callable[[np.random.Generator, float, int], Piece]] = {
    "stairs_up": stairs,
    "stairs_down": stairs_down,
    "gaps": gaps,
}


def course(segments: Sequence[Segment], seed: int = 0) -> Terrain:
    """Segments in a row along +x; the robot starts 1 m into the first.

    The level at the start is chosen so that nothing lies below the ground.
    """
    rng = _generator("course", seed, "eval")
    pieces = [_segment_piece(segment, rng) for segment in segments]
    levels = np.cumsum([0.0] + [piece.rise for piece in pieces])
    holes = any(segment.name in ("gaps", "planks", "stepping_stones") for segment in segments)
    start_level = float(-levels.min()) + (HOLE_DEPTH if holes else 0.0)
    size = max(segment.size for segment in segments)
    ground = _lay_out("course", size, pieces, -START_LENGTH, start_level)
    ends = np.cumsum([-START_LENGTH] + [piece.length for piece in pieces])
    unmapped = [
        (float(begin), float(end))
        for segment, begin, end in zip(segments, ends[:-1], ends[1:], strict=True)
        if not segment.mapped
    ]
    return replace(ground, unmapped=tuple(unmapped))


def _segment_piece(segment: Segment, rng: np.random.Generator) -> Piece:
    if segment.name == "flat":
        return flat(segment.length)
    if segment.name == "rough":
        return rough(rng, segment.size, segment.length)
    if segment.number is not None:
        return _COUNTED[segment.name](rng, segment.size, segment.number)
    return _kind(segment.name).build(rng, segment.size)


def _lay_out(name: str, size: float, pieces: Sequence[Piece], x: float, level: float) -> Terrain:
    begin, boxes = x, []
    for piece in pieces:
        upright = [(box, np.inf) for box in piece.tops]
        upright += [(box, SLAB_THICKNESS) for box in piece.slabs]
        for (centre_x, centre_y, length, width, top), thickness in upright:
            height = level + top
            if height > 1e-9:
                thick = min(height, thickness)
                centre = np.array([x + centre_x, centre_y, height - thick / 2])
                half = np.array([length, width, thick]) / 2
                boxes.append((centre, half, np.array([1.0, 0.0, 0.0, 0.0])))
        shift = np.array([x, 0.0, level])
        boxes += [(centre + shift, half, quat) for centre, half, quat in piece.tilted]
        x, level = x + piece.length, level + piece.rise
    centres, half_sizes, quaternions = (
        np.array([box[part] for box in boxes]).reshape(-1, width)
        for part, width in enumerate((3, 3, 4))
    )
    bounds = (begin, x, -LANE_WIDTH / 2, LANE_WIDTH / 2)
    return Terrain(name, size, centres, half_sizes, quaternions, bounds)


def _kind(name: str) -> Kind:
    if name not in KINDS:
        raise ConfigurationError(f"unknown terrain {name!r}; valid: {', '.join(KINDS)}")
    return KINDS[name]


def _resolve_size(name: str, kind: Kind, size: float | None, difficulty: float | None) -> float:
    if size is not None and difficulty is not None:
        raise ConfigurationError(f"terrain {name!r}: give a size or a difficulty, not both")
    if size is None:
        fraction = 0.5 if difficulty is None else difficulty
        if not 0.0 <= fraction <= 1.0:
            raise ConfigurationError(f"terrain {name!r}: difficulty {fraction} not in [0, 1]")
        return kind.easiest + fraction * (kind.hardest - kind.easiest)
    if not 0.0 <= size <= 1.0:
        raise ConfigurationError(f"terrain {name!r}: {kind.meaning} {size} m not in [0, 1]")
    return size


def _generator(name: str, seed: int, stream: Stream) -> np.random.Generator:
    if stream not in _STREAM_KEY:
        raise ConfigurationError(f"unknown stream {stream!r}; valid: {', '.join(_STREAM_KEY)}")
    key = (_STREAM_KEY[stream], *name.encode())
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
