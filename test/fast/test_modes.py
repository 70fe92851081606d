import itertools
from dataclasses import replace

import numpy as np
import pytest

from ts_locomotion import modes, robot
from ts_locomotion.modes import Facts, Mode, ModeState
from ts_locomotion.safety import SAFE, JointTargets, SafetyLimits, Verdict

LIMITS = SafetyLimits()
STEP = 2_000_000  # [ns]
RESTING = np.array([0.0, 1.36, -2.87] * 4)
FALLEN = Verdict(False, "tilt 1.21 rad exceeds 1.00 rad")


class Robot:
    """A robot whose joints follow stiff commands at once, and the mode machine that drives it."""

    def __init__(self) -> None:
        self.state = ModeState()
        self.stamp = 5_000_000_000
        self.joints = RESTING
        self.verdict = SAFE
        self.policy_age: float | None = 0.0  # [s]; None: the policy has never spoken
        self.policy_positions = robot.STAND_POSE + 0.1
        self.commands: list[modes.JointCommand] = []

    @property
    def facts(self) -> Facts:
        return Facts(self.stamp, self.joints, self.verdict, self._targets())

    def _targets(self) -> JointTargets | None:
        if self.policy_age is None:
            return None
        stamp = self.stamp - round(self.policy_age * 1e9)
        return JointTargets(stamp, self.policy_positions, np.full(12, 20.0), np.full(12, 0.5))

    def run(self, seconds: float) -> "Robot":
        for _ in range(round(seconds * 1e9 / STEP)):
            self.step(STEP)
        return self

    def step(self, nanoseconds: int) -> None:
        self.stamp += nanoseconds
        self.state = modes.tick(self.state, self.facts, LIMITS)
        command = self.state.command
        self.commands.append(command)
        if command.kp.any():
            self.joints = command.q

    def ask(self, mode: int) -> str | None:
        self.state, refusal = modes.request(self.state, mode, self.facts, LIMITS)
        return refusal


def damped() -> Robot:
    return Robot().run(0.1)


def standing() -> Robot:
    dog = damped()
    assert dog.ask(Mode.STAND) is None
    return dog.run(2.6)


def walking() -> Robot:
    dog = standing()
    assert dog.ask(Mode.WALK) is None
    return dog.run(0.3)


def sitting() -> Robot:
    dog = standing()
    assert dog.ask(Mode.SIT) is None
    return dog.run(2.1)


IN_MODE = {Mode.DAMP: damped, Mode.STAND: standing, Mode.WALK: walking, Mode.SIT: sitting}


def assert_damped(command: modes.JointCommand) -> None:
    np.testing.assert_array_equal(command.kp, 0.0)
    np.testing.assert_array_equal(command.kd, 3.0)


def test_a_robot_starts_damped():
    dog = damped()
    assert (dog.state.mode, dog.state.settled, dog.state.fault) == (Mode.DAMP, True, False)
    assert_damped(dog.commands[-1])


@pytest.mark.parametrize(("start", "goal"), list(itertools.permutations(Mode, 2)))
def test_only_the_transitions_of_the_table_are_accepted(start, goal):
    dog = IN_MODE[start]()
    refusal = dog.ask(goal)
    expected = goal == Mode.DAMP or (start, goal) in modes.TRANSITIONS
    assert (refusal is None) == expected
    assert dog.state.mode == (goal if expected else start)


@pytest.mark.parametrize(
    ("start", "goal", "reason"),
    [
        (Mode.DAMP, Mode.WALK, "damp does not lead to walk, only to stand or damp"),
        (Mode.WALK, Mode.SIT, "walk does not lead to sit, only to stand or damp"),
        (Mode.STAND, 9, "unknown mode 9; valid: damp (0), stand (1), walk (2), sit (3)"),
    ],
)
def test_a_refusal_says_what_is_possible(start, goal, reason):
    assert IN_MODE[start]().ask(goal) == reason


@pytest.mark.parametrize("mode", Mode)
def test_asking_for_the_present_mode_changes_nothing(mode):
    dog = IN_MODE[mode]()
    entered = dog.state.entered
    assert dog.ask(mode) is None
    assert (dog.state.mode, dog.state.entered) == (mode, entered)


@pytest.mark.parametrize("mode", [Mode.STAND, Mode.WALK, Mode.SIT])
def test_damp_is_accepted_from_every_mode_and_in_the_middle_of_a_ramp(mode):
    for wait in (0.0, 0.1):
        dog = IN_MODE[mode]() if wait == 0.0 else in_the_ramp_to(mode, wait)
        assert dog.ask(Mode.DAMP) is None
        dog.run(0.002)
        assert (dog.state.mode, dog.state.settled) == (Mode.DAMP, True)
        assert_damped(dog.commands[-1])


def in_the_ramp_to(mode: Mode, seconds: float) -> Robot:
    dog = damped() if mode == Mode.STAND else standing()
    assert dog.ask(mode) is None
    return dog.run(seconds)


