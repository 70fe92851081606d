"""Teachers and students side by side: who walks where, acts on what, and learns from whom."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from students import act_as_student
from torch import Tensor

from ts_locomotion import bundle
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.simulation import curriculum
from ts_locomotion.training import run, tasks
from ts_locomotion.training import train as training
from ts_locomotion.training.cts import ConcurrentPPO, stratified
from ts_locomotion.training.mirrored_ppo import MirroredPPO
from ts_locomotion.training.overrides import override
from ts_locomotion.training.runner import Runner
from ts_locomotion.training.teacher_student import interleaved
from ts_locomotion.training.train import build, train

ENCODERS = ["mlp", "tcn", "tcn_flat", "gru"]


def walked(folder: Path, encoder: str = "mlp") -> Runner:
    """A runner after two rollouts, in which episodes ended, and one update between them."""
    torch.manual_seed(0)
    runner = build(tiny(encoder), 0, folder)
    runner.alg.train_mode()
    runner.env.episode_length_buf[2:6] = 996
    obs, _ = runner._collect(runner.env.get_observations())
    runner.alg.update()
    runner.env.episode_length_buf[4:8] = 997
    runner._collect(obs)
    assert algorithm(runner).storage.dones[:, [4, 7]].any(0).all()
    return runner


def tiny(encoder: str = "mlp", *edits: str):
    return override(tasks.make("go2_cts_tiny"), [f"networks.encoder={encoder}", *edits])


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return walked(tmp_path)


def algorithm(runner: Runner) -> ConcurrentPPO:
    assert isinstance(runner.alg, ConcurrentPPO)
    return runner.alg


def as_walked(ppo: ConcurrentPPO, samples: Tensor):
    """Rollout, the observations of some samples not mirrored, and the policy's answer to them."""
    rollout = ppo._rollout()
    obs = ppo._seen(rollout, samples, torch.zeros(len(samples), 1, dtype=torch.bool))
    ppo.actor(obs, stochastic_output=True)
    return rollout, obs


@pytest.mark.parametrize("name", ["go2_cts", "go2_cts_flat", "go2_cts_sighted", "go2_cts_tiny"])
def test_every_ground_has_three_teachers_to_a_student(name):
    task = tasks.make(name)
    ground = torch.tensor(
        curriculum.interleave(task.environment.grounds, task.environment.environments)
    )
    students = stratified(task.algorithm.student_share, ground.numpy())
    assert len(students) == task.environment.environments // 4
    for kind in range(len(task.environment.grounds)):
        robots, taught = int((ground == kind).sum()), int((ground[students] == kind).sum())
        assert abs(taught - robots / 4) < 1.0 and 0 < taught < robots


def test_strata_hold_where_every_fourth_robot_would_stand_on_one_ground():
    ground = torch.arange(32) % 4
    assert ground[interleaved(0.25, 32)].unique().tolist() == [3]
    assert ground[stratified(0.25, ground.numpy())].bincount().tolist() == [2, 2, 2, 2]


@pytest.mark.parametrize(("share", "count"), [(0.25, 12), (0.0, 32), (1.0, 32)])
def test_a_ground_without_teachers_or_students_is_refused(share, count):
    ground = curriculum.interleave([curriculum.Ground("flat")] * 4, count)
    with pytest.raises(ConfigurationError, match="student_share"):
        stratified(share, ground)


def test_teachers_act_on_the_truth_and_students_on_their_past(runner):
    ppo, obs = algorithm(runner), runner.env.get_observations()
    assert set(runner.env.environment.ground[ppo.students]) == {0, 1}
    ppo.storage.clear()
    with torch.no_grad():
        ppo.student.distribution.std_param[:] = 0.0  # type: ignore
        ppo.student.distribution.std_range[0] = 0.0  # type: ignore
        actions = ppo.act(obs)
        told, guessed = ppo.student(obs), act_as_student(ppo.student, obs)
    assert not torch.allclose(told, guessed, atol=1e-3)
    assert torch.allclose(actions, torch.where(ppo.guided, guessed, told), atol=1e-4)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_an_unchanged_policy_finds_all_actions_as_likely_as_when_they_were_taken(
    encoder, tmp_path
):
    ppo = algorithm(walked(tmp_path, encoder))
    rollout, _ = as_walked(ppo, ppo._all_samples())
    found = ppo.actor.get_output_log_prob(rollout.actions)
    assert torch.allclose(found, rollout.log_probabilities, atol=1e-4)
    everyone = torch.ones(len(found), dtype=torch.bool)
    assert ppo._kl(rollout, ppo._all_samples(), everyone) == pytest.approx(0.0, abs=1e-5)


