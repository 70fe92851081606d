"""Networks of the belief teacher: what it makes of the true ground and of the privileged state.

After Miki et al. 2022, supplement S6. Letters: B batch, N proprioception, K privileged,
E encoding of one foot's scan, D belief = F * E + encoding of the privileged state.
"""

from collections.abc import Sequence

import torch
from rsl_rl.models import MLPModel
from rsl_rl.modules import MLP, EmpiricalNormalization, HiddenState
from tensordict import TensorDict
from torch import Tensor, nn

from ts_locomotion import perception
from ts_locomotion.simulation.sighted_environment import HOLE

FEET = 4
POINTS = perception.SCAN_SIZE // FEET
REACH = 0.6
"""Heights further above or below a foot look alike [m]."""
ACTIVATION = "lrelu"


def sees_hole(heights: Tensor) -> Tensor:
    """Whether a scan point of any foot lies in a hole. (..., F * P) to (..., 1)."""
    return (heights < -HOLE).any(-1, keepdim=True)


class ScanEncoder(nn.Module):
    """One network for the scan of each foot: heights (B, F * P) to encodings (B, F * E)."""

    def __init__(self, size: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.normalizer = EmpiricalNormalization(POINTS)
        self.mlp = MLP(POINTS, size, tuple(hidden), ACTIVATION)

    def forward(self, heights: Tensor) -> Tensor:
        """Encodings, feet one after another."""
        return self.mlp(self.normalize(heights)).flatten(-2)

    def normalize(self, heights: Tensor) -> Tensor:
        """Heights as the network sees them. (B, F * P) gives (B, F, P)."""
        feet = heights.clamp(-REACH, REACH).unflatten(-1, (FEET, POINTS))
        return self.normalizer(feet)

    def update_normalization(self, heights: Tensor) -> None:
        """Take scans into the running statistics, which all feet share."""
        feet = heights.clamp(-REACH, REACH).unflatten(-1, (FEET, POINTS))
        self.normalizer.update(feet.flatten(0, -2))


class PrivilegedEncoder(nn.Module):
    """The privileged state (B, K) to its encoding (B, D - F * E)."""

    def __init__(self, privileged_size: int, size: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.normalizer = EmpiricalNormalization(privileged_size)
        self.mlp = MLP(privileged_size, size, tuple(hidden), ACTIVATION)

    def forward(self, privileged: Tensor) -> Tensor:
        """The encoding."""
        return self.mlp(self.normalizer(privileged))


class BeliefTeacher(MLPModel):
    """Acts on proprioception beside a belief that it need not guess: both encodings.

    Without exteroception that of the privileged state alone.
    """

    def __init__(
        self,
        obs: TensorDict,
        obs_groups: dict[str, list[str]],
        obs_set: str,
        output_dim: int,
        *,
        trunk: Sequence[int],
        distribution_cfg: dict,
        exteroception: bool,
        scan_group: str = "scans",
        scan_encoding: int,
        scan_encoder: Sequence[int],
        privileged_encoding: int,
        privileged_encoder: Sequence[int],
        last_layer_gain: float,
    ) -> None:
        seen = FEET * scan_encoding if exteroception else 0
        self.belief_size, self.scan_group = seen + privileged_encoding, scan_group
        super().__init__(
            obs, obs_groups, obs_set, output_dim, tuple(trunk), ACTIVATION, True, distribution_cfg
        )
        self.scan_encoder = ScanEncoder(scan_encoding, scan_encoder) if exteroception else None
        self.privileged_encoder = PrivilegedEncoder(
            obs["privileged"].shape[-1], privileged_encoding, privileged_encoder
        )
        soften(self.mlp, last_layer_gain)

    def get_latent(
        self, obs: TensorDict, masks: Tensor | None = None, hidden_state: HiddenState = None
    ) -> Tensor:
        """Input of the trunk: proprioception, scan encodings, privileged encoding. (B, N + D)"""
        inputs = [super().get_latent(obs), self.privileged_encoder(obs["privileged"])]
        if self.scan_encoder is not None:
            inputs.insert(1, self.scan_encoder(obs[self.scan_group]))
        return torch.cat(inputs, dim=-1)

    def update_normalization(self, obs: TensorDict) -> None:
        """Take a rollout, shape (B, ...), into the running statistics of all inputs."""
        super().update_normalization(obs)
        if self.scan_encoder is not None:
            self.scan_encoder.update_normalization(obs[self.scan_group])
        self.privileged_encoder.normalizer.update(obs["privileged"])

    def _get_latent_dim(self) -> int:
        return self.obs_dim + self.belief_size


class BeliefCritic(MLPModel):
    """Value of a state of which everything is known, with a scan encoder of its own."""

    def __init__(
        self,
        obs: TensorDict,
        obs_groups: dict[str, list[str]],
        obs_set: str,
        output_dim: int,
        *,
        hidden_dims: Sequence[int],
        scan_encoding: int,
        scan_encoder: Sequence[int],
    ) -> None:
        self.encoding_size = FEET * scan_encoding
        super().__init__(
            obs, obs_groups, obs_set, output_dim, tuple(hidden_dims), ACTIVATION, True
        )
        self.scan_encoder = ScanEncoder(scan_encoding, scan_encoder)

    def get_latent(
        self, obs: TensorDict, masks: Tensor | None = None, hidden_state: HiddenState = None
    ) -> Tensor:
        """Normalised observations beside the scan encodings."""
        return torch.cat([super().get_latent(obs), self.scan_encoder(obs["scans"])], dim=-1)

    def update_normalization(self, obs: TensorDict) -> None:
        """Take a rollout, shape (B, ...), into the running statistics of all inputs."""
        super().update_normalization(obs)
        self.scan_encoder.update_normalization(obs["scans"])

    def _get_latent_dim(self) -> int:
        return self.obs_dim + self.encoding_size


def soften(network: nn.Sequential, gain: float) -> None:
    """Scale the weights of the last layer."""
    with torch.no_grad():
        last_layer(network).weight.mul_(gain)


def last_layer(network: nn.Sequential) -> nn.Linear:
    """Of a network that ends without an activation."""
    layer = network[-1]
    assert isinstance(layer, nn.Linear)
    return layer
