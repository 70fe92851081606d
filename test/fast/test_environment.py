"""Contract of the walking task: observations, episodes, curriculum, resume."""

from dataclasses import replace

import numpy as np
import pytest

from ts_locomotion import observation, ticks
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.simulation import curriculum
from ts_locomotion.simulation.curriculum import Ground, Outcome
from ts_locomotion.simulation.environment import (
    Environment,
    EnvironmentConfig,
    observation_layout,
)
from ts_locomotion.simulation.measurement import ground_normals
from ts_locomotion.simulation.randomization import Domain

CONFIG = EnvironmentConfig(
    environments=6,
    history_frames=4,
    threads=1,
    levels=2,
    grounds=(Ground("flat", variants=2), Ground("stairs_up", easiest=0.05, hardest=0.1)),
)


def walk(environment: Environment, steps: int, seed: int = 0) -> list:
    rng = np.random.default_rng(seed)
    actions = rng.normal(scale=0.3, size=(steps, environment.count, 12))
    return [environment.step(action) for action in actions]


def test_equal_seeds_walk_alike_and_others_do_not():
    first, second, other = (walk(Environment(CONFIG, seed), 20)[-1] for seed in (1, 1, 2))
    for name, value in first.observations.items():
        assert np.array_equal(value, second.observations[name]), name
        assert not np.array_equal(value, other.observations[name]), name


def test_sizes_are_the_sums_of_the_terms():
    groups = Environment(CONFIG, 0).observe()
    layout = observation_layout(CONFIG)
    assert groups["policy"].shape == (6, observation.size(layout["policy"])) == (6, 47)
    assert groups["critic"].shape == (6, 47)
    assert groups["history"].shape == (6, 4, 45)
    # friction, mass, centre of mass, two gains; push, 9 heights and a normal per foot, velocity,
    # contacts
    assert groups["privileged"].shape == (6, 1 + 1 + 3 + 2 + 2 + 36 + 12 + 3 + 4)


def test_the_newest_frame_of_the_history_is_what_the_policy_sees_now():
    environment = Environment(CONFIG, 0)
    for step in walk(environment, 5):
        groups = step.observations
        assert np.array_equal(groups["history"][:, -1], groups["policy"][:, :45])


def test_the_history_begins_empty_and_fills_from_the_end():
    environment = Environment(CONFIG, 0)
    assert not environment.observe()["history"][:, :-1].any()
    history = walk(environment, 1)[-1].observations["history"]
    assert not history[:, :-2].any() and history[:, -2:].any(axis=2).all()


def test_an_episode_that_ends_empties_the_history_of_its_robot_alone():
    environment = Environment(CONFIG, 0)
    walk(environment, 6)
    environment.physics.base_position[2, :2] = 99.0  # off its lane or far away on the flat
    environment.steps[2] = 10**6
    history = walk(environment, 1)[-1].observations["history"]
    assert not history[2, :-1].any()
    assert history[[0, 1, 3, 4, 5], :-1].any(axis=(1, 2)).all()


@pytest.mark.parametrize(("limit", "falls"), [(0.6, True), (np.inf, False)])
def test_running_away_from_the_command_is_a_fall_where_a_limit_is_set(limit, falls):
    environment = Environment(replace(CONFIG, runaway_speed=limit), 0)
    environment.command[:] = [0.0, 0.4, 0.0]
    yaw = environment._body.yaw
    left = np.stack([-np.sin(yaw), np.cos(yaw)], axis=1)
    speed = np.array([1.3, 1.3, 1.3, 0.6, -1.3, -1.3])
    environment.physics.base_velocity[:, :2] = speed[:, None] * left
    assert (environment.step(np.zeros((6, 12))).terminated == (falls & (speed > 1.0))).all()


def test_leaving_the_lane_is_a_time_out_and_tipping_over_a_fall():
    environment = Environment(CONFIG, 0)
    on_lane = int(np.flatnonzero(environment.on_lane)[0])
    environment.physics.base_position[on_lane, 1] = 30.0
    step = walk(environment, 1)[-1]
    assert step.timed_out[on_lane] and not step.terminated[on_lane]
    environment.physics.orientation[0] = [0.0, 1.0, 0.0, 0.0]
    step = walk(environment, 1)[-1]
    assert step.terminated[0] and not step.timed_out[0]


def test_no_observation_shares_memory_with_the_next_one():
    environment = Environment(CONFIG, 0)
    first, second = walk(environment, 2)
    for name in first.observations:
        assert not np.shares_memory(first.observations[name], second.observations[name]), name


def test_no_part_of_an_observation_is_constant():
    often = Domain(push_interval=(0.2, 0.5))
    config = replace(CONFIG, environments=16, grounds=UNEVEN, domain=often)
    steps = walk(Environment(config, 0), 80)
    for name in ("policy", "critic", "privileged"):
        values = np.concatenate([step.observations[name] for step in steps])
        assert (np.ptp(values, axis=0) > 0.0).all(), name


