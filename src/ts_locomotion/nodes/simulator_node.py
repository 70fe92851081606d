"""The MuJoCo Go2 behind the topics of the real one, with the odometry and map it would have.

Publishes /lowstate after every step of 2 ms; odom, /tf and /clock at 50 Hz; elevation_map. Takes
/lowcmd, whose checksum must hold, and `mode`, which tells when the gantry may let go. Serves
~/advance (while paused) and ~/reset: back to the start, on the gantry, while time goes on.

Its heartbeat tells, among others: `time_s`, `real_time_factor`, `missed_steps` (steps given up
because the machine was too slow), `gantry`, `motors` (commanded or damped), `fallen`; and for the
time since the start or reset that the robot walked: `control_ticks`, `missed_ticks`, and
`age_ms_p50`, `_p99`, `_p999`, `_max` (wall time from publishing the state of a control tick to the
first command built on it) and `period_ms_*` (between the commands that answer two states).
"""

import sys
import time
from typing import Any

from rclpy.executors import Executor
from rclpy.node import Node
from std_srvs.srv import Trigger
from unitree_go.msg import LowCmd, LowState

from ts_locomotion import safety, ticks, unitree
from ts_locomotion.nodes import pacing, parameters, spin
from ts_locomotion.nodes.advance import AdvanceService, Request
from ts_locomotion.nodes.command_timing import CommandTiming
from ts_locomotion.nodes.diagnostics import ERROR, OK, WARN, Health, Heartbeat, Refusals
from ts_locomotion.nodes.qos import LATCHED
from ts_locomotion.nodes.simulator_settings import SimulatorSettings, make_pace
from ts_locomotion.nodes.world_topics import WorldTopics
from ts_locomotion.simulation.map_sensor import MapSensor
from ts_locomotion.simulation.robot_simulator import STEP_MS, RobotSimulator
from ts_locomotion.simulation.viewer import Viewer
from ts_locomotion_msgs.msg import Mode

SLOW = 0.95
"""A real-time factor below this is worth a warning."""
IDLE = 0.5
"""Longest wait while paused [s]."""


