"""What an ablation is made of: variants of a task, in groups that are judged alike."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from ts_locomotion.training.course import Trial
from ts_locomotion.training.learning_curves import Curves
from ts_locomotion.training.tasks import AnyTask

Edit = Callable[[Any], Any]
"""From a task to one of the same kind."""


class Variant(NamedTuple):
    """A task and what an ablation changes of it."""

    name: str
    task: Callable[[], AnyTask]
    edit: Edit = lambda task: task


@dataclass(frozen=True)
class Plan:
    """What all variants have in common."""

    seeds: tuple[int, ...] = (1, 2, 3)
    steps: int = 4_000_000
    robots: int = 100
    """Of each trial of the evaluation."""
    trials: tuple[Trial, ...] = ()
    """None: all of the group."""
    edits: tuple[str, ...] = ()
    """Of every task, as for ts-train --set; before those of the variants."""


class Group(Protocol):
    """Variants of one kind of training."""

    @property
    def name(self) -> str:
        """Of its folder, too."""
        ...

    @property
    def trials(self) -> tuple[Trial, ...]:
        """By which it is judged."""
        ...

    @property
    def variants(self) -> Sequence[Variant]:
        """All that there are."""
        ...

    @property
    def curve(self) -> str:
        """Name of what is drawn along the training; less of it is better."""
        ...

    def about(self) -> Mapping[str, Any]:
        """What else the page should tell."""
        ...

    def lasting(self, task: AnyTask, steps: int) -> AnyTask:
        """The task trained for so many environment steps."""
        ...

    def check(self, place: Path) -> None:
        """Raises ConfigurationError for a cell that has begun from something else than now."""
        ...

    def train(self, task: AnyTask, edits: Sequence[str], seed: int, place: Path) -> None:
        """Train into a folder, or go on with what is there."""
        ...

    def measure(self, place: Path, plan: Plan) -> dict[str, float]:
        """What the table tells of a finished training, by name; nan where there is nothing."""
        ...

    def curves(self, place: Path) -> Curves:
        """What the training that is compared noted of itself."""
        ...


def spent(curves: Curves) -> dict[str, float]:
    """Time of two cores that an iteration took."""
    return {
        "collection [CPU ms/iteration]": curves.mean("time/collection", 1e3),
        "learning [CPU ms/iteration]": curves.mean("time/learning", 1e3),
    }


def mean(values: Sequence[float]) -> float:
    """Of those that are numbers; nan if none is."""
    finite = [value for value in values if value == value]
    return sum(finite) / len(finite) if finite else float("nan")
