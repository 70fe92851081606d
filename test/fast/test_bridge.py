"""The bridge without ROS: what it answers, when it waits, what it refuses."""

import numpy as np
import pytest

from ts_locomotion import robot, unitree
from ts_locomotion.bridge import BridgeOptions, RobotBridge
from ts_locomotion.errors import InvalidInput
from ts_locomotion.modes import Mode
from ts_locomotion.safety import JointTargets
from ts_locomotion.unitree import LowState

MS = 1_000_000


def state(tick, positions=robot.STAND_POSE, orientation=(1.0, 0.0, 0.0, 0.0)):
    zeros = np.zeros(12, np.float32)
    return LowState(
        tick=tick,
        orientation=np.array(orientation, np.float32),
        angular_velocity=np.zeros(3, np.float32),
        linear_acceleration=np.array([0.0, 0.0, 9.81], np.float32),
        joint_positions=np.asarray(positions, np.float32),
        joint_velocities=zeros,
        joint_torques=zeros,
    )


def targets(tick, positions=robot.STAND_POSE):
    return JointTargets(tick * MS, np.array(positions), np.full(12, 40.0), np.full(12, 1.0))


class Graph:
    """A bridge with a robot that obeys at once and a policy that answers every control tick."""

    def __init__(self, **options):
        self.bridge = RobotBridge(BridgeOptions(**options))
        self.tick = 0
        self.bridge.sense(state(0), 0)

    def run(self, seconds, policy=True, **sensed):
        for _ in range(round(seconds * 500)):
            self.tick += 2
            self.bridge.sense(state(self.tick, **sensed), self.tick * MS)
            if policy and self.tick % 20 == 0:
                self.bridge.follow(targets(self.tick))
        return self

    def command(self):
        return unitree.decode_low_cmd(self.bridge.command())


def walking(**options):
    graph = Graph(**options)
    assert graph.bridge.request(Mode.STAND) is None
    graph.run(3.0)
    assert graph.bridge.request(Mode.WALK) is None
    return graph.run(0.5)


def test_a_command_names_the_state_it_answers_and_the_state_behind_its_targets():
    graph = Graph().run(0.1, policy=False)
    assert graph.command().reserve == 100
    assert graph.command().sn[0] == unitree.NO_TICK
    graph.bridge.follow(targets(80))
    assert graph.command().sn[0] == 80


def test_a_real_robot_gets_zeros_in_the_reserved_fields():
    command = Graph(simulated=False).run(0.1).command()
    assert (command.reserve, command.sn) == (0, (0, 0))


def run_with_ticks(graph, ticks):
    """A robot whose states come every 2 ms and are answered, whatever their ticks."""
    for tick in ticks:
        graph.tick += 2
        graph.bridge.sense(state(tick), graph.tick * MS)
        graph.bridge.follow(targets(graph.tick))
    return graph.bridge.mode


def test_a_real_robot_whose_tick_stands_still_is_damped_for_good():
    graph = walking(simulated=False)
    frozen = graph.tick
    assert run_with_ticks(graph, [frozen] * 50).mode == Mode.WALK
    mode = run_with_ticks(graph, [frozen])
    assert (mode.mode, mode.fault) == (Mode.DAMP, True)
    assert mode.reason == "robot state tick unchanged for 0.102 s (limit 0.100 s)"
    assert not graph.command().kp.any()
    graph.bridge.request(Mode.DAMP)
    assert "fault is latched" in graph.bridge.request(Mode.STAND)
    run_with_ticks(graph, [frozen + 1])
    graph.bridge.request(Mode.DAMP)
    assert graph.bridge.request(Mode.STAND) is None


def test_a_real_robot_whose_tick_goes_back_is_damped_for_good():
    graph = walking(simulated=False)
    mode = run_with_ticks(graph, [graph.tick - 2, graph.tick])
    assert (mode.mode, mode.fault) == (Mode.DAMP, True)
    assert mode.reason == "robot state tick went back by 2, expected it to go on"


@pytest.mark.parametrize("pace", [1, 2, 2000])
def test_a_real_robots_tick_may_count_at_any_pace_and_begin_again_at_zero(pace):
    bridge = RobotBridge(BridgeOptions(simulated=False))
    for count in range(-100, 100):
        bridge.sense(state(count * pace % unitree.TICK_RANGE), (count + 100) * 2 * MS)
        assert bridge.request(Mode.STAND) is None
    assert not bridge.mode.fault