class SimulatorNode(Node):
    """Steps the robot when its pace says so, and speaks for it."""

    def __init__(self) -> None:
        super().__init__("simulator")
        parameters.declare(self, SimulatorSettings)
        self._settings = settings = parameters.read(self, SimulatorSettings)
        self._robot = RobotSimulator(settings.robot_options)
        self._map = MapSensor(self._robot.ground, settings.map_options, settings.seed)
        self._pace = make_pace(settings.pace)
        self._timing = CommandTiming()
        self._refusals = Refusals(self.get_logger())
        self._mode = Mode()
        self._commands = 0
        self._request: Request | None = None
        self._goal = 0
        self._since = (time.monotonic(), 0)
        self._viewer = Viewer(self._robot, self.get_logger().warning) if settings.view else None
        self._advance = AdvanceService(self)
        self._open_topics()
        self._publish_state()

    def _open_topics(self) -> None:
        self._low_state = self.create_publisher(LowState, "/lowstate", 10)
        self._world = WorldTopics(self, self._settings.map_layer, self._robot.ground)
        self.create_subscription(LowCmd, "/lowcmd", self._obey, 10, raw=True)
        self.create_subscription(Mode, "mode", self._note_mode, LATCHED)
        self.create_service(Trigger, "~/reset", self._reset)
        self._heartbeat = Heartbeat(self, self._health)

    def rest(self) -> float:
        """Wall time that may pass before `proceed` has something to do [s]."""
        waits = [IDLE]
        if self._may_step:
            waits.append(self._pace.wait(time.monotonic()))
        elif isinstance(self._pace, pacing.Lockstep):
            waits.append(pacing.LOCKSTEP_REPEAT)
        if self._viewer:
            waits.append(self._viewer.wait(time.monotonic()))
        return max(0.0, min(waits))

    def proceed(self) -> None:
        """Step if it is time to, and do what else is due."""
        now = time.monotonic()
        self._serve_requests(now)
        if isinstance(self._pace, pacing.Lockstep) and self._pace.must_repeat(now):
            self._publish_state()
        if self._may_step and self._pace.wait(now) <= 0.0:
            self._robot.step()
            self._publish_state()
        if self._viewer:
            self._viewer.refresh(now)

    def finish(self) -> None:
        """Leave nobody waiting for a time that will not come."""
        self._advance.close()

    @property
    def _may_step(self) -> bool:
        return not self._settings.paused or self._robot.tick < self._goal

    @property
    def _keeps_time(self) -> bool:
        return isinstance(self._pace, pacing.RealTime) and not self._settings.paused

    def _serve_requests(self, now: float) -> None:
        if self._request is not None and self._goal_is_reached(now):
            self._request.reached = self._robot.time
            self._request.done.set()
            self._request = None
        if self._request is not None:
            return
        self._request = self._advance.next_request()
        if self._request is not None:
            steps = max(1, round(self._request.duration * 1e3 / STEP_MS))
            self._goal = self._robot.tick + STEP_MS * steps
            self._timing.skip_period()
            if isinstance(self._pace, pacing.RealTime):
                self._pace.restart()

    def _goal_is_reached(self, now: float) -> bool:
        if self._robot.tick < self._goal:
            return False
        if not isinstance(self._pace, pacing.Lockstep):
            return True
        # Whoever asked must find a graph at rest: the last state has been answered too.
        self._pace.wait(now)
        return self._pace.is_answered

    def _obey(self, data: Any) -> None:
        now = time.monotonic()
        command = self._refusals.checked("/lowcmd", unitree.decode_low_cmd, data)
        if command is None:
            return
        self._commands += 1
        answers_present_state = command.reserve == self._robot.tick
        if answers_present_state or not isinstance(self._pace, pacing.Lockstep):
            self._robot.command(command)
        self._pace.answered(command.reserve)
        if isinstance(self._pace, pacing.Patient) and command.sn[0] != unitree.NO_TICK:
            self._pace.followed(command.sn[0], now)
        self._timing.command_received(command.reserve, command.sn[0], now)

    def _note_mode(self, mode: Mode) -> None:
        self._mode = mode
        self._release_if_ready()
        if mode.mode != Mode.WALK:
            self._timing.pause()

    def _release_if_ready(self) -> None:
        if self._mode.mode == Mode.STAND and self._mode.settled and self._mode.policy_ready:
            self._robot.release_gantry()

    def _reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._robot.reset()
        self._map.reset(self._robot.tick)
        self._timing = CommandTiming()
        self._release_if_ready()
        response.success = True
        return response

    def _publish_state(self) -> None:
        tick = self._robot.tick
        measured = self._map.update(tick, self._robot.base_position)
        if measured is not None:
            # Before the state: what reaches a process over two hops cannot overtake what is
            # already in its queue, so that in lockstep perception always sees the map first.
            self._world.publish_map(measured)
        if tick % ticks.CONTROL_PERIOD_MS == 0:
            self._world.publish_motion(tick, self._robot.base_motion())
            if self._mode.mode == Mode.WALK:
                self._timing.state_published(tick, time.monotonic())
        self._low_state.publish(unitree.encode_low_state(self._robot.low_state()))
        self._pace.published(tick, time.monotonic())

    def _health(self) -> Health:
        now, tick = time.monotonic(), self._robot.tick
        began, first = self._since
        self._since = (now, tick)
        factor = (tick - first) * 1e-3 / max(now - began, 1e-9)
        damped = self._robot.watchdog_fired
        level, message = OK, f"{self._settings.pace} on {self._settings.terrain}"
        if not self._commands:
            level, message = WARN, "waiting for /lowcmd"
        elif damped:
            limit = self._settings.low_cmd_timeout
            level, message = ERROR, f"no valid /lowcmd for {limit:g} s: motors only damp"
        elif self._keeps_time and factor < SLOW:
            level, message = WARN, f"too slow: {factor:.2f} of real time"
        missed = self._pace.missed_steps if isinstance(self._pace, pacing.RealTime) else 0
        return Health(
            level,
            message,
            {
                "time_s": f"{self._robot.time:.3f}",
                "real_time_factor": f"{factor:.3f}",
                "missed_steps": missed,
                "gantry": self._robot.gantry_state,
                "motors": "damped" if damped else "commanded",
                "fallen": self._robot.tilt > safety.FALLEN_TILT,
                "commands": self._commands,
                **self._refusals.values(),
                **self._timing.values(),
            },
        )


def main() -> None:
    """Entry point."""
    sys.exit(spin.run(SimulatorNode, SimulatorNode.finish, _turn))


def _turn(executor: Executor, simulator: SimulatorNode) -> None:
    rest = simulator.rest()
    executor.spin_once(timeout_sec=rest)
    if rest == 0.0:
        # One event per step would let commands queue up in a simulator that never rests.
        executor.spin_once(timeout_sec=0.0)
    simulator.proceed()


if __name__ == "__main__":
    main()
