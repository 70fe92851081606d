"""Which terrain each environment trains on: kinds are fixed and interleaved, levels are earned."""

# mujoco ships no type stubs.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

from ts_locomotion.errors import ConfigurationError
from ts_locomotion.robot import Array
from ts_locomotion.simulation import physics, randomization, scene, terrain
from ts_locomotion.simulation.randomization import Domain
from ts_locomotion.simulation.terrain import Terrain

Indices = NDArray[np.integer]
LANES = tuple(kind for kind in terrain.KINDS if kind not in ("flat", "rough"))
"""Terrains walked along +x; on the others any command may be given."""


@dataclass(frozen=True)
class Ground:
    """One kind of terrain in the curriculum."""

    kind: str
    share: int = 1
    """Environments of this kind, relative to those of the others."""
    variants: int = 2
    """Models per level, each with its own terrain seed and robot."""
    easiest: float = 0.0
    hardest: float = 0.0
    """Size of the terrain [m] at the first and the last level; see terrain.KINDS."""
    least_depth: float = 0.0
    """Of its holes [m]."""

    def __post_init__(self) -> None:
        if self.kind not in terrain.KINDS:
            valid = ", ".join(terrain.KINDS)
            raise ConfigurationError(f"grounds: kind {self.kind!r} given, valid: {valid}")
        for size in (self.easiest, self.hardest):
            if not 0.0 <= size <= 1.0:
                raise ConfigurationError(
                    f"grounds: {self.kind} of {size} m given, expected from 0 to 1"
                )


class Cell(NamedTuple):
    """One model of the bank."""

    ground: int
    level: int
    terrain: Terrain
    variation: physics.Variation
    model: mujoco.MjModel


class Bank:
    """Every (kind, level, variant) as a compiled model with a robot of its own."""

    def __init__(
        self,
        grounds: Sequence[Ground],
        levels: int,
        domain: Domain,
        options: scene.SceneOptions,
        seed: int,
    ) -> None:
        if not grounds or levels < 1:
            raise ConfigurationError(f"need a terrain and a level, given {grounds}, {levels}")
        self.grounds, self.levels = tuple(grounds), levels
        rng = np.random.default_rng(seed)
        self.cells = [
            self._cell(number, level, variant, domain, options, rng)
            for number, ground in enumerate(grounds)
            for level in range(levels if ground.hardest > 0 else 1)
            for variant in range(ground.variants)
        ]
        self._numbers = np.array([(cell.ground, cell.level) for cell in self.cells])
        self.on_lane = np.array([ground.kind in LANES for ground in grounds])
        self.unbounded = np.array([ground.kind == "flat" for ground in grounds])
        self.bounds = np.array([cell.terrain.bounds for cell in self.cells])
        told = [randomization.privileged(cell.variation) for cell in self.cells]
        self.privileged = {name: np.stack([robot[name] for robot in told]) for name in told[0]}
        self.heights = terrain.HeightGrids([cell.terrain for cell in self.cells])

    def pick(self, ground: int, level: int, rng: np.random.Generator) -> int:
        """A random model of the bank for a kind at a level."""
        level = level if self.grounds[ground].hardest > 0 else 0
        return int(rng.choice(np.flatnonzero((self._numbers == (ground, level)).all(axis=1))))

    def _cell(
        self,
        number: int,
        level: int,
        variant: int,
        domain: Domain,
        options: scene.SceneOptions,
        rng: np.random.Generator,
    ) -> Cell:
        ground = self.grounds[number]
        fraction = level / max(1, self.levels - 1)
        size = ground.easiest + fraction * (ground.hardest - ground.easiest)
        seed = int(rng.integers(2**31))
        place = terrain.make(
            ground.kind, size, seed=seed, stream="train", least_depth=ground.least_depth
        )
        variation = randomization.draw(domain, rng)
        model = scene.compile_scene(place, options)
        physics.vary(model, variation)
        return Cell(number, level, place, variation, model)


def interleave(grounds: Sequence[Ground], count: int) -> Indices:
    """Kind of each of `count` environments: every run of them holds each kind by its share."""
    shares = np.array([ground.share for ground in grounds], dtype=float)
    chosen = np.zeros(count, dtype=np.int64)
    owed = np.zeros(len(shares))
    for environment in range(count):
        owed += shares / shares.sum()
        chosen[environment] = owed.argmax()
        owed[chosen[environment]] -= 1.0
    return chosen


class Outcome(NamedTuple):
    """How episodes ended, n of them."""

    robots: Indices
    level: Indices
    fell: NDArray[np.bool_]
    walked: Array
    """Distance covered in the commanded direction [m]."""
    asked: Array
    """Distance asked for by the commands [m]."""
    finished: NDArray[np.bool_]
    """Whether the end of the lane was reached."""


def next_levels(outcome: Outcome, levels: int, rng: np.random.Generator) -> Indices:
    """Levels (n,) for the next episodes: up for a course done, down for a fall or a stall.

    Who masters the last level continues at a random one, so that nothing is forgotten.
    """
    well = ~outcome.fell & (outcome.walked > 0.75 * outcome.asked) & (outcome.asked > 1.0)
    badly = (outcome.fell & ~outcome.finished) | (outcome.walked < 0.4 * outcome.asked)
    climbs = well | outcome.finished
    level = outcome.level + climbs.astype(int) - (badly & ~climbs).astype(int)
    anywhere = rng.integers(0, levels, len(level))
    return np.where(level >= levels, anywhere, np.maximum(level, 0))


Promotion = Callable[[Outcome, int, np.random.Generator], Indices]
"""Levels (n,) for the next episodes, from how the last ones ended and the number of levels."""


def anywhere_up_to(highest: Indices) -> Promotion:
    """Any level up to the `highest` (B,) of each robot, however its episode ended.

    For who learns from a teacher: what it cannot do yet, it is to see all the more. The harder of
    two draws counts, for there is little to learn on easy ground.
    """

    def draw(outcome: Outcome, levels: int, rng: np.random.Generator) -> Indices:
        reached = np.minimum(highest[outcome.robots], levels - 1)
        return rng.integers(0, reached + 1, (2, len(reached))).max(axis=0)

    return draw
