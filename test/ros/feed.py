"""Messages of a robot that stands somewhere, for the tests of the nodes that listen to it."""

import numpy as np
from nav_msgs.msg import Odometry

from ts_locomotion import robot
from ts_locomotion.nodes import conversions
from ts_locomotion.nodes.conversions import Pose
from ts_locomotion.observation import Proprioception
from ts_locomotion_msgs.msg import FootScans, JointTargets, Mode, RobotState

MILLISECOND = 1_000_000
PERIOD = 20 * MILLISECOND
LEVEL = np.array([1.0, 0.0, 0.0, 0.0])


def robot_state(
    stamp: int, sensed: Proprioception | None = None, mode: int = Mode.STAND
) -> RobotState:
    message = conversions.new_robot_state()
    message.header.stamp = conversions.time_message(stamp)
    message.mode = mode
    message.orientation[:] = LEVEL
    message.joint_positions[:] = robot.STAND_POSE
    if sensed is not None:
        for name, values in sensed._asdict().items():
            getattr(message, name)[:] = values
    return message


def felt(random: np.random.Generator) -> Proprioception:
    """A random sample, rounded as the message rounds it."""
    tilt = np.append(1.0, random.normal(0, 0.05, 3))
    parts = (
        tilt / np.linalg.norm(tilt),
        random.normal(0, 0.3, 3),
        robot.STAND_POSE + random.normal(0, 0.1, 12),
        random.normal(0, 1.0, 12),
    )
    return Proprioception(*(part.astype(np.float32).astype(np.float64) for part in parts))


def odometry(stamp: int, position: np.ndarray, frame: str = "odom") -> Odometry:
    where = Pose(stamp, frame, position, LEVEL)
    return conversions.odometry_message(where, "base_link", np.zeros(3), np.zeros(3))


def foot_scans(stamp: int, heights: np.ndarray, age: float = 0.1) -> FootScans:
    taken = stamp - round(age * 1e9)
    return conversions.foot_scans_message(stamp, "odom", taken, heights, np.ones(208, bool))


def joint_targets(stamp: int, action: np.ndarray) -> JointTargets:
    gains = np.ones(12)
    return conversions.joint_targets_message(stamp, 1, robot.STAND_POSE, gains, gains, action)
