"""Running mean and variance of observations, part of the saved state of what owns them."""

import torch
from torch import Tensor, nn


class RunningStats(nn.Module):
    """Statistics of everything pushed; before the first push, mean 0 and variance 1."""

    def __init__(
        self, shape: int | tuple[int, ...], beta: float = 0.99, eps: float = 1e-5
    ) -> None:
        """Older samples are forgotten by the factor `beta` per sample; at 1 none is."""
        super().__init__()
        self.shape = (shape,) if isinstance(shape, int) else tuple(shape)
        self.beta, self.eps = beta, eps
        # Double: millions of samples go into one sum.
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("running_mean", torch.zeros(self.shape, dtype=torch.float64))
        self.register_buffer("running_variance", torch.ones(self.shape, dtype=torch.float64))

    count: Tensor
    running_mean: Tensor
    running_variance: Tensor

    @torch.no_grad()
    def push(self, x: Tensor) -> None:
        """Take one sample (*shape), or a batch with any leading axes."""
        rows = x.detach().reshape(-1, *self.shape).double()
        # Changed in place: assigning to a module is slow, and this runs at every step.
        self.count.add_(len(rows))
        share = max(len(rows) / float(self.count), 1.0 - self.beta ** len(rows))
        mean = rows.mean(0)
        distance = mean - self.running_mean
        # The variance of a mixture: mean of the variances and variance of the means.
        spread = (1.0 - share) * distance.square()
        if len(rows) > 1:
            spread += rows.var(0, correction=0)
        self.running_variance.lerp_(spread, share)
        self.running_mean.lerp_(mean, share)

    def clear(self) -> None:
        """Forget everything."""
        self.count.zero_()
        self.running_mean.zero_()
        self.running_variance.fill_(1.0)

    def mean(self) -> Tensor:
        """Of what was pushed. Shape (*shape)."""
        return self.running_mean.float()

    def variance(self) -> Tensor:
        """Of what was pushed. Shape (*shape)."""
        return self.running_variance.float()

    def rstd(self) -> Tensor:
        """One over the standard deviation. Shape (*shape)."""
        return torch.rsqrt(self.variance() + self.eps)

    def norm(self, x: Tensor) -> Tensor:
        """Samples (..., *shape) with mean 0 and variance 1."""
        return (x - self.mean()) * self.rstd()

    def inverse(self, x: Tensor) -> Tensor:
        """Normalised samples (..., *shape) in their own units."""
        return x / self.rstd() + self.mean()
