"""What encoders of the past see, and that stepping through time is what they learned."""

import pytest
import torch
from torch import Tensor, nn

from ts_locomotion.errors import ConfigurationError
from ts_locomotion.training import history_encoders
from ts_locomotion.training.history_encoders import (
    CausalConvolution,
    FlatConvolutions,
    HistoryEncoder,
    Recurrent,
    Sizes,
    TemporalConvolutions,
    WindowEncoder,
)

SIZES = Sizes(frames=20, frame_size=45, latent=16, mlp=(128, 64), channels=44, hidden=64)
ALL = sorted(history_encoders.KINDS)
WINDOWS = ["mlp", "tcn", "tcn_flat"]


def make(kind: str, sizes: Sizes = SIZES) -> HistoryEncoder:
    """An encoder whose normaliser has seen something."""
    torch.manual_seed(0)
    encoder = history_encoders.make(kind, sizes)
    encoder.normalizer.update(3.0 + 2.0 * torch.randn(500, sizes.frame_size))
    return encoder.eval()


def temporal(frames: int) -> TemporalConvolutions:
    encoder = make("tcn", SIZES._replace(frames=frames))
    assert isinstance(encoder, TemporalConvolutions)
    return encoder


def influence(encoder: TemporalConvolutions, output: int) -> Tensor:
    """Which frames (H,) one output of the convolutions depends on."""
    history = torch.randn(1, encoder.frames, encoder.frame_size, requires_grad=True)
    encoder.convolve(history)[0, :, output].square().sum().backward()
    assert history.grad is not None
    return history.grad[0].abs().sum(-1) > 0


@pytest.mark.parametrize("kind", ALL)
def test_a_step_gives_a_latent_within_one_and_a_state_of_its_size(kind):
    encoder = make(kind)
    latent, state = encoder.step(10.0 * torch.randn(5, 45), torch.zeros(5, encoder.state_size))
    assert latent.shape == (5, 16) and state.shape == (5, encoder.state_size)
    assert latent.abs().max() <= 1.0 and latent.std() > 0.0


@pytest.mark.parametrize("kind", WINDOWS)
def test_stepping_through_an_episode_is_seeing_its_last_frames(kind):
    encoder, frames = make(kind), torch.randn(30, 2, 45)
    assert isinstance(encoder, WindowEncoder)
    state, history = torch.zeros(2, encoder.state_size), torch.zeros(2, 20, 45)
    for frame in frames:
        latent, state = encoder.step(frame, state)
        history = torch.cat([history[:, 1:], frame[:, None]], dim=1)
        assert torch.allclose(latent, encoder(history), atol=1e-6)
    assert torch.equal(state, frames[-20:].transpose(0, 1).flatten(1))


def test_a_sequence_is_its_steps_and_forgets_where_an_episode_ends():
    encoder, frames = make("gru"), torch.randn(6, 3, 45)
    assert isinstance(encoder, Recurrent)
    ended = torch.zeros(6, 3, dtype=torch.bool)
    ended[2, 1] = True
    first = torch.randn(3, encoder.state_size)
    latents, state = encoder.sequence(frames, first, ended), first
    for step in range(6):
        latent, state = encoder.step(frames[step], state)
        assert torch.allclose(latents[step], latent, atol=1e-6)
        state = torch.where(ended[step][:, None], 0.0, state)
    anew = encoder.sequence(frames[3:, 1:2], torch.zeros(1, 64), ended[3:, 1:2])
    assert torch.allclose(latents[3:, 1:2], anew, atol=1e-6)


@pytest.mark.parametrize(("frames", "length"), [(20, 3), (100, 13)])
def test_temporal_convolutions_halve_time_three_times_and_keep_channels(frames, length):
    encoder = temporal(frames)
    assert encoder.convolve(torch.zeros(2, frames, 45)).shape == (2, 44, length)


def test_entries_of_a_frame_are_channels_and_every_convolution_is_activated():
    layers = list(temporal(20).convolutions)
    convolutions, activations = layers[::2], layers[1::2]
    assert all(isinstance(layer, nn.ELU) for layer in activations)
    assert all(isinstance(layer, CausalConvolution) for layer in convolutions)
    assert convolutions[0].in_channels == 45
    assert [layer.dilation[0] for layer in convolutions] == [1, 1, 2, 1, 4, 1]
    assert [layer.stride[0] for layer in convolutions] == [1, 2, 1, 2, 1, 2]


@pytest.mark.parametrize("frames", [17, 20, 23])
def test_no_output_sees_a_later_frame_and_the_last_one_sees_the_newest(frames):
    encoder = temporal(frames)
    length = encoder.convolve(torch.zeros(1, frames, 45)).shape[-1]
    for output in range(length):
        moment = frames - 1 - 8 * (length - 1 - output)
        seen = influence(encoder, output)
        assert seen[moment] and not seen[moment + 1 :].any()


def test_an_output_sees_113_frames():
    encoder = temporal(130)
    seen = influence(encoder, -1)
    assert seen[-113:].all() and not seen[:-113].any()


def test_the_flat_form_is_one_affine_map_of_225_outputs_for_20_frames():
    encoder = make("tcn_flat")
    assert isinstance(encoder, FlatConvolutions)
    one, other = torch.randn(2, 1, 1, 900)
    convolve = encoder.convolutions
    assert convolve(one).shape == (1, 1, 225)
    middle = convolve((one + other) / 2)
    assert torch.allclose(middle, (convolve(one) + convolve(other)) / 2, atol=1e-5)


@pytest.mark.parametrize("kind", WINDOWS)
def test_the_newest_frame_changes_the_latent(kind):
    encoder = make(kind)
    history = torch.randn(1, 20, 45)
    changed = history.clone()
    changed[:, -1] += 5.0
    assert (encoder(history) - encoder(changed)).abs().max() > 1e-4


def test_an_unknown_encoder_is_told_from_the_known():
    with pytest.raises(ConfigurationError, match="'lstm'; valid: mlp, tcn, tcn_flat, gru"):
        make("lstm")
