"""Flights of eight steps up: closed, open, ledged, random; and any of them the other way round."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from ts_locomotion.robot import Array
from ts_locomotion.simulation.terrain_pieces import LANE_WIDTH, Piece, Upright

STEPS = 8
RUN = (0.26, 0.34)
"""Depths of treads, of which a flight has one [m]."""
RANDOM_RUN = (0.22, 0.40)
"""The same, one for each step of random stairs [m]."""
UNEVENNESS = 0.3
"""Largest share by which a riser of random stairs differs from the mean."""
NOSING = (0.03, 0.06)
"""How far ledged treads reach out over the step below [m]."""

Builder = Callable[[np.random.Generator, float], Piece]


def stairs(rng: np.random.Generator, size: float, steps: int = STEPS) -> Piece:
    """Steps of height `size`, upwards when positive."""
    tread = rng.uniform(*RUN)
    tops = [
        ((step + 0.5) * tread, 0.0, tread, LANE_WIDTH, (step + 1) * size) for step in range(steps)
    ]
    return Piece(tops, steps * tread, steps * size)


def stairs_down(rng: np.random.Generator, size: float, steps: int = STEPS) -> Piece:
    """The same, downwards."""
    return stairs(rng, -size, steps)


def open_stairs(rng: np.random.Generator, size: float) -> Piece:
    """Treads without risers: a foot that comes too low slips in below the tread."""
    closed = stairs(rng, size)
    return Piece([], closed.length, closed.rise, slabs=tuple(closed.tops))


def ledged_stairs(rng: np.random.Generator, size: float) -> Piece:
    """Each tread reaches out over the riser: a toe that climbs along the riser gets caught."""
    closed, nosing = stairs(rng, size), rng.uniform(*NOSING)
    ledges = tuple(
        (x - length / 2 - nosing / 2, y, nosing, width, top)
        for x, y, length, width, top in closed.tops
    )
    return closed._replace(slabs=ledges)


def random_stairs(rng: np.random.Generator, size: float) -> Piece:
    """No two steps alike: treads of 0.22 to 0.40 m, risers of `size` on average, +- 30 %."""
    edges = np.cumsum(np.concatenate([[0.0], rng.uniform(*RANDOM_RUN, STEPS)]))
    levels = np.cumsum(size * _shares(rng))
    tops = [
        ((begin + end) / 2, 0.0, end - begin, LANE_WIDTH, level)
        for (begin, end), level in zip(pairwise(edges), levels, strict=True)
    ]
    return Piece(tops, edges[-1], STEPS * size)


def downwards(build: Builder) -> Builder:
    """What a flight is to those who come from its top."""

    def reversed_flight(rng: np.random.Generator, size: float) -> Piece:
        flight = build(rng, size)

        def turned(box: Upright) -> Upright:
            x, y, length, width, top = box
            return flight.length - x, y, length, width, top - flight.rise

        return Piece(
            [turned(box) for box in flight.tops],
            flight.length,
            -flight.rise,
            slabs=tuple(turned(box) for box in flight.slabs),
        )

    return reversed_flight


def _shares(rng: np.random.Generator) -> Array:
    """Heights of the steps over their mean: each has its opposite, so that the mean is one."""
    more = rng.uniform(-UNEVENNESS, UNEVENNESS, STEPS // 2)
    return 1.0 + rng.permutation(np.concatenate([more, -more]))
