"""What a student makes of its past: the latent that the teacher makes of the privileged state.

Every encoder normalises frames, ends in ±1 as the teacher's, and steps through time with a state
that is zero when an episode begins: deployed, all of them are one graph with an opaque state.
Letters: B batch, T time, H frames, N frame size, C channels, L latent, S state.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from rsl_rl.modules import MLP, EmpiricalNormalization
from torch import Tensor, nn
from torch.nn import functional

from ts_locomotion.errors import ConfigurationError


class Sizes(NamedTuple):
    """What the encoders are built from; each takes what it needs."""

    frames: int
    frame_size: int
    latent: int
    mlp: Sequence[int]
    channels: int
    """Of each temporal convolution."""
    hidden: int
    """Width of the recurrent layer."""


class HistoryEncoder(nn.Module):
    """Base of all: a normaliser of frames and a size of state."""

    def __init__(self, sizes: Sizes, state_size: int) -> None:
        super().__init__()
        self.normalizer = EmpiricalNormalization(sizes.frame_size)
        self.state_size = state_size

    def step(self, frame: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Latent (B, L) and next state (B, S) after a frame (B, N) as it was observed."""
        raise NotImplementedError


class WindowEncoder(HistoryEncoder):
    """Sees the last H frames at once; its state is these frames, oldest first."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes, sizes.frames * sizes.frame_size)
        self.frames, self.frame_size = sizes.frames, sizes.frame_size

    def forward(self, history: Tensor) -> Tensor:
        """Latent (B, L) of a history (B, H, N)."""
        return self.encode(self.normalizer(history))

    def encode(self, history: Tensor) -> Tensor:
        """Latent (B, L) of a normalised history (B, H, N)."""
        raise NotImplementedError

    def step(self, frame: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """The oldest frame leaves the state, the newest enters it."""
        state = torch.cat([state[:, self.frame_size :], frame], dim=1)  # (B, H * N)
        return self(state.unflatten(1, (self.frames, self.frame_size))), state


class Perceptron(WindowEncoder):
    """All frames side by side into fully connected layers."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.mlp = MLP(self.state_size, sizes.latent, tuple(sizes.mlp), "elu", "tanh")

    def encode(self, history: Tensor) -> Tensor:
        """Latent (B, L) of a normalised history (B, H, N)."""
        return self.mlp(history.flatten(1))  # (B, H, N) -> (B, H * N)


class CausalConvolution(nn.Conv1d):
    """Over time, (B, C, T) to (B, C', (T - 1) // stride + 1); no output sees a later frame.

    The last output always belongs to the last frame, whatever the stride leaves out.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Convolve; before the first frame there is silence."""
        skipped = (input.shape[-1] - 1) % self.stride[0]
        before = self.dilation[0] * (self.kernel_size[0] - 1) - skipped
        return super().forward(functional.pad(input, (before, 0)))


class TemporalConvolutions(WindowEncoder):
    """Causal convolutions over time, the entries of a frame as channels.

    After the TCN of Lee et al. 2020 (arXiv 2010.11251, tables S4-S8): kernels of 5, dilations 1,
    2 and 4, each followed by a convolution of stride 2, an activation after each.
    """

    KERNEL = 5
    DILATIONS = (1, 2, 4)
    STRIDE = 2

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        layers: list[nn.Module] = []
        inputs, length = sizes.frame_size, sizes.frames
        for dilation in self.DILATIONS:
            layers += [
                CausalConvolution(inputs, sizes.channels, self.KERNEL, dilation=dilation),
                nn.ELU(),
                CausalConvolution(sizes.channels, sizes.channels, self.KERNEL, self.STRIDE),
                nn.ELU(),
            ]
            inputs, length = sizes.channels, (length - 1) // self.STRIDE + 1
        self.convolutions = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Linear(inputs * length, sizes.latent), nn.Tanh())

    def convolve(self, history: Tensor) -> Tensor:
        """(B, H, N) to (B, C, T), T a few moments of which the last is now."""
        return self.convolutions(history.transpose(1, 2))

    def encode(self, history: Tensor) -> Tensor:
        """Latent (B, L) of a normalised history (B, H, N)."""
        return self.head(self.convolve(history).flatten(1))


class FlatConvolutions(WindowEncoder):
    """The "TCN" of LeggedGym-Ex 0.3.0, to compare with: no convolution over time at all.

    Its kernels of 5 slide over the flattened history, across the borders of entries and frames,
    with one channel and no activation in between.
    """

    LAYERS = ((1, 1), (1, 2), (2, 1), (1, 2))
    """Dilation and stride of each convolution."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.convolutions = nn.Sequential(
            *(
                nn.Conv1d(1, 1, 5, stride, padding=2 * dilation, dilation=dilation)
                for dilation, stride in self.LAYERS
            )
        )
        length = self.state_size
        for _, stride in self.LAYERS:
            length = (length - 1) // stride + 1
        self.mlp = MLP(length, sizes.latent, (128,), "elu", "tanh")

    def encode(self, history: Tensor) -> Tensor:
        """Latent (B, L) of a normalised history (B, H, N)."""
        return self.mlp(self.convolutions(history.flatten(1).unsqueeze(1)).flatten(1))


class Recurrent(HistoryEncoder):
    """A GRU over the whole episode; its state is the hidden layer."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes, sizes.hidden)
        self.cell = nn.GRUCell(sizes.frame_size, sizes.hidden)
        self.head = nn.Sequential(nn.Linear(sizes.hidden, sizes.latent), nn.Tanh())

    def step(self, frame: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Latent (B, L) and next state (B, S) after a frame (B, N) as it was observed."""
        state = self.cell(self.normalizer(frame), state)
        return self.head(state), state

    def sequence(self, frames: Tensor, state: Tensor, ended: Tensor) -> Tensor:
        """Latents (T, B, L) along frames (T, B, N) after which some episodes `ended` (T, B)."""
        normalized, states = self.normalizer(frames), []
        for step in range(len(frames)):
            state = self.cell(normalized[step], state)
            states.append(state)
            state = state * (~ended[step])[:, None]
        return self.head(torch.stack(states))


KINDS: Mapping[str, Callable[[Sizes], HistoryEncoder]] = {
    "mlp": Perceptron,
    "tcn": TemporalConvolutions,
    "tcn_flat": FlatConvolutions,
    "gru": Recurrent,
}


def make(kind: str, sizes: Sizes) -> HistoryEncoder:
    """An encoder by name. Raises ConfigurationError for an unknown one."""
    if kind not in KINDS:
        raise ConfigurationError(f"networks.encoder: no {kind!r}; valid: {', '.join(KINDS)}")
    return KINDS[kind](sizes)