def test_standing_up_folds_the_legs_first_and_ends_in_the_standing_pose():
    dog = damped()
    dog.ask(Mode.STAND)
    dog.run(1.0)
    np.testing.assert_allclose(dog.joints, robot.FOLDED_POSE, atol=1e-9)
    assert not dog.state.settled
    dog.run(1.5)
    np.testing.assert_allclose(dog.joints, robot.STAND_POSE, atol=1e-9)
    assert dog.state.settled
    assert (dog.commands[-1].kp == 60.0).all()
    assert (dog.commands[-1].kd == 5.0).all()


def test_sitting_down_ends_folded_and_limp():
    dog = sitting()
    assert dog.state.settled
    np.testing.assert_allclose(dog.joints, robot.FOLDED_POSE, atol=1e-3)
    assert_damped(dog.commands[-1])


def test_commands_never_jump_on_the_way_from_lying_to_walking_to_lying():
    dog = damped()
    dog.policy_positions = robot.STAND_POSE
    for mode, seconds in ((1, 2.6), (2, 0.5), (1, 1.1), (3, 2.1), (1, 2.6)):
        assert dog.ask(mode) is None
        dog.run(seconds)
    stiff = [c for c in dog.commands if c.kp.any()]
    for before, after in itertools.pairwise(stiff):
        assert np.abs(after.q - before.q).max() < 0.01  # 5 rad/s at 500 Hz
        assert np.abs(after.kp - before.kp).max() < 1.0


def test_a_ramp_begins_where_a_limp_robot_lies():
    dog = damped()
    dog.ask(Mode.STAND)
    dog.run(0.002)
    np.testing.assert_allclose(dog.commands[-1].q, RESTING, atol=1e-3)
    assert dog.commands[-1].kp.max() < 0.01


def test_a_ramp_begins_at_the_last_command_of_a_stiff_robot():
    dog = in_the_ramp_to(Mode.STAND, 1.5)
    before = dog.commands[-1]
    dog.joints = dog.joints + 0.1  # the joints sag under the weight
    assert dog.ask(Mode.SIT) is None
    dog.run(0.002)
    np.testing.assert_allclose(dog.commands[-1].q, before.q, atol=1e-3)


def test_sitting_can_be_interrupted_by_standing():
    dog = in_the_ramp_to(Mode.SIT, 0.7)
    assert dog.ask(Mode.STAND) is None
    dog.run(2.6)
    np.testing.assert_allclose(dog.joints, robot.STAND_POSE, atol=1e-9)


def test_walking_follows_the_newest_targets_with_their_gains():
    dog = walking()
    np.testing.assert_allclose(dog.commands[-1].q, dog.policy_positions)
    assert (dog.commands[-1].kp == 20.0).all()
    assert (dog.commands[-1].kd == 0.5).all()
    assert dog.state.settled


def test_walking_keeps_targets_within_the_joint_limits():
    dog = walking()
    dog.policy_positions = np.full(12, 9.0)
    dog.run(0.002)
    np.testing.assert_array_equal(dog.commands[-1].q, robot.JOINT_UPPER)


def test_walking_needs_a_settled_stand():
    dog = in_the_ramp_to(Mode.STAND, 1.0)
    dog.joints = robot.STAND_POSE
    assert dog.ask(Mode.WALK) == "stand is not settled: its ramp is still running"


def test_walking_needs_joints_that_reached_the_standing_pose():
    dog = standing()
    dog.joints = robot.STAND_POSE + np.eye(12)[5] * 0.52
    expected = "FL_calf_joint is 0.52 rad off the standing pose (limit 0.40 rad)"
    assert dog.ask(Mode.WALK) == expected


@pytest.mark.parametrize(
    ("age", "reason"),
    [
        (None, "no joint targets have arrived"),
        (0.1, "joint targets are 0.100 s old (limit 0.060 s)"),
        (0.5, "joint targets are 0.500 s old (limit 0.200 s)"),
        (-0.5, "joint targets are 0.500 s ahead of the robot state"),
    ],
)
def test_walking_needs_fresh_targets(age, reason):
    dog = standing()
    dog.policy_age = age
    assert dog.ask(Mode.WALK) == reason
    dog.run(0.002)
    assert (dog.state.mode, dog.state.policy_ready) == (Mode.STAND, False)


@pytest.mark.parametrize(
    ("start", "goal"),
    [(Mode.DAMP, Mode.STAND), (Mode.SIT, Mode.STAND), (Mode.STAND, Mode.WALK)],
)
def test_a_robot_that_lies_on_its_side_neither_stands_up_nor_walks(start, goal):
    dog = IN_MODE[start]()
    dog.verdict = FALLEN
    assert dog.ask(goal) == FALLEN.reason


