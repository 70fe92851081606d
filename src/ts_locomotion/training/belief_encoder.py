"""The belief student: guesses from what the robot feels and sees what its teacher is told.

After Miki et al. 2022. Letters: T time, B batch, N proprioception, F feet, P points per foot,
K privileged, H recurrent width, G gate = F * E, D belief, A action.
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import NamedTuple

import torch
from rsl_rl.modules import MLP, EmpiricalNormalization
from torch import Tensor, nn

from ts_locomotion.belief import MAP_AGE_CEILING
from ts_locomotion.training.belief_memory import Momentary, Recurrent
from ts_locomotion.training.belief_networks import (
    ACTIVATION,
    FEET,
    POINTS,
    REACH,
    BeliefTeacher,
    last_layer,
    soften,
)

DECODED = ("heights", "privileged")
"""Fields of Believed that can be reconstructed."""
OPEN_GATE = 2.0
"""Initial bias of the gate: the student begins by believing its eyes."""


class Senses(NamedTuple):
    """What the robot knows. Leading axes (B,) or (T, B); all but the first None without eyes."""

    observation: Tensor  # (..., N)
    heights: Tensor | None = None  # (..., F * P) [m], 0 where not valid
    valid: Tensor | None = None  # (..., F * P) 0 or 1
    map_age: Tensor | None = None  # (..., 1) [s]


class Believed(NamedTuple):
    """What it makes of them. Leading axes (B,) or (T, B)."""

    belief: Tensor  # (..., D)
    gate: Tensor  # (..., G) in [0, 1]; 1 without a gate
    heights: Tensor  # (..., F * P) reconstructed, normalised; (..., 0) without a decoder
    privileged: Tensor  # (..., K) reconstructed, normalised; (..., 0) without a decoder


class Sensed(NamedTuple):
    """Senses as the networks see them. Leading axes (B,) or (T, B); sizes 0 without eyes."""

    observation: Tensor  # (..., N) normalised
    heights: Tensor  # (..., F * P) normalised, 0 where not valid
    valid: Tensor  # (..., F * P) 0 or 1
    encoded: Tensor  # (..., F * E)


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
        assert teacher.scan_encoder is not None
        self.normalizer.load_state_dict(teacher.scan_encoder.normalizer.state_dict())
        weights = teacher.scan_encoder.mlp.state_dict()
        first = self.mlp.state_dict()["0.weight"].zero_()
        first[:, :POINTS] = weights["0.weight"]
        self.mlp.load_state_dict(weights | {"0.weight": first})


class TwoTrunks(nn.Module):
    """The trunks of two teachers, mixed by how much the ground looks like the second one's."""

    def __init__(
        self, first: nn.Sequential, second: nn.Sequential, selector: Sequence[int]
    ) -> None:
        super().__init__()
        self.first, self.second = first, second
        inputs = first[0].in_features
        assert isinstance(inputs, int)
        self.selector = MLP(inputs, 1, tuple(selector), ACTIVATION)

    def forward(self, known: Tensor) -> Tensor:
        """Actions (..., A) for observations beside beliefs (..., N + D)."""
        one, other = self.first(known), self.second(known)
        return one + torch.sigmoid(self.selector(known)) * (other - one)


