"""The belief node driven as teleoperation tools drive: cmd_vel in either type, changing hands.

teleop_twist_keyboard (2.4, https://github.com/ros2/teleop_twist_keyboard) publishes at each key
press, with depth 10, a Twist, or with stamped:=true a TwistStamped stamped now and without frame.
teleop_twist_joy (https://github.com/ros2/teleop_twist_joy) does at each joystick message, with
publish_stamped_twist:=true in the frame teleop_twist_joy.
"""

from collections.abc import Iterator
from itertools import count

import bundles
import feed
import pytest
from feed import PERIOD
from geometry_msgs.msg import Twist, TwistStamped
from probe import Probe, free_domains, running

from ts_locomotion_msgs.msg import Belief, Mode, RobotState

(DOMAIN,) = free_domains(1)


class Tool:
    """A program that publishes cmd_vel in one type, as a participant of its own."""

    def __init__(self, kind: type, frame: str = "") -> None:
        self._probe = Probe(DOMAIN, "teleop")
        self._kind, self._frame = kind, frame
        self._publisher = self._probe.node.create_publisher(kind, "cmd_vel", 10)

    def press(self, forward: float, turn: float = 0.0) -> None:
        message = self._kind()
        twist = message
        if self._kind is TwistStamped:
            twist = message.twist
            message.header.stamp = self._probe.node.get_clock().now().to_msg()
            message.header.frame_id = self._frame
        twist.linear.x, twist.angular.z = forward, turn
        self._publisher.publish(message)

    def __enter__(self) -> "Tool":
        return self

    def __exit__(self, *_: object) -> None:
        self._probe.close()


class Robot:
    """What the belief node obeys to."""

    def __init__(self, probe: Probe, process) -> None:
        self.probe, self.process = probe, process
        self.beliefs = probe.record(Belief, "belief")
        probe.bring_up("/belief")
        self._states = probe.publisher(RobotState, "robot_state")
        self._stamp = 0
        self._speeds = count(1)

    def another_speed(self) -> float:
        """One that nobody has asked for."""
        return next(self._speeds) / 32

    def command(self) -> list[float]:
        """The velocity command that is next believed: v_x, v_y, w_z."""
        before = len(self.beliefs)
        self._stamp += PERIOD
        self._states.publish(feed.robot_state(self._stamp, mode=Mode.WALK))
        assert self.probe.until(lambda: len(self.beliefs) > before), self.process.log
        return list(self.beliefs[-1].observation[:3])

    def follows(self, tool: Tool, forward: float, turn: float = 0.0) -> bool:
        """Whether it comes to move as the tool wants while a key is held."""

        def followed() -> bool:
            tool.press(forward, turn)
            return self.command() == pytest.approx([forward, 0.0, turn], abs=1e-6)

        return self.probe.until(followed)


@pytest.fixture(scope="module")
def robot(tmp_path_factory) -> Iterator[Robot]:
    folder = tmp_path_factory.mktemp("teleop")
    bundle = bundles.write_blind(folder / "blind")
    probe = Probe(DOMAIN)
    with running("belief_node", DOMAIN, folder / "log", bundle=bundle) as process:
        yield Robot(probe, process)
    probe.close()


@pytest.mark.parametrize(
    "tools",
    [
        [(Twist, "")],
        [(TwistStamped, "")],
        [(Twist, ""), (TwistStamped, "teleop_twist_joy"), (Twist, "")],
    ],
    ids=["Twist", "TwistStamped", "one after the other"],
)
def test_whoever_holds_a_key_drives(robot, tools):
    for kind, frame in tools:
        with Tool(kind, frame) as tool:
            assert robot.follows(tool, robot.another_speed(), -0.2), robot.process.log
    assert "Traceback" not in robot.process.log


def test_of_two_tools_that_disagree_about_the_type_one_is_heard_and_the_user_is_told(robot):
    with Tool(TwistStamped) as stamped:
        assert robot.follows(stamped, robot.another_speed())
        robot.process.forget()
        with Tool(Twist) as plain:

            def told() -> bool:
                plain.press(0.5)
                stamped.press(0.3)
                robot.command()
                return "published in two types" in robot.process.log

            assert robot.probe.until(told)
            assert robot.follows(stamped, robot.another_speed())
    assert robot.process.log.count("published in two types") == 1


def test_a_released_key_stops_the_robot(robot):
    with Tool(Twist) as tool:
        assert robot.follows(tool, robot.another_speed())
        assert robot.probe.until(lambda: robot.command() == [0.0, 0.0, 0.0])
