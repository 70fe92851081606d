"""The blind variants of `ts-ablation`: teacher-student, at once or concurrent, by encoder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ts_locomotion.training import tasks
from ts_locomotion.training.ablation_plan import Edit, Plan, Variant, mean, spent
from ts_locomotion.training.course import Cell, Trial
from ts_locomotion.training.evaluate import TRIALS
from ts_locomotion.training.learning_curves import Curves
from ts_locomotion.training.publish import publish
from ts_locomotion.training.tasks import AnyTask
from ts_locomotion.training.train import train

WALKS = 0.2
"""Mean |v_x error| of the training robots [m/s] below which a policy counts as walking."""


def encoder(kind: str) -> Edit:
    """The edit that chooses a history encoder."""
    return lambda task: replace(task, networks=replace(task.networks, encoder=kind))


VARIANTS = (
    Variant("TS-MLP", tasks.go2_ts),
    Variant("TS-TCN (legacy, flat)", tasks.go2_ts, encoder("tcn_flat")),
    Variant("TS-TCN", tasks.go2_ts, encoder("tcn")),
    Variant("TS-GRU", tasks.go2_ts, encoder("gru")),
    Variant("CTS-MLP", tasks.go2_cts),
    Variant("CTS-TCN", tasks.go2_cts, encoder("tcn")),
    Variant("CTS-GRU", tasks.go2_cts, encoder("gru")),
)


@dataclass(frozen=True)
class Blind:
    """Variants that are trained from nothing and judged without eyes."""

    name: str = "blind"
    trials: tuple[Trial, ...] = TRIALS
    variants: Sequence[Variant] = VARIANTS
    curve: str = "walk/error_x"

    def about(self) -> Mapping[str, Any]:
        """Nothing more."""
        return {}

    def lasting(self, task: AnyTask, steps: int) -> AnyTask:
        """The task trained for so many environment steps."""
        return replace(task, steps=steps)

    def check(self, place: Path) -> None:
        """All begin from nothing."""

    def train(self, task: AnyTask, edits: Sequence[str], seed: int, place: Path) -> None:
        """Train as ts-train does."""
        train(task, edits, seed, place)

    def measure(self, place: Path, plan: Plan) -> dict[str, float]:
        """Walking, the encoder's guesses, and time."""
        judged = publish(place, place / "bundle", plan.robots, plan.trials)
        cells = [cell for cell in judged if isinstance(cell, Cell)]
        curves = self.curves(place)
        return {
            **walking(cells),
            "encoder loss": curves.last("loss/encoder"),
            **spent(curves),
            "CPU minutes to walk": curves.spent_until(self.curve, WALKS),
        }

    def curves(self, place: Path) -> Curves:
        """Of the one stage that there is."""
        return Curves(place)


def walking(cells: Sequence[Cell]) -> dict[str, float]:
    """Success by trial, and errors of robots that did not fall, which may be stuck."""
    # Where nothing is in the way an error tells of tracking alone.
    level = [cell for cell in cells if cell.terrain == "flat"]
    return {
        "error of v_x, level ground [m/s]": mean([cell.error_x for cell in level]),
        "error of v_y, level ground [m/s]": mean([cell.error_y for cell in level]),
        "error of turning, level ground [rad/s]": mean([cell.error_turn for cell in level]),
        "error of v_x, all trials [m/s]": mean([cell.error_x for cell in cells]),
        **{f"success, {cell.trial}": cell.success for cell in cells},
    }
