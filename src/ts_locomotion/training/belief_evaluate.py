"""How well a seeing bundle walks on each terrain under each perception, beside others.

A cell is a terrain, its height and a perception. Every policy of a table walks the same terrains
with the same robots: bundles through pipeline.py, the teacher, who is told the truth, in torch.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from tensordict import TensorDict

from ts_locomotion import action, gait, observation
from ts_locomotion.belief import Scans
from ts_locomotion.bundle import Bundle
from ts_locomotion.contract import Contract
from ts_locomotion.observation import Proprioception
from ts_locomotion.pipeline import Pipeline
from ts_locomotion.robot import Array
from ts_locomotion.simulation import measurement, scene
from ts_locomotion.simulation.height_noise import PERCEPTIONS, HeightNoise
from ts_locomotion.simulation.sighted_environment import privileged, scanner
from ts_locomotion.simulation.terrain import HeightGrids
from ts_locomotion.training.belief_networks import BeliefTeacher
from ts_locomotion.training.course import Cell, Course, Trial

STRIKE_FORCE = 40.0
"""A foot pushed backwards harder than this, and harder than upwards, has struck a riser [N]."""

TRIALS = (
    Trial("flat 0.6 m/s", time=10.0),
    Trial("rough 8 cm", "rough", 0.08, time=14.0),
    Trial("slope 0.35", "slope", 0.35, time=26.0),
    *(Trial(f"stairs up {h} cm", "stairs_up", h / 100, time=12.0) for h in (10, 15, 20, 25)),
    *(Trial(f"stairs down {h} cm", "stairs_down", h / 100, time=12.0) for h in (10, 15, 20, 25)),
    *(Trial(f"blocks {h} cm", "blocks", h / 100, time=16.0) for h in (15, 20)),
    *(Trial(f"gaps {h} cm", "gaps", h / 100, time=16.0) for h in (15, 25, 35)),
    *(
        Trial(f"stepping stones {h} cm", "stepping_stones", h / 100, time=15.0)
        for h in (10, 15, 20)
    ),
)


class SeeingCell(NamedTuple):
    """Result of one policy on one terrain under one perception, over n robots."""

    policy: str
    terrain: str
    height_m: float
    regime: str
    n: int
    seeds: tuple[int, int]
    success: float
    ci: tuple[float, float]
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


class Answer(NamedTuple):
    """What a policy does in one control step, and what it believes."""

    targets: Array  # (B, J) [rad]
    action: Array  # (B, J)
    heights: Array  # (B, F * P) reconstructed [m], or (B, 0)
    gate: Array  # (B, G), or (B, 0)


class Walker(Protocol):
    """A policy under test."""

    name: str
    contract: Contract
    told: bool
    """Whether it is told the truth: perceptions make no difference then."""
    sees: bool

    def begin(self, course: Course, heights: HeightGrids) -> None:
        """Forget everything; the robots of `course` stand where they start."""
        ...

    def act(self, sensed: Proprioception, command: Array, scans: Scans) -> Answer:
        """One control step of all robots."""
        ...


class BundleWalker:
    """A bundle as the nodes run it."""

    told = False

    def __init__(self, bundle: Bundle) -> None:
        self.name, self.contract = bundle.contract.name, bundle.contract
        self.sees = bundle.contract.exteroception
        self._pipeline = Pipeline(bundle)

    def begin(self, course: Course, heights: HeightGrids) -> None:
        """Forget everything."""
        del heights
        self._state = self._pipeline.initial_state(course.count)

    def act(self, sensed: Proprioception, command: Array, scans: Scans) -> Answer:
        """One control step of all robots."""
        output, self._state = self._pipeline.step(
            self._state, sensed, command, scans if self.sees else None
        )
        believed = output.believed.output
        return Answer(
            output.policy.positions, output.policy.action, believed.heights, believed.gate
        )


class TeacherWalker:
    """The teacher, told the true ground and the privileged state."""

    told = sees = True

    def __init__(self, name: str, teacher: BeliefTeacher, contract: Contract) -> None:
        self.name, self.contract, self._teacher = name, contract, teacher

    def begin(self, course: Course, heights: HeightGrids) -> None:
        """Forget everything."""
        self._course, self._heights = course, heights
        count = course.count
        friction = [variation.foot_friction - 0.8 for variation in course.variations]
        self._friction = np.array(friction)[course.physics.assignment, None]
        self._air_time = np.zeros((count, 4))
        self._phase, self._action = np.zeros(count), np.zeros((count, 12))

    def act(self, sensed: Proprioception, command: Array, scans: Scans) -> Answer:
        """One control step of all robots."""
        del scans
        observed = self._observe(sensed, command)
        with torch.no_grad():
            raw = self._teacher(observed).numpy()
        self._action = np.clip(raw, -self.contract.action_clip, self.contract.action_clip)
        self._phase = gait.advance(
            self._phase,
            gait.is_moving(command),
            self.contract.gait.frequency_hz,
            self.contract.step_time,
        )
        none = np.empty((len(raw), 0))
        return Answer(action.joint_targets(self.contract, raw), raw, none, none)

    def _observe(self, sensed: Proprioception, command: Array) -> TensorDict:
        physics = self._course.physics
        body = measurement.measure(physics, self._heights, np.arange(physics.count))
        air_time = self._air_time + self.contract.step_time
        self._air_time = np.where(body.contacts, 0.0, air_time)
        clock = gait.clock(self._phase, gait.is_moving(command))
        groups = {
            "policy": observation.observe(
                self.contract.policy_observation, sensed, command, self._action, clock
            ),
            "scans": _true_scans(self._course, self._heights),
            "privileged": privileged(physics, body, self._friction, self._air_time),
        }
        tensors = {name: torch.from_numpy(array) for name, array in groups.items()}
        return TensorDict(tensors, batch_size=[physics.count])


def evaluate(
    walker: Walker,
    trial: Trial,
    count: int,
    seed: int = 0,
    regimes: Sequence[str] = tuple(PERCEPTIONS),
    options: scene.SceneOptions = scene.TRAINING,
) -> list[SeeingCell]:
    """One trial under each of the `regimes`, all at once; `count` robots each."""
    names = tuple(regimes) if walker.sees and not walker.told else ("none",)
    course = Course(walker.contract, trial, count, seed, options, repeats=len(names))
    heights = HeightGrids(course.terrains)
    eyes = _Eyes(course, heights, names)
    tally = _Tally(course.count)
    walker.begin(course, heights)
    while course.runs():
        true, scans = _true_scans(course, heights), eyes.look()
        answer = walker.act(course.sense(), course.command(), scans)
        tally.add(course, true, scans, answer)
        course.advance(answer.targets, answer.action)
    told = {"none": "told the truth" if walker.told else "blind"}
    return [
        tally.cell(course.result(walker.name, repeat), told.get(name, name), repeat)
        for repeat, name in enumerate(names)
    ]


class _Eyes:
    """The perception of each repeat of a course."""

    def __init__(self, course: Course, heights: HeightGrids, regimes: Sequence[str]) -> None:
        self._course, self._heights = course, heights
        count, self._rng = course.terrain_count, np.random.default_rng([course.seed, 78])
        configs = [PERCEPTIONS.get(name, PERCEPTIONS["blank"]) for name in regimes]
        self._noises = [HeightNoise(config, count) for config in configs]
        for noise in self._noises:
            noise.begin(np.arange(count), self._rng)

    def look(self) -> Scans:
        """What all robots see now."""
        count, parts = self._course.terrain_count, []
        for repeat, noise in enumerate(self._noises):
            robots = slice(repeat * count, (repeat + 1) * count)
            sample = scanner(self._course.physics, self._heights, robots)
            parts.append(noise.look(sample, self._course.step_time, self._rng))
        return Scans(*(np.concatenate(part) for part in zip(*parts, strict=True)))


class _Tally:
    """Sums per robot while it walks: until it falls or arrives."""

    def __init__(self, count: int) -> None:
        self._steps, self._strikes = np.zeros(count), np.zeros(count)
        self._seen, self._seen_points = np.zeros(count), np.zeros(count)
        self._believed, self._gate = np.zeros(count), np.zeros(count)
        self._striking = np.zeros((count, 4), dtype=bool)

    def add(self, course: Course, true: Array, scans: Scans, answer: Answer) -> None:
        """One control step."""
        walking = ~(course.fell | course.arrived)
        self._steps += walking
        error = np.where(scans.valid, scans.heights - true, 0.0)
        self._seen += walking * np.square(error).sum(axis=1)
        self._seen_points += walking * scans.valid.sum(axis=1)
        if answer.heights.size:
            self._believed += walking * np.square(answer.heights - true).mean(axis=1)
        if answer.gate.size:
            self._gate += walking * answer.gate.mean(axis=1)
        striking = _strikes(course)
        self._strikes += walking * (striking & ~self._striking).sum(axis=1)
        self._striking = striking
        self._has_heights, self._has_gate = bool(answer.heights.size), bool(answer.gate.size)

    def cell(self, cell: Cell, regime: str, repeat: int) -> SeeingCell:
        """The cell of one repeat."""
        chosen = slice(repeat * cell.n, (repeat + 1) * cell.n)
        steps = max(1.0, self._steps[chosen].sum())
        points = self._seen_points[chosen].sum()
        return SeeingCell(
            policy=cell.policy,
            terrain=cell.terrain,
            height_m=cell.size,
            regime=regime,
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
        f"{'terrain':17}{'height':>7} {'policy':18}{'perception':15}{'n':>5}{'success':>9}"
        f"{'95 % interval':>16}{'survival':>10}{'err x':>7}{'strikes':>9}{'seen':>7}"
        f"{'believed':>10}{'gate':>6}"
    ]
    lines += [
        f"{c.terrain:17}{c.height_m:7.2f} {c.policy:18}{c.regime:15}{c.n:5}{c.success:9.3f}"
        f"{f'{c.ci[0]:.3f}..{c.ci[1]:.3f}':>16}{c.survival:10.3f}{c.velocity_error:7.3f}"
        f"{c.foot_strikes:9.1f}{c.heights_seen_error:7.3f}{c.heights_believed_error:10.3f}"
        f"{c.gate:6.2f}"
        for c in cells
    ]
    return "\n".join(lines)


def _strikes(course: Course) -> NDArray[np.bool_]:
    """Feet that something level pushes back. Shape (B, F)."""
    forces = course.physics.foot_forces
    backwards = np.linalg.norm(forces[..., :2], axis=-1)
    return (backwards > STRIKE_FORCE) & (backwards > 1.5 * np.abs(forces[..., 2]))


def _true_scans(course: Course, heights: HeightGrids) -> Array:
    nowhere = np.zeros((1, 1, 1), dtype=np.float32)
    return scanner(course.physics, heights)(nowhere, nowhere).reshape(course.count, -1)


def _root(squares: float, count: float) -> float:
    return float(np.sqrt(squares / count)) if count else float("nan")
