"""The policy of the teacher-student tasks and its two encoders.

Letters: B batch, N_p policy observation, N_b history frame, H frames, K privileged, L latent.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Protocol

import torch
from rsl_rl.models import MLPModel
from rsl_rl.modules import MLP, EmpiricalNormalization, HiddenState
from tensordict import TensorDict
from torch import Tensor, nn


class PrivilegeEncoder(nn.Module):
    """What the teacher makes of the state that only simulation knows: (B, K) to (B, L) in ±1."""

    def __init__(self, privileged_size: int, latent_size: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.normalizer = EmpiricalNormalization(privileged_size)
        self.mlp = MLP(privileged_size, latent_size, tuple(hidden), "elu", "tanh")

    def forward(self, privileged: Tensor) -> Tensor:
        """Latent of the privileged state."""
        return self.mlp(self.normalizer(privileged))


class HistoryEncoder(nn.Module):
    """The student's guess of the latent from what the robot felt: (B, H, N_b) to (B, L) in ±1."""

    def __init__(
        self, frames: int, frame_size: int, latent_size: int, hidden: Sequence[int]
    ) -> None:
        super().__init__()
        self.normalizer = EmpiricalNormalization(frame_size)
        self.mlp = MLP(frames * frame_size, latent_size, tuple(hidden), "elu", "tanh")

    def forward(self, history: Tensor) -> Tensor:
        """Latent guessed from the history."""
        return self.mlp(self.normalizer(history).flatten(1))  # (B, H, N_b) -> (B, H * N_b)


class TeacherStudentActor(MLPModel):
    """One policy that acts on an observation and a latent from either encoder.

    As rsl_rl's model it acts with the privilege encoder, in `act_as_student` with the history's.
    """

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
        history_dims: Sequence[int],
        last_layer_gain: float,
    ) -> None:
        self.latent_size = latent_size
        super().__init__(
            obs, obs_groups, obs_set, output_dim, tuple(hidden_dims), "elu", True, distribution_cfg
        )
        frames, frame_size = obs["history"].shape[1:]
        self.privilege_encoder = PrivilegeEncoder(
            obs["privileged"].shape[-1], latent_size, privilege_dims
        )
        self.history_encoder = HistoryEncoder(frames, frame_size, latent_size, history_dims)
        last_layer = self.mlp[-1]
        assert isinstance(last_layer, nn.Linear)
        with torch.no_grad():
            last_layer.weight *= last_layer_gain

    def get_latent(
        self, obs: TensorDict, masks: Tensor | None = None, hidden_state: HiddenState = None
    ) -> Tensor:
        """Input of the policy with the teacher's latent. Shape (B, N_p + L)."""
        return self.policy_input(obs, self.privilege_encoder(obs["privileged"]))

    def policy_input(self, obs: TensorDict, latent: Tensor) -> Tensor:
        """Normalised observation beside a latent. Shape (B, N_p + L)."""
        return torch.cat([super().get_latent(obs), latent], dim=-1)

    def act_as_student(self, obs: TensorDict) -> Tensor:
        """Deterministic action from what the robot itself can know. Shape (B, J)."""
        latent = self.history_encoder(obs["history"])
        return self.mlp(self.policy_input(obs, latent))

    def policy_parameters(self) -> Iterator[nn.Parameter]:
        """What reinforcement learning trains: all but the history encoder."""
        modules = [self.mlp, self.privilege_encoder, self.distribution]
        return chain.from_iterable(module.parameters() for module in modules if module)

    def update_normalization(self, obs: TensorDict) -> None:
        """Take a rollout, shape (B, ...), into the running statistics of all three inputs."""
        super().update_normalization(obs)
        self.privilege_encoder.normalizer.update(obs["privileged"])
        self.history_encoder.normalizer.update(obs["history"][:, -1])

    def _get_latent_dim(self) -> int:
        return self.obs_dim + self.latent_size


class BeliefGraph(nn.Module):
    """The deployed student encoder: a frame and its FIFO in, latent and the FIFO one later out."""

    def __init__(self, actor: TeacherStudentActor, frames: int) -> None:
        super().__init__()
        self.encoder = actor.history_encoder
        self.frames = frames

    def forward(self, observation: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Belief (B, L) and state (B, H * N_b) after a frame (B, N_b)."""
        frame_size = observation.shape[1]
        state_out = torch.cat([state[:, frame_size:], observation], dim=1)  # (B, H * N_b)
        history = state_out.unflatten(1, (self.frames, frame_size))
        return self.encoder(history), state_out


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
