"""The belief as a lifecycle node: what the robot feels, sees and is told, made one belief."""

import math
import sys
import time
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from geometry_msgs.msg import Twist, TwistStamped

from ts_locomotion import command, ticks
from ts_locomotion.belief import BeliefStage, BeliefTick
from ts_locomotion.command import CommandLimits
from ts_locomotion.contract import Contract
from ts_locomotion.errors import InvalidInput
from ts_locomotion.nodes import belief_conversions, bundles, conversions, parameters, spin
from ts_locomotion.nodes.conversions import RobotSample, Scan, Targets
from ts_locomotion.nodes.diagnostics import ERROR, OK, WARN, Health
from ts_locomotion.nodes.parameters import setting
from ts_locomotion.nodes.stage import StageNode
from ts_locomotion.nodes.velocity_topic import VelocityTopic
from ts_locomotion.robot import JOINTS, Array
from ts_locomotion.ticks import Ready, TickJoin
from ts_locomotion_msgs.msg import Belief, FootScans, JointTargets, Mode, RobotState

WARM_UP_STEPS = 5
NO_ACTION = np.zeros((1, len(JOINTS)), dtype=np.float32)
NO_COMMAND = np.zeros((1, 3))


@dataclass(frozen=True)
class BeliefSettings:
    """Parameters of the belief node."""

    bundle: str = setting("go2_ts", "Model bundle: a name below models/, or a folder")
    command_timeout: float = setting(
        0.5,
        "A velocity command older than this, in the robot state's time, counts as zero",
        unit="s",
        minimum=0.02,
        maximum=10.0,
    )
    linear_acceleration: float = setting(
        2.0, "Limit of change of the velocity command", unit="m/s^2", minimum=0.1, maximum=20.0
    )
    angular_acceleration: float = setting(
        4.0, "Limit of change of the turning command", unit="rad/s^2", minimum=0.1, maximum=40.0
    )
    scan_deadline: float = setting(
        0.008,
        "Go on without the foot scans of a tick at a robot state this much later",
        unit="s",
        minimum=0.001,
        maximum=0.019,
    )
    scan_hold: float = setting(
        0.04,
        "Without the foot scans of a tick, use those before if no older, rather than be blind",
        unit="s",
        minimum=0.0,
        maximum=1.0,
    )
    lockstep: bool = setting(False, "Wait for foot scans and for the last joint targets")
    lockstep_timeout: float = setting(
        1.0, "Give up that wait after this wall time", unit="s", minimum=0.01, maximum=60.0
    )


class Command(NamedTuple):
    """A velocity command and the newest robot state's stamp when it came."""

    stamp: int
    velocity: Array  # (3,)


class Timed(NamedTuple):
    """A robot state and when it arrived, by time.monotonic()."""

    sample: RobotSample
    arrived: float


