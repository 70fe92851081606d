"""Teacher and student of Miki et al. 2022 (supplement S6), as separate modules.

Both take observations that are already normalised; `Anymal` normalises for them. Letters: T time,
B batch, N proprioception, F legs, P points per leg, K privileged, E encoding of one leg's points,
L recurrent layers, H their width, D belief, A actions.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ts_locomotion.errors import ConfigurationError
from ts_locomotion.training.anymal import actions as action_kinds
from ts_locomotion.training.anymal import shapes

ACTIVATION = partial(nn.LeakyReLU, inplace=True)
"""In place, for half the memory traffic: nothing else needs what goes in."""


class MLP(nn.Module):
    """Linear layers with an activation between them, behind the last one only if asked for."""

    def __init__(
        self,
        dims: Sequence[int],
        activation: Callable[[], nn.Module] = ACTIVATION,
        final_activation: bool = False,
    ) -> None:
        """Widths of input, hidden layers and output."""
        super().__init__()
        if len(dims) < 3:
            raise ConfigurationError(
                f"dims: {tuple(dims)} given, input, hidden and output are needed"
            )
        layers: list[nn.Module] = []
        for width, following in pairwise(dims):
            layers += [nn.Linear(width, following), activation()]
        self.net = nn.Sequential(*layers[: None if final_activation else -1])

    def forward(self, x: Tensor | Sequence[Tensor]) -> Tensor:
        """Outputs (..., dims[-1]); several inputs are laid side by side."""
        return self.net(x if isinstance(x, Tensor) else torch.cat(tuple(x), dim=-1))


class Teacher(nn.Module):
    """Acts on the true ground and on what only a simulation knows."""

    def __init__(
        self,
        num_actions: int,
        proprio_dim: int = 133,
        extero_dim: int = 52,
        latent_extero_dim: int = 24,
        extero_encoder_hidden: Sequence[int] = (80, 60),
        privileged_dim: int = 50,
        latent_privileged_dim: int = 24,
        privileged_encoder_hidden: Sequence[int] = (64, 32),
        mlp_hidden: Sequence[int] = (256, 160, 128),
        num_legs: int = 4,
        actions: str = "categorical",
    ) -> None:
        super().__init__()
        self.num_legs, self.proprio_dim = num_legs, proprio_dim
        self.extero_dim, self.privileged_dim = extero_dim, privileged_dim
        self.actions = action_kinds.make(actions, num_actions)
        self.extero_encoder = MLP((extero_dim, *extero_encoder_hidden, latent_extero_dim))
        self.privileged_encoder = MLP(
            (privileged_dim, *privileged_encoder_hidden, latent_privileged_dim)
        )
        belief = latent_extero_dim * num_legs + latent_privileged_dim
        self.to_logits = MLP((proprio_dim + belief, *mlp_hidden))
        self.to_action_head = nn.Sequential(nn.LeakyReLU(), nn.Linear(mlp_hidden[-1], num_actions))
        self.to_value_head = nn.Sequential(
            nn.LeakyReLU(), nn.Linear(mlp_hidden[-1], 1), nn.Flatten(-2)
        )

    def forward(
        self,
        proprio: Tensor,
        extero: Tensor,
        privileged: Tensor,
        return_value_head: bool = False,
        return_action_categorical_dist: bool = False,
        *,
        return_values: bool = False,
        return_action_dist: bool = False,
    ) -> Any:
        """Outputs (B, A), or their distribution, for (B, N), (B, F, P) and (B, K).

        With `return_value_head`, or `return_values`, also the values (B,).
        """
        shapes.check("proprio", proprio, self.proprio_dim)
        shapes.check("extero", extero, self.num_legs, self.extero_dim)
        shapes.check("privileged", privileged, self.privileged_dim)
        features = self.features(proprio, extero, privileged)
        answer = action_kinds.answer(
            self.actions,
            self.to_action_head(features),
            return_action_categorical_dist,
            return_action_dist,
        )
        with_value = return_value_head or return_values
        return (answer, self.to_value_head(features)) if with_value else answer

    def features(self, proprio: Tensor, extero: Tensor, privileged: Tensor) -> Tensor:
        """What both heads see. The belief begins with the legs: that order is the student's."""
        encoded = self.extero_encoder(extero).flatten(-2)  # (B, F * E)
        told = self.privileged_encoder(privileged)
        return self.to_logits((proprio, encoded, told))


