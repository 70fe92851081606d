"""The policy of the teacher-student tasks, and the graphs that are made of it.

Letters: B batch, N_p policy observation, N_b history frame, S state, K privileged, L latent.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Protocol

import torch
from rsl_rl.models import MLPModel
from rsl_rl.modules import MLP, EmpiricalNormalization, HiddenState
from tensordict import TensorDict
from torch import Tensor, nn

from ts_locomotion.training.history_encoders import HistoryEncoder, WindowEncoder


class PrivilegeEncoder(nn.Module):
    """What the teacher makes of the state that only simulation knows: (B, K) to (B, L) in ±1."""

    def __init__(self, privileged_size: int, latent_size: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.normalizer = EmpiricalNormalization(privileged_size)
        self.mlp = MLP(privileged_size, latent_size, tuple(hidden), "elu", "tanh")

    def forward(self, privileged: Tensor) -> Tensor:
        """Latent of the privileged state."""
        return self.mlp(self.normalizer(privileged))


class TeacherStudentActor(MLPModel):
    """One policy that acts on an observation and a latent from either encoder.

    As rsl_rl's model it acts with the privilege encoder, but for the rows of a group `student`
    (B, 1): these act with what a group `known` (B, L) holds.
    """

    latent: Tensor
    """The teacher's, of the last observations. Shape (B, L)."""

    def __init__(
        self,
        obs: TensorDict,
        obs_groups: dict[str, list[str]],
        obs_set: str,
        output_dim: int,
        *,
        hidden_dims: Sequence[int],
        distribution_cfg: dict,
        latent_size: int,
        privilege_dims: Sequence[int],
        history_encoder: Callable[[int, int, int], HistoryEncoder],
        last_layer_gain: float,
    ) -> None:
        """`history_encoder` makes one of the number of frames, their size and the latent's."""
        self.latent_size = latent_size
        super().__init__(
            obs, obs_groups, obs_set, output_dim, tuple(hidden_dims), "elu", True, distribution_cfg
        )
        frames, frame_size = obs["history"].shape[1:]
        self.privilege_encoder = PrivilegeEncoder(
            obs["privileged"].shape[-1], latent_size, privilege_dims
        )
        self.history_encoder = history_encoder(frames, frame_size, latent_size)
        last_layer = self.mlp[-1]
        assert isinstance(last_layer, nn.Linear)
        with torch.no_grad():
            last_layer.weight *= last_layer_gain

    def get_latent(
        self, obs: TensorDict, masks: Tensor | None = None, hidden_state: HiddenState = None
    ) -> Tensor:
        """Input of the policy: observation and latent. Shape (B, N_p + L)."""
        self.latent = latent = self.privilege_encoder(obs["privileged"])
        if "student" in obs.keys():  # noqa: SIM118
            latent = torch.where(obs["student"], obs["known"], latent)
        return self.policy_input(obs, latent)

    def policy_input(self, obs: TensorDict, latent: Tensor) -> Tensor:
        """Normalised observation beside a latent. Shape (B, N_p + L)."""
        return torch.cat([super().get_latent(obs), latent], dim=-1)

    def act_as_student(self, obs: TensorDict) -> Tensor:
        """Deterministic action from the last frames the robot felt. Shape (B, J)."""
        assert isinstance(self.history_encoder, WindowEncoder)
        return self.act_knowing(obs, self.history_encoder(obs["history"]))

    def act_knowing(self, obs: TensorDict, latent: Tensor) -> Tensor:
        """Deterministic action on a latent (B, L). Shape (B, J)."""
        return self.mlp(self.policy_input(obs, latent))

    def policy_parameters(self) -> Iterator[nn.Parameter]:
        """What reinforcement learning trains: all but the history encoder."""
        modules = [self.mlp, self.privilege_encoder, self.distribution]
        return chain.from_iterable(module.parameters() for module in modules if module)

    def update_normalization(self, obs: TensorDict) -> None:
        """Take a rollout, shape (B, ...), into the running statistics of all three inputs."""
        super().update_normalization(obs)
        self.privilege_encoder.normalizer.update(obs["privileged"])
        self.history_encoder.normalizer.update(obs["frame"])

    def _get_latent_dim(self) -> int:
        return self.obs_dim + self.latent_size


class BeliefGraph(nn.Module):
    """The deployed student encoder: a frame and its state in, latent and next state out."""

    def __init__(self, actor: TeacherStudentActor) -> None:
        super().__init__()
        self.encoder = actor.history_encoder

    def forward(self, observation: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Belief (B, L) and state (B, S) after a frame (B, N_b)."""
        return self.encoder.step(observation, state)


class Acting(Protocol):
    """What a policy graph takes from a network."""

    @property
    def obs_normalizer(self) -> nn.Module:
        """Of the observation."""
        ...

    @property
    def mlp(self) -> nn.Module:
        """From the normalised observation beside the belief to the action."""
        ...


class PolicyGraph(nn.Module):
    """The deployed policy: observation and belief in, deterministic action out."""

    def __init__(self, actor: Acting) -> None:
        super().__init__()
        self.normalizer = actor.obs_normalizer
        self.mlp = actor.mlp

    def forward(self, observation: Tensor, belief: Tensor) -> Tensor:
        """Action (B, J)."""
        return self.mlp(torch.cat([self.normalizer(observation), belief], dim=-1))
