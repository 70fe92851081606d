"""How the gate answers to noise: it should let less through, the less the heights can be trusted.

The noisy regime at rising levels, all on the same terrains with the same robots.
"""

from collections.abc import Sequence

from ts_locomotion.simulation.height_noise import PERCEPTIONS
from ts_locomotion.training.belief_evaluate import Perception, SeeingCell, evaluate
from ts_locomotion.training.course import Trial
from ts_locomotion.training.walkers import Walker

LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
"""Factors on the noisy regime's standard deviations and on its share of outliers."""
TRIAL = Trial("stairs up 15 cm", "stairs_up", 0.15, time=12.0)


def sweep(
    walker: Walker,
    count: int,
    seed: int = 0,
    levels: Sequence[float] = LEVELS,
    trial: Trial = TRIAL,
) -> list[SeeingCell]:
    """One cell per level of noise, `count` robots each."""
    noise = PERCEPTIONS["noisy"]
    looks = [Perception(f"noise {level:g}", noise, level) for level in levels]
    return evaluate(walker, trial, count, seed, looks)
