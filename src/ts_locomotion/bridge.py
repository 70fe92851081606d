"""The robot bridge as a plain object: robot states and joint targets in, motor commands out."""

from dataclasses import dataclass, field

from ts_locomotion import modes, safety, ticks, unitree
from ts_locomotion.errors import InvalidInput
from ts_locomotion.modes import Facts, ModeState
from ts_locomotion.safety import JointTargets, RobotSample, SafetyLimits, Verdict
from ts_locomotion.unitree import LowCmd, LowState


@dataclass(frozen=True)
class BridgeOptions:
    """How the bridge speaks to what is behind it."""

    simulated: bool = True
    """Commands name the tick they answer and that of the joint targets' state. A robot gets 0,
    and is damped when its own tick does not go on."""
    lockstep: bool = False
    """The answer to a control tick waits for the joint targets of that tick."""
    limits: SafetyLimits = field(default_factory=SafetyLimits)


class RobotBridge:
    """Owns the mode machine. Time is that of the robot states' stamps, never a clock's.

    Each state is sensed, then answered by `command`. In lockstep the answer is due once `waits`
    is false: when the policy has answered, or after `stop_waiting`.
    """

    def __init__(self, options: BridgeOptions) -> None:
        self._options = options
        self._facts: Facts | None = None
        self._targets: JointTargets | None = None
        self._tick = 0
        self._counted: tuple[int, int] | None = None  # newest tick, stamp of its first state [ns]
        self._expects_policy = True
        self.mode = ModeState()

    def sense(self, state: LowState, stamp: int) -> None:
        """Take in and judge the robot's newest state, of `stamp` [ns]."""
        verdict = self._judge(state, stamp)
        self._tick = state.tick
        self._decide(Facts(stamp, state.joint_positions, verdict, self._targets))

    def follow(self, targets: JointTargets) -> None:
        """Take in new joint targets. Raises InvalidInput for those that fail the guards."""
        verdict = safety.check_targets(targets, self._options.limits)
        if not verdict.ok:
            raise InvalidInput(verdict.reason)
        self._targets = targets
        self._expects_policy = True
        if self._facts is not None:
            self._decide(self._facts._replace(targets=targets))

    def request(self, mode: int) -> str | None:
        """Ask for a mode; the reason of a refusal, or None."""
        self.mode, refusal = modes.request(self.mode, mode, self._facts, self._options.limits)
        return refusal

    def lose_robot(self) -> None:
        """No state arrives any more: until one does, requests other than damp are refused."""
        self._facts = None

    def stop_waiting(self) -> None:
        """Do without the policy until it is heard again."""
        self._expects_policy = False

    @property
    def waits(self) -> bool:
        """Whether the answer to the newest state has to wait for the policy's."""
        if not (self._options.lockstep and self._expects_policy) or self._facts is None:
            return False
        answered = self._targets is not None and self._targets.stamp == self._facts.stamp
        return self._tick % ticks.CONTROL_PERIOD_MS == 0 and not answered

    @property
    def target_age(self) -> float:
        """Age of the newest joint targets against the newest state [s]; infinite without."""
        if self._facts is None or self._targets is None:
            return float("inf")
        return (self._facts.stamp - self._targets.stamp) * 1e-9

    @property
    def holds_targets(self) -> bool:
        """Whether the robot walks on joint targets that are no longer fresh."""
        walks = self.mode.mode == modes.Mode.WALK
        return walks and self.target_age > self._options.limits.hold_age

    @property
    def follows_at_once(self) -> bool:
        """Whether fresh joint targets are sent without waiting for the next state."""
        walks = self.mode.mode == modes.Mode.WALK
        return walks and not self._options.lockstep and self._facts is not None

    def command(self) -> bytes:
        """The LowCmd frame that answers the newest state."""
        wanted = self.mode.command
        return self._frame(LowCmd(q=wanted.q, kp=wanted.kp, kd=wanted.kd))

    def damping(self) -> bytes:
        """The LowCmd frame of last resort."""
        return self._frame(unitree.damping_command())

    def _frame(self, command: LowCmd) -> bytes:
        if not self._options.simulated:
            return unitree.encode_low_cmd(command._replace(sn=(0, 0)))
        source = unitree.NO_TICK
        if self._targets is not None:
            source = self._targets.stamp // unitree.NANOSECONDS_PER_TICK
        return unitree.encode_low_cmd(command._replace(reserve=self._tick, sn=(source, 0)))

    def _judge(self, state: LowState, stamp: int) -> Verdict:
        sample = RobotSample(state.sensed, state.joint_torques)
        felt = safety.check_state(sample, self._options.limits)
        # The stamp of a simulated state is its tick, and the mode machine judges stamps.
        counts = safety.SAFE if self._options.simulated else self._check_counter(state.tick, stamp)
        return counts if felt.ok else felt

    def _check_counter(self, tick: int, stamp: int) -> Verdict:
        # How fast a real robot's tick counts is unconfirmed: its pace is not judged.
        before, since = self._counted or (tick, stamp)
        step = unitree.tick_step(before, tick)
        self._counted = (tick, stamp if step else since)
        return safety.check_counter(step, (stamp - self._counted[1]) / 1e9, self._options.limits)

    def _decide(self, facts: Facts) -> None:
        self._facts = facts
        self.mode = modes.tick(self.mode, facts, self._options.limits)
