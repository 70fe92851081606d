"""Who can walk an evaluation: a policy that turns what robots sense into joint targets."""

from typing import NamedTuple, Protocol

from ts_locomotion.belief import Scans
from ts_locomotion.bundle import Bundle
from ts_locomotion.contract import Contract
from ts_locomotion.observation import Proprioception
from ts_locomotion.pipeline import Pipeline
from ts_locomotion.robot import Array
from ts_locomotion.simulation.terrain import HeightGrids
from ts_locomotion.training.course import Course


class Answer(NamedTuple):
    """What a policy does in one control step, and what it believes."""

    targets: Array  # (B, J) [rad]
    action: Array  # (B, A)
    heights: Array  # (B, F * P) reconstructed [m], or (B, 0)
    gate: Array  # (B, G), or (B, 0)


class Walker(Protocol):
    """A policy under test."""

    name: str
    contract: Contract
    sight: str | None
    """What it sees whatever the others see: "blind", or "truth"; None for what it is shown."""

    def begin(self, course: Course, heights: HeightGrids) -> None:
        """Forget everything; the robots of `course` stand where they start."""
        ...

    def act(self, sensed: Proprioception, command: Array, scans: Scans) -> Answer:
        """One control step of all robots."""
        ...


class BundleWalker:
    """A bundle as the nodes run it."""

    def __init__(self, bundle: Bundle) -> None:
        self.name, self.contract = bundle.contract.name, bundle.contract
        self.sight = None if bundle.contract.exteroception else "blind"
        self._pipeline = Pipeline(bundle)

    def begin(self, course: Course, heights: HeightGrids) -> None:
        """Forget everything."""
        del heights
        self.forget(course.count)

    def forget(self, count: int) -> None:
        """Begin anew with `count` robots."""
        self._state = self._pipeline.initial_state(count)

    def act(self, sensed: Proprioception, command: Array, scans: Scans | None) -> Answer:
        """One control step of all robots."""
        output, self._state = self._pipeline.step(
            self._state, sensed, command, scans if self.sight is None else None
        )
        believed = output.believed.output
        return Answer(
            output.policy.positions, output.policy.action, believed.heights, believed.gate
        )
