"""Noise on the heights a student sees, and how it grows (Miki et al. 2022, supplement S8)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ts_locomotion.errors import ConfigurationError
from ts_locomotion.simulation.height_noise import READING_A, Regime


@dataclass(frozen=True)
class NoiseSchedule:
    """A factor that is 0 until one epoch, 1 from a later one on, and linear between them.

    The paper's grows from epoch 20 to 100 (table S2); the original's to-do list asks for 1 to 100.
    """

    start: int = 1
    end: int = 100

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end:
            raise ConfigurationError(
                f"noise schedule: {self.start} to {self.end} given, 0 <= start < end wanted"
            )

    def factor(self, epoch: int) -> float:
        """For epochs counted from 1."""
        return min(max((epoch - self.start) / (self.end - self.start), 0.0), 1.0)


class HeightNoise:
    """Heights (..., B, F, P) [m] with errors per point, per leg, per episode, and outliers.

    Every episode has one of the regimes. Left out is what needs a map to look up: points that are
    displaced sideways; simulation/height_noise.py does that.
    """

    def __init__(
        self,
        count: int,
        num_legs: int,
        regimes: Sequence[Regime] = READING_A,
        device: torch.device | None = None,
    ) -> None:
        """For B = count robots; standard deviations in metres."""
        self.shares = torch.tensor([regime.share for regime in regimes], device=device)
        names = ("point_z", "foot_z", "outlier", "outlier_share", "episode_z", "episode_share")
        table = [[getattr(regime, name) for name in names] for regime in regimes]
        self.table = torch.tensor(table, device=device)
        self.regime = torch.zeros(count, dtype=torch.long, device=device)
        self.offset = torch.zeros(count, num_legs, device=device)
        self.begin(torch.ones(count, dtype=torch.bool, device=device))

    def begin(self, fresh: Tensor) -> None:
        """Draw the regime and the lasting offsets of robots (B,) whose episode begins."""
        rows = fresh.nonzero().flatten()
        if not len(rows):
            return
        self.regime[rows] = torch.multinomial(self.shares, len(rows), replacement=True)
        spread, share = self.table[self.regime[rows], 4:].unbind(1)
        drawn = torch.randn_like(self.offset[rows]) * spread[:, None]
        self.offset[rows] = drawn * (torch.rand_like(drawn) < share[:, None])

    def __call__(self, heights: Tensor, strength: float) -> Tensor:
        """Noisy heights; the strength multiplies all of it, and 0 is none."""
        if strength == 0.0:
            return heights
        point, foot, outlier, share = self.table[self.regime, :4, None, None].unbind(
            1
        )  # (B, 1, 1)
        error = torch.randn_like(heights) * point + torch.randn_like(heights[..., :1]) * foot
        struck = torch.rand_like(heights) < share
        error = error + struck * torch.randn_like(heights) * outlier + self.offset[..., None]
        return heights + strength * error
