"""In the end a teacher is told what its student can know; its critic sees the ground."""

from dataclasses import replace

import belief
import numpy as np
import pytest
import torch

from ts_locomotion.errors import ConfigurationError
from ts_locomotion.simulation.sighted_environment import (
    VELOCITY,
    SightedEnvironment,
    privileged,
    true_scans,
)
from ts_locomotion.training import belief_teacher, checkpoint
from ts_locomotion.training.belief_tasks import BeliefTask, Misled
from ts_locomotion.training.belief_teacher import TeacherRunner


def task() -> BeliefTask:
    return replace(belief.task(), misled=Misled(velocity=0.08))


@pytest.fixture
def runner(tmp_path) -> TeacherRunner:
    return belief_teacher.build(task(), 0, tmp_path)


def stepped(environment: SightedEnvironment) -> dict[str, np.ndarray]:
    return environment.step(np.zeros((environment.count, 12))).observations


def test_told_scans_are_true_until_the_teacher_is_misled_and_the_true_ones_stay_so(runner):
    seen = stepped(runner.environment)
    assert np.array_equal(seen["told_scans"], seen["scans"])

    runner.environment.mislead()
    runner.environment.noise.offset[..., 2] = 0.05
    seen = stepped(runner.environment)
    assert np.median(seen["told_scans"] - seen["scans"]) == pytest.approx(0.05, abs=0.003)
    truth = true_scans(runner.environment.physics, runner.environment.bank.heights)
    assert np.array_equal(seen["scans"], truth)


def velocity_errors(environment: SightedEnvironment, steps: int) -> np.ndarray:
    """Of what is told (steps, B, 3); fails where anything else that is told is wrong."""
    errors = []
    for _ in range(steps):
        told = stepped(environment)["privileged"]
        friction = environment.bank.privileged["friction"][environment.physics.assignment]
        true = privileged(environment.physics, environment._body, friction, environment.air_time)
        assert np.array_equal(told[:, :-3], true[:, :-3])
        errors.append(told[:, VELOCITY] - true[:, VELOCITY])
    return np.array(errors)


def test_the_velocity_told_is_true_until_it_is_misled_and_then_wanders_about_the_truth(runner):
    environment = runner.environment
    assert not velocity_errors(environment, 3).any()
    environment.mislead()
    errors = velocity_errors(environment, 400)[100:]
    assert errors.std() == pytest.approx(runner.task.misled.velocity, rel=0.1)
    assert abs(errors.mean()) < 0.01
    later = np.mean(errors[:-15] * errors[15:]) / errors.var()
    assert later == pytest.approx(np.exp(-15 * environment.step_time / 0.3), abs=0.1)


def test_a_misled_environment_goes_on_being_misled_where_it_was_left(runner, tmp_path):
    runner.environment.mislead()
    velocity_errors(runner.environment, 5)
    state = checkpoint.environment_state(runner.environment)
    again = belief_teacher.build(task(), 0, tmp_path).environment
    checkpoint.restore_environment(again, state)
    wrong = velocity_errors(runner.environment, 5)
    assert wrong.any() and np.array_equal(velocity_errors(again, 5), wrong)


def test_to_mislead_once_more_changes_nothing(runner):
    runner.environment.mislead()
    wrong = runner.environment.observe()["told_scans"]
    runner.environment.mislead()
    assert np.array_equal(runner.environment.observe()["told_scans"], wrong)


def test_the_actor_learns_from_what_it_is_told_and_the_critic_from_the_truth(runner):
    obs, alg = runner.env.get_observations(), runner.alg
    told = obs.clone()
    told["told_scans"] = told["told_scans"] + 0.1
    assert belief.difference(alg.actor.get_latent(told), alg.actor.get_latent(obs)) > 1e-3
    assert torch.equal(alg.critic.get_latent(told), alg.critic.get_latent(obs))
    true = obs.clone()
    true["scans"] = true["scans"] + 0.1
    assert torch.equal(alg.actor.get_latent(true), alg.actor.get_latent(obs))
    assert belief.difference(alg.critic.get_latent(true), alg.critic.get_latent(obs)) > 1e-3


def test_what_is_told_is_mirrored_like_what_is_true(runner):
    obs = runner.env.get_observations()
    mirrored = runner.alg.mirror.observations(obs.clone(), torch.ones(len(obs), 1).bool())
    assert torch.equal(mirrored["told_scans"], mirrored["scans"])
    assert not torch.equal(mirrored["scans"], obs["scans"])


def test_it_is_misled_from_its_share_on_and_the_rate_settles_twice(runner):
    task = runner.task = replace(runner.task, steps=1000, misled=Misled(begins=0.8))
    lowest, highest = task.algorithm.learning_rate_bounds
    rates, misled = {}, {}
    for done in (0, 600, 700, 799, 800, 900, 999, 1000):
        runner.steps_done = done
        runner._schedule()
        rates[done], misled[done] = runner.alg.highest_rate, runner.environment.noise is not None
    assert [done for done in misled if misled[done]] == [800, 900, 999, 1000]
    assert rates[0] == rates[600] == highest
    assert rates[700] == pytest.approx(np.sqrt(lowest * highest))
    assert rates[799] == pytest.approx(lowest, rel=0.05)
    assert lowest < rates[999] < rates[900]
    assert rates[1000] == pytest.approx(lowest)
    assert rates[800] == task.misled.learning_rate
    assert rates[900] == pytest.approx(np.sqrt(lowest * rates[800]))


def test_a_teacher_that_is_never_misled_settles_once(runner):
    runner.task = replace(runner.task, steps=1000, misled=Misled(begins=1.0))
    runner.steps_done = 999
    runner._schedule()
    assert not runner.environment.noise


@pytest.mark.parametrize("begins", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused(begins):
    with pytest.raises(ConfigurationError, match=r"misled.begins.*from 0 to 1"):
        Misled(begins=begins)
