"""What the robot is doing: damp, stand, walk or sit, as a pure state machine over state stamps."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from ts_locomotion import robot, safety
from ts_locomotion.robot import Array
from ts_locomotion.safety import SAFE, JointTargets, SafetyLimits, Verdict


class Mode(IntEnum):
    """Numbers as in Mode.msg."""

    DAMP = 0
    STAND = 1
    WALK = 2
    SIT = 3

    def __str__(self) -> str:
        return self.name.lower()


class JointCommand(NamedTuple):
    """Position targets [rad] and gains of the joints, each of shape (J,)."""

    q: Array
    kp: Array
    kd: Array


class Ramp(NamedTuple):
    """A smooth way of `duration` seconds to a goal; no goal means the policy's newest targets."""

    duration: float
    goal: JointCommand | None


def _command(pose: Array, kp: float, kd: float) -> JointCommand:
    return JointCommand(pose, np.full(pose.shape, kp), np.full(pose.shape, kd))


DAMPED = _command(np.zeros(12), 0.0, 3.0)
FOLDED = _command(robot.FOLDED_POSE, 60.0, 5.0)
LIMP = _command(robot.FOLDED_POSE, 0.0, 3.0)
STANDING = _command(robot.STAND_POSE, 60.0, 5.0)

GET_UP = (Ramp(1.0, FOLDED), Ramp(1.5, STANDING))
HALT = (Ramp(1.0, STANDING),)
LIE_DOWN = (Ramp(1.5, FOLDED), Ramp(0.5, LIMP))
FOLLOW = (Ramp(0.2, None),)
STANDING_TOLERANCE = 0.4
"""Largest joint error of a robot that stands [rad]; under its weight the knees sag by 0.1."""


class Facts(NamedTuple):
    """What the mode machine knows of the outside, at the newest robot state."""

    stamp: int  # of that state [ns]
    joint_positions: Array  # (J,) [rad]
    verdict: Verdict = SAFE  # on that state
    targets: JointTargets | None = None  # newest that passed the guards


@dataclass(frozen=True, eq=False)
class ModeState:
    """Everything the machine remembers. The first five fields are what Mode.msg tells."""

    mode: Mode = Mode.DAMP
    settled: bool = True
    fault: bool = False
    policy_ready: bool = False
    reason: str = "start"
    stamp: int | None = None  # of the newest robot state [ns]
    entered: int = 0  # stamp at which the ramps began [ns]
    start: JointCommand = DAMPED  # where they began
    ramps: tuple[Ramp, ...] = ()
    command: JointCommand = DAMPED  # the newest given


def request(
    state: ModeState, mode: int, facts: Facts | None, limits: SafetyLimits
) -> tuple[ModeState, str | None]:
    """The state after a request for a mode, and the reason of a refusal or None.

    No facts means that no robot state arrives. Damp is always accepted, and acknowledges a
    latched fault once its condition is gone.
    """
    if mode not in list(Mode):
        return state, f"unknown mode {mode}; valid: {', '.join(f'{m} ({m:d})' for m in Mode)}"
    if mode == Mode.DAMP:
        return _damp_on_request(state, facts), None
    if facts is None:
        return state, "no robot state arrives"
    if mode == state.mode:
        return state, None
    return _change(state, Mode(mode), facts, limits)


def tick(state: ModeState, facts: Facts, limits: SafetyLimits) -> ModeState:
    """The state, with its command, at a new robot state; doubt latches damp as a fault."""
    doubt = _doubt(state, facts, limits)
    if not doubt.ok:
        state = fault(state, doubt.reason)
    return replace(
        state,
        settled=_seconds(facts.stamp - state.entered) >= sum(r.duration for r in state.ramps),
        policy_ready=_policy_ready(state, facts, limits) is None,
        stamp=facts.stamp,
        command=_follow_ramps(state, facts),
    )


def fault(state: ModeState, reason: str) -> ModeState:
    """Damped and latched, for a reason; a later fault does not hide the first."""
    return state if state.fault else replace(_damped(state, reason), fault=True)


def _damp_on_request(state: ModeState, facts: Facts | None) -> ModeState:
    if state.fault and facts is None:
        return state
    if state.fault and facts is not None and not facts.verdict.ok:
        return replace(state, reason=facts.verdict.reason)
    return replace(_damped(state, "damp requested"), fault=False)


def _damped(state: ModeState, reason: str) -> ModeState:
    return replace(
        state, mode=Mode.DAMP, settled=True, reason=reason, start=DAMPED, ramps=(), command=DAMPED
    )


