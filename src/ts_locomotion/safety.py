"""Verdicts on what the robot feels and on what it is told. The answer to doubt is damping."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ts_locomotion import robot, rotation
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.observation import Proprioception
from ts_locomotion.robot import Array


class Verdict(NamedTuple):
    """Whether all is well, or else a sentence with what was given and what was expected."""

    ok: bool
    reason: str = ""


SAFE = Verdict(True)
FALLEN_TILT = 1.0
"""A base tilted further than this lies on its side [rad]."""


@dataclass(frozen=True)
class SafetyLimits:
    """How far the robot may go before it is damped."""

    tilt: float = FALLEN_TILT
    """Angle of the base to the vertical [rad]. That of Unitree's own deployment (unitree_rl_lab,
    deploy); at 0.8, robots were damped that climbed stairs of 25 cm well, pitched by 0.85."""
    position_margin: float = 0.25
    """Beyond the joint limits [rad]; a resting Go2 shows calves at -2.87, limit -2.72."""
    velocity_factor: float = 2.5
    """Of the joint velocity limits. The simulator's motors have full torque at any speed: they
    swing calves at up to 2.02 times theirs where a robot climbs stairs of 25 cm well."""
    torque_factor: float = 1.2
    """Of the joint torque limits."""
    stiffness: float = 200.0
    """Largest position gain that joint targets may ask for [N m/rad]."""
    damping: float = 20.0
    """Largest velocity gain that joint targets may ask for [N m s/rad]."""
    state_gap: float = 0.1
    """Longest pause between two robot states [s]."""
    hold_age: float = 0.06
    """Age beyond which joint targets no longer count as fresh and are only held [s]."""
    target_age: float = 0.2
    """Age of joint targets beyond which the robot is damped [s]."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0.0:
                raise ConfigurationError(f"safety limit {name} is {value}, expected positive")
        if self.hold_age > self.target_age:
            raise ConfigurationError(
                f"hold_age is {self.hold_age}, expected at most target_age {self.target_age}"
            )


class JointTargets(NamedTuple):
    """What the policy wants of the joints; arrays of shape (J,) in the package's order."""

    stamp: int  # of the robot state they answer [ns]
    positions: Array  # [rad]
    stiffness: Array  # [N m/rad]
    damping: Array  # [N m s/rad]


class RobotSample(NamedTuple):
    """What the guards look at."""

    sensed: Proprioception
    joint_torques: Array  # (J,) [N m]


def check_state(sample: RobotSample, limits: SafetyLimits) -> Verdict:
    """Judge one sample of the robot's state."""
    return _verdict(guard(sample, limits) for guard in STATE_GUARDS)


def check_targets(targets: JointTargets, limits: SafetyLimits) -> Verdict:
    """Judge joint targets on arrival; ignore those that fail."""
    return _verdict(guard(targets, limits) for guard in TARGET_GUARDS)


def check_gap(gap: float, limits: SafetyLimits) -> Verdict:
    """Judge the time since the previous robot state [s]."""
    if gap < 0.0:
        return Verdict(False, f"robot state time went back by {-gap:.3f} s")
    if gap > limits.state_gap:
        return Verdict(
            False, f"robot state paused for {gap:.3f} s (limit {limits.state_gap:.3f} s)"
        )
    return SAFE


def check_counter(step: int, unchanged: float, limits: SafetyLimits) -> Verdict:
    """Judge the step of the robot's own counter, and for how long it has not changed [s]."""
    if step < 0:
        return Verdict(False, f"robot state tick went back by {-step}, expected it to go on")
    if unchanged > limits.state_gap:
        limit = limits.state_gap
        return Verdict(
            False, f"robot state tick unchanged for {unchanged:.3f} s (limit {limit:.3f} s)"
        )
    return SAFE


def check_age(age: float, limits: SafetyLimits) -> Verdict:
    """Judge the age of the joint targets in use, against the newest robot state [s]."""
    if age < 0.0:
        return Verdict(False, f"joint targets are {-age:.3f} s ahead of the robot state")
    if age > limits.target_age:
        limit = limits.target_age
        return Verdict(False, f"joint targets are {age:.3f} s old (limit {limit:.3f} s)")
    return SAFE


def _verdict(reasons: Iterable[str]) -> Verdict:
    return next((Verdict(False, reason) for reason in reasons if reason), SAFE)


def _finite_state(sample: RobotSample, _: SafetyLimits) -> str:
    for name, values in {**sample.sensed._asdict(), "joint_torques": sample.joint_torques}.items():
        if not np.isfinite(values).all():
            return f"robot state: {name.replace('_', ' ')} not finite"
    return ""


def _unit_orientation(sample: RobotSample, _: SafetyLimits) -> str:
    norm = float(np.linalg.norm(sample.sensed.orientation))
    return f"orientation has norm {norm:.2f}, expected 1" if abs(norm - 1.0) > 0.05 else ""


def _upright(sample: RobotSample, limits: SafetyLimits) -> str:
    tilt = float(rotation.tilt(sample.sensed.orientation))
    return f"tilt {tilt:.2f} rad exceeds {limits.tilt:.2f} rad" if tilt > limits.tilt else ""


def _joint_positions(sample: RobotSample, limits: SafetyLimits) -> str:
    lower = robot.JOINT_LOWER - limits.position_margin
    upper = robot.JOINT_UPPER + limits.position_margin
    return _outside("position", sample.sensed.joint_positions, lower, upper, "rad")


def _joint_velocities(sample: RobotSample, limits: SafetyLimits) -> str:
    upper = limits.velocity_factor * robot.VELOCITY_LIMIT
    return _outside("velocity", sample.sensed.joint_velocities, -upper, upper, "rad/s")


def _joint_torques(sample: RobotSample, limits: SafetyLimits) -> str:
    upper = limits.torque_factor * robot.TORQUE_LIMIT
    return _outside("torque", sample.joint_torques, -upper, upper, "N m")


def _finite_targets(targets: JointTargets, _: SafetyLimits) -> str:
    for name, values in targets._asdict().items():
        if not np.isfinite(values).all():
            return f"joint targets: {name} not finite"
    return ""


def _stiffness(targets: JointTargets, limits: SafetyLimits) -> str:
    return _outside("stiffness", targets.stiffness, 0.0, limits.stiffness, "N m/rad")


def _damping(targets: JointTargets, limits: SafetyLimits) -> str:
    return _outside("damping", targets.damping, 0.0, limits.damping, "N m s/rad")


def _outside(
    what: str, values: Array, lower: Array | float, upper: Array | float, unit: str
) -> str:
    wrong = (values < lower) | (values > upper)
    if not wrong.any():
        return ""
    joint = int(np.argmax(wrong))
    low, high = (float(np.broadcast_to(bound, values.shape)[joint]) for bound in (lower, upper))
    return (
        f"{robot.JOINTS[joint]} {what} {values[joint]:.2f} {unit} "
        f"is outside [{low:.2f}, {high:.2f}] {unit}"
    )


# Finite first: the others compare numbers, and no comparison with NaN ever complains.
STATE_GUARDS = (
    _finite_state,
    _unit_orientation,
    _upright,
    _joint_positions,
    _joint_velocities,
    _joint_torques,
)
TARGET_GUARDS = (_finite_targets, _stiffness, _damping)
