"""From the outputs of a network to actions: one of many, or a vector of numbers.

Letters: B batch (any leading axes), A actions.
"""

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, Independent, Normal

from ts_locomotion.errors import ConfigurationError


class CategoricalActions(nn.Module):
    """One of A actions; the outputs are logits (B, A), the actions numbers (B,)."""

    def distribution(self, outputs: Tensor) -> Categorical:
        """Of the actions."""
        return Categorical(logits=outputs, validate_args=False)

    def act(self, outputs: Tensor) -> Tensor:
        """Actions (B,) of a student: drawn, as the best of many may be one of two equals."""
        return self.distribution(outputs).sample()

    def distance(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """How far outputs are from those of a teacher: relative entropy. Shape (B,)."""
        wanted = targets.log_softmax(dim=-1)
        return (wanted.exp() * (wanted - outputs.log_softmax(dim=-1))).sum(dim=-1)


class GaussianActions(nn.Module):
    """Vectors (B, A); the outputs are their means, their spread is learnt, the same everywhere."""

    def __init__(self, num_actions: int) -> None:
        super().__init__()
        self.log_std = nn.Parameter(torch.zeros(num_actions))

    def distribution(self, outputs: Tensor) -> Independent:
        """Of the actions; log-probabilities are of whole vectors, (B,)."""
        normal = Normal(outputs, self.log_std.exp().expand_as(outputs), validate_args=False)
        return Independent(normal, 1, validate_args=False)

    def act(self, outputs: Tensor) -> Tensor:
        """Actions (B, A) of a student: the means."""
        return outputs

    def distance(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Squared distance of the means from a teacher's (Miki et al. 2022). Shape (B,)."""
        return (outputs - targets).square().sum(dim=-1)


Actions = CategoricalActions | GaussianActions
KINDS = ("categorical", "gaussian")


def make(kind: str, num_actions: int) -> Actions:
    """The kind of actions by its name."""
    if kind not in KINDS:
        raise ConfigurationError(f"actions: {kind!r} given, valid: {KINDS}")
    return GaussianActions(num_actions) if kind == "gaussian" else CategoricalActions()


def answer(
    actions: Actions, outputs: Tensor, as_categorical: bool, as_distribution: bool
) -> Tensor | Distribution:
    """The outputs as they were asked for."""
    if as_categorical and isinstance(actions, GaussianActions):
        raise ConfigurationError(
            "return_action_categorical_dist: these actions are gaussian; "
            "return_action_dist gives the distribution of either kind"
        )
    wrapped = as_categorical or as_distribution
    return actions.distribution(outputs) if wrapped else outputs
