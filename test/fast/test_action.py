from types import SimpleNamespace

import numpy as np
import pytest

from ts_locomotion import robot
from ts_locomotion.action import joint_targets
from ts_locomotion.errors import InvalidInput

CONTRACT = SimpleNamespace(
    stand_pose=robot.STAND_POSE, action_scale=np.array([0.125, 0.25, 0.25] * 4), action_clip=4.0
)


def test_the_zero_action_is_the_stand_pose():
    np.testing.assert_allclose(joint_targets(CONTRACT, np.zeros(12)), robot.STAND_POSE, atol=1e-6)


def test_each_joint_moves_by_its_own_scale():
    moved = joint_targets(CONTRACT, np.ones(12)) - robot.STAND_POSE
    np.testing.assert_allclose(moved, CONTRACT.action_scale, atol=1e-6)


def test_actions_are_clipped_before_they_are_scaled():
    np.testing.assert_array_equal(
        joint_targets(CONTRACT, np.full(12, -50.0)), joint_targets(CONTRACT, np.full(12, -4.0))
    )


def test_targets_stay_within_the_joint_limits():
    wide = SimpleNamespace(**{**vars(CONTRACT), "action_clip": 100.0})
    lowest, highest = (joint_targets(wide, np.full(12, a)) for a in (-100.0, 100.0))
    np.testing.assert_array_equal(lowest, robot.JOINT_LOWER.astype(np.float32))
    np.testing.assert_array_equal(highest, robot.JOINT_UPPER.astype(np.float32))


def test_a_batch_equals_its_rows():
    actions = np.random.default_rng(0).normal(size=(5, 12))
    rows = [joint_targets(CONTRACT, action) for action in actions]
    np.testing.assert_array_equal(joint_targets(CONTRACT, actions), rows)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_action_that_is_not_finite_is_refused(value):
    action = np.zeros(12)
    action[3] = value
    with pytest.raises(InvalidInput, match="not finite"):
        joint_targets(CONTRACT, action)


@pytest.mark.parametrize("shape", [(), (11,), (12, 2)])
def test_an_action_of_another_shape_is_refused(shape):
    with pytest.raises(InvalidInput, match=r"action has shape .*, expected \(..., 12\)"):
        joint_targets(CONTRACT, np.zeros(shape))
