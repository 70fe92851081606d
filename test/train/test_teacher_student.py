"""Who learns from what in one-stage teacher-student PPO."""

from pathlib import Path

import pytest
import torch
from students import act_as_student
from torch import Tensor

from ts_locomotion.training import tasks
from ts_locomotion.training.mirrored_ppo import MirroredPPO
from ts_locomotion.training.overrides import override
from ts_locomotion.training.runner import Runner
from ts_locomotion.training.teacher_student import TeacherStudentPPO, interleaved
from ts_locomotion.training.train import build

Parameters = dict[str, Tensor]


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    torch.manual_seed(0)
    task = override(tasks.make("go2_ts_tiny"), ["algorithm.latent_regularization=0.0"])
    runner = build(task, 0, tmp_path)
    runner._collect(runner.env.get_observations())
    return runner


def algorithm(runner: Runner) -> TeacherStudentPPO:
    assert isinstance(runner.alg, TeacherStudentPPO)
    return runner.alg


def snapshot(runner: Runner) -> Parameters:
    named = algorithm(runner).student.named_parameters()
    return {name: parameter.detach().clone() for name, parameter in named}


def changed(before: Parameters, runner: Runner) -> set[str]:
    """First names of the modules whose parameters are no longer what they were."""
    now = snapshot(runner)
    return {name.split(".")[0] for name in before if not torch.equal(before[name], now[name])}


def test_reinforcement_trains_policy_privilege_encoder_and_std_but_not_the_history_encoder(runner):
    before, ppo = snapshot(runner), algorithm(runner)
    MirroredPPO._learn(ppo, ppo._rollout())
    assert changed(before, runner) == {"mlp", "privilege_encoder", "distribution"}


def test_regression_trains_the_history_encoder_alone(runner):
    before, ppo = snapshot(runner), algorithm(runner)
    rollout = ppo._rollout()
    for items in ppo._lessons():
        ppo._learn_history(rollout, items)
    assert changed(before, runner) == {"history_encoder"}


def test_regression_brings_the_student_closer_to_the_teacher(runner):
    ppo = algorithm(runner)
    rollout = ppo._rollout()
    ppo.encoder_epochs = 60
    errors = [ppo._learn_history(rollout, items) for items in ppo._lessons()]
    assert sum(errors[-8:]) < 0.7 * sum(errors[:8])


def test_the_pull_on_the_latent_reaches_the_teacher_only(runner):
    ppo = algorithm(runner)
    ppo.latent_regularization = 1.0
    rollout, batch = ppo._rollout(), ppo._own_samples()
    obs = ppo._seen(rollout, batch, torch.zeros(len(batch), 1, dtype=torch.bool))
    ppo.actor(obs)
    ppo._regularization(obs).backward()
    assert all(p.grad is None for p in ppo.student.history_encoder.parameters())
    assert any(p.grad is not None for p in ppo.student.privilege_encoder.parameters())


def test_rollouts_use_the_teachers_latent(runner):
    ppo, obs = algorithm(runner), runner.env.get_observations()
    actions = ppo.student(obs)
    latent = ppo.student.privilege_encoder(obs["privileged"])
    assert torch.equal(actions, ppo.student.mlp(ppo.student.policy_input(obs, latent)))
    assert not torch.equal(actions, act_as_student(ppo.student, obs))


def test_the_learning_rate_follows_the_divergence_within_its_bounds(runner):
    ppo = algorithm(runner)
    ppo.learning_rate = 1e-4
    ppo._adapt_learning_rate(10.0)
    assert ppo.learning_rate < 1e-4
    for _ in range(50):
        ppo._adapt_learning_rate(0.0)
    assert ppo.learning_rate == ppo.highest_rate == ppo.optimizer.param_groups[0]["lr"]
    assert ppo.optimizer.param_groups[1]["lr"] == 1e-3


def test_the_divergence_of_an_unchanged_policy_is_zero_even_with_mirrored_samples(runner):
    ppo = algorithm(runner)
    rollout = ppo._rollout()
    batch = ppo._own_samples()
    mirrored = torch.arange(len(batch))[:, None] % 2 == 0
    ppo.actor(ppo._seen(rollout, batch, mirrored), stochastic_output=True)
    assert ppo._kl(rollout, batch, ~mirrored[:, 0]) == pytest.approx(0.0, abs=1e-6)


def test_normalisers_learn_after_the_update(runner):
    ppo = algorithm(runner)
    normalizers = [
        ppo.student.obs_normalizer,
        ppo.student.privilege_encoder.normalizer,
        ppo.student.history_encoder.normalizer,
    ]
    assert all(normalizer.count == 0 for normalizer in normalizers)
    ppo.train_mode()
    ppo.update()
    samples = runner.steps_of_iteration
    assert all(normalizer.count == samples for normalizer in normalizers)


def test_students_are_spread_evenly_over_the_environments():
    assert interleaved(0.25, 8).tolist() == [3, 7]
    assert interleaved(0.0, 8).tolist() == []
    assert interleaved(0.125, 256).diff().unique().tolist() == [8]


def test_a_student_acts_on_its_own_latent_and_reinforcement_leaves_its_samples_out(runner):
    ppo, obs = algorithm(runner), runner.env.get_observations()
    assert ppo.students.tolist() == [7]
    ppo.storage.clear()
    with torch.no_grad():
        ppo.student.distribution.std_param[:] = 0.0  # type: ignore
        ppo.student.distribution.std_range[0] = 0.0  # type: ignore
        actions = ppo.act(obs)
        assert torch.allclose(actions[7], act_as_student(ppo.student, obs)[7], atol=1e-4)
        assert torch.allclose(actions[0], ppo.student(obs)[0], atol=1e-4)
    own = ppo._own_samples()
    assert len(own) == 7 * 6 and not (own % 8 == 7).any()


def test_advantages_are_normalised_over_the_samples_that_reinforcement_trains_on(runner):
    ppo = algorithm(runner)
    ppo.storage.rewards[:, ppo.students] -= 3.0
    with torch.inference_mode():
        ppo.compute_returns(runner.env.get_observations())
    advantages = ppo._rollout().advantages[ppo._own_samples()]
    assert advantages.mean().item() == pytest.approx(0.0, abs=1e-5)
    assert advantages.std().item() == pytest.approx(1.0, abs=1e-4)


def test_halves_of_a_lesson_add_up_to_the_gradient_of_the_whole(runner):
    ppo, items = algorithm(runner), torch.arange(40)
    rollout = ppo._rollout()
    error, whole = ppo._miss(rollout, items, True, 40)
    few, first = ppo._miss(rollout, items[:13], True, 40)
    rest, second = ppo._miss(rollout, items[13:], True, 40)
    assert few + rest == pytest.approx(error, rel=1e-5)
    for one, other, both in zip(first, second, whole, strict=True):
        assert torch.allclose(one + other, both, atol=1e-7)


def test_what_the_student_knows_in_the_mirror_is_what_a_mirrored_robot_knows(runner):
    ppo = algorithm(runner)
    ppo.latent_regularization = 1.0
    history = ppo.recollection._histories.flatten(0, 1)
    with torch.no_grad():
        known = ppo._rollout().observations["known"]
        felt = ppo.student.history_encoder(history)
        in_mirror = ppo.student.history_encoder(ppo.mirror.history(history))
    assert torch.allclose(known[:, 0], felt, atol=1e-6)
    assert torch.allclose(known[:, 1], in_mirror, atol=1e-6)
    assert not torch.allclose(felt, in_mirror, atol=1e-3)
