"""Teacher and student that see: who is told what of the ground, and learns from whom."""

from dataclasses import replace

import pytest
import torch
from killing import assert_equal, in_a_process_killed_during
from sighted import algorithm, task, walked
from students import act_as_student
from tensordict import TensorDict
from torch import Tensor

from ts_locomotion.errors import ConfigurationError
from ts_locomotion.simulation.sighted_environment import PRIVILEGED, SightedEnvironment
from ts_locomotion.training import checkpoint, run, tasks
from ts_locomotion.training.belief_networks import BeliefCritic
from ts_locomotion.training.mirror import REFLECTIONS
from ts_locomotion.training.mirrored_ppo import MirroredPPO
from ts_locomotion.training.networks import Sights, sights
from ts_locomotion.training.overrides import as_plain, from_plain
from ts_locomotion.training.runner import Runner
from ts_locomotion.training.tasks import world
from ts_locomotion.training.train import build, train

SIGHTED = ("go2_ts_sighted_tiny", "go2_cts_sighted_tiny")


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    return walked(tmp_path_factory.mktemp("runner"))


def samples(runner: Runner) -> TensorDict:
    """All observations of a rollout, histories as of its recollection."""
    ppo = algorithm(runner)
    history = ppo.recollection._histories.flatten(0, 1)
    observed = ppo._rollout().observations
    return TensorDict({**observed, "history": history}, batch_size=[len(history)])


def test_a_robot_that_sees_walks_the_grounds_of_the_belief_task_in_noise_as_there():
    belief, seeing = tasks.make("go2_belief"), world(tasks.make("go2_ts_sighted"))
    assert seeing == replace(
        belief.environment, height_noise=belief.height_noise, history_frames=20
    )


@pytest.mark.parametrize("name", ["go2_ts", "go2_cts_flat", "go2_belief"])
def test_a_task_from_before_exteroception_was_a_setting_is_what_it_was(name):
    before = tasks.make(name)
    plain = as_plain(before)
    del plain["exteroception"]
    assert from_plain(tasks.make(name), plain) == before
    assert before.exteroception == (name == "go2_belief")


def test_opening_the_eyes_of_a_blind_task_changes_nothing_else_of_its_world(tmp_path):
    blind, seeing = tasks.make("go2_ts_tiny"), task("go2_ts_tiny", "exteroception=true")
    environment = build(seeing, 0, tmp_path).env.environment
    assert isinstance(environment, SightedEnvironment) and environment.noise
    for name, value in vars(blind.environment).items():
        assert getattr(environment.config, name) == value, name
    environment.wrench_time[:] = 0.0
    environment._push()
    assert not environment.physics.base_wrench.any()


def test_closing_the_eyes_of_a_seeing_task_leaves_its_world_and_its_privileged_state(tmp_path):
    runner = build(task("go2_ts_sighted_tiny", "exteroception=false"), 0, tmp_path)
    obs = runner.env.get_observations()
    assert "heights" not in set(obs.keys()) and obs["privileged"].shape[1] == sum(
        PRIVILEGED.values()
    )
    ppo = algorithm(runner)
    assert ppo.student.sight is None and ppo.student.privilege_encoder.scan_encoder is None
    runner._collect(obs)
    assert torch.tensor(list(ppo.update().values())).isfinite().all()


def test_the_teachers_latent_depends_on_the_true_scans_and_on_the_privileged_state(runner):
    actor, obs = algorithm(runner).student, samples(runner)
    told = actor.privilege_encoder(obs["privileged"], obs["scans"])
    for name in ("privileged", "scans"):
        other = obs.clone()
        other[name] = other[name].roll(1, 0)
        assert not torch.allclose(
            actor.privilege_encoder(other["privileged"], other["scans"]), told, atol=1e-3
        ), name


def test_the_students_latent_depends_on_what_it_sees_and_never_on_the_truth(runner):
    actor, obs = algorithm(runner).student, samples(runner)
    acted = act_as_student(actor, obs)
    for name in ("history", *Sights._fields):
        other = obs.clone()
        other[name] = 0.5 * other[name]
        assert not torch.equal(act_as_student(actor, other), acted), name
    for name in ("privileged", "scans", "critic"):
        other = obs.clone()
        other[name] = 0.5 * other[name] + 1.0
        assert torch.equal(act_as_student(actor, other), acted), name


def test_heights_that_are_not_valid_do_not_matter(runner):
    actor, obs = algorithm(runner).student, samples(runner)
    assert actor.sight is not None
    obs["valid"] = (torch.rand_like(obs["valid"]) > 0.5).float()
    seen, guess = sights(obs), torch.zeros(len(obs), actor.latent_size)
    noise = torch.randn_like(seen.heights) * (1.0 - seen.valid)
    assert torch.equal(
        actor.sight(guess, seen._replace(heights=seen.heights + noise)), actor.sight(guess, seen)
    )


def test_the_students_scans_are_normalised_by_the_statistics_of_the_true_ones(runner):
    actor = algorithm(runner).student
    assert actor.sight is not None and actor.privilege_encoder.scan_encoder is not None
    true = actor.privilege_encoder.scan_encoder.normalizer
    assert actor.sight.encoder.normalizer is true and true.count == 4 * runner.steps_of_iteration


