"""What an action was worth: generalised advantage estimation, and losses built on it."""

import numpy as np
import torch
from torch import Tensor


def calc_generalized_advantage_estimate(
    rewards: Tensor,
    values: Tensor,
    masks: Tensor,
    gamma: float = 0.99,
    lam: float = 0.95,
    use_accelerated: bool | None = None,
) -> Tensor:
    """Returns: advantages plus values. Shape (T, ...) (Schulman et al. 2016, arXiv 1506.02438).

    Rewards and masks (T, ...), values (T + 1, ...). A mask is 0 where an episode ended with the
    step; what such a step leads to is worth nothing, unless its reward says otherwise. The
    original chooses a kernel by `use_accelerated`; here is nothing to choose.
    """
    gates = gamma * masks
    delta = (rewards + gates * values[1:] - values[:-1]).numpy(force=True)
    carried = (lam * gates).numpy(force=True)
    advantage = np.zeros_like(delta[0])
    result = np.empty_like(delta)
    for step in reversed(range(len(delta))):
        advantage = delta[step] + carried[step] * advantage
        result[step] = advantage
    return torch.from_numpy(result).to(values.device) + values[:-1]


def normalize(t: Tensor, eps: float = 1e-5) -> Tensor:
    """Mean 0 and standard deviation 1."""
    return (t - t.mean()) / (t.std(correction=0) + eps)


def clipped_value_loss(values: Tensor, rewards: Tensor, old_values: Tensor, clip: float) -> Tensor:
    """Squared error, the larger one of the value and of the value kept near the old one.

    `rewards` is the original's name for what the values should be: returns.
    """
    near = old_values + (values - old_values).clamp(-clip, clip)
    return torch.max((near - rewards).square(), (values - rewards).square()).mean()


def clipped_surrogate(log_probs: Tensor, old: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """Loss of PPO; each row is the log-probability of its own action. Shapes (B,)."""
    ratios = (log_probs - old).exp()
    clipped = ratios.clamp(1 - clip, 1 + clip)
    return -torch.min(ratios * advantages, clipped * advantages).mean()
