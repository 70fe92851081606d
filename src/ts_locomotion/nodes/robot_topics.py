"""What the robot feels, told to the graph: robot_state, joint_states and imu/data."""

from rclpy.node import Node
from sensor_msgs.msg import Imu, JointState

from ts_locomotion.nodes import conversions
from ts_locomotion.unitree import LowState
from ts_locomotion_msgs.msg import RobotState


class RobotTopics:
    """Publishers of the robot's state, each at its share of the states' rate."""

    def __init__(self, node: Node, state_every: int, slow_every: int) -> None:
        """`robot_state` carries every `state_every`-th state, the others every `slow_every`-th."""
        self._state_every, self._slow_every = state_every, slow_every
        self._message = conversions.new_robot_state()
        self._robot_state = node.create_publisher(RobotState, "robot_state", 10)
        self._joint_states = node.create_publisher(JointState, "joint_states", 10)
        self._imu = node.create_publisher(Imu, "imu/data", 10)

    def publish(self, index: int, stamp: int, mode: int, state: LowState) -> None:
        """Tell of the `index`-th state, of `stamp` [ns], in the bridge's mode."""
        if index % self._state_every == 0:
            conversions.fill_robot_state(self._message, stamp, mode, state)
            self._robot_state.publish(self._message)
        if index % self._slow_every == 0:
            joints = conversions.joint_state_message(
                stamp, state.joint_positions, state.joint_velocities, state.joint_torques
            )
            self._joint_states.publish(joints)
            self._imu.publish(conversions.imu_message(stamp, state))
