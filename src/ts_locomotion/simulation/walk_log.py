"""What a control step leaves in the log."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ts_locomotion.robot import Array
from ts_locomotion.simulation.curriculum import Ground, Indices
from ts_locomotion.simulation.rewards import Motion


def step(
    motion: Motion,
    terms: Mapping[str, Array],
    fell: NDArray[np.bool_],
    timed_out: NDArray[np.bool_],
) -> dict[str, float]:
    """Means of the reward's terms (B,) and of the errors; how many robots fell and ended."""
    # One mean of all terms: a call for each costs more than the sums.
    means = np.stack(list(terms.values())).mean(axis=1).tolist()
    error = np.abs(motion.command[:, :2] - motion.linear_velocity[:, :2]).mean(axis=0)
    turning = np.abs(motion.command[:, 2] - motion.angular_velocity[:, 2]).mean()
    return {f"reward/{name}": mean for name, mean in zip(terms, means, strict=True)} | {
        "walk/error_x": float(error[0]),
        "walk/error_y": float(error[1]),
        "walk/error_turn": float(turning),
        "walk/falls": float(fell.sum()),
        "walk/ends": float((fell | timed_out).sum()),
    }


def levels(grounds: Sequence[Ground], ground: Indices, level: Indices) -> dict[str, float]:
    """Mean level of the robots on each kind of ground that has levels; both are (B,)."""
    return {
        f"level/{kind.kind}": float(level[ground == number].mean())
        for number, kind in enumerate(grounds)
        if kind.hardest > 0
    }
