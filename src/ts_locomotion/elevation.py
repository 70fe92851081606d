"""A layer of an elevation map as an array, in the layout of grid_map_msgs/GridMap.

Rows run along -x and columns along -y of the map's frame, so that cell (0, 0) of the unwrapped map
is the corner of largest x and y. The array is a circular buffer: `start` is the buffer index of
that corner. A height that is not finite is unknown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ts_locomotion.errors import InvalidInput
from ts_locomotion.robot import Array

COLUMN_MAJOR = ("column_index", "row_index")
ROW_MAJOR = ("row_index", "column_index")
# Share of a cell within which a position counts as on a cell's centre or edge: rounding must not
# make a neighbour matter.
SNAP = 1e-6

Indices = NDArray[np.intp]


class Layout(NamedTuple):
    """One layer as std_msgs/Float32MultiArray carries it."""

    data: NDArray[np.float32]
    sizes: Sequence[int]
    labels: Sequence[str] = COLUMN_MAJOR
    offset: int = 0

    @property
    def strides(self) -> tuple[int, int]:
        """Strides of the two dimensions."""
        return self.sizes[0] * self.sizes[1], self.sizes[1]


class Heights(NamedTuple):
    """Terrain heights at points of any shape."""

    heights: Array  # (...) [m], 0 where not valid
    valid: NDArray[np.bool_]  # (...)


@dataclass(frozen=True, eq=False)
class ElevationMap:
    """Heights [m] of square cells, shape (rows, columns), in the map's frame."""

    layer: NDArray[np.float32]
    """As stored, circular. Shape (rows, columns)."""
    resolution: float
    """Side of a cell [m]."""
    centre: tuple[float, float]
    """x and y of the middle of the map [m]."""
    start: tuple[int, int] = (0, 0)
    """Row and column of the buffer where the map begins."""

    def __post_init__(self) -> None:
        if self.layer.ndim != 2 or self.layer.size == 0:
            raise InvalidInput(
                f"elevation map has shape {self.layer.shape}, expected rows, columns"
            )
        if not (np.isfinite(self.resolution) and self.resolution > 0):
            raise InvalidInput(f"elevation map resolution is {self.resolution}, expected > 0")
        if not np.isfinite(self.centre).all():
            raise InvalidInput(f"elevation map centre {self.centre} is not finite")
        if not all(0 <= s < n for s, n in zip(self.start, self.layer.shape, strict=True)):
            raise InvalidInput(
                f"elevation map start index {self.start} outside shape {self.layer.shape}"
            )

    @property
    def lengths(self) -> tuple[float, float]:
        """Extent along x and y [m]."""
        rows, columns = self.layer.shape
        return rows * self.resolution, columns * self.resolution

    def unwrapped(self) -> NDArray[np.float32]:
        """The heights beginning at the corner of largest x and y. Shape (rows, columns)."""
        return np.roll(self.layer, (-self.start[0], -self.start[1]), axis=(0, 1))

    def positions(self, rows: Indices, columns: Indices) -> tuple[Array, Array]:
        """x and y of the centres of buffer cells [m]. Any shape."""
        axes = zip((rows, columns), self.centre, self.start, self.layer.shape, strict=True)
        x, y = (
            centre + self.resolution * ((n - 1) / 2 - (np.asarray(index) - start) % n)
            for index, centre, start, n in axes
        )
        return x, y

    def indices(self, x: Array, y: Array) -> tuple[Indices, Indices, NDArray[np.bool_]]:
        """Row and column in the buffer of the cells that contain positions, and which are inside.

        Any shape. Outside the map the indices are those of the nearest edge.
        """
        inside = np.True_
        found = []
        for place, n, start in zip(self._cells(x, y), self.layer.shape, self.start, strict=True):
            cell = np.floor(place + 0.5 + SNAP)
            inside = inside & (cell >= 0) & (cell < n)
            found.append((np.fmax(np.fmin(cell, n - 1), 0).astype(np.intp) + start) % n)
        return found[0], found[1], np.asarray(inside)

    def heights_at(self, x: Array, y: Array) -> Heights:
        """Heights at positions [m], bilinear between cell centres. Any shape.

        A height is valid when each cell that contributes to it is inside the map and known.
        """
        (row, row_weight, row_inside), (column, column_weight, column_inside) = (
            _corners(place, n, start)
            for place, n, start in zip(
                self._cells(x, y), self.layer.shape, self.start, strict=True
            )
        )
        weights = row_weight[:, None] * column_weight[None]  # (2, 2, ...)
        values = self.layer[row[:, None], column[None]]
        known, matters = np.isfinite(values), weights > 0
        heights = (np.where(known & matters, values, 0.0) * weights).sum(axis=(0, 1))
        valid = row_inside & column_inside & (known | ~matters).all(axis=(0, 1))
        return Heights(np.where(valid, heights, 0.0), valid)

    def layout(self) -> Layout:
        """The layer as a message carries it: column-major, circular as stored."""
        rows, columns = self.layer.shape
        data = self.layer.astype(np.float32, copy=False).ravel(order="F")
        return Layout(data, (columns, rows))

    def _cells(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Distance in cells, along -x and -y, from the centre of the first cell."""
        first_x, first_y = (
            centre + self.resolution * (n - 1) / 2
            for centre, n in zip(self.centre, self.layer.shape, strict=True)
        )
        return (first_x - np.asarray(x)) / self.resolution, (
            first_y - np.asarray(y)
        ) / self.resolution


def from_layout(
    layout: Layout,
    resolution: float,
    lengths: tuple[float, float],
    centre: tuple[float, float],
    start: tuple[int, int] = (0, 0),
) -> ElevationMap:
    """The map of one layer of a GridMap message; lengths along x and y [m].

    Raises InvalidInput when the layer does not have the size that the lengths ask for.
    """
    if tuple(layout.labels) not in (COLUMN_MAJOR, ROW_MAJOR):
        raise InvalidInput(
            f"elevation map dimensions are {list(layout.labels)},"
            f" expected {list(COLUMN_MAJOR)} or {list(ROW_MAJOR)}"
        )
    extent = np.array(lengths) / resolution if resolution > 0 else np.array([np.nan])
    if not (np.isfinite(extent).all() and min(lengths) > 0):
        raise InvalidInput(f"elevation map of {lengths} m in cells of {resolution} m")
    column_major = tuple(layout.labels) == COLUMN_MAJOR
    rows, columns = reversed(layout.sizes) if column_major else layout.sizes
    expected = tuple(int(cells) for cells in np.rint(extent))
    if (rows, columns) != expected:
        raise InvalidInput(f"elevation map has {rows} x {columns} cells, expected {expected}")
    data = np.asarray(layout.data, dtype=np.float32)
    if layout.offset < 0 or data.size != layout.offset + rows * columns:
        raise InvalidInput(
            f"elevation map has {data.size} values, expected {layout.offset + rows * columns}"
        )
    values = data[layout.offset :].reshape((rows, columns), order="F" if column_major else "C")
    return ElevationMap(values, resolution, centre, start)


def _corners(place: Array, n: int, start: int) -> tuple[Indices, Array, NDArray[np.bool_]]:
    """Along one axis: the two buffer indices around each place (2, ...), their weights, inside."""
    # fmin and fmax send a place that is not a number outside.
    bounded = np.fmax(np.fmin(place, n), -1.0)
    lower = np.floor(bounded + SNAP)
    share = bounded - lower
    share = np.where(share < SNAP, 0.0, share)
    inside = (lower >= 0) & (lower + (share > 0) < n)
    corners = np.stack([lower, lower + 1]).clip(0, n - 1).astype(np.intp) + start
    return np.where(corners >= n, corners - n, corners), np.stack([1 - share, share]), inside