def test_the_critic_values_the_true_ground(runner):
    critic, obs = algorithm(runner).critic, samples(runner)
    assert isinstance(critic, BeliefCritic)
    other = obs.clone()
    other["scans"] = other["scans"] + 0.1
    assert not torch.allclose(critic(other), critic(obs), atol=1e-4)


def changed(runner: Runner, before: dict[str, Tensor]) -> set[str]:
    now = dict(algorithm(runner).student.named_parameters())
    return {name.split(".")[0] for name in now if not torch.equal(now[name], before[name])}


@pytest.mark.parametrize("name", SIGHTED)
def test_reinforcement_trains_the_teachers_eyes_and_regression_the_students(name, tmp_path):
    runner = walked(tmp_path, name)
    ppo, rollout = algorithm(runner), algorithm(runner)._rollout()

    def weights() -> dict[str, Tensor]:
        return {n: p.detach().clone() for n, p in ppo.student.named_parameters()}

    before = weights()
    MirroredPPO._learn(ppo, rollout)
    assert changed(runner, before) == {"mlp", "privilege_encoder", "distribution"}
    scans = [name for name in before if "privilege_encoder.scan_encoder" in name]
    now = dict(ppo.student.named_parameters())
    assert scans and not any(torch.equal(now[name], before[name]) for name in scans)
    before = weights()
    for items in ppo._lessons():
        ppo._learn_history(rollout, items)
    assert changed(runner, before) == {"history_encoder", "sight"}


def test_regression_brings_the_student_closer_to_a_teacher_that_sees(tmp_path):
    ppo = algorithm(walked(tmp_path))
    rollout, ppo.encoder_epochs = ppo._rollout(), 40
    errors = [ppo._learn_history(rollout, items) for items in ppo._lessons()]
    assert sum(errors[-8:]) < 0.7 * sum(errors[:8])


def test_in_the_mirror_students_and_teachers_see_the_mirrored_ground(runner):
    ppo, obs = algorithm(runner), samples(runner)
    actor, order = ppo.student, torch.tensor(REFLECTIONS["scans"].order)
    assert actor.sight is not None
    heights, valid = obs["heights"][:, order], obs["valid"][:, order]
    with torch.no_grad():
        felt = actor.history_encoder(ppo.mirror.history(obs["history"]))
        image = actor.sight(felt, Sights(heights, valid, obs["map_age"]))
        assert torch.allclose(ppo._known()[:, 1], image, atol=1e-6)
        told = actor.privilege_encoder(
            ppo.mirror.reflect("privileged", obs["privileged"]), obs["scans"][:, order]
        )
    items = ppo.recollection.items()
    error, _ = ppo._miss(ppo._rollout(), items, True, len(items))
    assert error == pytest.approx((image - told).square().mean().item(), rel=1e-4)
    mirrored = ppo._seen(ppo._rollout(), items, torch.ones(len(items), 1, dtype=torch.bool))
    assert torch.equal(mirrored["scans"], obs["scans"][:, order])


def test_a_student_acts_on_what_it_can_see(tmp_path):
    runner = build(task(), 0, tmp_path)
    ppo, obs = algorithm(runner), runner.env.get_observations()
    assert ppo.students.tolist() == [7]
    with torch.no_grad():
        ppo.student.distribution.std_param[:] = 0.0  # type: ignore
        ppo.student.distribution.std_range[0] = 0.0  # type: ignore
        actions = ppo.act(obs)
        assert torch.allclose(actions[7], act_as_student(ppo.student, obs)[7], atol=1e-4)
        assert torch.allclose(actions[0], ppo.student(obs)[0], atol=1e-4)
        assert not torch.allclose(actions[7], ppo.student(obs)[7], atol=1e-4)


@pytest.mark.parametrize(
    ("name", "encoder"), list(zip(SIGHTED * 2, ("tcn", "gru", "gru", "tcn_flat"), strict=True))
)
def test_every_history_encoder_learns_beside_eyes(name, encoder, tmp_path):
    ppo = algorithm(walked(tmp_path, name, [f"networks.encoder={encoder}"]))
    assert torch.tensor(list(ppo.update().values())).isfinite().all()


@pytest.mark.parametrize(("name", "encoder"), list(zip(SIGHTED, ("gru", "mlp"), strict=True)))
def test_a_killed_training_ends_as_if_nothing_had_happened(name, encoder, tmp_path):
    chosen = task(name, f"networks.encoder={encoder}", "save_interval=1")

    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(chosen, [], 3, whole)
    in_a_process_killed_during(MirroredPPO, 3, chosen, 3, parts)
    assert checkpoint.load(parts / run.CHECKPOINT)["steps"] == 2 * 48
    train(chosen, [], 3, parts)
    assert_equal(checkpoint.load(whole / run.CHECKPOINT), checkpoint.load(parts / run.CHECKPOINT))


def test_a_training_does_not_open_its_eyes_half_way(tmp_path):
    train(task("go2_ts_tiny"), [], 0, tmp_path)
    with pytest.raises(ConfigurationError, match="another exteroception"):
        train(task("go2_ts_tiny", "exteroception=true"), [], 0, tmp_path)
