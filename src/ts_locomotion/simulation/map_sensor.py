"""An elevation map as a robot has one: centred on it, late, noisy, drifting, with holes."""

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ts_locomotion.elevation import ElevationMap
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.robot import Array
from ts_locomotion.simulation.terrain import Terrain

HOLE_SIZE = 0.16
"""Side of the squares of which missing areas consist [m]."""


@dataclass(frozen=True)
class MapOptions:
    """How good the map is. All defects are zero by default."""

    resolution: float = 0.04
    """Side of a cell [m]."""
    length: float = 4.0
    """Side of the map [m]."""
    rate: float = 10.0
    """Maps per second [Hz]; 0 means no map at all."""
    noise: float = 0.0
    """Standard deviation of each cell of each map [m]."""
    delay: float = 0.0
    """From measurement to delivery [s]."""
    drift: float = 0.0
    """Random walk of the map against the odometry, along each axis, after one second [m]."""
    holes: float = 0.0
    """Share of the ground that is never seen, in patches."""
    cut_from: float = 0.0
    """No map reaches the robot from this x ..."""
    cut_to: float = 0.0
    """... to this [m]; nowhere, when it is not larger."""

    def __post_init__(self) -> None:
        if not 0.0 < self.resolution <= self.length:
            raise ConfigurationError(
                f"map resolution is {self.resolution} m, expected above 0 and at most the map's"
                f" length {self.length} m"
            )
        if not 0.0 <= self.holes <= 1.0:
            raise ConfigurationError(f"map holes are {self.holes}, expected from 0 to 1")
        for name in ("rate", "noise", "delay", "drift"):
            if not getattr(self, name) >= 0.0:
                raise ConfigurationError(f"map {name} is {getattr(self, name)}, expected >= 0")
        for name in ("cut_from", "cut_to"):
            if not np.isfinite(getattr(self, name)):
                raise ConfigurationError(f"map {name} is {getattr(self, name)}, expected a number")


class MeasuredMap(NamedTuple):
    """A map of the ground in the odometry frame."""

    tick: int
    """When it was measured [ms]."""
    map: ElevationMap


class MapSensor:
    """Measures the ground around the robot. Equal seeds and calls give equal maps."""

    def __init__(self, ground: Terrain, options: MapOptions, seed: int = 0):
        self._options = options
        self._cuts = (*ground.unmapped, (options.cut_from, options.cut_to))
        self._cells = max(1, round(options.length / options.resolution))
        self._period = max(1, round(1000 / options.rate)) if options.rate else 0
        self._seed = seed
        self._survey(ground)
        self.reset(0)

    def reset(self, tick: int) -> None:
        """Forget drift and maps under way; the next map is measured from `tick` [ms] on."""
        self._rng = np.random.default_rng(self._seed)
        self._drift = np.zeros(3)
        self._next = tick
        self._under_way: deque[MeasuredMap] = deque()

    def update(self, tick: int, position: Array) -> MeasuredMap | None:
        """The map that is delivered at `tick` [ms], if one is.

        To be called at every step, in order, with the base's true position (3,) [m].
        """
        if self._period and tick >= self._next:
            self._next += self._period
            self._under_way.append(self._measure(tick, position))
        if self._under_way and tick - self._under_way[0].tick >= 1e3 * self._options.delay:
            arriving = self._under_way.popleft()
            return None if self._is_cut(float(position[0])) else arriving
        return None

    def _is_cut(self, x: float) -> bool:
        """Whether what would arrive here is lost; noise and drift go on meanwhile."""
        return any(begin <= x < end for begin, end in self._cuts)

    def _measure(self, tick: int, position: Array) -> MeasuredMap:
        options, n = self._options, self._cells
        step = options.drift * np.sqrt(self._period * 1e-3)
        self._drift += self._rng.normal(0.0, 1.0, 3) * step
        cell = np.floor(np.asarray(position[:2]) / options.resolution + 0.5).astype(int)
        heights = self._window(cell)
        if options.noise:
            heights += self._rng.normal(0.0, options.noise, (n, n)).astype(np.float32)
        heights += np.float32(self._drift[2])
        start = (int(-cell[0] % n), int(-cell[1] % n))
        x, y = cell * options.resolution + self._drift[:2]
        layer = np.roll(heights, start, (0, 1))
        return MeasuredMap(
            tick, ElevationMap(layer, options.resolution, (float(x), float(y)), start)
        )

    def _survey(self, ground: Terrain) -> None:
        """Sample the built ground once, on the grid that all maps share; beyond it all is flat.

        Cell (0, 0) of the survey lies at the largest x and y, as in a grid map.
        """
        r = self._options.resolution
        x_min, x_max, y_min, y_max = ground.bounds
        # An even map has its centre between cells, so that its cells lie half a cell off.
        shift = 0.5 if self._cells % 2 == 0 else 0.0
        self._corner = np.ceil(np.array([x_max, y_max]) / r).astype(int) + 1
        last = np.floor(np.array([x_min, y_min]) / r).astype(int) - 1
        x = (np.arange(self._corner[0], last[0], -1) - shift) * r
        y = (np.arange(self._corner[1], last[1], -1) - shift) * r
        surveyed = ground.height(x[:, None], y[None, :])
        self._ground = np.where(self._unseen(surveyed.shape), np.nan, surveyed).astype(np.float32)

    def _unseen(self, shape: tuple[int, ...]) -> NDArray[np.bool_]:
        size = max(1, round(HOLE_SIZE / self._options.resolution))
        coarse = tuple(-(-length // size) for length in shape)
        missing = np.random.default_rng([self._seed, 1]).random(coarse) < self._options.holes
        return np.kron(missing, np.ones((size, size), bool))[: shape[0], : shape[1]]

    def _window(self, centre: Array) -> Array:
        """The n x n cells around a centre cell, unwrapped."""
        n = self._cells
        first = self._corner - (centre + n // 2)
        window = np.zeros((n, n), np.float32)
        low = np.maximum(first, 0)
        high = np.minimum(first + n, self._ground.shape)
        if (low < high).all():
            inside = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
            target = tuple(slice(a, b) for a, b in zip(low - first, high - first, strict=True))
            window[target] = self._ground[inside]
        return window
