"""Between ROS messages and the belief stage, which takes and gives batches: here, of one."""

import numpy as np

from ts_locomotion import robot
from ts_locomotion.belief import BeliefTick, Scans
from ts_locomotion.nodes.conversions import Scan, float_array, time_message
from ts_locomotion.observation import Proprioception
from ts_locomotion_msgs.msg import Belief


def standing() -> Proprioception:
    """What a robot feels that stands still."""
    return Proprioception(
        np.array([1.0, 0.0, 0.0, 0.0]), np.zeros(3), robot.STAND_POSE, np.zeros(len(robot.JOINTS))
    )


def batched(sensed: Proprioception) -> Proprioception:
    """A batch of one."""
    return Proprioception(*(part[None] for part in sensed))


def scans(seen: Scan | None) -> Scans | None:
    """A scan as the belief takes it, as a batch of one."""
    if seen is None:
        return None
    return Scans(seen.heights[None], seen.valid[None], np.array([seen.age]))


def map_age(seen: Scan | None) -> float:
    """Age of the map behind a scan [s]; infinite when nothing was seen."""
    return seen.age if seen is not None and seen.valid.any() else float("inf")


def belief_message(
    stamp: int, sequence: int, mode: int, believed: BeliefTick, map_age: float
) -> Belief:
    """The first of a batch of beliefs as a message."""
    message = Belief(
        sequence=sequence,
        mode=mode,
        observation=float_array(believed.observation[0]),
        belief=float_array(believed.output.belief[0]),
        gate=float_array(believed.output.gate[0]),
        heights=float_array(believed.output.heights[0]),
        privileged=float_array(believed.output.privileged[0]),
        map_age=map_age,
    )
    message.header.stamp = time_message(stamp)
    message.header.frame_id = robot.BASE_LINK
    return message
