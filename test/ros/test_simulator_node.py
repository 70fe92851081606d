"""The simulator through DDS: it behaves as the robot does, in real time and in lockstep."""

import signal

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from grid_map_msgs.msg import GridMap
from nav_msgs.msg import Odometry
from probe import PATIENCE, Probe, free_domains, running
from rosgraph_msgs.msg import Clock
from std_srvs.srv import Trigger
from tf2_msgs.msg import TFMessage
from unitree_go.msg import LowCmd, LowState

from ts_locomotion import robot, unitree
from ts_locomotion.nodes import conversions, grid_map
from ts_locomotion.simulation import terrain
from ts_locomotion_msgs.msg import Mode
from ts_locomotion_msgs.srv import Advance

(DOMAIN,) = free_domains(1)
NODE = "/simulator"
STAND = unitree.LowCmd(
    q=robot.STAND_POSE.astype(np.float32),
    kp=np.full(12, 60.0, np.float32),
    kd=np.full(12, 5.0, np.float32),
)


class Robot:
    """The simulator's low-level topics as a bridge sees them."""

    def __init__(self, probe):
        self.probe = probe
        self.states = []
        self._commands = probe.node.create_publisher(LowCmd, "/lowcmd", 10)
        probe.node.create_subscription(LowState, "/lowstate", self._note, 10, raw=True)
        assert probe.until(lambda: self.states and self._commands.get_subscription_count())
        probe.meet(NODE)

    def _note(self, data):
        self.states.append(unitree.decode_low_state(data))

    def send(self, command=STAND, damage=b""):
        frame = unitree.encode_low_cmd(command)
        self._commands.publish(frame[:-8] + damage + frame[len(frame) - 8 + len(damage) :])

    def answer(self, ticks):
        """In lockstep: answer every state up to `ticks` [ms], each with a moving target."""
        while self.states[-1].tick < ticks:
            count, tick = len(self.states), self.states[-1].tick
            swing = np.float32(0.2 * np.sin(tick * 0.01))
            self.send(STAND._replace(q=STAND.q + swing, reserve=tick))
            assert self.probe.until(lambda seen=count: len(self.states) > seen)
        return self


def value(probe, key):
    return probe.value(NODE, key)


def test_a_frame_with_a_flipped_bit_is_dropped_and_counted(probe, tmp_path):
    with running("simulator_node", DOMAIN, tmp_path / "log") as process:
        low_level = Robot(probe)
        assert "checksum" in probe.refuses(
            NODE, process, "/lowcmd", lambda: low_level.send(damage=b"\x01")
        )
        assert value(probe, "motors") == "damped"
        low_level.send()
        assert probe.until(lambda: value(probe, "commands") == "1")


def test_without_commands_the_motors_damp_and_the_reason_is_told(probe, tmp_path):
    with running("simulator_node", DOMAIN, tmp_path / "log", low_cmd_timeout=3.0):
        low_level = Robot(probe)
        assert probe.status(NODE).message == "waiting for /lowcmd"
        low_level.send()
        assert probe.until(lambda: value(probe, "motors") == "commanded")
        assert probe.until(lambda: value(probe, "motors") == "damped")
        status = probe.status(NODE)
        assert status.level == DiagnosticStatus.ERROR
        assert status.message == "no valid /lowcmd for 3 s: motors only damp"


def test_lockstep_steps_only_when_the_present_state_is_answered(probe, tmp_path):
    with running("simulator_node", DOMAIN, tmp_path / "log", pace="lockstep"):
        low_level = Robot(probe)
        low_level.answer(10)
        low_level.send(STAND._replace(reserve=8))

        def repetitions():
            return sum(state.tick == 10 for state in low_level.states)

        already = repetitions()
        assert probe.until(lambda: repetitions() > already + 1)
        assert low_level.states[-1].tick == 10
        low_level.answer(12)


def test_lockstep_without_its_bridge_goes_on_by_the_clock_and_damps(probe, tmp_path):
    with running("simulator_node", DOMAIN, tmp_path / "log", pace="lockstep"):
        low_level = Robot(probe).answer(100)
        assert probe.until(lambda: value(probe, "motors") == "damped")
        assert low_level.states[-1].tick > 200
        assert "no valid /lowcmd" in probe.status(NODE).message

        def commanded_again():
            low_level.answer(low_level.states[-1].tick + 100)
            return value(probe, "motors") == "commanded"

        assert probe.until(commanded_again)


def trajectory(probe, log):
    with running("simulator_node", DOMAIN, log, pace="lockstep", terrain="rough", seed=3):
        return {state.tick: state for state in Robot(probe).answer(1000).states}


def test_two_lockstep_runs_with_one_seed_are_identical(tmp_path):
    runs = []
    for name in ("first", "second"):
        probe = Probe(DOMAIN)
        runs.append(trajectory(probe, tmp_path / name))
        probe.close()
    first, second = runs
    assert list(range(0, 1001, 2)) == sorted(first) == sorted(second)
    for tick, state in first.items():
        for one, other in zip(state, second[tick], strict=True):
            np.testing.assert_array_equal(one, other)
    assert np.ptp([state.joint_positions for state in first.values()], axis=0).min() > 0.05


