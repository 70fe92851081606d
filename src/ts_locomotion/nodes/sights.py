"""What the course's driver and its logbook take from messages."""

import numpy as np
from nav_msgs.msg import Odometry
from rclpy.serialization import deserialize_message

from ts_locomotion import belief_picture
from ts_locomotion.demo.logbook import NO_BELIEF, SCAN, Look, Motion
from ts_locomotion.demo.logbook import Belief as Believed
from ts_locomotion.nodes import conversions
from ts_locomotion_msgs.msg import Belief, FootScans


def motion(message: Odometry) -> Motion:
    """The base's pose and velocity; raises InvalidInput for a pose that is none."""
    where = conversions.pose(message)
    twist = message.twist.twist
    velocity = np.array([twist.linear.x, twist.linear.y, twist.angular.z])
    return Motion(where.position, where.orientation, velocity)


def look(serialized: bytes) -> Look:
    """A serialized FootScans; raises InvalidInput for one that is none."""
    scan = conversions.scan(deserialize_message(serialized, FootScans))
    return Look(scan.heights.reshape(SCAN), scan.valid.reshape(SCAN), scan.age)


def believed(serialized: bytes) -> Believed:
    """A serialized Belief; raises InvalidInput for one that is none."""
    message = deserialize_message(serialized, Belief)
    heights, gate = NO_BELIEF
    if message.heights:
        size = SCAN[0] * SCAN[1]
        heights = conversions.finite("heights", message.heights, size).reshape(SCAN)
    if message.gate:
        gate = belief_picture.gate_by_foot(np.asarray(message.gate))
    return Believed(heights, gate)
