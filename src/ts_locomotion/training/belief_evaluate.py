"""How well a policy walks on each terrain under each perception.

A cell is a terrain, its height and a perception. Every policy of a table walks the same terrains
with the same robots: bundles through pipeline.py, the teacher, who is told the truth, in torch.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ts_locomotion.belief import Scans
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.robot import Array
from ts_locomotion.simulation import scene
from ts_locomotion.simulation.height_noise import PERCEPTIONS, HeightNoise, HeightNoiseConfig
from ts_locomotion.simulation.sighted_environment import true_scans, view
from ts_locomotion.simulation.terrain import HeightGrids
from ts_locomotion.training.course import Cell, Course, Trial
from ts_locomotion.training.walkers import Answer, Walker

STRIKE_FORCE = 40.0
"""A foot pushed backwards harder than this, and harder than upwards, has struck a riser [N]."""

TRIALS = (
    Trial("flat 0.6 m/s", time=10.0),
    Trial("rough 8 cm", "rough", 0.08, time=14.0),
    Trial("slope 0.35", "slope", 0.35, time=26.0),
    *(Trial(f"stairs up {h} cm", "stairs_up", h / 100, time=12.0) for h in (10, 15, 20, 25)),
    *(Trial(f"stairs down {h} cm", "stairs_down", h / 100, time=12.0) for h in (10, 15, 20, 25)),
    Trial("random stairs 15 cm", "stairs_random_up", 0.15, time=12.0),
    Trial("ledged stairs 15 cm", "stairs_ledged_up", 0.15, time=12.0),
    Trial("open stairs 15 cm", "stairs_open_up", 0.15, time=12.0),
    Trial("grid steps 15 cm", "grid_steps", 0.15, time=14.0),
    Trial("discrete rough 10 cm", "discrete_rough", 0.10, time=16.0),
    *(Trial(f"blocks {h} cm", "blocks", h / 100, time=18.0) for h in (15, 20)),
    *(Trial(f"gaps {h} cm", "gaps", h / 100, time=16.0) for h in (15, 25, 35)),
    *(Trial(f"planks {h} cm", "planks", h / 100, time=15.0) for h in (15, 20)),
    *(
        Trial(f"stepping stones {h} cm", "stepping_stones", h / 100, time=15.0)
        for h in (10, 15, 20)
    ),
)


class Perception(NamedTuple):
    """What lies between the ground and what a policy sees of it."""

    name: str
    noise: HeightNoiseConfig
    factor: float = 1.0
    """On the strengths that grow; see height_noise.Regime."""


REGIMES = tuple(Perception(name, noise) for name, noise in PERCEPTIONS.items())


class SeeingCell(NamedTuple):
    """Result of one policy on one terrain under one perception, over n robots."""

    policy: str
    terrain: str
    height_m: float
    regime: str
    n: int
    seeds: tuple[int, int]
    """First and last terrain seed, of the eval stream."""
    success: float
    ci: tuple[float, float]
    """Wilson's 95 % interval of the success."""
    survival: float
    velocity_error: float
    """Mean |v_x - commanded| over a gait period, of the robots that did not fall [m/s]."""
    torque: float
    """Root mean square [N m]."""
    foot_strikes: float
    """Per robot and trial: feet that struck a riser."""
    heights_seen_error: float
    """Root mean square error of the heights that were seen, missing ones left out [m]."""
    heights_believed_error: float
    """Root mean square error of all reconstructed heights [m]; nan without a decoder."""
    gate: float
    """Mean of the gate; nan without one."""


def evaluate(
    walker: Walker,
    trial: Trial,
    count: int,
    seed: int = 0,
    perceptions: Sequence[Perception] = REGIMES,
    options: scene.SceneOptions = scene.TRAINING,
) -> list[SeeingCell]:
    """One trial under each of the `perceptions`, all at once; `count` robots each.

    A policy that is blind, or told the truth, walks once. Raises ConfigurationError for no robots.
    """
    if count < 1:
        raise ConfigurationError(f"robots: {count} given, at least 1")
    looks = perceptions if walker.sight is None else (Perception("blank", PERCEPTIONS["blank"]),)
    course = Course(walker.contract, trial, count, seed, options, repeats=len(looks))
    heights = HeightGrids(course.terrains)
    eyes = _Eyes(course, heights, looks)
    tally = _Tally(course.count)
    walker.begin(course, heights)
    while course.runs():
        true, scans = true_scans(course.physics, heights), eyes.look()
        answer = walker.act(course.sense(), course.command(), scans)
        tally.add(course, true, scans, answer)
        course.advance(answer.targets, answer.action)
    return [
        tally.cell(course.result(walker.name, walker.sight or look.name, repeat), repeat)
        for repeat, look in enumerate(looks)
    ]


