"""The bridge through DDS, with the test as its robot, its policy and its user."""

import signal
import time

import numpy as np
import pytest
from probe import PATIENCE, free_domains, running
from sensor_msgs.msg import Imu, JointState
from world import STEP, World

from ts_locomotion import robot, unitree
from ts_locomotion.nodes import conversions
from ts_locomotion_msgs.msg import Mode

(DOMAIN,) = free_domains(1)
NODE = "/go2_bridge"


@pytest.fixture
def process(tmp_path):
    with running("go2_bridge_node", DOMAIN, tmp_path / "log", silence=10.0) as process:
        yield process


@pytest.fixture
def world(probe, process):
    return World(probe)


def test_each_state_is_answered_and_told_to_the_graph(probe, world):
    joints, imu = probe.record(JointState, "joint_states"), probe.record(Imu, "imu/data")
    probe.meet(NODE)
    world.run(0.2, policy=False)
    assert [command.reserve for command in world.commands] == list(range(20, 201, 20))
    assert {command.sn[0] for command in world.commands} == {unitree.NO_TICK}
    assert probe.until(lambda: min(map(len, (world.states, joints, imu))) == 10)
    told = world.states[-1]
    assert (told.tick, told.header.stamp.nanosec, told.mode) == (200, 200_000_000, Mode.DAMP)
    np.testing.assert_allclose(told.joint_positions, robot.STAND_POSE, rtol=1e-6)
    np.testing.assert_allclose(told.angular_velocity, [0.1, 0.2, 0.3], rtol=1e-6)
    assert joints[-1].name == list(robot.JOINTS)
    assert imu[-1].linear_acceleration.z == pytest.approx(9.81, rel=1e-6)


def test_it_walks_on_fresh_targets_holds_stale_ones_and_then_damps_for_good(probe, world):
    world.walk()
    np.testing.assert_allclose(world.command.kp, 40.0)
    world.run(0.16, policy=False)
    np.testing.assert_allclose(world.command.kp, 40.0)
    assert "holding joint targets" in probe.status(NODE).message
    world.run(0.1, policy=False)
    assert not world.command.kp.any()
    np.testing.assert_allclose(world.command.kd, 3.0)
    assert "damped: joint targets are" in probe.status(NODE).message
    world.walks = False
    world.run(0.2)
    assert not world.command.kp.any()
    assert probe.until(lambda: world.modes[-1].fault)
    assert "joint targets are" in world.modes[-1].reason
    refused = world.ask(Mode.STAND)
    assert not refused.accepted
    assert "fault is latched" in refused.reason
    assert world.ask(Mode.DAMP).accepted
    assert world.ask(Mode.STAND).accepted


@pytest.mark.parametrize(
    ("tilt", "reason"), [(1.2, "tilt 1.20 rad"), (np.nan, "orientation not finite")]
)
def test_a_robot_that_fell_or_feels_nonsense_is_damped_and_the_mode_says_why(
    probe, world, tilt, reason
):
    world.walk().run(0.04, policy=False, tilt=tilt)
    assert not world.command.kp.any()
    assert probe.until(lambda: reason in world.modes[-1].reason)


@pytest.mark.parametrize(
    ("mode", "reason"),
    [(Mode.WALK, "damp does not lead to walk"), (9, "unknown mode 9")],
)
def test_a_refusal_carries_its_reason(world, mode, reason):
    answer = world.run(0.1).ask(mode)
    assert not answer.accepted
    assert reason in answer.reason


def test_without_a_robot_standing_up_is_refused(world):
    assert world.ask(Mode.STAND).reason == "no robot state arrives"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"positions": np.full(12, np.nan)}, "positions is not finite"),
        ({"positions": np.full(12, np.inf)}, "positions is not finite"),
        ({"stiffness": np.full(12, 1e6)}, "stiffness"),
        ({"joint_names": [f"wheel_{n}" for n in range(12)]}, "unknown joints"),
        ({"joint_names": ["FR_hip_joint"] * 12}, "are not each of"),
    ],
)
def test_malformed_targets_are_ignored_with_a_bounded_warning(
    probe, world, process, changes, reason
):
    world.run(0.1)
    assert reason in probe.refuses(NODE, process, "joint_targets", lambda: world.want(**changes))
    world.run(0.1)
    assert world.command.sn[0] != unitree.NO_TICK


def test_a_state_with_a_flipped_bit_is_ignored_and_counted(probe, world, process):
    damage = b"\x00\x01\x00\x00\xff"
    assert "checksum" in probe.refuses(
        NODE, process, "/lowstate", lambda: world.feel(damage=damage)
    )
    assert not world.commands
    assert not world.states
    world.run(0.1)


