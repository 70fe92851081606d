"""The belief student: guesses from what the robot feels and sees what its teacher is told.

After Miki et al. 2022. Letters: T time, B batch, N proprioception, F feet, P points per foot,
K privileged, H recurrent width, G gate = F * E, D belief, A action.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from rsl_rl.modules import MLP, EmpiricalNormalization
from torch import Tensor, nn

from ts_locomotion.belief import MAP_AGE_CEILING
from ts_locomotion.training.belief_networks import (
    ACTIVATION,
    FEET,
    POINTS,
    REACH,
    BeliefTeacher,
)

OPEN_GATE = 2.0
"""Initial bias of the gate: the student begins by believing its eyes."""


class Senses(NamedTuple):
    """What the robot knows. Leading axes (B,) or (T, B)."""

    observation: Tensor  # (..., N)
    heights: Tensor  # (..., F * P) [m], 0 where not valid
    valid: Tensor  # (..., F * P) 0 or 1
    map_age: Tensor  # (..., 1) [s]


class Believed(NamedTuple):
    """What it makes of them. Leading axes (B,) or (T, B)."""

    belief: Tensor  # (..., D)
    gate: Tensor  # (..., G) in [0, 1]
    heights: Tensor  # (..., F * P) reconstructed, normalised
    privileged: Tensor  # (..., K) reconstructed, normalised


class SightEncoder(nn.Module):
    """The teacher's scan encoder, told besides what is missing and how old the map is."""

    def __init__(self, size: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.normalizer = EmpiricalNormalization(POINTS)
        self.mlp = MLP(2 * POINTS + 1, size, tuple(hidden), ACTIVATION)

    def forward(self, normalized: Tensor, valid: Tensor, map_age: Tensor) -> Tensor:
        """Encodings (..., F * E) of what `normalize` returns, its mask and its age."""
        missing = 1.0 - valid.unflatten(-1, (FEET, POINTS))
        age = (map_age / MAP_AGE_CEILING).unsqueeze(-2).expand(*missing.shape[:-1], 1)
        return self.mlp(torch.cat([normalized, missing, age], dim=-1)).flatten(-2)

    def normalize(self, heights: Tensor, valid: Tensor) -> Tensor:
        """Heights as the network sees them, 0 where not valid. (..., F * P) to (..., F, P)."""
        feet = heights.clamp(-REACH, REACH).unflatten(-1, (FEET, POINTS))
        return self.normalizer(feet) * valid.unflatten(-1, (FEET, POINTS))

    def copy(self, teacher: BeliefTeacher) -> None:
        """Begin as the teacher's encoder, blind to what it is told besides."""
        self.normalizer.load_state_dict(teacher.scan_encoder.normalizer.state_dict())
        weights = teacher.scan_encoder.mlp.state_dict()
        first = self.mlp.state_dict()["0.weight"].zero_()
        first[:, :POINTS] = weights["0.weight"]
        self.mlp.load_state_dict(weights | {"0.weight": first})


class BeliefStudent(nn.Module):
    """Gated recurrent belief encoder, its decoder, and the trunk that acts on the belief."""

    def __init__(
        self,
        teacher: BeliefTeacher,
        *,
        scan_encoding: int,
        scan_encoder: Sequence[int],
        hidden: int,
        layers: int,
        head: Sequence[int],
        decoder: Sequence[int],
    ) -> None:
        """Weights and statistics of `teacher` are copied where shapes agree."""
        super().__init__()
        gate, belief = FEET * scan_encoding, teacher.belief_size
        size = teacher.obs_dim
        privileged = teacher.privileged_encoder.normalizer.mean.shape[-1]
        self.obs_normalizer = EmpiricalNormalization(size)
        self.privileged_normalizer = EmpiricalNormalization(privileged)
        self.sight = SightEncoder(scan_encoding, scan_encoder)
        self.cells = nn.ModuleList(
            nn.GRUCell(hidden if layer else size + gate, hidden) for layer in range(layers)
        )
        self.belief_head = MLP(hidden, belief, tuple(head), ACTIVATION)
        self.gate_head = MLP(hidden, gate, tuple(head), ACTIVATION)
        self.heights_decoder = MLP(belief, FEET * POINTS, tuple(decoder), ACTIVATION)
        self.skip_head = MLP(hidden, FEET * POINTS, tuple(decoder), ACTIVATION)
        self.privileged_decoder = MLP(hidden, privileged, tuple(decoder), ACTIVATION)
        actions = _last(teacher.mlp).out_features
        self.mlp = MLP(size + belief, actions, _hidden_sizes(teacher.mlp), ACTIVATION)
        self.state_size, self.gate_size, self.belief_size = hidden * layers, gate, belief
        self._copy(teacher)

    def step(self, senses: Senses, state: Tensor) -> tuple[Tensor, Tensor, Believed]:
        """One control step: actions (B, A), next state (B, S) and what is believed."""
        observation, seen, encoded = self._encode(senses)
        state = self._remember(torch.cat([observation, encoded], dim=-1), state)
        believed = self._believe(state[:, -self.hidden :], seen, encoded)
        return self.act(observation, believed.belief), state, believed

    def sequence(self, senses: Senses, state: Tensor, ended: Tensor) -> tuple[Tensor, Believed]:
        """Actions (T, B, A) and beliefs along steps after which some episodes `ended` (T, B)."""
        observation, seen, encoded = self._encode(senses)
        inputs = torch.cat([observation, encoded], dim=-1)
        tops = []
        for step in range(len(inputs)):
            state = self._remember(inputs[step], state)
            tops.append(state[:, -self.hidden :])
            state = state * (~ended[step])[:, None]
        believed = self._believe(torch.stack(tops), seen, encoded)
        return self.act(observation, believed.belief), believed

    def act(self, observation: Tensor, belief: Tensor) -> Tensor:
        """Actions for normalised observations beside beliefs."""
        return self.mlp(torch.cat([observation, belief], dim=-1))

    @property
    def hidden(self) -> int:
        """Width of a recurrent layer."""
        return self.state_size // len(self.cells)

    def _encode(self, senses: Senses) -> tuple[Tensor, Tensor, Tensor]:
        observation = self.obs_normalizer(senses.observation)
        seen = self.sight.normalize(senses.heights, senses.valid)
        return observation, seen, self.sight(seen, senses.valid, senses.map_age)

    def _remember(self, inputs: Tensor, state: Tensor) -> Tensor:
        layers = []
        for cell, past in zip(self.cells, state.chunk(len(self.cells), dim=-1), strict=True):
            inputs = cell(inputs, past)
            layers.append(inputs)
        return torch.cat(layers, dim=-1)

    def _believe(self, top: Tensor, seen: Tensor, encoded: Tensor) -> Believed:
        gate = torch.sigmoid(self.gate_head(top))
        guess = self.belief_head(top)
        # What is seen enters the entries that hold the scan encodings in the teacher's trunk.
        belief = torch.cat(
            [guess[..., : self.gate_size] + gate * encoded, guess[..., self.gate_size :]], dim=-1
        )
        skipped = torch.sigmoid(self.skip_head(top)) * seen.flatten(-2)
        heights = self.heights_decoder(belief) + skipped
        return Believed(belief, gate, heights, self.privileged_decoder(top))

    def _copy(self, teacher: BeliefTeacher) -> None:
        self.obs_normalizer.load_state_dict(teacher.obs_normalizer.state_dict())
        told = teacher.privileged_encoder.normalizer
        self.privileged_normalizer.load_state_dict(told.state_dict())
        self.mlp.load_state_dict(teacher.mlp.state_dict())
        self.sight.copy(teacher)
        with torch.no_grad():
            _last(self.gate_head).bias.add_(OPEN_GATE)
            _last(self.belief_head).weight.mul_(0.1)


class StudentGraph(nn.Module):
    """The deployed belief network; see the ports of bundle.belief_ports."""

    def __init__(self, student: BeliefStudent) -> None:
        super().__init__()
        self.student = student

    def forward(
        self, observation: Tensor, heights: Tensor, valid: Tensor, map_age: Tensor, state: Tensor
    ) -> tuple[Tensor, ...]:
        """Belief, next state, gate, heights [m] and privileged state in their own units."""
        senses = Senses(observation, heights, valid, map_age)
        _, state_out, believed = self.student.step(senses, state)
        feet = believed.heights.unflatten(-1, (FEET, POINTS))
        heights_out = self.student.sight.normalizer.inverse(feet).flatten(-2)
        privileged = self.student.privileged_normalizer.inverse(believed.privileged)
        return believed.belief, state_out, believed.gate, heights_out, privileged


def _hidden_sizes(trunk: nn.Sequential) -> tuple[int, ...]:
    layers = [layer for layer in trunk if isinstance(layer, nn.Linear)]
    return tuple(layer.out_features for layer in layers[:-1])


def _last(network: nn.Sequential) -> nn.Linear:
    layer = network[-1]
    assert isinstance(layer, nn.Linear)
    return layer