def test_histories_are_stored_for_students_only_and_belong_to_their_samples(runner):
    ppo = algorithm(runner)
    assert ppo.recollection._histories.shape[:2] == (6, len(ppo.students))
    assert "history" not in ppo.storage.observations.keys()  # noqa: SIM118
    items = ppo.recollection.items()
    samples = ppo.recollection.samples(items)
    assert sorted(samples.tolist()) == ppo.from_student[:, 0].nonzero().flatten().tolist()
    newest = ppo.recollection._histories.flatten(0, 1)[items][:, -1]
    assert torch.equal(newest, ppo._rollout().observations["policy"][samples, :45])


def test_advantages_are_normalised_within_each_group(runner):
    ppo = algorithm(runner)
    ppo.storage.rewards[:, ppo.students] += 3.0
    ppo.storage.rewards[:, ppo.students] *= 5.0
    with torch.inference_mode():
        ppo.compute_returns(runner.env.get_observations())
    for group in (ppo.guided[:, 0], ~ppo.guided[:, 0]):
        advantages = ppo.storage.advantages[:, group]
        assert advantages.mean().item() == pytest.approx(0.0, abs=1e-5)
        assert advantages.std().item() == pytest.approx(1.0, abs=1e-4)


def test_mini_batches_hold_the_same_share_of_each_group_and_every_sample_once(runner):
    ppo = algorithm(runner)
    batches = list(ppo._batches(1, ppo._own_samples()))
    assert [int(ppo.from_student[batch].sum()) for batch in batches] == [3, 3, 3, 3]
    assert [len(batch) for batch in batches] == [12, 12, 12, 12]
    assert sorted(torch.cat(batches).tolist()) == list(range(48))


def gradients(ppo: ConcurrentPPO, group: Tensor) -> dict[str, float]:
    """Largest gradient of the surrogate of some robots' samples in each part of the actor."""
    samples = group.expand(6, -1).flatten().nonzero().squeeze(1)
    rollout, _ = as_walked(ppo, samples)
    ppo.actor.zero_grad()
    ppo._surrogate(rollout, samples, rollout.actions[samples]).backward()
    found: dict[str, float] = {}
    for name, weights in ppo.student.named_parameters():
        size = 0.0 if weights.grad is None else weights.grad.abs().max().item()
        part = name.split(".")[0]
        found[part] = max(found.get(part, 0.0), size)
    return found


@pytest.mark.parametrize("encoder", ["mlp", "gru"])
def test_reinforcement_of_students_reaches_the_policy_and_no_encoder(encoder, tmp_path):
    ppo = algorithm(walked(tmp_path, encoder))
    students, teachers = (gradients(ppo, g) for g in (ppo.guided[:, 0], ~ppo.guided[:, 0]))
    assert students["mlp"] > 0.0 and students["distribution"] > 0.0
    assert students["privilege_encoder"] == students["history_encoder"] == 0.0
    assert teachers["mlp"] > 0.0 and teachers["privilege_encoder"] > 0.0
    assert teachers["history_encoder"] == 0.0


def test_reinforcement_leaves_the_history_encoder_and_its_statistics_alone(runner):
    ppo = algorithm(runner)
    before = {name: value.clone() for name, value in ppo.student.state_dict().items()}
    MirroredPPO._learn(ppo, ppo._rollout())
    now = ppo.student.state_dict()
    changed = {name.split(".")[0] for name in now if not torch.equal(now[name], before[name])}
    assert changed == {"mlp", "privilege_encoder", "distribution"}