def test_a_repeated_state_is_answered_with_the_same_command(probe, world):
    world.run(0.1)
    count = len(world.commands)
    told = len(world.states)
    world.tick -= STEP
    world.feel()
    assert probe.until(lambda: len(world.commands) == count + 1)
    np.testing.assert_array_equal(world.commands[-1].q, world.commands[-2].q)
    assert world.commands[-1].reserve == world.commands[-2].reserve
    assert len(world.states) == told


def test_silence_of_the_robot_is_answered_with_damping(probe, tmp_path):
    with running("go2_bridge_node", DOMAIN, tmp_path / "log", silence=0.5):
        world = World(probe).run(0.1)
        assert world.ask(Mode.STAND).accepted
        world.run(0.3)
        assert world.command.kp.any()
        assert probe.until(lambda: not world.command.kp.any())
        assert "no /lowstate for" in probe.status(NODE).message
        assert world.ask(Mode.WALK).reason == "no robot state arrives"


def test_no_targets_interrupt_the_damping_of_a_silent_robot(probe, tmp_path):
    with running("go2_bridge_node", DOMAIN, tmp_path / "log", silence=2.0):
        world = World(probe).walk()
        assert world.command.kp.any()
        assert probe.until(lambda: not world.command.kp.any())
        silent = len(world.commands)
        for _ in range(5):
            world.want()
            probe.settle(NODE)
        assert probe.until(lambda: len(world.commands) > silent + 5)
        assert not np.any([command.kp for command in world.commands[silent:]])


def test_in_lockstep_the_answer_waits_for_the_targets_of_the_tick(probe, tmp_path):
    with running("go2_bridge_node", DOMAIN, tmp_path / "log", lockstep=True):
        world = World(probe)
        world.feel()
        probe.settle(NODE)
        assert world.states
        assert not world.commands
        world.want()
        assert probe.until(lambda: world.command.sn[0] == world.tick)


def test_in_lockstep_a_dead_policy_is_not_waited_for_for_ever(probe, tmp_path):
    with running("go2_bridge_node", DOMAIN, tmp_path / "log", lockstep=True) as process:
        world = World(probe).run(0.2, policy=False)
        assert world.command.reserve == 200
        assert process.log.count("the policy does not answer") == 1


def test_against_a_real_robot_a_dry_run_is_the_default_and_sends_nothing(probe, tmp_path):
    with running("go2_bridge_node", DOMAIN, tmp_path / "log", robot="go2"):
        world = World(probe)
        for count in range(1, 11):
            world.feel()
            world.feel()
            assert probe.until(lambda count=count: len(world.states) == count)
        assert world.ask(Mode.STAND).accepted
        assert "dry run" in probe.status(NODE).message
    assert not world.commands


def test_a_real_robot_that_says_the_same_for_ever_may_not_stand_up(probe, tmp_path):
    with running("go2_bridge_node", DOMAIN, tmp_path / "log", robot="go2", silence=10.0):
        world = World(probe)
        world.feel()
        probe.settle(NODE)
        probe.spin(0.15)
        world.tick -= STEP
        world.feel()
        assert "robot state tick unchanged for" in world.ask(Mode.STAND).reason
        world.feel()
        assert world.ask(Mode.STAND).accepted


def test_no_clock_that_stands_still_stops_the_stamps_of_a_real_robots_states(probe, tmp_path):
    with running("go2_bridge_node", DOMAIN, tmp_path / "log", robot="go2", state_every=1):
        world = World(probe)
        assert not probe.set_parameter(NODE, "use_sim_time", True)
        began = time.time_ns()
        for count in (1, 2):
            world.feel()
            assert probe.until(lambda count=count: len(world.states) == count)
    first, second = (conversions.nanoseconds(state.header.stamp) for state in world.states)
    assert began < first < second < time.time_ns()


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"robot": "go2", "lockstep": True}, "lockstep is true"),
        ({"robot": "go2", "use_sim_time": True}, "use_sim_time is true, expected false"),
        ({"silence": 0.05}, "silence is 0.05 s, expected at least 0.1 s"),
        ({"hold_age": 0.5}, "hold_age is 0.5, expected at most target_age"),
        ({"robot": "spot"}, "'spot' is not one of"),
    ],
)
def test_senseless_parameters_end_it_with_one_sentence(tmp_path, parameters, reason):
    with running("go2_bridge_node", DOMAIN, tmp_path / "log", **parameters) as process:
        assert process.process.wait(PATIENCE) != 0
        assert reason in process.log
        assert "Traceback" not in process.log


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_its_last_act_is_a_damping_frame(probe, world, process, number):
    world.run(0.1)
    assert world.ask(Mode.STAND).accepted
    world.run(0.5)
    assert world.command.kp.any()
    process.process.send_signal(number)
    assert probe.until(lambda: not process.alive)
    assert process.process.returncode == 0
    assert probe.until(lambda: not world.command.kp.any())
    np.testing.assert_allclose(world.command.kd, 3.0)
    assert "Traceback" not in process.log