def test_it_starts_damped():
    command = Graph().command()
    assert not command.kp.any()
    np.testing.assert_allclose(command.kd, 3.0)


def test_targets_that_never_came_are_infinitely_old():
    assert Graph().bridge.target_age == np.inf


def test_walking_it_sends_the_policys_targets_and_gains_within_the_joint_limits():
    graph = walking()
    graph.bridge.follow(targets(graph.tick, np.full(12, 9.0)))
    np.testing.assert_allclose(graph.command().q, robot.JOINT_UPPER.astype(np.float32))
    np.testing.assert_allclose(graph.command().kp, 40.0)


def test_stale_targets_are_held_first_and_then_damp_the_robot_for_good():
    graph = walking().run(0.1, policy=False)
    assert graph.bridge.holds_targets
    np.testing.assert_allclose(graph.command().kp, 40.0)
    graph.run(0.2, policy=False)
    assert not graph.command().kp.any()
    assert graph.bridge.mode.fault
    assert "joint targets are 0.20" in graph.bridge.mode.reason
    graph.run(1.0)
    assert graph.bridge.mode.mode == Mode.DAMP


def test_a_fallen_robot_is_damped_and_says_why():
    graph = walking().run(0.1, orientation=(np.sqrt(0.5), np.sqrt(0.5), 0.0, 0.0))
    assert graph.bridge.mode.mode == Mode.DAMP
    assert "tilt 1.57 rad exceeds 1.00 rad" in graph.bridge.mode.reason


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        (Mode.WALK, "damp does not lead to walk"),
        (Mode.SIT, "damp does not lead to sit"),
        (9, "unknown mode 9"),
    ],
)
def test_a_refusal_carries_its_reason(mode, reason):
    assert reason in Graph().bridge.request(mode)


def test_without_a_robot_only_damp_is_accepted():
    graph = Graph()
    graph.bridge.lose_robot()
    assert graph.bridge.request(Mode.STAND) == "no robot state arrives"
    assert graph.bridge.request(Mode.DAMP) is None


def test_walking_fresh_targets_are_sent_at_once_unless_the_robot_is_lost():
    graph = walking()
    assert graph.bridge.follows_at_once
    graph.bridge.lose_robot()
    assert not graph.bridge.follows_at_once
    assert graph.run(0.002).bridge.follows_at_once


def test_at_rest_and_in_lockstep_targets_wait_for_a_state():
    assert not Graph().bridge.follows_at_once
    assert not walking(lockstep=True).bridge.follows_at_once


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (targets(0, np.full(12, np.nan)), "positions not finite"),
        (targets(0)._replace(stiffness=np.full(12, 1e6)), "stiffness"),
    ],
)
def test_targets_that_fail_the_guards_are_refused_and_the_old_ones_stay(given, reason):
    graph = walking()
    before = graph.command()
    with pytest.raises(InvalidInput, match=reason):
        graph.bridge.follow(given)
    np.testing.assert_array_equal(graph.command().q, before.q)


def test_in_lockstep_the_answer_to_a_control_tick_waits_for_its_targets():
    graph = walking(lockstep=True)
    graph.run(0.02, policy=False)
    assert graph.tick % 20 == 0
    assert graph.bridge.waits
    graph.bridge.follow(targets(graph.tick - 20))
    assert graph.bridge.waits
    graph.bridge.follow(targets(graph.tick))
    assert not graph.bridge.waits
    assert graph.command().sn[0] == graph.tick


def test_in_lockstep_other_states_are_answered_at_once():
    graph = walking(lockstep=True).run(0.002, policy=False)
    assert not graph.bridge.waits


def test_a_policy_given_up_on_is_waited_for_again_once_it_is_heard():
    graph = Graph(lockstep=True).run(0.02, policy=False)
    assert graph.bridge.waits
    graph.bridge.stop_waiting()
    assert not graph.run(0.02, policy=False).bridge.waits
    graph.bridge.follow(targets(graph.tick - 20))
    assert graph.run(0.02, policy=False).bridge.waits


def test_outside_of_lockstep_nothing_waits():
    assert not walking().run(0.02, policy=False).bridge.waits
