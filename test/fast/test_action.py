"""The one way from an action to joint targets, for both kinds of action."""

from types import SimpleNamespace

import numpy as np
import pytest

from ts_locomotion import foot_trajectory, gait, robot
from ts_locomotion.action import PARTS, ActionForm, joint_targets
from ts_locomotion.errors import ConfigurationError, InvalidInput

SCALE = np.array([0.125, 0.25, 0.25] * 4)
PLAIN = SimpleNamespace(action=ActionForm(), action_scale=SCALE, action_clip=4.0)
PHASED = SimpleNamespace(
    action=ActionForm("phase_residual", lift_height=0.08, phase_scale=0.5),
    action_scale=SCALE,
    action_clip=4.0,
)
BOTH = pytest.mark.parametrize("acting", [PLAIN, PHASED], ids=["joint_targets", "phase_residual"])
STANDING = np.zeros(2)
RNG = np.random.default_rng(0)


def clock(phase: float) -> np.ndarray:
    return gait.clock(np.array(phase), np.array(True))


def zeros(acting: SimpleNamespace) -> np.ndarray:
    return np.zeros(acting.action.size)


@BOTH
def test_the_zero_action_of_a_robot_told_to_stand_is_the_stand_pose(acting):
    targets = joint_targets(acting, zeros(acting), STANDING)
    np.testing.assert_allclose(targets, robot.STAND_POSE, atol=1e-12)


@BOTH
def test_each_joint_moves_by_its_own_scale_from_where_it_would_be(acting):
    action, still = zeros(acting), joint_targets(acting, zeros(acting), clock(0.2))
    action[-12:] = -0.5
    moved = joint_targets(acting, action, clock(0.2)) - still
    np.testing.assert_allclose(moved, -0.5 * SCALE, atol=1e-12)


@BOTH
def test_actions_are_clipped_before_they_are_scaled(acting):
    far, edge = (np.full(acting.action.size, value) for value in (-50.0, -4.0))
    np.testing.assert_array_equal(
        joint_targets(acting, far, clock(0.1)), joint_targets(acting, edge, clock(0.1))
    )


@BOTH
def test_targets_stay_within_the_joint_limits(acting):
    wide = SimpleNamespace(**{**vars(acting), "action_clip": 100.0})
    size = acting.action.size
    lowest, highest = (joint_targets(wide, np.full(size, a), clock(0.1)) for a in (-100.0, 100.0))
    np.testing.assert_array_equal(lowest, robot.JOINT_LOWER)
    np.testing.assert_array_equal(highest, robot.JOINT_UPPER)


@BOTH
def test_a_batch_equals_its_rows(acting):
    actions = RNG.normal(size=(5, acting.action.size))
    clocks = np.stack([STANDING, *(clock(phase) for phase in (0.0, 0.3, 0.6, 0.9))])
    rows = [joint_targets(acting, a, c) for a, c in zip(actions, clocks, strict=True)]
    np.testing.assert_array_equal(joint_targets(acting, actions, clocks), rows)


@BOTH
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_action_that_is_not_finite_is_refused(acting, value):
    action = zeros(acting)
    action[3] = value
    with pytest.raises(InvalidInput, match="not finite"):
        joint_targets(acting, action, STANDING)


@BOTH
@pytest.mark.parametrize("shape", [(), (11,), (12, 2), (28,)])
def test_an_action_of_another_shape_is_refused(acting, shape):
    reason = rf"action has shape .*, expected \(\.\.\., {acting.action.size}\)"
    with pytest.raises(InvalidInput, match=reason):
        joint_targets(acting, np.zeros(shape), STANDING)


def test_joint_targets_do_not_depend_on_the_gait():
    action = RNG.normal(size=12)
    np.testing.assert_array_equal(
        joint_targets(PLAIN, action, clock(0.3)), joint_targets(PLAIN, action, STANDING)
    )


def test_the_zero_action_of_a_moving_robot_lifts_the_feet_that_swing():
    feet = robot.foot_position_in_base(joint_targets(PHASED, np.zeros(16), clock(0.25)))
    lifts = feet - foot_trajectory.STANCE
    np.testing.assert_allclose(lifts[:, 2], [0.08, 0.0, 0.0, 0.08], atol=1e-9)
    np.testing.assert_allclose(lifts[:, :2], 0.0, atol=1e-9)


def test_a_phase_offset_brings_one_leg_to_where_the_clock_will_be():
    ahead = 0.07  # periods
    action = np.zeros(16)
    action[1] = 2 * np.pi * ahead / PHASED.action.phase_scale
    moved = joint_targets(PHASED, action, clock(0.6)).reshape(4, 3)
    now = joint_targets(PHASED, np.zeros(16), clock(0.6)).reshape(4, 3)
    later = joint_targets(PHASED, np.zeros(16), clock(0.6 + ahead)).reshape(4, 3)
    np.testing.assert_allclose(moved[1], later[1], atol=1e-9)
    np.testing.assert_allclose(moved[[0, 2, 3]], now[[0, 2, 3]], atol=1e-12)
    assert np.abs(moved[1] - now[1]).max() > 0.05


def test_phase_offsets_move_nothing_while_the_robot_stands():
    action = np.append(RNG.normal(size=4), np.zeros(12))
    np.testing.assert_allclose(
        joint_targets(PHASED, action, STANDING), robot.STAND_POSE, atol=1e-12
    )


def test_an_unknown_kind_is_refused_with_the_valid_ones():
    with pytest.raises(ConfigurationError, match=r"action\.kind.*'torques'.*phase_residual"):
        ActionForm("torques")
    assert {ActionForm(kind).size for kind in PARTS} == {12, 16}


@pytest.mark.parametrize("name", ["lift_height", "phase_scale"])
@pytest.mark.parametrize("value", [0.0, -0.1, np.nan, np.inf])
def test_settings_of_the_trot_are_positive(name, value):
    with pytest.raises(ConfigurationError, match=rf"action\.{name}"):
        ActionForm("phase_residual", **{name: value})