def test_without_robot_states_only_damp_is_accepted():
    state = standing().state
    for mode in (Mode.STAND, Mode.WALK, Mode.SIT):
        assert modes.request(state, mode, None, LIMITS)[1] == "no robot state arrives"
    state, refusal = modes.request(state, Mode.DAMP, None, LIMITS)
    assert (state.mode, refusal) == (Mode.DAMP, None)


@pytest.mark.parametrize("start", [Mode.STAND, Mode.WALK, Mode.SIT])
def test_a_bad_robot_state_damps_and_latches_in_every_mode(start):
    dog = IN_MODE[start]()
    dog.verdict = FALLEN
    dog.run(0.002)
    assert_damped(dog.commands[-1])
    dog.verdict = SAFE
    dog.run(0.5)
    assert (dog.state.mode, dog.state.fault, dog.state.reason) == (0, True, FALLEN.reason)


def test_a_damped_robot_may_be_tilted_without_a_fault():
    dog = damped()
    dog.verdict = FALLEN
    dog.run(0.1)
    assert not dog.state.fault


def test_a_fault_blocks_standing_up_until_it_is_acknowledged():
    dog = walking()
    dog.verdict = FALLEN
    dog.run(0.002)
    dog.verdict = SAFE
    reason = f"fault is latched ({FALLEN.reason}); set mode damp to acknowledge it"
    assert dog.ask(Mode.STAND) == reason
    assert dog.ask(Mode.DAMP) is None
    assert (dog.state.fault, dog.state.reason) == (False, "damp requested")
    assert dog.ask(Mode.STAND) is None


def test_a_fault_stays_while_its_condition_lasts():
    dog = walking()
    dog.verdict = FALLEN
    dog.run(0.002)
    assert dog.ask(Mode.DAMP) is None
    assert (dog.state.fault, dog.state.reason) == (True, FALLEN.reason)
    state, _ = modes.request(dog.state, Mode.DAMP, None, LIMITS)
    assert state.fault


def test_the_first_fault_is_the_one_reported():
    state = modes.fault(modes.fault(walking().state, "first"), "second")
    assert (state.mode, state.fault, state.reason) == (Mode.DAMP, True, "first")
    assert_damped(state.command)


def test_a_silent_policy_is_held_and_then_damps_the_robot():
    dog = walking()
    held, spoken = dog.commands[-1].q, dog.stamp
    ready_until = walked_until = 0
    while dog.state.mode == Mode.WALK:
        dog.policy_age = (dog.stamp + STEP - spoken) / 1e9
        dog.step(STEP)
        if dog.state.policy_ready:
            ready_until = dog.stamp - spoken
        if dog.state.mode == Mode.WALK:
            walked_until = dog.stamp - spoken
            np.testing.assert_array_equal(dog.commands[-1].q, held)
    assert (ready_until, walked_until) == (60_000_000, 200_000_000)
    assert dog.state.fault
    assert dog.state.reason == "joint targets are 0.202 s old (limit 0.200 s)"
    assert_damped(dog.commands[-1])


def test_a_silent_policy_does_not_disturb_standing():
    dog = standing()
    dog.policy_age = 3.0
    dog.run(0.5)
    assert (dog.state.mode, dog.state.fault, dog.state.policy_ready) == (Mode.STAND, False, False)


def test_a_pause_of_the_robot_state_damps():
    dog = in_the_ramp_to(Mode.STAND, 0.5)
    dog.step(150_000_000)
    assert dog.state.reason == "robot state paused for 0.150 s (limit 0.100 s)"
    assert_damped(dog.commands[-1])


def test_time_that_goes_back_damps():
    dog = walking()
    dog.step(-3_000_000_000)
    assert dog.state.reason == "robot state time went back by 3.000 s"
    assert_damped(dog.commands[-1])


def test_a_damped_robot_takes_any_step_in_time():
    dog = damped()
    dog.step(-3_000_000_000)
    dog.step(900_000_000)
    assert not dog.state.fault
    assert dog.ask(Mode.STAND) is None


def test_damping_does_not_depend_on_readable_joint_positions():
    dog = walking()
    dog.verdict, dog.joints = Verdict(False, "not finite"), np.full(12, np.nan)
    dog.run(0.002)
    assert np.isfinite(dog.commands[-1]).all()


def test_the_same_stamps_give_the_same_commands():
    first, second = walking().commands, walking().commands
    assert all((a.q == b.q).all() for a, b in zip(first, second, strict=True))


def test_a_state_is_never_changed_in_place():
    dog = standing()
    before = replace(dog.state)
    modes.request(dog.state, Mode.WALK, dog.facts, LIMITS)
    modes.tick(dog.state, dog.facts, LIMITS)
    assert vars(before) == vars(dog.state)


def test_it_may_stand_up_at_the_very_first_state():
    dog = Robot()
    assert dog.ask(Mode.STAND) is None
    dog.step(STEP)
    assert (dog.state.mode, dog.state.fault) == (Mode.STAND, False)