class Steps(NamedTuple):
    """What a student makes of what it senses. Leading axes (B,) or (T, B)."""

    outputs: Tensor  # (..., A)
    hiddens: Tensor  # (B, L, H), after the last step
    privileged: Tensor  # (..., K) reconstructed
    extero: Tensor  # (..., F, P) reconstructed


class Student(nn.Module):
    """Guesses from proprioception and noisy heights what its teacher is told."""

    def __init__(
        self,
        num_actions: int,
        proprio_dim: int = 133,
        extero_dim: int = 52,
        latent_extero_dim: int = 24,
        extero_encoder_hidden: Sequence[int] = (80, 60),
        belief_state_encoder_hiddens: Sequence[int] = (64, 64),
        extero_gate_encoder_hiddens: Sequence[int] = (64, 64),
        belief_state_dim: int = 120,
        gru_num_layers: int = 2,
        gru_hidden_size: int = 50,
        mlp_hidden: Sequence[int] = (256, 160, 128),
        num_legs: int = 4,
        privileged_dim: int = 50,
        privileged_decoder_hiddens: Sequence[int] = (64, 64),
        extero_decoder_hiddens: Sequence[int] = (64, 64),
        actions: str = "categorical",
        hiddens_layout: str | None = None,
    ) -> None:
        """Hidden states are given as `hiddens_layout` says; see shapes.batch_first."""
        super().__init__()
        gate, points, width = latent_extero_dim * num_legs, extero_dim * num_legs, gru_hidden_size
        if belief_state_dim <= gate:
            raise ConfigurationError(
                f"belief_state_dim: {belief_state_dim} given, more than {gate} needed: the gated "
                "encodings of the legs, and what stands for the privileged state"
            )
        self.num_legs, self.proprio_dim, self.extero_dim = num_legs, proprio_dim, extero_dim
        self.gate_size, self.hiddens_layout = gate, hiddens_layout
        self.actions = action_kinds.make(actions, num_actions)
        self.extero_encoder = MLP((extero_dim, *extero_encoder_hidden, latent_extero_dim))
        self.gru = nn.GRU(proprio_dim + gate, width, gru_num_layers)
        self.belief_state_encoder = MLP((width, *belief_state_encoder_hiddens, belief_state_dim))
        self.to_latent_extero_attn_gate = MLP((width, *extero_gate_encoder_hiddens, gate))
        self.privileged_decoder = MLP((width, *privileged_decoder_hiddens, privileged_dim))
        self.extero_decoder = MLP((width, *extero_decoder_hiddens, points))
        self.to_extero_attn_gate = MLP((width, *extero_gate_encoder_hiddens, points))
        self.to_logits = MLP((proprio_dim + belief_state_dim, *mlp_hidden))
        self.to_action_head = nn.Sequential(nn.LeakyReLU(), nn.Linear(mlp_hidden[-1], num_actions))

    def get_gru_hiddens(self) -> Tensor:
        """Hidden states of one robot at the beginning of an episode. Shape (L, H)."""
        weights = next(self.gru.parameters())
        return weights.new_zeros(self.gru.num_layers, self.gru.hidden_size)

    def forward(
        self,
        proprio: Tensor,
        extero: Tensor,
        hiddens: Tensor | None = None,
        return_estimated_info: bool = False,
        return_action_categorical_dist: bool = False,
        *,
        return_action_dist: bool = False,
    ) -> Any:
        """One step of (B, N) and (B, F, P): outputs (B, A) or their distribution, and hiddens.

        Hidden states are returned as (B, L, H) and taken as that or as (L, B, H). With
        `return_estimated_info` also the reconstructions (B, K) and (B, F, P), in a pair.
        """
        shapes.check("proprio", proprio, self.proprio_dim)
        shapes.check("extero", extero, self.num_legs, self.extero_dim)
        outputs, next_hiddens = self.step(proprio, extero, self._past(hiddens, len(proprio)))
        answer = action_kinds.answer(
            self.actions, outputs, return_action_categorical_dist, return_action_dist
        )
        if not return_estimated_info:
            return answer, next_hiddens
        return answer, next_hiddens, self._reconstruct(next_hiddens[:, -1], extero)

    def step(self, proprio: Tensor, extero: Tensor, hiddens: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs (B, A) and next hidden states of one step from hidden states (B, L, H)."""
        encoded = self.extero_encoder(extero).flatten(-2)  # (B, F * E)
        hiddens = self._remember(torch.cat((proprio, encoded), dim=-1), hiddens)
        return self._act(proprio, self._believe(hiddens[:, -1], encoded)), hiddens

    def sequence(
        self, proprio: Tensor, extero: Tensor, hiddens: Tensor, dones: Tensor | None = None
    ) -> Steps:
        """T steps of (T, B, N) and (T, B, F, P) from hidden states (B, L, H).

        After steps at which an episode ended, `dones` (T, B), the next begins without a past.
        """
        encoded = self.extero_encoder(extero).flatten(-2)  # (T, B, F * E)
        inputs = torch.cat((proprio, encoded), dim=-1)
        tops, last = self._remember_all(inputs, hiddens.transpose(0, 1).contiguous(), dones)
        outputs = self._act(proprio, self._believe(tops, encoded))
        return Steps(outputs, last.transpose(0, 1), *self._reconstruct(tops, extero))

    def _past(self, hiddens: Tensor | None, batch: int) -> Tensor:
        layers, width = self.gru.num_layers, self.gru.hidden_size
        if hiddens is None:
            return self.get_gru_hiddens().expand(batch, layers, width)
        return shapes.batch_first(hiddens, batch, layers, width, self.hiddens_layout)

    def _remember(self, inputs: Tensor, past: Tensor) -> Tensor:
        """Hidden states (B, L, H) one step later; faster than nn.GRU for a single one."""
        layers = []
        all_weights: list[list[Tensor]] = self.gru.all_weights  # pyright: ignore[reportAssignmentType]
        for weights, before in zip(all_weights, past.unbind(1), strict=True):
            inputs = torch.gru_cell(inputs, before, *weights)
            layers.append(inputs)
        return torch.stack(layers, dim=1)

    def _remember_all(
        self, inputs: Tensor, past: Tensor, dones: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Top states (T, B, H) of inputs (T, B, ...), and all states (L, B, H) at the end."""
        if dones is None or not dones.any():
            return self.gru(inputs, past)
        tops = []
        cuts = (dones.any(dim=1).nonzero().flatten() + 1).tolist()
        for piece, ended in zip(
            inputs.tensor_split(cuts), (*dones[[cut - 1 for cut in cuts]], None), strict=True
        ):
            if not len(piece):
                continue
            top, past = self.gru(piece, past)
            tops.append(top)
            if ended is not None:
                past = past * (~ended)[None, :, None]
        return torch.cat(tops), past

    def _believe(self, top: Tensor, encoded: Tensor) -> Tensor:
        """The belief (..., D): what is seen enters the entries the teacher keeps for the legs."""
        guess = self.belief_state_encoder(top)
        gated = torch.sigmoid(self.to_latent_extero_attn_gate(top)) * encoded
        seen, unseen = guess.tensor_split((self.gate_size,), dim=-1)
        return torch.cat((seen + gated, unseen), dim=-1)

    def _act(self, proprio: Tensor, belief: Tensor) -> Tensor:
        return self.to_action_head(self.to_logits((proprio, belief)))

    def _reconstruct(self, top: Tensor, extero: Tensor) -> tuple[Tensor, Tensor]:
        skipped = torch.sigmoid(self.to_extero_attn_gate(top)) * extero.flatten(-2)
        heights = self.extero_decoder(top) + skipped
        return self.privileged_decoder(top), heights.unflatten(-1, (self.num_legs, -1))
