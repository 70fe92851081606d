"""Messages become arrays and arrays messages, without loss and in the package's order."""

import feed
import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message

from ts_locomotion import robot
from ts_locomotion.elevation import ElevationMap
from ts_locomotion.errors import InvalidInput
from ts_locomotion.nodes import conversions, grid_map
from ts_locomotion.nodes.conversions import Pose
from ts_locomotion.nodes.grid_map import Terrain
from ts_locomotion_msgs.msg import FootScans, RobotState

LONG_AGO, NOW = 5, 1_795_230_593_411_837_734


def test_a_time_survives_the_way_through_a_message():
    for stamp in (0, LONG_AGO, 999_999_999, 1_000_000_000, NOW):
        assert conversions.nanoseconds(conversions.time_message(stamp)) == stamp


@pytest.mark.parametrize("stamp", [LONG_AGO, NOW])
@pytest.mark.parametrize("kind", [RobotState, FootScans])
def test_the_stamp_is_read_from_the_serialized_message(kind, stamp):
    message = kind()
    message.header.stamp = conversions.time_message(stamp)
    assert conversions.stamp_of(serialize_message(message)) == stamp


def test_the_stamp_of_a_big_endian_message_is_read_too():
    assert conversions.stamp_of(bytes([0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 7])) == 2_000_000_007


def test_a_message_too_short_for_a_stamp_is_refused():
    with pytest.raises(InvalidInput, match="message of 11 bytes has no stamp"):
        conversions.stamp_of(bytes(11))


def test_a_robot_state_survives_the_way_through_a_message():
    sensed = feed.felt(np.random.default_rng(3))
    sample = conversions.robot_sample(serialize_message(feed.robot_state(NOW, sensed, mode=2)))
    assert (sample.stamp, sample.mode) == (NOW, 2)
    for given, received in zip(sensed, sample.sensed, strict=True):
        np.testing.assert_array_equal(received, given)


def test_joints_are_brought_into_order_by_name():
    order = np.random.default_rng(0).permutation(12)
    message = feed.robot_state(0)
    message.joint_names = [robot.JOINTS[i] for i in order]
    message.joint_positions[:] = order
    message.joint_velocities[:] = -order
    sensed = conversions.robot_sample(serialize_message(message)).sensed
    np.testing.assert_array_equal(sensed.joint_positions, np.arange(12))
    np.testing.assert_array_equal(sensed.joint_velocities, -np.arange(12))


def test_joint_targets_are_brought_into_order_by_name():
    message = feed.joint_targets(NOW, np.zeros(12))
    message.joint_names = list(reversed(robot.JOINTS))
    for name in ("positions", "stiffness", "damping"):
        getattr(message, name)[:] = np.arange(12)
    targets = conversions.targets(message)
    for values in (targets.positions, targets.stiffness, targets.damping):
        np.testing.assert_array_equal(values, np.arange(12)[::-1])


def test_a_pose_survives_the_way_through_odometry():
    orientation = np.array([0.5, -0.5, 0.5, 0.5])
    where = Pose(NOW, "odom", np.array([1.0, -2.0, 0.3]), orientation)
    message = conversions.odometry_message(where, "base_link", np.ones(3), np.zeros(3))
    assert message.pose.pose.orientation.w == 0.5
    assert message.pose.pose.orientation.x == -0.5
    received = conversions.pose(message)
    assert (received.stamp, received.frame) == (NOW, "odom")
    np.testing.assert_array_equal(received.position, where.position)
    np.testing.assert_array_equal(received.orientation, orientation)


def test_a_map_survives_the_way_through_a_grid_map():
    heights = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    heights[2, 3] = np.nan
    known = Terrain(NOW, "odom", ElevationMap(heights, 0.1, (1.0, -1.0), (3, 4)))
    message = grid_map.grid_map_message(known, "elevation")
    sent = deserialize_message(serialize_message(message), type(message))
    received = grid_map.terrain(sent, "elevation")
    np.testing.assert_array_equal(received.heights.layer, heights)
    assert received[:2] == known[:2]
    assert received.heights.centre == known.heights.centre
    assert received.heights.start == known.heights.start


def test_a_grid_map_has_the_layout_that_grid_map_expects():
    known = Terrain(0, "odom", ElevationMap(np.zeros((3, 2), np.float32), 0.1, (0.0, 0.0)))
    message = grid_map.grid_map_message(known, "elevation")
    assert message.basic_layers == ["elevation"]
    dimensions = [(d.label, d.size, d.stride) for d in message.data[0].layout.dim]
    assert dimensions == [("column_index", 2, 6), ("row_index", 3, 3)]


def test_without_a_map_the_scan_is_of_infinite_age():
    message = conversions.foot_scans_message(NOW, "", None, np.zeros(208), np.zeros(208, bool))
    assert np.isinf(message.map_age)
    assert conversions.nanoseconds(message.map_stamp) == 0
    assert not conversions.scan(message).valid.any()


def test_joint_positions_are_found_by_name_among_others():
    positions = np.linspace(-1.0, 1.0, 12)
    message = conversions.joint_state_message(NOW, positions, np.zeros(12), np.zeros(12))
    message.name = ["arm", *reversed(message.name)]
    message.position = [9.0, *reversed(message.position)]
    np.testing.assert_array_equal(conversions.joint_positions(message), positions)


def test_joint_positions_that_are_absent_or_not_finite_are_refused():
    message = conversions.joint_state_message(NOW, np.zeros(12), np.zeros(12), np.zeros(12))
    message.position[3] = np.nan
    with pytest.raises(InvalidInput, match="joint positions is not finite: entry 3 is nan"):
        conversions.joint_positions(message)
    message.position = message.position[:2]
    with pytest.raises(InvalidInput, match="joint_states lacks"):
        conversions.joint_positions(message)