class BeliefStudent(nn.Module):
    """Gated recurrent belief encoder, its decoder, and the trunk that acts on the belief.

    Without memory the encoder knows the current step only. Without gates all that is seen enters
    belief and reconstruction as it is; how the paper left the gate out (S9) it does not say.
    """

    def __init__(
        self,
        teacher: BeliefTeacher,
        specialist: BeliefTeacher | None = None,
        *,
        scan_encoding: int,
        scan_encoder: Sequence[int],
        hidden: int,
        layers: int,
        head: Sequence[int],
        decoder: Sequence[int],
        heights_decoder: Sequence[int],
        selector: Sequence[int] = (),
        recurrent: bool = True,
        gated: bool = True,
        decodes: Sequence[str] = DECODED,
    ) -> None:
        """Weights and statistics of `teacher` are copied where shapes agree, and both trunks.

        A student sees if its teacher does; without eyes there is nothing to gate.
        """
        super().__init__()
        sees = teacher.scan_encoder is not None
        sight, belief = FEET * scan_encoding if sees else 0, teacher.belief_size
        size = teacher.obs_dim
        privileged = teacher.privileged_encoder.normalizer.mean.shape[-1]
        self.obs_normalizer = EmpiricalNormalization(size)
        self.privileged_normalizer = EmpiricalNormalization(privileged)
        self.sight = SightEncoder(scan_encoding, scan_encoder) if sees else None
        # Checkpoints know the weights of the memory by this name.
        self.cells = (Recurrent if recurrent else Momentary)(size + sight, hidden, layers)
        self.belief_head = MLP(hidden, belief, tuple(head), ACTIVATION)
        self.gate_head = MLP(hidden, sight, tuple(head), ACTIVATION) if gated and sees else None
        self.heights_decoder = self.skip_head = self.privileged_decoder = None
        if "heights" in decodes and sees:
            told = size + belief + 2 * FEET * POINTS
            self.heights_decoder = MLP(told, FEET * POINTS, tuple(heights_decoder), ACTIVATION)
            if gated:
                self.skip_head = MLP(hidden, FEET * POINTS, tuple(decoder), ACTIVATION)
        if "privileged" in decodes:
            self.privileged_decoder = MLP(hidden, privileged, tuple(decoder), ACTIVATION)
        self.mlp = deepcopy(teacher.mlp)
        if specialist:
            self.mlp = TwoTrunks(self.mlp, deepcopy(specialist.mlp), selector)
        self.decoded = tuple(name for name in decodes if sees or name != "heights")
        self.state_size, self.belief_size, self.sight_size = self.cells.state_size, belief, sight
        self._copy(teacher)

    def step(self, senses: Senses, state: Tensor) -> tuple[Tensor, Tensor, Believed]:
        """One control step: actions (B, A), next state (B, S) and what is believed."""
        sensed = self._encode(senses)
        inputs = torch.cat([sensed.observation, sensed.encoded], dim=-1)
        top, state = self.cells.step(inputs, state)
        believed = self._believe(top, sensed)
        return self.act(sensed.observation, believed.belief), state, believed

    def sequence(self, senses: Senses, state: Tensor, ended: Tensor) -> tuple[Tensor, Believed]:
        """Actions (T, B, A) and beliefs along steps after which some episodes `ended` (T, B)."""
        sensed = self._encode(senses)
        inputs = torch.cat([sensed.observation, sensed.encoded], dim=-1)
        believed = self._believe(self.cells.sequence(inputs, state, ended), sensed)
        return self.act(sensed.observation, believed.belief), believed

    def act(self, observation: Tensor, belief: Tensor) -> Tensor:
        """Actions for normalised observations beside beliefs."""
        return self.mlp(torch.cat([observation, belief], dim=-1))

    @property
    def hidden(self) -> int:
        """Width of what belief and gate are made of."""
        return self.cells.hidden

    @property
    def gate_size(self) -> int:
        """Entries of the belief that are gated."""
        return self.sight_size if self.gate_head else 0

    def _encode(self, senses: Senses) -> Sensed:
        observation = self.obs_normalizer(senses.observation)
        if self.sight is None:
            nothing = observation[..., :0]
            return Sensed(observation, nothing, nothing, nothing)
        assert senses.heights is not None
        assert senses.valid is not None and senses.map_age is not None
        seen = self.sight.normalize(senses.heights, senses.valid)
        encoded = self.sight(seen, senses.valid, senses.map_age)
        return Sensed(observation, seen.flatten(-2), senses.valid, encoded)

    def _believe(self, top: Tensor, sensed: Sensed) -> Believed:
        encoded = sensed.encoded
        gate = torch.sigmoid(self.gate_head(top)) if self.gate_head else torch.ones_like(encoded)
        guess = self.belief_head(top)
        # What is seen enters the entries that hold the scan encodings in the teacher's trunk.
        hinted = guess[..., : self.sight_size] + gate * encoded
        belief = torch.cat([hinted, guess[..., self.sight_size :]], dim=-1)
        privileged = self.privileged_decoder(top) if self.privileged_decoder else top[..., :0]
        return Believed(belief, gate, self._reconstruct(belief, top, sensed), privileged)

    def _reconstruct(self, belief: Tensor, top: Tensor, sensed: Sensed) -> Tensor:
        if self.heights_decoder is None:
            return belief[..., :0]
        skipped = sensed.heights
        if self.skip_head:
            skipped = torch.sigmoid(self.skip_head(top)) * skipped
        # Whole scans beside the belief, which knows of each foot's no more than its encoding.
        known = torch.cat([sensed.observation, belief, skipped, sensed.valid], dim=-1)
        return self.heights_decoder(known) + skipped

    def _copy(self, teacher: BeliefTeacher) -> None:
        self.obs_normalizer.load_state_dict(teacher.obs_normalizer.state_dict())
        told = teacher.privileged_encoder.normalizer
        self.privileged_normalizer.load_state_dict(told.state_dict())
        if self.sight:
            self.sight.copy(teacher)
        if self.gate_head:
            with torch.no_grad():
                last_layer(self.gate_head).bias.add_(OPEN_GATE)
        soften(self.belief_head, 0.1)


class StudentGraph(nn.Module):
    """The deployed belief network; see the ports of bundle.belief_ports."""

    def __init__(self, student: BeliefStudent) -> None:
        super().__init__()
        self.student = student
        has = {
            "belief": True,
            "state_out": student.state_size,
            "gate": student.gate_size,
            "heights_out": "heights" in student.decoded,
            "privileged": "privileged" in student.decoded,
        }
        self.outputs = tuple(name for name, there in has.items() if there)

    def forward(
        self,
        observation: Tensor,
        heights: Tensor,
        valid: Tensor,
        map_age: Tensor,
        state: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """Belief, next state, gate, heights [m] and privileged state in their own units.

        Those of them that there are; without memory there is no state to give.
        """
        return self.tell(Senses(observation, heights, valid, map_age), state)

    def tell(self, senses: Senses, state: Tensor | None) -> tuple[Tensor, ...]:
        """The outputs for what a robot senses."""
        remembered = senses.observation[:, :0] if state is None else state
        _, state_out, believed = self.student.step(senses, remembered)
        told = believed._asdict() | {"state_out": state_out}
        if self.student.sight and "heights_out" in self.outputs:
            feet = believed.heights.unflatten(-1, (FEET, POINTS))
            told["heights_out"] = self.student.sight.normalizer.inverse(feet).flatten(-2)
        if "privileged" in self.outputs:
            normalizer = self.student.privileged_normalizer
            told["privileged"] = normalizer.inverse(believed.privileged)
        return tuple(told[name] for name in self.outputs)


class BlindStudentGraph(StudentGraph):
    """The same of a student without eyes."""

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, observation: Tensor, state: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """Belief, next state and privileged state, those of them that there are."""
        return self.tell(Senses(observation), state)
