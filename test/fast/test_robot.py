"""Leg kinematics against a chain of rotations, finite differences and published heights."""

import numpy as np
import pytest

from ts_locomotion import robot

RANDOM = np.random.default_rng(0)
POSES = RANDOM.uniform(robot.JOINT_LOWER, robot.JOINT_UPPER, (20, 12))
RATES = RANDOM.normal(0.0, 5.0, (20, 12))


def about(axis: int, angle: float) -> np.ndarray:
    """Right-handed rotation about a coordinate axis."""
    first, second = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = np.cos(angle)
    matrix[second, first] = np.sin(angle)
    matrix[first, second] = -np.sin(angle)
    return matrix


def point_of_foot(pose: np.ndarray, leg: int, offset: tuple[float, float, float]) -> np.ndarray:
    """A point of the foot frame in the base frame, link by link."""
    hip, thigh, calf = pose[3 * leg : 3 * leg + 3]
    down = np.array([0.0, 0.0, -robot.LINK_LENGTH])
    outward = np.array([0.0, robot.THIGH_OFFSET_Y * robot.LEFT[leg], 0.0])
    in_thigh = down + about(1, calf) @ (down + np.array(offset))
    return robot.HIP_OFFSET[leg] + about(0, hip) @ (outward + about(1, thigh) @ in_thigh)


def test_joints_and_feet_are_in_motor_order():
    assert robot.JOINTS[:4] == (
        "FR_hip_joint",
        "FR_thigh_joint",
        "FR_calf_joint",
        "FL_hip_joint",
    )
    assert robot.FEET == ("FR_foot", "FL_foot", "RR_foot", "RL_foot")


def test_foot_positions_equal_the_chain_of_links():
    for pose in POSES:
        chain = [point_of_foot(pose, leg, (0.0, 0.0, 0.0)) for leg in range(4)]
        np.testing.assert_allclose(robot.foot_position_in_base(pose), chain, atol=1e-12)


def test_foot_velocities_equal_finite_differences_of_positions():
    step = 1e-6
    ahead = robot.foot_position_in_base(POSES + step * RATES)
    behind = robot.foot_position_in_base(POSES - step * RATES)
    velocities = robot.foot_velocity_in_base(POSES, RATES)
    np.testing.assert_allclose(velocities, (ahead - behind) / (2 * step), atol=1e-7)


def hanging(poses: np.ndarray) -> np.ndarray:
    """Those poses whose feet all hang below their hip joints, seen along the hip's axis."""
    thigh, calf = poses.reshape(-1, 4, 3)[..., 1], poses.reshape(-1, 4, 3)[..., 2]
    return poses[(np.cos(thigh) + np.cos(thigh + calf) > 0.05).all(axis=1)]


def test_joint_positions_of_feet_are_the_inverse_of_foot_positions():
    poses = hanging(RANDOM.uniform(robot.JOINT_LOWER, robot.JOINT_UPPER, (500, 12)))
    assert len(poses) > 20
    feet = robot.foot_position_in_base(poses)
    np.testing.assert_allclose(robot.joint_positions_at(feet), poses, atol=1e-7)
    assert robot.joint_positions_at(feet.reshape(-1, 1, 4, 3)).shape == (len(poses), 1, 12)


def test_a_leg_too_short_stretches_towards_the_position():
    feet = robot.foot_position_in_base(robot.STAND_POSE) + np.array([0.3, 0.0, -0.4])
    joints = robot.joint_positions_at(feet)
    np.testing.assert_allclose(joints[2::3], 0.0, atol=1e-12)
    way = robot.foot_position_in_base(joints) - robot.HIP_OFFSET
    # Of the thigh joint, which is level with the hip's in the stand pose.
    thigh = robot.THIGH_OFFSET_Y * np.outer(robot.LEFT, [0, 1, 0])
    wanted = feet - robot.HIP_OFFSET - thigh
    np.testing.assert_allclose(np.cross(way - thigh, wanted), 0.0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(way - thigh, axis=1), 2 * robot.LINK_LENGTH)


def test_a_foot_too_close_to_the_hip_axis_gives_finite_joints():
    assert np.isfinite(robot.joint_positions_at(robot.HIP_OFFSET)).all()


def test_batches_of_any_shape_keep_it():
    assert robot.foot_position_in_base(POSES.reshape(4, 5, 12)).shape == (4, 5, 4, 3)
    assert robot.foot_velocity_in_base(POSES, RATES).shape == (20, 4, 3)


@pytest.mark.parametrize(
    ("leg_pose", "height"),
    [
        ((0.0, 0.9, -1.8), 0.288),
        ((0.0, 0.8, -1.5), 0.335),
        ((0.0, 0.67, -1.3), 0.362),
        ((0.0, 0.608813, -1.21763), 0.373),
        ((0.0, 1.36, -2.65), 0.128),
    ],
)
def test_the_base_stands_at_the_published_height(leg_pose, height):
    pose = np.tile(leg_pose, 4)
    centre = (robot.FOOT_SPHERE_X, 0.0, 0.0)
    lowest = min(point_of_foot(pose, leg, centre)[2] for leg in range(4)) - robot.FOOT_RADIUS
    assert -lowest == pytest.approx(height, abs=6e-4)


def test_the_stand_height_is_that_of_the_stand_pose():
    centre = (robot.FOOT_SPHERE_X, 0.0, 0.0)
    sole = point_of_foot(robot.STAND_POSE, 0, centre)[2] - robot.FOOT_RADIUS
    assert pytest.approx(-sole, abs=1e-3) == robot.STAND_HEIGHT


def test_positive_hip_moves_every_foot_to_the_left():
    pose = robot.STAND_POSE + np.tile([0.1, 0.0, 0.0], 4)
    moved = robot.foot_position_in_base(pose) - robot.foot_position_in_base(robot.STAND_POSE)
    assert (moved[:, 1] > 0.01).all()


def test_positive_thigh_swings_every_foot_backward():
    pose = robot.STAND_POSE + np.tile([0.0, 0.1, 0.0], 4)
    moved = robot.foot_position_in_base(pose) - robot.foot_position_in_base(robot.STAND_POSE)
    assert (moved[:, 0] < -0.01).all()


def test_left_and_right_legs_mirror_each_other():
    feet = robot.foot_position_in_base(robot.STAND_POSE)
    np.testing.assert_allclose(feet[[0, 2]] * [1, -1, 1], feet[[1, 3]], atol=1e-12)


def test_the_poses_of_the_robot_are_within_its_limits():
    for pose in (robot.STAND_POSE, robot.FOLDED_POSE):
        np.testing.assert_array_equal(robot.within_limits(pose), pose)


def test_positions_beyond_a_limit_are_moved_to_it():
    np.testing.assert_array_equal(robot.within_limits(np.full((2, 12), 9.0))[1], robot.JOINT_UPPER)
    np.testing.assert_array_equal(robot.within_limits(np.full(12, -9.0)), robot.JOINT_LOWER)
