"""Drives the demonstration's course through a running graph and writes down what happened.

Publishes cmd_vel, asks set_mode; takes odom, joint_states, mode, terrain, /diagnostics, and with
`sees` foot_scans and belief. With `lockstep` it lets a paused simulator advance step by step, so
that nothing depends on wall time. Its output is one line per half second, and the recording.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import Twist
from nav_msgs.msg import Odometry
from rclpy.executors import ExternalShutdownException
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.node import Node
from rclpy.task import Future
from rclpy.utilities import ok, try_shutdown
from sensor_msgs.msg import JointState
from visualization_msgs.msg import MarkerArray

from ts_locomotion import modes, ticks
from ts_locomotion.demo import course
from ts_locomotion.demo.course import Driver, Order, Outcome, Sight
from ts_locomotion.demo.logbook import Logbook, Motion
from ts_locomotion.errors import LocomotionError
from ts_locomotion.nodes import conversions, parameters, sights, spin, terrain_markers
from ts_locomotion.nodes.diagnostics import Refusals
from ts_locomotion.nodes.parameters import setting
from ts_locomotion.nodes.qos import LATCHED
from ts_locomotion_msgs.msg import Belief, FootScans, Mode
from ts_locomotion_msgs.srv import Advance, SetMode

STAGES = ("perception", "belief", "policy")
STEP = round(course.STEP * 1e9)
LOCKSTEP_START = 1_000_000_000
"""In lockstep the course begins at this stamp, however long the graph took to come up [ns]."""
AFTERMATH = 10
"""Steps to go on recording after a course that went wrong."""
ANSWER_PATIENCE = 60.0
"""A service that does not answer for longer is dead [s]."""
LAST_HEARTBEATS = 1.2
"""Wait for the figures of the end, which come at 2 Hz [s]."""
LINE_PERIOD = 0.5


@dataclass(frozen=True)
class CourseSettings:
    """Parameters of the course."""

    terrain: str = setting("flat", "Ground that the course is made for")
    duration: float = setting(60.0, "Of walking, at most", unit="s", minimum=0.0, maximum=3600.0)
    lockstep: bool = setting(False, "Whether to drive a paused simulator through its ~/advance")
    sees: bool = setting(False, "Whether to write down what the robot sees and believes")
    output: str = setting("out/demo/recording.npz", "File of the recording")
    patience: float = setting(
        60.0, "Wait for the graph to come up", unit="s", minimum=1.0, maximum=600.0
    )


class GraphError(LocomotionError):
    """Something of the graph that the course needs does not answer, or cannot start."""


class CourseNode(Node):
    """The driver's eyes and hands in the graph."""

    def __init__(self) -> None:
        super().__init__("course")
        parameters.declare(self, CourseSettings)
        self.settings = settings = parameters.read(self, CourseSettings)
        legs = course.legs(settings.terrain, settings.duration)
        self.driver = Driver(legs)
        self.logbook = Logbook(tuple(leg.name for leg in legs))
        self.stamp = 0
        self._motion: Motion | None = None
        self._bent = False
        self._looks: dict[int, bytes] = {}
        self._beliefs: dict[int, bytes] = {}
        self._mode = Mode()
        self._statuses: dict[str, DiagnosticStatus] = {}
        self._health = DiagnosticStatus(level=DiagnosticStatus.STALE)
        self._watching = False
        self._executor = EventsExecutor()
        self._executor.add_node(self)
        self._said = float("-inf")
        self._refusals = Refusals(self.get_logger())
        self._open_topics()

    def _open_topics(self) -> None:
        self._cmd_vel = self.create_publisher(Twist, "cmd_vel", 10)
        self._listen(Odometry, "odom", self._see)
        self._listen(JointState, "joint_states", self._see_joints)
        self._listen(Mode, "mode", self._note_mode, LATCHED)
        self._listen(MarkerArray, "terrain", self._note_terrain, LATCHED)
        self._listen(DiagnosticArray, "/diagnostics", self._note_health)
        if self.settings.sees:
            self._keep(FootScans, "foot_scans", self._looks)
            self._keep(Belief, "belief", self._beliefs)
        self._set_mode = self.create_client(SetMode, "set_mode")
        self._advance = self.create_client(Advance, "simulator/advance")

    def _listen(
        self,
        kind: type,
        topic: str,
        receive: Callable[[Any], None],
        qos: Any = 100,
        raw: bool = False,
    ) -> None:
        guarded = self._refusals.guarded(topic, receive)
        self.create_subscription(kind, topic, guarded, qos, raw=raw)

    def _keep(self, kind: type, topic: str, kept: dict[int, bytes]) -> None:
        """Keep messages as they come: reading them has time until the robot sits."""

        def keep(message: Any) -> None:
            kept[conversions.stamp_of(message)] = message

        self._listen(kind, topic, keep, raw=True)

    def run(self) -> Outcome:
        """Drive the whole course; raises GraphError."""
        self._await_graph()
        while self.driver.outcome is Outcome.RUNNING:
            order = self.driver.decide(self._sight())
            self._carry_out(order)
            self._await_step()
        if self.driver.outcome is not Outcome.FINISHED:
            for _ in range(AFTERMATH):
                self._await_step()
        self._spin_for(LAST_HEARTBEATS)
        self._watching = False
        return self.driver.outcome

    def save(self, outcome: str) -> None:
        """Write the recording."""
        look = self._refusals.guarded("foot_scans", self._look)
        for message in self._looks.values():
            look(message)
        believe = self._refusals.guarded("belief", self._believe)
        for message in self._beliefs.values():
            believe(message)
        self.logbook.recording(outcome).save(Path(self.settings.output))

    def _look(self, message: bytes) -> None:
        self.logbook.looked(conversions.stamp_of(message), sights.look(message))

    def _believe(self, message: bytes) -> None:
        self.logbook.believed(conversions.stamp_of(message), sights.believed(message))

    def _await_graph(self) -> None:
        patience = self.settings.patience
        self._await("set_mode of the bridge", self._set_mode.service_is_ready, patience)
        if self.settings.lockstep:
            self._await("advance of the simulator", self._advance.service_is_ready, patience)
        self._await("every stage to be active", self._stages_are_active, patience)
        self._await("a listener of cmd_vel", lambda: self._cmd_vel.get_subscription_count() > 0)
        while self.settings.lockstep and self.stamp < LOCKSTEP_START:
            self._let_pass(course.STEP)
        self._await("odometry", lambda: self._motion is not None)
        self._await("joint_states", lambda: self._bent)
        self._await("a healthy graph", lambda: self._health.level < DiagnosticStatus.ERROR)
        self._watching = True

    def _stages_are_active(self) -> bool:
        statuses = [self._statuses.get(self._full_name(stage)) for stage in STAGES]
        for status in statuses:
            if status is not None and status.level >= DiagnosticStatus.ERROR:
                raise GraphError(f"{status.name.rpartition('/')[2]} {status.message}")
        return all(status is not None and _phase(status) == "active" for status in statuses)

    def _await_step(self) -> None:
        if self.settings.lockstep:
            self._let_pass(course.STEP)
            return
        due = (self.stamp // STEP + 1) * STEP
        self._await("odometry", lambda: self.stamp >= due)

    def _let_pass(self, duration: float) -> None:
        """Let the simulator run, and see everything up to the moment that it has reached."""
        answer = self._answer(self._advance.call_async(Advance.Request(duration=duration)))
        if not answer.success:
            raise GraphError(f"the simulator does not advance: {answer.message}")
        reached = ticks.tick_of(round(answer.time * 1e9))
        self._await("odometry", lambda: ticks.tick_of(self.stamp) >= reached)

    def _carry_out(self, order: Order) -> None:
        if order.mode is not None:
            asked = self._set_mode.call_async(SetMode.Request(mode=int(order.mode)))
            asked.add_done_callback(self._note_answer)
            if self.settings.lockstep:
                self._answer(asked)
        v_x, v_y, w_z = order.command
        message = Twist()
        message.linear.x, message.linear.y, message.angular.z = v_x, v_y, w_z
        # In lockstep the next state cannot overtake it: it takes the longer way, over more nodes.
        self._cmd_vel.publish(message)
        self.logbook.ordered(self.stamp, order.command, order.leg)
        self._say(order)

    def _note_answer(self, asked: Future) -> None:
        answer = asked.result()
        if answer is not None and not answer.accepted:
            self.get_logger().warning(f"mode refused: {answer.reason}")

    def _sight(self) -> Sight:
        assert self._motion is not None
        return Sight(
            self.stamp * 1e-9,
            self._motion.position,
            self._motion.orientation,
            modes.Mode(self._mode.mode),
            self._mode.settled,
            self._mode.fault,
        )

    def _say(self, order: Order) -> None:
        """One line for a person, at most every half second."""
        now = time.monotonic()
        if now - self._said < LINE_PERIOD and order.mode is None:
            return
        self._said = now
        legs, sight = self.driver.course, self._sight()
        assert self._motion is not None
        print(
            f"[{order.leg + 1}/{len(legs)}] {legs[order.leg].name}: {sight.mode},"
            f" x {sight.position[0]:.2f} m, v_x {self._motion.velocity[0]:.2f} of"
            f" {order.command[0]:.2f} m/s, {sight.time:.1f} s",
            flush=True,
        )

    def _see(self, message: Odometry) -> None:
        self._motion = sights.motion(message)
        self.stamp = conversions.nanoseconds(message.header.stamp)
        self.logbook.moved(self.stamp, self._motion)

    def _see_joints(self, message: JointState) -> None:
        self._bent = True
        stamp = conversions.nanoseconds(message.header.stamp)
        self.logbook.bent(stamp, conversions.joint_positions(message))

    def _note_mode(self, message: Mode) -> None:
        self._mode = message
        self.logbook.entered(conversions.nanoseconds(message.header.stamp), message.mode)

    def _note_terrain(self, message: MarkerArray) -> None:
        self.logbook.boxes = terrain_markers.boxes(message)

    def _note_health(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if not status.name.startswith(self._full_name("")):
                continue
            name = status.name.removeprefix(self._full_name(""))
            self._statuses[status.name] = status
            figures = {item.key: item.value for item in status.values}
            self.logbook.diagnostics[name] = {"message": status.message, **figures}
            if name == "health":
                self._judge(status)

    def _judge(self, health: DiagnosticStatus) -> None:
        self._health = health
        if self._watching and health.level >= DiagnosticStatus.ERROR:
            self.logbook.complaints[health.message] = None

    def _full_name(self, name: str) -> str:
        return f"{self.get_namespace().rstrip('/')}/{name}"

    def _answer(self, asked: Future) -> Any:
        self._await("an answer", asked.done)
        return asked.result()

    def _await(
        self, what: str, arrived: Callable[[], bool], patience: float = ANSWER_PATIENCE
    ) -> None:
        deadline = time.monotonic() + patience
        while not arrived():
            if time.monotonic() > deadline:
                raise GraphError(f"waited {patience:g} s in vain for {what}")
            self._turn(0.2)

    def _spin_for(self, duration: float) -> None:
        deadline = time.monotonic() + duration
        while time.monotonic() < deadline:
            self._turn(0.1)

    def _turn(self, timeout: float) -> None:
        if not ok():
            raise ExternalShutdownException
        self._executor.spin_once(timeout_sec=timeout)


def _phase(status: DiagnosticStatus) -> str:
    return next((item.value for item in status.values if item.key == "state"), "")


def main(kind: type[CourseNode] = CourseNode) -> None:
    """Entry point."""
    spin.begin()
    node = kind()
    try:
        outcome = node.run().value
    except GraphError as problem:
        outcome = str(problem)
    except ExternalShutdownException:
        outcome = "interrupted"
    print(f"course: {outcome}", flush=True)
    node.save(outcome)
    node.destroy_node()
    try_shutdown()
    sys.exit(0 if outcome == Outcome.FINISHED.value else 1)


if __name__ == "__main__":
    main()
