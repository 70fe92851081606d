"""The robot's URDF on robot_description, and where its links are on tf, from joint_states.

What robot_state_publisher does for any robot; that one is not on PyPI.
"""

import sys

from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage

from ts_locomotion import description
from ts_locomotion.description import Placement
from ts_locomotion.nodes import conversions, spin
from ts_locomotion.nodes.conversions import Pose
from ts_locomotion.nodes.diagnostics import OK, WARN, Health, Heartbeat, Refusals
from ts_locomotion.nodes.qos import LATCHED

ALWAYS = 0
"""Stamp of what never moves."""


class RobotDescriptionNode(Node):
    """Says once what the robot is like, and with every joint state where its links are."""

    def __init__(self) -> None:
        super().__init__("robot_description")
        self._refusals = Refusals(self.get_logger())
        self._states = 0
        self._description = self.create_publisher(String, "robot_description", LATCHED)
        self._fixed = self.create_publisher(TFMessage, "/tf_static", LATCHED)
        self._moving = self.create_publisher(TFMessage, "/tf", 100)
        bend = self._refusals.guarded("joint_states", self._bend)
        self.create_subscription(JointState, "joint_states", bend, 10)
        self._heartbeat = Heartbeat(self, self._health)
        self._description.publish(String(data=description.urdf()))
        self._fixed.publish(_transforms(ALWAYS, description.fixed_links()))

    def _bend(self, message: JointState) -> None:
        joint_positions = conversions.joint_positions(message)
        self._states += 1
        stamp = conversions.nanoseconds(message.header.stamp)
        self._moving.publish(_transforms(stamp, description.moving_links(joint_positions)))

    def _health(self) -> Health:
        level, message = (OK, "") if self._states else (WARN, "waiting for joint_states")
        return Health(level, message, {"states": self._states, **self._refusals.values()})


def _transforms(stamp: int, placements: list[Placement]) -> TFMessage:
    return TFMessage(
        transforms=[
            conversions.transform_message(Pose(stamp, parent, position, orientation), child)
            for parent, child, position, orientation in placements
        ]
    )


def main() -> None:
    """Entry point."""
    sys.exit(spin.run(RobotDescriptionNode))


if __name__ == "__main__":
    main()
