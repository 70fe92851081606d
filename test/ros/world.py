"""What a bridge under test has around it: a robot that stands still, a policy, a user."""

import numpy as np
from unitree_go.msg import LowCmd, LowState

from ts_locomotion import robot, unitree
from ts_locomotion.nodes import conversions
from ts_locomotion_msgs.msg import JointTargets, Mode, RobotState
from ts_locomotion_msgs.srv import SetMode

NODE = "/go2_bridge"
STEP = 20
"""Between the states that these tests send [ms]; each of them is a control tick."""


def low_state(tick, tilt=0.0):
    zeros = np.zeros(12, np.float32)
    return unitree.LowState(
        tick=tick,
        orientation=np.array([np.cos(tilt / 2), np.sin(tilt / 2), 0.0, 0.0]),
        angular_velocity=np.array([0.1, 0.2, 0.3]),
        linear_acceleration=np.array([0.0, 0.0, 9.81]),
        joint_positions=robot.STAND_POSE,
        joint_velocities=zeros,
        joint_torques=zeros,
    )


class World:
    """A robot that stands still, and a policy that wants it to."""

    def __init__(self, probe):
        self.probe = probe
        self.tick = 0
        self.walks = False  # only then do fresh targets reach the robot before its next state
        self.commands = []
        self.states = probe.record(RobotState, "robot_state")
        self.modes = probe.record(Mode, "mode")
        probe.node.create_subscription(LowCmd, "/lowcmd", self._note, 10, raw=True)
        self._states = probe.publisher(LowState, "/lowstate")
        self.targets = probe.publisher(JointTargets, "joint_targets")
        probe.meet(NODE)

    def _note(self, data):
        self.commands.append(unitree.decode_low_cmd(data))

    def feel(self, tilt=0.0, damage=b""):
        self.tick += STEP
        frame = unitree.encode_low_state(low_state(self.tick, tilt))
        self._states.publish(damage + frame[len(damage) :])

    def want(self, **changes):
        message = conversions.joint_targets_message(
            self.tick * 1_000_000,
            self.tick,
            changes.get("positions", robot.STAND_POSE),
            changes.get("stiffness", np.full(12, 40.0)),
            np.ones(12),
            np.zeros(12),
        )
        message.joint_names = changes.get("joint_names", list(robot.JOINTS))
        self.targets.publish(message)

    def run(self, seconds, policy=True, tilt=0.0):
        """One state after the other, each answered before the next."""
        for _ in range(round(seconds * 1000 / STEP)):
            self.feel(tilt)
            assert self.probe.until(lambda: self.command.reserve == self.tick)
            if policy:
                self.want()
            if policy and self.walks:
                assert self.probe.until(lambda: self.command.sn[0] == self.tick)
        return self

    @property
    def command(self):
        return self.commands[-1] if self.commands else unitree.LowCmd()

    def ask(self, mode):
        return self.probe.call(SetMode, "set_mode", SetMode.Request(mode=mode), NODE)

    def walk(self):
        self.run(0.1)
        assert self.ask(Mode.STAND).accepted
        self.run(2.6)
        assert self.ask(Mode.WALK).accepted
        self.walks = True
        return self.run(0.3)
