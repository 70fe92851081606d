"""A bare chain of rclpy nodes with the graph's processes, messages, sizes and rates, and no work.

robot -lowstate-> bridge -robot_state-> belief -belief-> policy -joint_targets-> bridge -lowcmd->
robot, each arrow a hop between two processes.
"""

import json
import struct
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import rclpy
from rclpy.executors import Executor
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.node import Node
from rclpy.utilities import ok, try_shutdown
from unitree_go.msg import LowCmd, LowState

from ts_locomotion import robot, unitree
from ts_locomotion.bringup.graph import NodeSpec
from ts_locomotion_msgs.msg import Belief, JointTargets, RobotState

SEQUENCE_OFFSET = 8
"""Where sn[0] lies in the bytes of both frames: behind the encapsulation, head and flags."""
STATE_PERIOD = 1e-3 * unitree.STATE_PERIOD_MS
TICK_STATES = 10
"""States from one control tick to the next."""
SETTLE = 2.0
STARTER = "import sys; from ts_locomotion.bench.chain import main; main(*sys.argv[1:])"


class Sizes(NamedTuple):
    """Lengths of the Belief message's vectors, which depend on the bundle."""

    observation: int
    belief: int


def commands(duration: float, sizes: Sizes) -> dict[str, list[str]]:
    """The command line of each process of the chain, by name."""
    words = [str(duration), str(sizes.observation), str(sizes.belief)]
    return {role: [sys.executable, "-c", STARTER, role, *words] for role in ROLES}


def specs() -> list[NodeSpec]:
    """The chain's processes for ProcessGraph; it ends with the robot."""
    return [NodeSpec(role, role, required=role == "robot") for role in ROLES]


def numbered(frame: bytes, number: int) -> bytes:
    """The frame with another sequence number; its checksum is left as it is."""
    changed = bytearray(frame)
    struct.pack_into("<I", changed, SEQUENCE_OFFSET, number)
    return bytes(changed)


def number_of(frame: bytes) -> int:
    """The sequence number of a frame."""
    return struct.unpack_from("<I", frame, SEQUENCE_OFFSET)[0]


class Robot(Node):
    """Sends a state every 2 ms, and notes when the command comes that its control tick led to."""

    def __init__(self, duration: float, _: Sizes) -> None:
        super().__init__("bare_robot")
        self._frame = unitree.encode_low_state(_standing())
        self._end = duration
        self._sent: dict[int, float] = {}
        self.ages: list[float] = []
        self._count = 0
        self._due = time.monotonic() + SETTLE
        self._publisher = self.create_publisher(LowState, "bare/lowstate", 10)
        self.create_subscription(LowCmd, "bare/lowcmd", self._note, 10, raw=True)

    def turn(self, executor: Executor) -> bool:
        """Wait for the next state's time and send it; whether there are more."""
        executor.spin_once(timeout_sec=max(0.0, self._due - time.monotonic()))
        now = time.monotonic()
        if now < self._due:
            return True
        self._due = max(self._due + STATE_PERIOD, now - 0.1)
        if self._count % TICK_STATES == 0:
            self._sent[self._count] = now
        self._publisher.publish(numbered(self._frame, self._count))
        self._count += 1
        return self._count * STATE_PERIOD < self._end

    def _note(self, frame: Any) -> None:
        sent = self._sent.pop(number_of(frame), None)
        if sent is not None:
            self.ages.append(time.monotonic() - sent)


class Bridge(Node):
    """States to robot_state at half the rate; joint targets to commands; a command per state."""

    def __init__(self, _: float, __: Sizes) -> None:
        super().__init__("bare_bridge")
        self._state = RobotState(joint_names=list(robot.JOINTS))
        self._frame = unitree.encode_low_cmd(unitree.damping_command())
        self._newest = unitree.NO_TICK
        self._robot_state = self.create_publisher(RobotState, "bare/robot_state", 10)
        self._low_cmd = self.create_publisher(LowCmd, "bare/lowcmd", 10)
        self.create_subscription(LowState, "bare/lowstate", self._sense, 10, raw=True)
        self.create_subscription(JointTargets, "bare/joint_targets", self._follow, 10)

    def _sense(self, frame: Any) -> None:
        number = number_of(frame)
        if number % 2 == 0:
            self._state.tick = number
            self._robot_state.publish(self._state)
        self._low_cmd.publish(numbered(self._frame, self._newest))

    def _follow(self, message: JointTargets) -> None:
        self._newest = message.sequence
        self._low_cmd.publish(numbered(self._frame, self._newest))


class BeliefRelay(Node):
    """The robot_state of a control tick to a belief of the bundle's size."""

    def __init__(self, _: float, sizes: Sizes) -> None:
        super().__init__("bare_belief")
        self._belief = Belief(observation=[0.0] * sizes.observation, belief=[0.0] * sizes.belief)
        self._publisher = self.create_publisher(Belief, "bare/belief", 10)
        self.create_subscription(RobotState, "bare/robot_state", self._forward, 10)

    def _forward(self, message: RobotState) -> None:
        if message.tick % TICK_STATES == 0:
            self._belief.sequence = message.tick
            self._publisher.publish(self._belief)


class PolicyRelay(Node):
    """Each belief to joint targets."""

    def __init__(self, _: float, __: Sizes) -> None:
        super().__init__("bare_policy")
        self._targets = JointTargets(joint_names=list(robot.JOINTS))
        self._publisher = self.create_publisher(JointTargets, "bare/joint_targets", 10)
        self.create_subscription(Belief, "bare/belief", self._forward, 10)

    def _forward(self, message: Belief) -> None:
        self._targets.sequence = message.sequence
        self._publisher.publish(self._targets)


ROLES: dict[str, Callable[[float, Sizes], Node]] = {
    "robot": Robot,
    "bridge": Bridge,
    "belief": BeliefRelay,
    "policy": PolicyRelay,
}


def ages_told(lines: Sequence[str]) -> list[float]:
    """Ages of the commands [s], from what the robot has printed."""
    told = [line for line in lines if line.startswith("[")]
    if not told:
        raise RuntimeError(f"the bare chain has told nothing: {list(lines)}")
    return json.loads(told[-1])


def main(role: str, duration: str, observation: str, belief: str) -> None:
    """Entry point of each process of the chain."""
    rclpy.init()
    node = ROLES[role](float(duration), Sizes(int(observation), int(belief)))
    executor = EventsExecutor()
    executor.add_node(node)
    if isinstance(node, Robot):
        while ok() and node.turn(executor):
            pass
        print(json.dumps(node.ages), flush=True)
    else:
        while ok():
            executor.spin_once(timeout_sec=0.5)
    executor.shutdown()
    node.destroy_node()
    try_shutdown()


def _standing() -> unitree.LowState:
    return unitree.LowState(
        tick=0,
        orientation=np.array([1.0, 0.0, 0.0, 0.0]),
        angular_velocity=np.zeros(3),
        linear_acceleration=np.array([0.0, 0.0, 9.81]),
        joint_positions=robot.STAND_POSE,
        joint_velocities=np.zeros(12),
        joint_torques=np.zeros(12),
    )
