"""What lies between the belief student's senses and its belief: a memory, or none.

Letters: T time, B batch, I what is felt and seen, H what is made of it, S recurrent state.
"""

from itertools import count

import torch
from rsl_rl.modules import MLP
from torch import Tensor, nn

from ts_locomotion.training.belief_networks import ACTIVATION


class Recurrent(nn.ModuleList):
    """Layers of GRU cells; their outputs side by side are the state."""

    def __init__(self, inputs: int, hidden: int, layers: int) -> None:
        super().__init__(
            nn.GRUCell(hidden if layer else inputs, hidden) for layer in range(layers)
        )
        self.hidden, self.state_size = hidden, hidden * layers

    def step(self, inputs: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """What is made of (B, I) and (B, S): (B, H), and the next state (B, S)."""
        layers = []
        for cell, past in zip(self, state.chunk(len(self), dim=-1), strict=True):
            inputs = cell(inputs, past)
            layers.append(inputs)
        state = torch.cat(layers, dim=-1)
        return state[:, -self.hidden :], state

    def sequence(self, inputs: Tensor, state: Tensor, ended: Tensor) -> Tensor:
        """The same along steps (T, B, I) after which some episodes `ended` (T, B): (T, B, H)."""
        tops = []
        for felt, over in zip(inputs, ended, strict=True):
            top, state = self.step(felt, state)
            tops.append(top)
            state = state * (~over)[:, None]
        return torch.stack(tops)


class Momentary(nn.Module):
    """In its place a network that knows the current step only; it has as many weights."""

    def __init__(self, inputs: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.hidden, self.state_size = hidden, 0
        width = _width_like_recurrent(inputs, hidden, layers)
        self.mlp = MLP(inputs, hidden, (width,) * layers, ACTIVATION, ACTIVATION)

    def step(self, inputs: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """What is made of (B, I): (B, H), and the empty state."""
        return self.mlp(inputs), state

    def sequence(self, inputs: Tensor, _state: Tensor, _ended: Tensor) -> Tensor:
        """The same for all steps (T, B, I) at once: (T, B, H)."""
        return self.mlp(inputs)


def _width_like_recurrent(inputs: int, hidden: int, layers: int) -> int:
    """Of the hidden layers, so that no fewer weights are there than in the cells."""
    # Three gates, each with weights for input and state and two biases.
    cells = 3 * hidden * (inputs + hidden + 2) + (layers - 1) * 3 * hidden * (2 * hidden + 2)

    def weights(width: int) -> int:
        return (inputs + 1 + (layers - 1) * (width + 1) + hidden) * width + hidden

    return next(width for width in count(1) if weights(width) >= cells)