class BeliefNode(StageNode):
    """Steps the belief once per control period, blind when foot scans stay away."""

    def __init__(self) -> None:
        super().__init__("belief", BeliefSettings)

    def configure(self) -> None:
        """Load the bundle, run it once, open the topics."""
        settings = self._settings = parameters.read(self, BeliefSettings)
        loaded = bundles.load(settings.bundle)
        self._contract = loaded.contract
        self._stage = BeliefStage(loaded, _limits(loaded.contract, settings))
        self._sees = loaded.contract.exteroception
        self._join: TickJoin[Timed, Scan, Targets] = TickJoin(
            sees=self._sees,
            lockstep=settings.lockstep,
            deadline_ns=round(settings.scan_deadline * 1e9),
        )
        self._warm_up()
        self._publisher = self.announce(Belief, "belief")
        if self._sees:
            self.listen(FootScans, "foot_scans", self._see)
        self.listen(JointTargets, "joint_targets", self._recall)
        VelocityTopic(self, self._obey)
        self.listen(TwistStamped, "cmd_vel_stamped", lambda message: self._obey(message.twist))
        self.listen(RobotState, "robot_state", self._feel, raw=True)
        if settings.lockstep:
            self.watch(settings.lockstep_timeout / 4, self._give_up)

    def restart(self) -> None:
        """Forget everything received and believed."""
        self._join.restart()
        self._state = self._stage.initial_state()
        self._command: Command | None = None
        self._scan: Scan | None = None
        self._newest = 0
        self._began = 0
        self._walking = False
        self._sequence = 0
        self._blind_ticks = 0
        self._map_age = float("inf")
        self._broken = ""
        self._progressed = time.monotonic()

    def details(self) -> Health:
        """Whether it believes, and whether it sees."""
        values = {
            "bundle": self._contract.name,
            "map_age_s": f"{self._map_age:.3f}",
            "blind_ticks": self._blind_ticks,
            "waiting_for": " ".join(self._join.waiting_for),
        }
        if self._broken:
            return Health(ERROR, self._broken, values)
        if self._sees and not math.isfinite(self._map_age):
            return Health(WARN, "goes on blind", values)
        return Health(OK, "", values)

    def _feel(self, serialized: bytes) -> None:
        now = time.monotonic()
        stamp = conversions.stamp_of(serialized)
        timed = None
        if self._join.begins(stamp):
            timed = Timed(conversions.robot_sample(serialized), now)
        if stamp != self._newest:
            self._newest, self._progressed = stamp, now
        self._think(self._join.on_state(stamp, timed))

    def _see(self, message: FootScans) -> None:
        scan = self._scan = conversions.scan(message)
        self._think(self._join.on_scan(scan.stamp, scan))

    def _recall(self, message: JointTargets) -> None:
        targets = conversions.targets(message)
        self._think(self._join.on_action(targets.stamp, targets))

    def _obey(self, message: Twist) -> None:
        self._command = Command(self._newest, conversions.velocity_command(message))

    def _give_up(self) -> None:
        if time.monotonic() - self._progressed > self._settings.lockstep_timeout:
            self._think(self._join.give_up())

    def _think(self, ready: Ready[Timed, Scan, Targets] | None) -> None:
        """Step the belief if all that its tick needs has come together."""
        if ready is None:
            return
        sample = ready.sample.sample
        walks_on = self._walking and sample.mode == Mode.WALK and not ready.restarted
        if not walks_on:
            self._begin(ready)
        self._walking = sample.mode == Mode.WALK
        velocity, age = self._command_at(sample.stamp)
        scan = ready.scan or self._held_scan(sample.stamp)
        try:
            believed, self._state = self._stage.step(
                belief_conversions.batched(sample.sensed),
                velocity,
                age,
                self._last_action(ready.last_action),
                belief_conversions.scans(scan),
                self._state,
            )
        except InvalidInput as refusal:
            self._broken = f"no belief: {refusal}"
            self.refusals.refuse("belief", refusal)
            return
        self._broken = ""
        self._speak(sample, believed, belief_conversions.map_age(scan))
        self.ticks.note(ticks.tick_of(sample.stamp), ready.sample.arrived)

    def _begin(self, ready: Ready[Timed, Scan, Targets]) -> None:
        """Walking is a pure function of what follows its beginning; at rest each tick is one."""
        self._state = self._stage.initial_state()
        self._began = ready.stamp
        if ready.restarted:
            self._command = None

    def _held_scan(self, stamp: int) -> Scan | None:
        """The scan of an earlier tick, unless it is too old."""
        if self._scan is None:
            return None
        elapsed = (stamp - self._scan.stamp) * 1e-9
        if not 0.0 <= elapsed <= self._settings.scan_hold:
            return None
        return self._scan._replace(age=self._scan.age + elapsed)

    def _last_action(self, targets: Targets | None) -> Array:
        """The last answer of this walk; what was answered before its beginning is none of it."""
        if targets is None or targets.stamp < self._began:
            return NO_ACTION
        return targets.action[None]

    def _command_at(self, stamp: int) -> tuple[Array, float]:
        if self._command is None:
            return NO_COMMAND, float("inf")
        return self._command.velocity[None], (stamp - self._command.stamp) * 1e-9

    def _speak(self, sample: RobotSample, believed: BeliefTick, map_age: float) -> None:
        self._sequence += 1
        self._map_age = map_age
        self._blind_ticks += not math.isfinite(map_age)
        self._publisher.publish(
            belief_conversions.belief_message(
                sample.stamp, self._sequence, sample.mode, believed, map_age
            )
        )

    def _warm_up(self) -> None:
        """Run the network before the robot depends on how long its first step takes."""
        standing = belief_conversions.batched(belief_conversions.standing())
        state = self._stage.initial_state()
        for _ in range(WARM_UP_STEPS):
            _, state = self._stage.step(standing, NO_COMMAND, 0.0, NO_ACTION, None, state)


def _limits(contract: Contract, settings: BeliefSettings) -> CommandLimits:
    linear, angular = settings.linear_acceleration, settings.angular_acceleration
    return replace(
        command.limits_of(contract.command_limits),
        acceleration=(linear, linear, angular),
        timeout=settings.command_timeout,
    )


def main() -> None:
    """Entry point."""
    sys.exit(spin.run(BeliefNode))


if __name__ == "__main__":
    main()