@pytest.mark.parametrize("encoder", ENCODERS)
def test_reconstruction_trains_the_history_encoder_alone_on_students_alone(encoder, tmp_path):
    ppo = algorithm(walked(tmp_path, encoder))
    before = {name: value.clone() for name, value in ppo.student.state_dict().items()}
    rollout = ppo._rollout()
    teachers = ~ppo.from_student[:, 0]
    rollout.observations["privileged"][teachers] = torch.nan
    errors = [ppo._learn_history(rollout, items) for items in ppo._lessons()]
    assert torch.tensor(errors).isfinite().all()
    now = ppo.student.state_dict()
    changed = {name.split(".")[0] for name in now if not torch.equal(now[name], before[name])}
    assert changed == {"history_encoder"}


@pytest.mark.parametrize("encoder", ["tcn", "gru"])
def test_reconstruction_brings_the_student_closer_to_the_teacher(encoder, tmp_path):
    ppo = algorithm(walked(tmp_path, encoder))
    rollout, ppo.encoder_epochs = ppo._rollout(), 30
    errors = [ppo._learn_history(rollout, items) for items in ppo._lessons()]
    assert sum(errors[-8:]) < 0.7 * sum(errors[:8])


@pytest.mark.parametrize("weight", [1.0, 3.0])
def test_a_students_sample_counts_its_weight_in_the_surrogate(weight, tmp_path):
    task = tiny("mlp", f"algorithm.student_weight={weight}")
    runner = build(task, 0, tmp_path)
    runner._collect(runner.env.get_observations())
    ppo = algorithm(runner)
    samples = ppo._all_samples()
    rollout, _ = as_walked(ppo, samples)
    taught = ppo.from_student[:, 0]
    # An unchanged policy: the ratio is 1 and each loss the advantage's opposite.
    weighted = -(rollout.advantages[~taught].sum() + weight * rollout.advantages[taught].sum())
    expected = weighted / ((~taught).sum() + weight * taught.sum())
    surrogate = ppo._surrogate(rollout, samples, rollout.actions)
    assert surrogate.item() == pytest.approx(expected.item(), abs=1e-5)
    losses = ppo._surrogates(rollout, samples, rollout.actions)
    groups = losses[~taught].mean() + losses[taught].mean()
    if weight == 3.0:
        assert surrogate.item() == pytest.approx(groups.item() / 2, abs=1e-5)


def test_the_pull_on_the_latent_is_asked_of_students_samples_only(runner):
    ppo = algorithm(runner)
    ppo.latent_regularization = 2.0
    _, obs = as_walked(ppo, ppo._all_samples())
    rows = ppo.from_student[:, 0]
    apart = (ppo.student.latent[rows] - obs["known"][rows]).square().mean()
    assert ppo._regularization(obs).item() == pytest.approx(2.0 * apart.item(), rel=1e-4)


@pytest.mark.parametrize("encoder", ["mlp", "gru"])
def test_an_interrupted_training_continues_as_if_nothing_had_happened(encoder, tmp_path):
    def trained(iterations: int, folder: str) -> dict[str, Tensor]:
        train(replace(tiny(encoder), steps=iterations * 48), [], 3, tmp_path / folder)
        state = torch.load(tmp_path / folder / run.CHECKPOINT, weights_only=True)
        assert state["encoder_optimizer_state_dict"]["state"]
        return state["actor_state_dict"]

    whole, first = trained(5, "whole"), trained(2, "parts")
    parts = trained(5, "parts")
    assert any(not torch.equal(first[name], parts[name]) for name in parts)
    for name, value in whole.items():
        assert torch.equal(value, parts[name]), name


def test_the_command_leaves_a_bundle(tmp_path):
    arguments = ["go2_cts_tiny", "--out", str(tmp_path), "--robots", "0"]
    assert training.main(arguments) == 0
    contract = bundle.load(tmp_path / "bundle").contract
    assert contract.task == "go2_cts_tiny" and contract.state_size == 4 * 45


def test_an_unknown_encoder_ends_the_command_with_a_sentence(tmp_path, capsys):
    arguments = ["go2_cts_tiny", "--out", str(tmp_path), "--set", "networks.encoder=lstm"]
    assert training.main(arguments) == 2
    assert "valid: mlp, tcn, tcn_flat, gru" in capsys.readouterr().err
