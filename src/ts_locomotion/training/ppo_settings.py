"""Settings that every training by PPO has."""

from dataclasses import dataclass

from ts_locomotion.errors import ConfigurationError
from ts_locomotion.simulation.ranges import check_above_zero, check_order


@dataclass(frozen=True)
class ActionNoise:
    """How a policy begins to explore."""

    initial_std: float = 0.6
    std_range: tuple[float, float] = (0.05, 2.0)
    last_layer_gain: float = 0.1
    """Factor on the initial weights of the last layer: the robot begins by standing."""


@dataclass(frozen=True)
class PPO:
    """Settings of training/mirrored_ppo.py."""

    num_learning_epochs: int = 4
    num_mini_batches: int = 4
    clip_param: float = 0.2
    gamma: float = 0.99
    lam: float = 0.95
    value_loss_coef: float = 1.0
    entropy_coef: float = 0.002
    learning_rate: float = 1e-3
    learning_rate_bounds: tuple[float, float] = (1e-5, 1e-3)
    critic_learning_rate: float = 1e-3
    max_grad_norm: float = 1.0
    desired_kl: float = 0.012

    def __post_init__(self) -> None:
        rates = ("learning_rate", "learning_rate_bounds", "critic_learning_rate")
        check_above_zero(self, "algorithm.", *rates)
        check_order(self, "algorithm.", "learning_rate_bounds")


def check_batches(algorithm: PPO, samples: int) -> None:
    """Raises ConfigurationError where an iteration has less samples than mini-batches."""
    if algorithm.num_mini_batches > samples:
        raise ConfigurationError(
            f"algorithm.num_mini_batches: {algorithm.num_mini_batches} given, at most {samples}, "
            "the samples of an iteration"
        )


def check_share(share: float, path: str) -> None:
    """Raises ConfigurationError for a share that leaves nothing to the rest."""
    if not 0.0 <= share < 1.0:
        raise ConfigurationError(f"{path}: {share} given, expected at least 0 and below 1")
