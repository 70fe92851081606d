"""What varies between the robots of a training."""

import numpy as np
import pytest

from ts_locomotion.simulation.randomization import PRIVILEGED, Domain, draw, privileged


def population(count: int = 200, seed: int = 0):
    rng = np.random.default_rng(seed)
    return [draw(Domain(), rng) for _ in range(count)]


def test_draws_stay_within_their_ranges_and_fill_them():
    friction = np.array([robot.foot_friction for robot in population()])
    low, high = Domain().friction
    assert low <= friction.min() and friction.max() <= high
    assert np.ptp(friction) > 0.9 * (high - low)


def test_equal_seeds_give_equal_robots():
    assert population(5, seed=3) == population(5, seed=3) != population(5, seed=4)


def test_the_teacher_is_told_every_term_by_name_and_of_order_one():
    told = [privileged(robot) for robot in population()]
    assert tuple(told[0]) == PRIVILEGED
    for name in PRIVILEGED:
        values = np.array([robot[name] for robot in told])
        assert np.abs(values).max() <= 2.5, name
        assert values.std(axis=0).min() > 0.1, name


def test_a_nominal_robot_is_told_as_zero():
    domain = Domain(
        friction=(0.8, 0.8),
        added_mass=(0.0, 0.0),
        com_shift=0.0,
        stiffness_scale=(1.0, 1.0),
        damping_scale=(1.0, 1.0),
    )
    told = privileged(draw(domain, np.random.default_rng(0)))
    assert np.concatenate(list(told.values())) == pytest.approx(0.0)
