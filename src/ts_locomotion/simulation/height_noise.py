"""What goes wrong between the ground and the foot scans of a robot.

Noise after Miki et al. 2022 (supplement S8): three regimes with terms per point, per foot and per
episode, outliers, and a change of regime in mid-episode, with which the terms of an episode are
drawn anew. Beyond the paper: drift, patches that the
map does not know, maps that are renewed late or never again, no map at all, and blackouts that
last until the episode ends.

A map stays where it was made while the feet walk on, as perception.py reads it: an old one is as
good as a new one up to its border, but for what the odometry has drifted since. It knows one
height per cell: all points over an edge are off by the same, and stay so. Offsets and drift are
errors of the map and last; those of points and feet are of the reading, and new each time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ts_locomotion import perception
from ts_locomotion.belief import MAP_AGE_CEILING, Scans
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.robot import Array
from ts_locomotion.simulation.map_sensor import MapOptions
from ts_locomotion.simulation.ranges import check_order

Robots = NDArray[np.integer]


class View(NamedTuple):
    """The true ground around the feet of B robots at one moment."""

    base: Array  # (B, 2) x and y of the base in the world [m]
    x: Array  # (B, F, P) of the scan points in the world [m]
    y: Array
    scans: Callable[[Array, Array], Array]
    """Heights (B, F, P) at the points displaced by x and y [m], which broadcast to that shape."""


@dataclass(frozen=True)
class Regime:
    """Standard deviations [m] of one kind of noise."""

    share: float
    """Probability of the regime."""
    point_xy: float = 0.004
    point_z: float = 0.005
    foot_xy: float = 0.01
    foot_z: float = 0.02
    outlier: float = 0.03
    outlier_share: float = 0.02
    """Probability that a point is an outlier."""
    episode_xy: float = 0.05
    episode_z: float = 0.05
    episode_share: float = 0.05
    """Probability that a foot has an offset that lasts."""
    grows: bool = False
    """Whether all but the per-point displacement is multiplied by the factor of the curriculum."""


@dataclass(frozen=True)
class Sight:
    """Probabilities of what the map itself lacks."""

    whole: float = 0.75
    patchy: float = 0.09
    late: float = 0.05
    frozen: float = 0.03
    blank: float = 0.08


@dataclass(frozen=True)
class HeightNoiseConfig:
    """Everything between the ground and the foot scans."""

    regimes: tuple[Regime, ...] = field(default_factory=lambda: GO2)
    sight: Sight = field(default_factory=Sight)
    change_interval: tuple[float, float] = (2.0, 8.0)
    """Time between two draws of regime and sight [s]."""
    drift: float = 0.01
    """Standard deviation of the speed at which lasting offsets grow [m/s]."""
    late_time: tuple[float, float] = (0.1, 1.0)
    """Time between two maps when they are late [s]."""
    map_period: float = 0.0
    """Time between two maps when all is well [s]."""
    cell: float = MapOptions.resolution
    """Side of a cell of the map [m]; 0 for a map without cells."""
    map_length: float = MapOptions.length
    """Side of the square around the robot that a map covers [m]."""
    lost_share: tuple[float, float] = (0.0, 0.4)
    """Share of points lost at random in a patchy map, beside a whole side of it."""
    side: tuple[float, float] = (-0.2, 0.4)
    """Where the missing side of a patchy map begins, from below the foot [m]."""
    blackout_share: float = 0.15
    """Share of the episodes in which the map is lost for good."""
    blackout_time: tuple[float, float] = (0.0, 8.0)
    """When that happens [s]."""
    blackout_blind: float = 0.5
    """Share of the blackouts that leave nothing; the others leave what was seen last."""

    def __post_init__(self) -> None:
        drawn = ("change_interval", "late_time", "lost_share", "side", "blackout_time")
        check_order(self, "height_noise.", *drawn)


# The printed vectors of the paper can be read in two ways (facts/methods.md 5.7); it names them
# variances, but only standard deviations make sense. Both for a robot twice the size of a Go2.
READING_A = (
    Regime(0.6, 0.004, 0.005, 0.01, 0.04, 0.03, 0.05, 0.1, 0.1, 1.0),
    Regime(0.3, 0.004, 0.005, 0.01, 0.1, 0.1, 0.02, 0.1, 0.1, 1.0, grows=True),
    Regime(0.1, 0.004, 0.1, 0.1, 0.3, 0.3, 0.3, 0.1, 0.1, 1.0, grows=True),
)
READING_B = (
    Regime(0.6, 0.004, 0.005, 0.01, 0.04, 0.03, 0.02, 0.1, 0.1, 0.05),
    Regime(0.3, 0.004, 0.005, 0.01, 0.1, 0.1, 0.02, 0.1, 0.1, 0.02, grows=True),
    Regime(0.1, 0.004, 0.1, 0.1, 0.3, 0.3, 0.05, 0.1, 0.1, 0.3, grows=True),
)
NOMINAL = Regime(0.7)
OFFSET = Regime(0.2, foot_z=0.04, outlier=0.05, episode_z=0.07, episode_share=1.0, grows=True)
NOISY = Regime(0.1, 0.004, 0.05, 0.05, 0.15, 0.15, 0.15, 0.05, 0.05, episode_share=0.3, grows=True)
GO2 = (NOMINAL, OFFSET, NOISY)
"""Reading b with lengths halved, but for `offset`, which gives every foot a lasting offset, and so
comes less often."""


class HeightNoise:
    """The noise on the scans of B robots. All that is random comes from the generator given."""

    def __init__(self, config: HeightNoiseConfig, count: int) -> None:
        self.config, self.factor = config, 1.0
        self._regime_shares = _shares("regimes", [regime.share for regime in config.regimes])
        sight = config.sight
        self._sight_shares = _shares(
            "sight", [sight.whole, sight.patchy, sight.late, sight.frozen, sight.blank]
        )
        rows = [[getattr(regime, name) for name in _STRENGTHS] for regime in config.regimes]
        self._strengths = np.array(rows, dtype=np.float32)
        self._grows = np.array([regime.grows for regime in config.regimes])
        shape = (count, 4, sum(perception.SCAN_POINTS))
        self.regime = np.zeros(count, dtype=np.int64)
        self.change_time = np.zeros(count)
        self.blackout_time = np.full(count, np.inf)
        self.offset = np.zeros((count, 4, 3), dtype=np.float32)
        self.drift = np.zeros((count, 4, 3), dtype=np.float32)
        self.hold = np.zeros(count)
        self.age = np.zeros(count)
        self.centre = np.zeros((count, 2))
        self.corner = np.zeros((count, 2), dtype=np.float32)
        self.blank = np.zeros(count, dtype=bool)
        self.lost = np.zeros(shape, dtype=bool)
        self.covered = np.zeros(shape, dtype=bool)
        self.heights = np.zeros(shape, dtype=np.float32)

    def begin(self, robots: Robots, rng: np.random.Generator) -> None:
        """New episodes for robots (n,): new regimes, new offsets, no map yet."""
        config, number = self.config, len(robots)
        self.age[robots] = np.inf
        self.corner[robots] = rng.uniform(0.0, config.cell, (number, 2))
        self._change(robots, rng)
        happens = rng.random(number) < config.blackout_share
        when = rng.uniform(*config.blackout_time, number)
        self.blackout_time[robots] = np.where(happens, when, np.inf)

    def look(self, view: View, step_time: float, rng: np.random.Generator) -> Scans:
        """What all robots see after a control step."""
        self.advance(view, step_time, rng)
        self.heights = self._read(view, rng)
        return self.scans()

    def advance(self, view: View, step_time: float, rng: np.random.Generator) -> None:
        """A control step of the maps alone, of which nothing is read."""
        self.change_time -= step_time
        due = np.flatnonzero(self.change_time <= 0.0)
        if len(due):
            self._change(due, rng)
        self.blackout_time -= step_time
        gone = np.flatnonzero(self.blackout_time <= 0.0)
        if len(gone):
            self._black_out(gone, rng)
        self.offset += self.drift * np.float32(step_time)
        self.age += step_time
        renewed = self.age >= self.hold
        self.age[renewed] = 0.0
        self.centre[renewed] = view.base[renewed]
        centre_x, centre_y = self.centre.T[..., None, None]
        reach = self.config.map_length / 2
        self.covered = (abs(view.x - centre_x) <= reach) & (abs(view.y - centre_y) <= reach)

    def scans(self) -> Scans:
        """What all robots saw last."""
        count = len(self.age)
        age = np.where(self.blank & np.isinf(self.hold), MAP_AGE_CEILING, self.age)
        valid = self.covered & ~(self.lost | self.blank[:, None, None])
        return Scans(self.heights.reshape(count, -1), valid.reshape(count, -1), age)

    def told(self, view: View, true: Array) -> Array:
        """What the maps say, but for the errors of reading them, else the truth (B, F * P).

        Else: where nothing is known, and under a regime that grows. A robot may find out there
        that its map is wrong; of a map that is good but off by little, it cannot know.
        """
        offset = self.offset[..., None]
        says = self._at(view, offset[:, :, 0], offset[:, :, 1]) + offset[:, :, 2]
        good = self.scans().valid & ~self._grows[self.regime][:, None]
        return np.where(good, says.reshape(true.shape), true).astype(np.float32)

    def state(self) -> dict[str, Array]:
        """Everything that changes, as arrays."""
        return {name: np.array(getattr(self, name)) for name in _CHANGING}

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from the `state()` of an equal noise."""
        for name in _CHANGING:
            setattr(self, name, np.array(state[name]))
        self.factor = float(self.factor)

    def _read(self, view: View, rng: np.random.Generator) -> Array:
        """The maps below the feet, wherever these are now. Shape (B, F, P)."""
        shape = self.heights.shape
        strengths = self._current().T[..., None, None]  # one (B, 1, 1) per strength
        point_xy, point_z, foot_xy, foot_z, outlier, outlier_share = strengths[:6]
        x, y, z = rng.standard_normal((3, *shape), dtype=np.float32)
        foot = rng.standard_normal((3, *shape[:2], 1), dtype=np.float32)
        offset = self.offset[..., None]
        heights = self._at(
            view,
            point_xy * x + foot_xy * foot[0] + offset[:, :, 0],
            point_xy * y + foot_xy * foot[1] + offset[:, :, 1],
        )
        heights = heights + point_z * z + foot_z * foot[2] + offset[:, :, 2]
        is_outlier = rng.random(shape, dtype=np.float32) < outlier_share
        # x is used once more: where a point lies and how far it is off are not told apart.
        return (heights + is_outlier * outlier * x).astype(np.float32)

    def _at(self, view: View, x: Array, y: Array) -> Array:
        """Heights of the cells (B, F, P) where the points displaced by x and y lie."""
        cell = np.float32(self.config.cell)
        if not cell:
            return view.scans(x, y)
        corner_x, corner_y = self.corner.T[..., None, None]
        # The operator // of numpy takes ten times as long.
        column = np.floor((view.x + x - corner_x) / cell)
        row = np.floor((view.y + y - corner_y) / cell)
        half = np.float32(0.5)
        return view.scans(
            (column + half) * cell + corner_x - view.x, (row + half) * cell + corner_y - view.y
        )

    def _current(self) -> Array:
        """Strengths of the robots' regimes under the curriculum. Shape (B, strengths)."""
        strengths = self._strengths[self.regime].copy()
        strengths[self._grows[self.regime], 1:8] *= np.float32(self.factor)
        return strengths

    def _change(self, robots: Robots, rng: np.random.Generator) -> None:
        """Draw regime, offsets and sight of robots (n,) anew."""
        config, number = self.config, len(robots)
        self.regime[robots] = rng.choice(len(config.regimes), number, p=self._regime_shares)
        self.change_time[robots] = rng.uniform(*config.change_interval, number)
        strengths = self._current()[robots]
        lasts = rng.random((number, 4, 1)) < strengths[:, 8, None, None]
        scale = strengths[:, [6, 6, 7]][:, None]
        self.offset[robots] = lasts * scale * rng.standard_normal((number, 4, 3))
        drift = config.drift * self.factor
        self.drift[robots] = drift * rng.standard_normal((number, 1, 3))
        self._change_sight(robots, rng)

    def _change_sight(self, robots: Robots, rng: np.random.Generator) -> None:
        config, number = self.config, len(robots)
        kind = rng.choice(5, number, p=self._sight_shares)
        patchy, late, frozen, blank = (kind == index for index in range(1, 5))
        self.lost[robots] = patchy[:, None, None] & self._patches(number, rng)
        self.blank[robots] = blank
        # Half of the blank maps are there but know nothing; the others are absent.
        absent = blank & (rng.random(number) < 0.5)
        hold = np.where(late, rng.uniform(*config.late_time, number), config.map_period)
        self.hold[robots] = np.where(frozen | absent, np.inf, hold)

    def _black_out(self, robots: Robots, rng: np.random.Generator) -> None:
        """Robots (n,) get no map any more, until their next episode."""
        self.blank[robots] = rng.random(len(robots)) < self.config.blackout_blind
        self.hold[robots] = self.change_time[robots] = self.blackout_time[robots] = np.inf

    def _patches(self, number: int, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Points that n patchy maps lack: one side of all feet and some at random. (n, F, P)"""
        config, shape = self.config, self.heights.shape[1:]
        angle = rng.uniform(-np.pi, np.pi, number)
        towards = np.stack([np.cos(angle), np.sin(angle)])
        side = perception.scan_offsets() @ towards > rng.uniform(*config.side, number)  # (P, n)
        share = rng.uniform(*config.lost_share, (number, 1, 1))
        return side.T[:, None] | (rng.random((number, *shape)) < share)


_STRENGTHS = (
    *("point_xy", "point_z", "foot_xy", "foot_z", "outlier", "outlier_share"),
    *("episode_xy", "episode_z", "episode_share"),
)
_CHANGING = (
    *("regime", "change_time", "blackout_time", "offset", "drift", "hold", "age"),
    *("centre", "corner", "blank", "lost", "covered", "heights", "factor"),
)


def _shares(name: str, weights: list[float]) -> Array:
    shares = np.array(weights)
    if not len(shares) or (shares < 0.0).any() or shares.sum() <= 0.0:
        raise ConfigurationError(
            f"height_noise.{name}: probabilities {weights} given, expected some above 0"
        )
    return shares / shares.sum()


_CLEAR = Regime(1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
_WHOLE = Sight(1.0, 0.0, 0.0, 0.0, 0.0)


def _only(regime: Regime, sight: Sight = _WHOLE, drift: float = 0.0) -> HeightNoiseConfig:
    regimes = (replace(regime, share=1.0),)
    return HeightNoiseConfig(regimes, sight, (2.0, 8.0), drift, blackout_share=0.0)


PERCEPTIONS: Mapping[str, HeightNoiseConfig] = {
    "clean": _only(_CLEAR),
    "nominal": _only(NOMINAL),
    "drifting": _only(NOMINAL, drift=0.01),
    "offset": _only(OFFSET),
    "noisy": _only(NOISY),
    "delayed": replace(_only(NOMINAL, Sight(0, 0, 1, 0, 0), drift=0.01), late_time=(0.3, 0.3)),
    "frozen": replace(
        _only(NOMINAL, Sight(0, 0, 0, 1, 0), drift=0.01), change_interval=(1e9, 1e9)
    ),
    "half-missing": replace(
        _only(NOMINAL, Sight(0, 1, 0, 0, 0)), side=(0.0, 0.0), lost_share=(0.0, 0.0)
    ),
    "blank": _only(_CLEAR, Sight(0, 0, 0, 0, 1)),
    # At 0.6 m/s the obstacles of a lane begin after 1.7 s and are behind after 6 to 8 s.
    "killed": replace(
        _only(NOMINAL, drift=0.01),
        blackout_share=1.0,
        blackout_time=(2.5, 6.0),
        blackout_blind=1.0,
    ),
}
"""The perceptions under which a policy is judged, each pure and at full strength.

Nominal, offset and noisy are the three regimes, as of the paper, which knows no drift. Drifting,
delayed, frozen and killed are nominal on a map that drifts besides: 1 cm/s along each axis, anew
every 2 to 8 s; a frozen one all the way.
"""
