"""Each guard has a sample that it alone refuses, so that none can be removed unnoticed."""

import numpy as np
import pytest

from ts_locomotion import robot, safety
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.observation import Proprioception
from ts_locomotion.safety import JointTargets, RobotSample, SafetyLimits

LIMITS = SafetyLimits()


def standing(**changes) -> RobotSample:
    torques = changes.pop("joint_torques", np.zeros(12))
    sensed = Proprioception(
        np.array([1.0, 0.0, 0.0, 0.0]), np.zeros(3), robot.STAND_POSE, np.zeros(12)
    )
    return RobotSample(sensed._replace(**changes), torques)


def targets(**changes) -> JointTargets:
    whole = JointTargets(0, robot.STAND_POSE, np.full(12, 20.0), np.full(12, 0.5))
    return whole._replace(**changes)


def at(joint: int, value: float, base: object = 0.0) -> np.ndarray:
    values = np.array(np.broadcast_to(base, 12), float)
    values[joint] = value
    return values


def rolled(angle: float) -> np.ndarray:
    return np.array([np.cos(angle / 2), np.sin(angle / 2), 0.0, 0.0])


BAD_STATES = {
    safety._finite_state: (
        standing(joint_velocities=at(4, np.nan)),
        "robot state: joint velocities not finite",
    ),
    safety._unit_orientation: (
        standing(orientation=np.array([0.5, 0.0, 0.0, 0.0])),
        "orientation has norm 0.50, expected 1",
    ),
    safety._upright: (standing(orientation=rolled(1.21)), "tilt 1.21 rad exceeds 1.00 rad"),
    safety._joint_positions: (
        standing(joint_positions=at(2, -3.10, robot.STAND_POSE)),
        "FR_calf_joint position -3.10 rad is outside [-2.97, -0.59] rad",
    ),
    safety._joint_velocities: (
        standing(joint_velocities=at(5, -40.0)),
        "FL_calf_joint velocity -40.00 rad/s is outside [-39.25, 39.25] rad/s",
    ),
    safety._joint_torques: (
        standing(joint_torques=at(9, 30.0)),
        "RL_hip_joint torque 30.00 N m is outside [-28.44, 28.44] N m",
    ),
}
BAD_TARGETS = {
    safety._finite_targets: (
        targets(positions=at(0, np.inf)),
        "joint targets: positions not finite",
    ),
    safety._stiffness: (
        targets(stiffness=at(1, -1.0)),
        "FR_thigh_joint stiffness -1.00 N m/rad is outside [0.00, 200.00] N m/rad",
    ),
    safety._damping: (
        targets(damping=at(3, 50.0)),
        "FL_hip_joint damping 50.00 N m s/rad is outside [0.00, 20.00] N m s/rad",
    ),
}


def test_a_standing_robot_is_safe():
    assert safety.check_state(standing(), LIMITS).ok


def test_the_resting_pose_of_a_real_robot_is_safe_beyond_its_joint_limit():
    resting = np.array([0.0, 1.36, -2.87] * 4)
    assert safety.check_state(standing(joint_positions=resting), LIMITS).ok


def test_a_robot_is_safe_that_climbs_stairs_of_25_cm_as_it_was_seen_to():
    climbing = standing(orientation=rolled(0.85), joint_velocities=at(8, -31.68))
    assert safety.check_state(climbing, LIMITS).ok


def test_the_samples_below_cover_every_guard():
    assert set(BAD_STATES) == set(safety.STATE_GUARDS)
    assert set(BAD_TARGETS) == set(safety.TARGET_GUARDS)


@pytest.mark.parametrize("guard", BAD_STATES, ids=lambda guard: guard.__name__)
def test_a_bad_state_is_refused_with_given_and_expected(guard):
    sample, reason = BAD_STATES[guard]
    assert safety.check_state(sample, LIMITS) == (False, reason)


@pytest.mark.parametrize("guard", BAD_STATES, ids=lambda guard: guard.__name__)
def test_no_other_guard_refuses_that_state(guard, monkeypatch):
    others = tuple(other for other in safety.STATE_GUARDS if other is not guard)
    monkeypatch.setattr(safety, "STATE_GUARDS", others)
    assert safety.check_state(BAD_STATES[guard][0], LIMITS).ok


@pytest.mark.parametrize("field", ["orientation", "angular_velocity", "joint_positions"])
def test_nan_anywhere_in_the_state_is_refused(field):
    good = getattr(standing().sensed, field)
    verdict = safety.check_state(standing(**{field: np.full_like(good, np.nan)}), LIMITS)
    assert verdict.reason == f"robot state: {field.replace('_', ' ')} not finite"


def test_targets_of_a_policy_are_accepted():
    assert safety.check_targets(targets(), LIMITS).ok


@pytest.mark.parametrize("guard", BAD_TARGETS, ids=lambda guard: guard.__name__)
def test_bad_targets_are_refused_with_given_and_expected(guard):
    wanted, reason = BAD_TARGETS[guard]
    assert safety.check_targets(wanted, LIMITS) == (False, reason)


@pytest.mark.parametrize("guard", BAD_TARGETS, ids=lambda guard: guard.__name__)
def test_no_other_guard_refuses_those_targets(guard, monkeypatch):
    others = tuple(other for other in safety.TARGET_GUARDS if other is not guard)
    monkeypatch.setattr(safety, "TARGET_GUARDS", others)
    assert safety.check_targets(BAD_TARGETS[guard][0], LIMITS).ok


@pytest.mark.parametrize(
    ("gap", "reason"),
    [
        (0.002, ""),
        (0.1, ""),
        (0.15, "robot state paused for 0.150 s (limit 0.100 s)"),
        (-1.5, "robot state time went back by 1.500 s"),
    ],
)
def test_a_pause_of_the_robot_state_is_judged(gap, reason):
    assert safety.check_gap(gap, LIMITS) == (not reason, reason)


@pytest.mark.parametrize(
    ("step", "unchanged", "reason"),
    [
        (2, 0.0, ""),
        (0, 0.1, ""),
        (0, 0.15, "robot state tick unchanged for 0.150 s (limit 0.100 s)"),
        (-3, 0.0, "robot state tick went back by 3, expected it to go on"),
    ],
)
def test_the_robots_own_counter_is_judged(step, unchanged, reason):
    assert safety.check_counter(step, unchanged, LIMITS) == (not reason, reason)


@pytest.mark.parametrize(
    ("age", "reason"),
    [
        (0.0, ""),
        (0.2, ""),
        (0.21, "joint targets are 0.210 s old (limit 0.200 s)"),
        (-0.5, "joint targets are 0.500 s ahead of the robot state"),
    ],
)
def test_the_age_of_joint_targets_is_judged(age, reason):
    assert safety.check_age(age, LIMITS) == (not reason, reason)


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan])
def test_a_limit_that_is_not_positive_is_refused(value):
    with pytest.raises(ConfigurationError, match=r"tilt is .*, expected positive"):
        SafetyLimits(tilt=value)


def test_targets_are_held_before_they_are_given_up():
    with pytest.raises(ConfigurationError, match=r"hold_age is 0.3, expected at most"):
        SafetyLimits(hold_age=0.3)