UNEVEN = (
    Ground("flat", variants=2),
    Ground("rough", easiest=0.05, hardest=0.06),
    Ground("stairs_up", easiest=0.05, hardest=0.1),
)


def test_noise_is_added_to_what_the_policy_sees_and_not_to_what_the_critic_sees():
    quiet = Environment(replace(CONFIG, observation_noise=0.0), 0).observe()
    noisy = Environment(CONFIG, 0).observe()
    assert np.array_equal(quiet["policy"], quiet["critic"])
    widths = observation.noise_half_widths(CONFIG.policy_terms)
    difference = np.abs(noisy["policy"] - noisy["critic"])
    assert (difference <= widths + 1e-6).all() and (difference[:, widths > 0] > 0).any()


def test_a_restored_environment_continues_identically():
    environment, other = Environment(CONFIG, 0), Environment(CONFIG, 5)
    walk(environment, 30)
    saved, random = environment.state(), environment.rng.bit_generator.state
    expected = walk(environment, 20, seed=1)[-1]
    other.bank = environment.bank
    other.physics = environment.physics
    other.restore(saved)
    other.rng.bit_generator.state = random
    other.ground, other.on_lane = environment.ground, environment.on_lane
    given = walk(other, 20, seed=1)[-1]
    assert np.array_equal(given.rewards, expected.rewards)
    for name, value in expected.observations.items():
        assert np.array_equal(given.observations[name], value), name


@pytest.mark.parametrize("physics_steps", [2, 3, 4])
def test_a_control_period_lasts_as_long_however_finely_it_is_simulated(physics_steps):
    environment = Environment(replace(CONFIG, physics_steps=physics_steps), 0)
    assert environment.step_time == pytest.approx(ticks.CONTROL_PERIOD)


def test_no_environments_are_refused():
    with pytest.raises(ConfigurationError, match="environments: 0"):
        Environment(replace(CONFIG, environments=0), 0)


def test_each_run_of_environments_holds_every_kind_by_its_share():
    kinds = curriculum.interleave((Ground("flat", share=2), Ground("rough"), Ground("slope")), 40)
    for start in range(0, 40, 4):
        assert sorted(kinds[start : start + 4]) == [0, 0, 1, 2]


def outcome(level: int, fell: bool, walked: float, asked: float, finished: bool) -> Outcome:
    return Outcome(
        np.array([0]), np.array([level]), np.array([fell]), np.array([walked]), np.array([asked]),
        np.array([finished]),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (outcome(3, False, 4.0, 5.0, False), 4),
        (outcome(3, False, 1.0, 9.0, True), 4),
        (outcome(3, True, 4.0, 5.0, False), 2),
        (outcome(3, False, 1.0, 5.0, False), 2),
        (outcome(3, False, 3.0, 5.0, False), 3),
        (outcome(0, True, 0.0, 5.0, False), 0),
    ],
    ids=["walked well", "finished", "fell", "stalled", "so so", "lowest"],
)
def test_levels_are_earned_and_lost(case, expected):
    assert curriculum.next_levels(case, 8, np.random.default_rng(0)) == [expected]


def test_who_masters_the_last_level_goes_on_anywhere():
    rng = np.random.default_rng(0)
    masters = [outcome(7, False, 5.0, 5.0, True) for _ in range(200)]
    levels = {int(curriculum.next_levels(master, 8, rng)[0]) for master in masters}
    assert levels == set(range(8))


def test_levels_of_a_learner_are_drawn_up_to_the_highest_and_hard_ones_more_often():
    rng, promote = np.random.default_rng(0), curriculum.anywhere_up_to(np.array([2, 5]))
    ended = outcome(0, True, 0.0, 5.0, False)
    for robot, highest in ((0, 2), (1, 5)):
        fallen = ended._replace(robots=np.array([robot]))
        levels = [int(promote(fallen, 8, rng)[0]) for _ in range(400)]
        assert set(levels) == set(range(highest + 1))
        easiest, hardest = levels.count(0), levels.count(highest)
        assert hardest > 2 * easiest


def test_the_promotion_decides_the_levels_of_the_next_episodes():
    environment = Environment(CONFIG, 0)
    environment.promote = lambda outcome, levels, rng: np.full(len(outcome.robots), levels - 1)
    environment.steps[:] = 10**6
    environment.step(np.zeros((environment.count, 12)))
    assert (environment.level == CONFIG.levels - 1).all()


def test_ground_normals_are_unit_vectors_in_metres_pointing_up():
    slope = 0.3
    x = np.repeat([-0.08, 0.0, 0.08], 3)
    normals = ground_normals(np.tile(0.2 - slope * x, (1, 4, 1)))
    expected = np.array([-slope, 0.0, 1.0]) / np.hypot(slope, 1.0)
    assert normals == pytest.approx(np.tile(expected, (1, 4, 1)))
