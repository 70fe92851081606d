"""What the course's driver and its logbook take from messages."""

import numpy as np
from nav_msgs.msg import Odometry
from sensor_msgs.msg import JointState

from ts_locomotion import robot
from ts_locomotion.demo.logbook import Motion
from ts_locomotion.errors import InvalidInput
from ts_locomotion.nodes import conversions
from ts_locomotion.robot import Array


def motion(message: Odometry) -> Motion:
    """The base's pose and velocity; raises InvalidInput for a pose that is none."""
    where = conversions.pose(message)
    twist = message.twist.twist
    velocity = np.array([twist.linear.x, twist.linear.y, twist.angular.z])
    return Motion(where.position, where.orientation, velocity)


def joint_positions(message: JointState) -> Array:
    """Joint positions in our order [rad]. Shape (J,). Raises InvalidInput for missing joints."""
    given = dict(zip(message.name, message.position, strict=False))
    missing = [joint for joint in robot.JOINTS if joint not in given]
    if missing:
        raise InvalidInput(f"joint_states lacks {missing}")
    return np.array([given[joint] for joint in robot.JOINTS])