def test_the_gantry_lets_go_once_the_robot_stands_and_the_policy_is_ready(probe, tmp_path):
    with running("simulator_node", DOMAIN, tmp_path / "log"):
        Robot(probe)
        modes = probe.latched_publisher(Mode, "mode")
        assert probe.until(modes.get_subscription_count)
        probe.meet(NODE)
        modes.publish(Mode(mode=Mode.STAND, settled=True, policy_ready=False))
        probe.settle(NODE)
        assert value(probe, "gantry") == "holding"
        modes.publish(Mode(mode=Mode.STAND, settled=True, policy_ready=True))
        assert probe.until(lambda: value(probe, "gantry") == "free")


def test_reset_puts_the_robot_back_on_the_gantry_while_time_goes_on(probe, tmp_path):
    with running("simulator_node", DOMAIN, tmp_path / "log"):
        low_level = Robot(probe)
        modes = probe.latched_publisher(Mode, "mode")
        modes.publish(Mode(mode=Mode.STAND, settled=True, policy_ready=True))
        assert probe.until(lambda: value(probe, "gantry") == "free")
        modes.publish(Mode(mode=Mode.DAMP, settled=True, policy_ready=True))
        probe.settle(NODE)
        before = low_level.states[-1].tick
        assert probe.call(Trigger, f"{NODE}/reset", Trigger.Request()).success
        assert value(probe, "gantry") == "holding"
        assert probe.until(lambda: low_level.states[-1].tick > before)
        ticks = [state.tick for state in low_level.states]
        assert ticks == sorted(ticks)


def test_paused_time_stands_still_but_for_advance(probe, tmp_path):
    with running("simulator_node", DOMAIN, tmp_path / "log", paused=True, pace="fast"):
        service = f"{NODE}/advance"
        first = probe.call(Advance, service, Advance.Request(duration=0.5))
        assert (first.success, first.time) == (True, 0.5)
        probe.spin(0.3)
        second = probe.call(Advance, service, Advance.Request(duration=0.25))
        assert (second.success, second.time) == (True, 0.75)


def test_a_senseless_duration_is_refused_with_a_reason(probe, tmp_path):
    with running("simulator_node", DOMAIN, tmp_path / "log", paused=True):
        for duration in (float("nan"), 0.0, -1.0, float("inf")):
            answer = probe.call(Advance, f"{NODE}/advance", Advance.Request(duration=duration))
            assert not answer.success
            assert "duration is" in answer.message


def test_advance_in_lockstep_returns_when_the_last_state_is_answered_too(probe, tmp_path):
    with running("simulator_node", DOMAIN, tmp_path / "log", paused=True, pace="lockstep"):
        low_level = Robot(probe)
        client = probe.node.create_client(Advance, f"{NODE}/advance")
        assert probe.until(client.service_is_ready)
        probe.meet(NODE)
        future = client.call_async(Advance.Request(duration=0.1))
        low_level.answer(100)
        probe.settle(NODE)
        assert not future.done()
        low_level.send(STAND._replace(reserve=100))
        assert probe.until(future.done)
        assert future.result().time == pytest.approx(0.1)


def test_the_world_is_told_on_control_ticks_and_the_map_shows_it(probe, tmp_path):
    with running("simulator_node", DOMAIN, tmp_path / "log", terrain="stairs_up", map_length=2.0):
        odometry = probe.record(Odometry, "odom")
        clock = probe.record(Clock, "/clock")
        transforms = probe.record(TFMessage, "/tf")
        maps = probe.record(GridMap, "elevation_map")
        assert probe.until(lambda: min(map(len, (odometry, clock, transforms, maps))) > 5)
        assert all(conversions.nanoseconds(m.clock) % 20_000_000 == 0 for m in clock)
        assert (odometry[0].header.frame_id, odometry[0].child_frame_id) == ("odom", "base_link")
        assert transforms[0].transforms[0].header.frame_id == "odom"
        known = grid_map.terrain(maps[0], "elevation")
        assert known.frame == "odom"
        assert known.heights.layer.shape == (50, 50)
        x, y = np.array([-0.5, 0.5, 0.94]), np.array([0.02, 0.3, -0.5])
        expected = terrain.make("stairs_up", difficulty=0.5, seed=0).height(x, y)
        np.testing.assert_allclose(known.heights.heights_at(x, y).heights, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "given"), [("terrain", "moon"), ("pace", "slow"), ("map_length", 1e9)]
)
def test_a_senseless_parameter_ends_it_with_one_sentence(tmp_path, name, given):
    with running("simulator_node", DOMAIN, tmp_path / "log", **{name: given}) as process:
        assert process.process.wait(PATIENCE) != 0
        assert name in process.log
        assert "Traceback" not in process.log


def test_without_a_display_the_viewer_is_one_warning(probe, tmp_path, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with running("simulator_node", DOMAIN, tmp_path / "log", view=True) as process:
        Robot(probe)
        assert process.log.count("no display") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_told_to_without_complaint(probe, tmp_path, number):
    with running("simulator_node", DOMAIN, tmp_path / "log", paused=True) as process:
        client = probe.node.create_client(Advance, f"{NODE}/advance")
        assert probe.until(client.service_is_ready)
        probe.meet(NODE)
        client.call_async(Advance.Request(duration=1000.0))
        probe.settle(NODE)
        process.process.send_signal(number)
        assert process.process.wait(PATIENCE) == 0
        assert "Traceback" not in process.log
