"""What one robot's belief takes from one control tick to the next, apart from all topics."""

from typing import NamedTuple

import numpy as np

from ts_locomotion.belief import BeliefStage, BeliefTick
from ts_locomotion.bundle import Bundle
from ts_locomotion.nodes import belief_conversions
from ts_locomotion.nodes.belief_settings import BeliefSettings
from ts_locomotion.nodes.conversions import RobotSample, Scan, Targets
from ts_locomotion.robot import Array
from ts_locomotion.ticks import Ready
from ts_locomotion_msgs.msg import Mode

WARM_UP_STEPS = 5
NO_COMMAND = np.zeros((1, 3))


class Timed(NamedTuple):
    """A robot state and when it arrived, by time.monotonic()."""

    sample: RobotSample
    arrived: float


class Command(NamedTuple):
    """A velocity command and the newest robot state's stamp when it came."""

    stamp: int
    velocity: Array  # (3,)


class Believed(NamedTuple):
    """A belief, and the age of the map behind it [s], infinite for a blind one."""

    tick: BeliefTick
    map_age: float


class Believer:
    """Steps the belief stage with what has been said, seen and done before."""

    def __init__(self, bundle: Bundle, settings: BeliefSettings) -> None:
        self._stage = BeliefStage(bundle, settings.command_limits(bundle.contract))
        self._no_action = np.zeros((1, bundle.contract.action.size), dtype=np.float32)
        self._scan_hold = settings.scan_hold
        self._warm_up()
        self.restart()

    def restart(self) -> None:
        """Forget everything."""
        self._state = self._stage.initial_state()
        self._command: Command | None = None
        self._scan: Scan | None = None
        self._began = 0
        self._walking = False

    def obey(self, stamp: int, velocity: Array) -> None:
        """Take a velocity command (3,), which came when the newest robot state had this stamp."""
        self._command = Command(stamp, velocity)

    def see(self, scan: Scan) -> None:
        """Remember a scan, for a tick that will have none."""
        self._scan = scan

    def step(self, ready: Ready[Timed, Scan, Targets]) -> Believed:
        """Believe at a control tick. Raises InvalidInput when anything is not finite."""
        sample = ready.sample.sample
        walks_on = self._walking and sample.mode == Mode.WALK and not ready.restarted
        if not walks_on:
            self._begin(ready)
        self._walking = sample.mode == Mode.WALK
        velocity, age = self._command_at(sample.stamp)
        scan = ready.scan or self._held_scan(sample.stamp)
        believed, self._state = self._stage.step(
            belief_conversions.batched(sample.sensed),
            velocity,
            age,
            self._last_action(ready.last_action),
            belief_conversions.scans(scan),
            self._state,
        )
        return Believed(believed, belief_conversions.map_age(scan))

    def _begin(self, ready: Ready[Timed, Scan, Targets]) -> None:
        """Walking is a pure function of what follows its beginning; at rest each tick is one."""
        self._state = self._stage.initial_state()
        self._began = ready.stamp
        if ready.restarted:
            self._command = None

    def _held_scan(self, stamp: int) -> Scan | None:
        """The last scan, unless it was taken too long before or after."""
        if self._scan is None:
            return None
        elapsed = (stamp - self._scan.stamp) * 1e-9
        if abs(elapsed) > self._scan_hold:
            return None
        return self._scan._replace(age=self._scan.age + elapsed)

    def _last_action(self, targets: Targets | None) -> Array:
        """The last answer of this walk; what was answered before its beginning is none of it."""
        if targets is None or targets.stamp < self._began:
            return self._no_action
        return targets.action[None]

    def _command_at(self, stamp: int) -> tuple[Array, float]:
        if self._command is None:
            return NO_COMMAND, float("inf")
        return self._command.velocity[None], (stamp - self._command.stamp) * 1e-9

    def _warm_up(self) -> None:
        """Run the network before the robot depends on how long its first step takes."""
        standing = belief_conversions.batched(belief_conversions.standing())
        state = self._stage.initial_state()
        for _ in range(WARM_UP_STEPS):
            _, state = self._stage.step(standing, NO_COMMAND, 0.0, self._no_action, None, state)