class _Eyes:
    """The perception of each repeat of a course."""

    def __init__(self, course: Course, heights: HeightGrids, looks: Sequence[Perception]) -> None:
        self._course, self._heights = course, heights
        self._rng = np.random.default_rng([course.seed, 78])
        self._noises = [self._noise(look) for look in looks]

    def look(self) -> Scans:
        """What all robots see now."""
        count, parts = self._course.terrain_count, []
        for repeat, noise in enumerate(self._noises):
            robots = slice(repeat * count, (repeat + 1) * count)
            seen = view(self._course.physics, self._heights, robots)
            parts.append(noise.look(seen, self._course.step_time, self._rng))
        return Scans(*(np.concatenate(part) for part in zip(*parts, strict=True)))

    def _noise(self, look: Perception) -> HeightNoise:
        noise = HeightNoise(look.noise, self._course.terrain_count)
        noise.factor = look.factor
        noise.begin(np.arange(self._course.terrain_count), self._rng)
        return noise


class _Tally:
    """Sums per robot while it walks: until it falls or arrives."""

    def __init__(self, count: int) -> None:
        self._steps, self._strikes = np.zeros(count), np.zeros(count)
        self._seen, self._seen_points = np.zeros(count), np.zeros(count)
        self._believed, self._gate = np.zeros(count), np.zeros(count)
        self._striking = np.zeros((count, 4), dtype=bool)
        self._has_heights = self._has_gate = False

    def add(self, course: Course, true: Array, scans: Scans, answer: Answer) -> None:
        """One control step."""
        walking = course.walking()
        self._steps += walking
        error = np.where(scans.valid, scans.heights - true, 0.0)
        self._seen += walking * np.square(error).sum(axis=1)
        self._seen_points += walking * scans.valid.sum(axis=1)
        self._has_heights, self._has_gate = bool(answer.heights.size), bool(answer.gate.size)
        if self._has_heights:
            self._believed += walking * np.square(answer.heights - true).mean(axis=1)
        if self._has_gate:
            self._gate += walking * answer.gate.mean(axis=1)
        striking = _strikes(course)
        self._strikes += walking * (striking & ~self._striking).sum(axis=1)
        self._striking = striking

    def cell(self, cell: Cell, repeat: int) -> SeeingCell:
        """The cell of one repeat."""
        chosen = slice(repeat * cell.n, (repeat + 1) * cell.n)
        steps = max(1.0, self._steps[chosen].sum())
        points = self._seen_points[chosen].sum()
        return SeeingCell(
            policy=cell.policy,
            terrain=cell.terrain,
            height_m=cell.height_m,
            regime=cell.regime,
            n=cell.n,
            seeds=cell.seeds,
            success=cell.success,
            ci=cell.ci,
            survival=cell.survival,
            velocity_error=cell.error_x,
            torque=cell.torque,
            foot_strikes=float(self._strikes[chosen].mean()),
            heights_seen_error=_root(self._seen[chosen].sum(), points),
            heights_believed_error=_root(self._believed[chosen].sum(), steps * self._has_heights),
            gate=float(self._gate[chosen].sum() / steps) if self._has_gate else float("nan"),
        )


def table(cells: Sequence[SeeingCell]) -> str:
    """The cells as text."""
    lines = [
        f"{'terrain':17}{'height':>7} {'policy':20}{'perception':13}{'n':>5}{'success':>9}"
        f"{'95 % interval':>16}{'survival':>10}{'err x':>7}{'torque':>8}{'strikes':>9}{'seen':>7}"
        f"{'believed':>10}{'gate':>6}"
    ]
    lines += [
        f"{c.terrain:17}{c.height_m:7.2f} {c.policy:20}{c.regime:13}{c.n:5}{c.success:9.3f}"
        f"{f'{c.ci[0]:.3f}..{c.ci[1]:.3f}':>16}{c.survival:10.3f}{c.velocity_error:7.3f}"
        f"{c.torque:8.2f}{c.foot_strikes:9.1f}{c.heights_seen_error:7.3f}"
        f"{c.heights_believed_error:10.3f}{c.gate:6.2f}"
        for c in cells
    ]
    return "\n".join(lines)


def summary(cells: Sequence[SeeingCell]) -> dict[str, dict[str, float]]:
    """The cells for contract.yaml."""
    return {
        f"{cell.terrain} {cell.height_m:g} m, {cell.regime}": {
            "n": cell.n,
            "success": cell.success,
            "survival": cell.survival,
            "error_x": cell.velocity_error,
        }
        for cell in cells
    }


def _strikes(course: Course) -> NDArray[np.bool_]:
    """Feet that something level pushes back. Shape (B, F)."""
    forces = course.physics.foot_forces
    backwards = np.linalg.norm(forces[..., :2], axis=-1)
    return (backwards > STRIKE_FORCE) & (backwards > 1.5 * np.abs(forces[..., 2]))


def _root(squares: float, count: float) -> float:
    return float(np.sqrt(squares / count)) if count else float("nan")
