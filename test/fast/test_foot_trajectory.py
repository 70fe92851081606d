"""The feet of a trot: smooth, only upwards, and always where the legs can bring them."""

import numpy as np
import pytest

from ts_locomotion import foot_trajectory, gait, robot

PERIOD = np.linspace(0.0, 1.0, 1001)


def test_a_foot_is_highest_in_mid_swing_and_down_in_stance():
    lift = foot_trajectory.lift(PERIOD)
    assert lift[250] == pytest.approx(1.0) and lift.argmax() == 250
    np.testing.assert_array_equal(lift[PERIOD >= 0.5], 0.0)
    assert (np.diff(lift[:251]) > 0).all() and (np.diff(lift[250:501]) < 0).all()


def test_the_lift_is_the_cubics_of_the_paper():
    angle = 2 * np.pi * PERIOD[:501]
    t = np.where(angle <= np.pi / 2, 2 * angle / np.pi, 2 * angle / np.pi - 1)
    up, down = -2 * t**3 + 3 * t**2, 2 * t**3 - 3 * t**2 + 1
    expected = np.where(angle <= np.pi / 2, up, down)
    np.testing.assert_allclose(foot_trajectory.lift(PERIOD[:501]), expected, atol=1e-12)


def test_neither_height_nor_speed_jumps_anywhere_in_the_period():
    lift = foot_trajectory.lift(np.append(PERIOD, PERIOD[1:] + 1.0))
    speed = np.diff(lift)
    assert np.abs(speed).max() < 0.007 and np.abs(np.diff(speed)).max() < 1e-4


def test_any_number_of_periods_more_or_less_changes_nothing():
    phases = np.random.default_rng(0).uniform(size=20)
    for periods in (-3, 2):
        np.testing.assert_allclose(
            foot_trajectory.lift(phases + periods), foot_trajectory.lift(phases), atol=1e-12
        )


def test_only_the_height_of_a_foot_changes_and_by_no_more_than_the_lift():
    feet = foot_trajectory.feet_in_base(gait.leg_phases(PERIOD), 0.12) - foot_trajectory.STANCE
    assert feet.shape == (1001, 4, 3)
    np.testing.assert_array_equal(feet[..., :2], 0.0)
    assert feet[..., 2].min() == 0.0 and feet[..., 2].max() == pytest.approx(0.12)


def test_the_legs_reach_the_whole_path_within_their_limits_and_bring_the_feet_there():
    feet = foot_trajectory.feet_in_base(gait.leg_phases(PERIOD), foot_trajectory.LIFT_HEIGHT)
    joints = robot.joint_positions_at(feet)
    np.testing.assert_array_equal(robot.within_limits(joints), joints)
    np.testing.assert_allclose(robot.foot_position_in_base(joints), feet, atol=1e-12)