def _change(
    state: ModeState, mode: Mode, facts: Facts, limits: SafetyLimits
) -> tuple[ModeState, str | None]:
    transition = TRANSITIONS.get((state.mode, mode))
    if transition is None:
        valid = " or ".join(str(to) for start, to in TRANSITIONS if start == state.mode)
        return state, f"{state.mode} does not lead to {mode}, only to {valid} or damp"
    for need in transition.needs:
        refusal = need(state, facts, limits)
        if refusal:
            return state, refusal
    changed = replace(
        state,
        mode=mode,
        settled=False,
        reason=f"{mode} requested",
        entered=facts.stamp,
        start=_starting_point(state.command, facts),
        ramps=transition.ramps,
    )
    return changed, None


def _starting_point(command: JointCommand, facts: Facts) -> JointCommand:
    # A limp joint is where it is, not where it was told to be.
    return command if command.kp.any() else command._replace(q=np.array(facts.joint_positions))


def _doubt(state: ModeState, facts: Facts, limits: SafetyLimits) -> Verdict:
    if state.mode == Mode.DAMP:
        return SAFE
    if not facts.verdict.ok:
        return facts.verdict
    gap = 0.0 if state.stamp is None else _seconds(facts.stamp - state.stamp)
    verdict = safety.check_gap(gap, limits)
    if verdict.ok and state.mode == Mode.WALK:
        return _target_verdict(facts, limits)
    return verdict


def _target_verdict(facts: Facts, limits: SafetyLimits) -> Verdict:
    if facts.targets is None:
        return Verdict(False, "no joint targets have arrived")
    return safety.check_age(_seconds(facts.stamp - facts.targets.stamp), limits)


def _follow_ramps(state: ModeState, facts: Facts) -> JointCommand:
    elapsed = _seconds(facts.stamp - state.entered)
    start = state.start
    for ramp in state.ramps:
        goal = _policy_command(facts) if ramp.goal is None else ramp.goal
        if elapsed < ramp.duration:
            return _blend(start, goal, elapsed / ramp.duration)
        elapsed -= ramp.duration
        start = goal
    return start


def _policy_command(facts: Facts) -> JointCommand:
    assert facts.targets is not None  # else _doubt has damped the robot
    return JointCommand(
        robot.within_limits(facts.targets.positions),
        facts.targets.stiffness,
        facts.targets.damping,
    )


def _blend(start: JointCommand, goal: JointCommand, progress: float) -> JointCommand:
    weight = progress * progress * (3.0 - 2.0 * progress)  # no jump in velocity at either end
    return JointCommand(*(a + weight * (b - a) for a, b in zip(start, goal, strict=True)))


def _seconds(nanoseconds: int) -> float:
    return nanoseconds / 1e9


def _acknowledged(state: ModeState, _facts: Facts, _limits: SafetyLimits) -> str | None:
    if state.fault:
        return f"fault is latched ({state.reason}); set mode damp to acknowledge it"
    return None


def _healthy(_state: ModeState, facts: Facts, _limits: SafetyLimits) -> str | None:
    return None if facts.verdict.ok else facts.verdict.reason


def _settled(state: ModeState, _facts: Facts, _limits: SafetyLimits) -> str | None:
    return None if state.settled else f"{state.mode} is not settled: its ramp is still running"


def _standing(_state: ModeState, facts: Facts, _limits: SafetyLimits) -> str | None:
    error = np.abs(facts.joint_positions - robot.STAND_POSE)
    joint = int(np.argmax(error))
    if error[joint] <= STANDING_TOLERANCE:
        return None
    return (
        f"{robot.JOINTS[joint]} is {error[joint]:.2f} rad off the standing pose "
        f"(limit {STANDING_TOLERANCE:.2f} rad)"
    )


def _policy_ready(_state: ModeState, facts: Facts, limits: SafetyLimits) -> str | None:
    verdict = _target_verdict(facts, limits)
    if not verdict.ok or facts.targets is None:
        return verdict.reason
    age = _seconds(facts.stamp - facts.targets.stamp)
    if age > limits.hold_age:
        return f"joint targets are {age:.3f} s old (limit {limits.hold_age:.3f} s)"
    return None


class Transition(NamedTuple):
    """The ramps that lead into a mode, and what they need: each need tells why it is not met."""

    ramps: tuple[Ramp, ...]
    needs: tuple[Callable[[ModeState, Facts, SafetyLimits], str | None], ...]


# Damp is not in the table: it is accepted from everywhere.
TRANSITIONS = {
    (Mode.DAMP, Mode.STAND): Transition(GET_UP, (_acknowledged, _healthy)),
    (Mode.SIT, Mode.STAND): Transition(GET_UP, (_healthy,)),
    (Mode.WALK, Mode.STAND): Transition(HALT, ()),
    (Mode.STAND, Mode.SIT): Transition(LIE_DOWN, ()),
    (Mode.STAND, Mode.WALK): Transition(FOLLOW, (_healthy, _settled, _standing, _policy_ready)),
}
