"""A recurrent student's past is the one it lived through, in its own eyes and in the mirror."""

from pathlib import Path

import torch
from torch import Tensor

from ts_locomotion.training import tasks
from ts_locomotion.training.overrides import override
from ts_locomotion.training.recollection import Sequences
from ts_locomotion.training.teacher_student import TeacherStudentPPO
from ts_locomotion.training.train import build


def lived(folder: Path) -> tuple[TeacherStudentPPO, Tensor, Tensor]:
    """A learner after two rollouts without an update; frames (T, B, N) and ends (T, B) of both."""
    torch.manual_seed(0)
    edits = ["networks.encoder=gru", "algorithm.latent_regularization=0.0"]
    runner = build(override(tasks.make("go2_ts_tiny"), edits), 0, folder)
    runner.env.episode_length_buf[1:4] = 997
    ppo, obs = runner.alg, runner.env.get_observations()
    assert isinstance(ppo, TeacherStudentPPO)
    frames, ended = [], []
    for _ in range(2):
        ppo.storage.clear()
        obs, _ = runner._collect(obs)
        frames.append(ppo.storage.observations["frame"].clone())
        ended.append(ppo.storage.dones[..., 0].bool())
    assert torch.cat(ended)[:6].any()
    return ppo, torch.cat(frames), torch.cat(ended)


def test_hidden_states_outlive_a_rollout_but_not_an_episode(tmp_path):
    ppo, frames, ended = lived(tmp_path)
    encoder, items = ppo.student.history_encoder, torch.tensor([1, 2, 6])
    for mirrored in (False, True):
        felt = ppo.mirror.history(frames) if mirrored else frames
        from_birth = encoder.sequence(felt, torch.zeros(8, encoder.state_size), ended)
        expected = from_birth[6:, items].flatten(0, 1)
        assert torch.allclose(ppo.recollection.latents(items, mirrored), expected, atol=1e-6)
    anew = encoder.sequence(frames[6:], torch.zeros(8, encoder.state_size), ended[6:])
    assert not torch.allclose(anew, from_birth[6:], atol=1e-3)


def test_samples_of_robots_are_those_that_the_storage_flattens(tmp_path):
    ppo, frames, _ = lived(tmp_path)
    items = torch.tensor([5, 0])
    stored = ppo.storage.observations["frame"].flatten(0, 1)
    assert torch.equal(stored[ppo.recollection.samples(items)], frames[6:, items].flatten(0, 1))


def test_gradients_flow_through_time_and_no_further_than_the_rollout(tmp_path):
    ppo, _, _ = lived(tmp_path)
    assert isinstance(ppo.recollection, Sequences)
    frames = ppo.storage.observations["frame"]
    frames.requires_grad_()
    ppo.recollection.latents(torch.tensor([6]), False)[-1].sum().backward()
    assert frames.grad is not None
    assert (frames.grad[:, 6].abs().sum(-1) > 0).all()
    assert not frames.grad[:, :6].any()
    assert not ppo.recollection.state()["states"].requires_grad


def test_hidden_states_are_saved_and_restored(tmp_path):
    ppo, _, _ = lived(tmp_path)
    state = ppo.recollection.state()
    assert state["states"].abs().sum() > 0
    ppo.recollection.forget(torch.ones(8, dtype=torch.bool))
    assert ppo.recollection.state()["states"].abs().sum() == 0
    ppo.recollection.restore(state)
    assert torch.equal(ppo.recollection.state()["states"], state["states"])
