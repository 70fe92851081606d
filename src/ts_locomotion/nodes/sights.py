"""What the course's driver and its logbook take from odometry."""

import numpy as np
from nav_msgs.msg import Odometry

from ts_locomotion.demo.logbook import Motion
from ts_locomotion.nodes import conversions


def motion(message: Odometry) -> Motion:
    """The base's pose and velocity; raises InvalidInput for a pose that is none."""
    where = conversions.pose(message)
    twist = message.twist.twist
    velocity = np.array([twist.linear.x, twist.linear.y, twist.angular.z])
    return Motion(where.position, where.orientation, velocity)
