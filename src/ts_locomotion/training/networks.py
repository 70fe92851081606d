"""The policy of the teacher-student tasks, and the graphs that are made of it.

Letters: B batch, N_p policy observation, N_b history frame, S state, K privileged, L latent.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import torch
from rsl_rl.models import MLPModel
from rsl_rl.modules import MLP, EmpiricalNormalization, HiddenState
from tensordict import TensorDict
from torch import Tensor, nn

from ts_locomotion.training.belief_encoder import BeliefStudent, SightEncoder
from ts_locomotion.training.belief_networks import FEET, ScanEncoder, soften
from ts_locomotion.training.history_encoders import HistoryEncoder


class SightSizes(NamedTuple):
    """Of what encodes scans, for the teacher the true ones and for the student its own."""

    encoding: int
    """Of the scan of one foot."""
    encoder: Sequence[int]
    head: Sequence[int]
    """From the student's encodings and its history to the latent."""


class Sights(NamedTuple):
    """What a robot sees at one moment, as belief.network_scans tells it."""

    heights: Tensor  # (B, F * P) [m], 0 where not valid
    valid: Tensor  # (B, F * P) 0 or 1
    map_age: Tensor  # (B, 1) [s]


def sights(obs: TensorDict, rows: Tensor | slice = slice(None)) -> Sights:
    """What some rows of observations hold of them."""
    return Sights(*(obs[name][rows] for name in Sights._fields))


class PrivilegeEncoder(nn.Module):
    """What the teacher makes of the state that only simulation knows: (B, K) to (B, L) in ±1.

    A teacher that sees is told the true scans (B, F * P) besides.
    """

    def __init__(
        self,
        privileged_size: int,
        latent_size: int,
        hidden: Sequence[int],
        sight: SightSizes | None = None,
    ) -> None:
        super().__init__()
        self.normalizer = EmpiricalNormalization(privileged_size)
        self.scan_encoder = ScanEncoder(sight.encoding, sight.encoder) if sight else None
        size = privileged_size + (FEET * sight.encoding if sight else 0)
        self.mlp = MLP(size, latent_size, tuple(hidden), "elu", "tanh")

    def forward(self, privileged: Tensor, scans: Tensor | None = None) -> Tensor:
        """Latent of the privileged state, and of the scans if it sees."""
        told = self.normalizer(privileged)
        if self.scan_encoder is not None:
            assert scans is not None
            told = torch.cat([told, self.scan_encoder(scans)], dim=-1)
        return self.mlp(told)

    def update_normalization(self, obs: TensorDict) -> None:
        """Take a rollout, shape (B, ...), into the running statistics."""
        self.normalizer.update(obs["privileged"])
        if self.scan_encoder is not None:
            self.scan_encoder.update_normalization(obs["scans"])


class StudentSight(nn.Module):
    """What a student guesses the latent to be, from its history and from what it sees now."""

    def __init__(
        self, latent_size: int, sizes: SightSizes, statistics: EmpiricalNormalization
    ) -> None:
        """`statistics` normalise the scans of one foot as the teacher's true ones."""
        super().__init__()
        self.encoder = SightEncoder(sizes.encoding, sizes.encoder)
        self.encoder.normalizer = statistics
        size = latent_size + FEET * sizes.encoding
        self.head = MLP(size, latent_size, tuple(sizes.head), "elu", "tanh")

    def forward(self, felt: Tensor, sights: Sights) -> Tensor:
        """Latent (B, L) for the history encoder's (B, L) and the scans of the same moment."""
        seen = self.encoder.normalize(sights.heights, sights.valid)
        encoded = self.encoder(seen, sights.valid, sights.map_age)
        return self.head(torch.cat([felt, encoded], dim=-1))


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
        sight: SightSizes | None,
        last_layer_gain: float,
    ) -> None:
        """`history_encoder` makes one of the number of frames, their size and the latent's.

        Without `sight` neither teacher nor student sees.
        """
        self.latent_size = latent_size
        super().__init__(
            obs, obs_groups, obs_set, output_dim, tuple(hidden_dims), "elu", True, distribution_cfg
        )
        frames, frame_size = obs["history"].shape[1:]
        self.privilege_encoder = PrivilegeEncoder(
            obs["privileged"].shape[-1], latent_size, privilege_dims, sight
        )
        self.history_encoder = history_encoder(frames, frame_size, latent_size)
        seen = self.privilege_encoder.scan_encoder
        self.sight = StudentSight(latent_size, sight, seen.normalizer) if sight and seen else None
        soften(self.mlp, last_layer_gain)

    def get_latent(
        self, obs: TensorDict, masks: Tensor | None = None, hidden_state: HiddenState = None
    ) -> Tensor:
        """Input of the policy: observation and latent. Shape (B, N_p + L)."""
        self.latent = latent = self.privilege_encoder(obs["privileged"], obs.get("scans", None))
        if "student" in obs.keys():  # noqa: SIM118
            latent = torch.where(obs["student"], obs["known"], latent)
        return self.policy_input(obs, latent)

    def policy_input(self, obs: TensorDict, latent: Tensor) -> Tensor:
        """Normalised observation beside a latent. Shape (B, N_p + L)."""
        return torch.cat([super().get_latent(obs), latent], dim=-1)

    def policy_parameters(self) -> Iterator[nn.Parameter]:
        """What reinforcement learning trains: all but the student's encoders."""
        return _parameters(self.mlp, self.privilege_encoder, self.distribution)

    def student_parameters(self) -> Iterator[nn.Parameter]:
        """What regression on the teacher's latent trains."""
        return _parameters(self.history_encoder, self.sight)

    def update_normalization(self, obs: TensorDict) -> None:
        """Take a rollout, shape (B, ...), into the running statistics of all inputs."""
        super().update_normalization(obs)
        self.privilege_encoder.update_normalization(obs)
        self.history_encoder.normalizer.update(obs["frame"])

    def _get_latent_dim(self) -> int:
        return self.obs_dim + self.latent_size


def _parameters(*modules: nn.Module | None) -> Iterator[nn.Parameter]:
    return chain.from_iterable(module.parameters() for module in modules if module)


class BeliefGraph(nn.Module):
    """The deployed student encoder: a frame and its state in, latent and next state out."""

    def __init__(self, actor: TeacherStudentActor) -> None:
        super().__init__()
        self.encoder = actor.history_encoder

    def forward(self, observation: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Belief (B, L) and state (B, S) after a frame (B, N_b)."""
        return self.encoder.step(observation, state)


class SeeingBeliefGraph(nn.Module):
    """The same of a student that sees; see the ports of bundle.belief_ports."""

    def __init__(self, actor: TeacherStudentActor) -> None:
        super().__init__()
        assert actor.sight is not None
        self.encoder, self.sight = actor.history_encoder, actor.sight

    def forward(
        self, observation: Tensor, heights: Tensor, valid: Tensor, map_age: Tensor, state: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Belief (B, L) and state (B, S) after a frame (B, N_b) and the scans beside it."""
        felt, state_out = self.encoder.step(observation, state)
        return self.sight(felt, Sights(heights, valid, map_age)), state_out


class PolicyGraph(nn.Module):
    """The deployed policy: observation and belief in, deterministic action out."""

    def __init__(self, actor: TeacherStudentActor | BeliefStudent) -> None:
        super().__init__()
        self.normalizer = actor.obs_normalizer
        self.mlp = actor.mlp

    def forward(self, observation: Tensor, belief: Tensor) -> Tensor:
        """Action (B, J)."""
        return self.mlp(torch.cat([self.normalizer(observation), belief], dim=-1))
