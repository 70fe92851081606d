"""Between the graph and a Go2's low-level topics, be the robot simulated or real.

Publishes /lowcmd, robot_state, joint_states, imu/data, mode; takes /lowstate and joint_targets;
serves set_mode. Each state is answered by one command; outside of lockstep fresh joint targets are
sent at once as well. Against anything but the simulator it computes and tells everything but
publishes no command, unless dry_run is switched off.
"""

import sys
import time
from typing import Any

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.duration import Duration
from rclpy.node import Node
from unitree_go.msg import LowCmd, LowState

from ts_locomotion import unitree
from ts_locomotion.bridge import RobotBridge
from ts_locomotion.errors import InvalidInput
from ts_locomotion.nodes import conversions, parameters, spin
from ts_locomotion.nodes.bridge_settings import BridgeSettings
from ts_locomotion.nodes.diagnostics import ERROR, OK, WARN, Health, Heartbeat, Refusals
from ts_locomotion.nodes.qos import LATCHED
from ts_locomotion.nodes.robot_topics import RobotTopics
from ts_locomotion.safety import JointTargets as SafeTargets
from ts_locomotion_msgs.msg import JointTargets, Mode
from ts_locomotion_msgs.srv import SetMode

GUARD_PERIOD = 0.02
POLICY_PATIENCE = 2.0
"""In lockstep a silent policy is waited for this wall time [s], twice what belief waits."""
DELIVERY = Duration(nanoseconds=100_000_000)


class Go2BridgeNode(Node):
    """Decodes, asks the bridge, encodes, publishes."""

    def __init__(self) -> None:
        super().__init__("go2_bridge")
        parameters.declare(self, BridgeSettings)
        self._settings = settings = parameters.read(self, BridgeSettings)
        settings.check_clock(bool(self.get_parameter("use_sim_time").value))
        self._bridge = RobotBridge(settings.bridge_options)
        self._refusals = Refusals(self.get_logger())
        self._told: tuple[object, ...] = ()
        self._frame = b""
        self._tick = -1
        self._states = self._commands = 0
        self._sensed_at = self._waiting_since = float("-inf")
        self._stamp = 0
        self._waiting = False
        self._open_topics()
        self._tell_mode()

    def _open_topics(self) -> None:
        settings = self._settings
        self._topics = RobotTopics(self, settings.state_every, settings.slow_every)
        self._mode = self.create_publisher(Mode, "mode", LATCHED)
        self._low_cmd = self.create_publisher(LowCmd, "/lowcmd", 10)
        self.create_subscription(LowState, "/lowstate", self._sense, 10, raw=True)
        self.create_subscription(JointTargets, "joint_targets", self._follow, 10)
        self.create_service(SetMode, "set_mode", self._set_mode)
        wall = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(GUARD_PERIOD, self._guard, clock=wall)
        self._heartbeat = Heartbeat(self, self._health)

    def _sense(self, data: Any) -> None:
        now = time.monotonic()
        state = self._refusals.checked("/lowstate", unitree.decode_low_state, data)
        if state is None:
            return
        self._sensed_at = now
        if self._settings.simulated and state.tick == self._tick:
            self._repeat()
            return
        self._tick = state.tick
        self._states += 1
        self._stamp = (
            state.tick * unitree.NANOSECONDS_PER_TICK
            if self._settings.simulated
            else time.time_ns()
        )
        self._bridge.sense(state, self._stamp)
        index = state.tick // unitree.STATE_PERIOD_MS if self._settings.simulated else self._states
        self._topics.publish(index, self._stamp, self._bridge.mode.mode, state)
        self._waiting = self._bridge.waits
        self._waiting_since = now
        if not self._waiting:
            self._answer()

    def _repeat(self) -> None:
        """The simulator asks again: it has missed the answer, or the answer still waits."""
        if not self._waiting:
            self._send(self._frame)

    def _follow(self, message: JointTargets) -> None:
        try:
            targets = conversions.targets(message)
            self._bridge.follow(
                SafeTargets(targets.stamp, targets.positions, targets.stiffness, targets.damping)
            )
        except InvalidInput as refusal:
            self._refusals.refuse("joint_targets", refusal)
            return
        if self._waiting:
            self._waiting = self._bridge.waits
            if not self._waiting:
                self._answer()
        elif self._bridge.follows_at_once:
            self._answer()

    def _set_mode(self, request: SetMode.Request, response: SetMode.Response) -> SetMode.Response:
        refusal = self._bridge.request(request.mode)
        response.accepted = refusal is None
        response.reason = refusal or ""
        self._tell_mode()
        return response

    def _guard(self) -> None:
        """On the wall clock, for what states and targets cannot tell: that they do not come."""
        now = time.monotonic()
        if self._waiting and now - self._waiting_since > POLICY_PATIENCE:
            self.get_logger().warning("the policy does not answer: going on without it")
            self._bridge.stop_waiting()
            self._waiting = False
            self._answer()
        if self._is_silent(now):
            self._bridge.lose_robot()
            self._send(self._bridge.damping())

    def _is_silent(self, now: float) -> bool:
        # In lockstep the simulator is silent whenever somebody thinks.
        heard = self._states > 0 and not self._settings.lockstep
        return heard and now - self._sensed_at > self._settings.silence

    def _answer(self) -> None:
        # First the mode: the simulator must know it before the step that follows.
        self._tell_mode()
        self._frame = self._bridge.command()
        self._send(self._frame)

    def _send(self, frame: bytes) -> None:
        if frame and not self._settings.mute:
            self._commands += 1
            self._low_cmd.publish(frame)

    def _tell_mode(self) -> None:
        mode = self._bridge.mode
        told = (mode.mode, mode.settled, mode.fault, mode.policy_ready, mode.reason)
        if told == self._told:
            return
        if mode.fault and mode.reason not in self._told:
            self.get_logger().error(f"damped: {mode.reason}")
        self._told = told
        self._mode.publish(conversions.mode_message(self._stamp, mode))

    def _health(self) -> Health:
        mode, now = self._bridge.mode, time.monotonic()
        level, message = OK, f"{mode.mode}: {mode.reason}"
        if mode.fault:
            level, message = ERROR, f"damped: {mode.reason}"
        elif not self._states:
            level, message = WARN, "waiting for /lowstate"
        elif self._is_silent(now):
            level, message = ERROR, f"no /lowstate for {now - self._sensed_at:.1f} s: damping"
        elif self._bridge.holds_targets:
            level = WARN
            message = f"holding joint targets that are {self._bridge.target_age:.2f} s old"
        return Health(
            level,
            f"dry run, {message}" if self._settings.mute else message,
            {
                "mode": mode.mode,
                "settled": mode.settled,
                "fault": mode.fault,
                "policy_ready": mode.policy_ready,
                "reason": mode.reason,
                "states": self._states,
                "commands": self._commands,
                "target_age_s": f"{self._bridge.target_age:.3f}",
                **self._refusals.values(),
            },
        )

    def farewell(self) -> None:
        """The last act: whatever happens now, the joints are damped."""
        self._send(self._bridge.damping())
        self._low_cmd.wait_for_all_acked(DELIVERY)


def main() -> None:
    """Entry point."""
    sys.exit(spin.run(Go2BridgeNode, Go2BridgeNode.farewell))


if __name__ == "__main__":
    main()
