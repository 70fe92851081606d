"""The belief as a lifecycle node: what the robot feels, sees and is told, made one belief."""

import math
import sys
import time

from geometry_msgs.msg import Twist, TwistStamped

from ts_locomotion import ticks
from ts_locomotion.errors import InvalidInput
from ts_locomotion.nodes import belief_conversions, bundles, conversions, parameters, spin
from ts_locomotion.nodes.belief_settings import BeliefSettings
from ts_locomotion.nodes.believer import Believed, Believer, Timed
from ts_locomotion.nodes.conversions import RobotSample, Scan, Targets
from ts_locomotion.nodes.diagnostics import ERROR, OK, WARN, Health
from ts_locomotion.nodes.stage import StageNode
from ts_locomotion.nodes.velocity_topic import VelocityTopic
from ts_locomotion.ticks import Ready, TickJoin
from ts_locomotion_msgs.msg import Belief, FootScans, JointTargets, RobotState


class BeliefNode(StageNode):
    """Steps the belief once per control period, blind when foot scans stay away."""

    def __init__(self) -> None:
        super().__init__("belief", BeliefSettings)

    def configure(self) -> None:
        """Load the bundle, run it once, open the topics."""
        settings = parameters.read(self, BeliefSettings)
        loaded = bundles.load(settings.bundle)
        self._bundle_name = loaded.contract.name
        self._sees = loaded.contract.exteroception
        self._action_size = loaded.contract.action.size
        self._patience = settings.lockstep_timeout
        self._believer = Believer(loaded, settings)
        self._join: TickJoin[Timed, Scan, Targets] = TickJoin(
            sees=self._sees,
            lockstep=settings.lockstep,
            deadline_ns=round(settings.scan_deadline * 1e9),
        )
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
        self._believer.restart()
        self._newest = 0
        self._sequence = 0
        self._blind_ticks = 0
        self._map_age = float("inf")
        self._broken = ""
        self._progressed = time.monotonic()

    def details(self) -> Health:
        """Whether it believes, and whether it sees."""
        values = {
            "bundle": self._bundle_name,
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
        for ready in self._join.on_state(stamp, timed):
            self._think(ready)

    def _see(self, message: FootScans) -> None:
        scan = conversions.scan(message)
        self._believer.see(scan)
        self._think(self._join.on_scan(scan.stamp, scan))

    def _recall(self, message: JointTargets) -> None:
        targets = conversions.targets(message, self._action_size)
        self._think(self._join.on_action(targets.stamp, targets))

    def _obey(self, message: Twist) -> None:
        self._believer.obey(self._newest, conversions.velocity_command(message))

    def _give_up(self) -> None:
        if time.monotonic() - self._progressed > self._patience:
            self._think(self._join.give_up())

    def _think(self, ready: Ready[Timed, Scan, Targets] | None) -> None:
        """Step the belief if all that its tick needs has come together."""
        if ready is None:
            return
        try:
            believed = self._believer.step(ready)
        except InvalidInput as refusal:
            self._broken = f"no belief: {refusal}"
            self.refusals.refuse("belief", refusal)
            return
        self._broken = ""
        self._speak(ready.sample.sample, believed)
        self.ticks.note(ticks.tick_of(ready.stamp), ready.sample.arrived)

    def _speak(self, sample: RobotSample, believed: Believed) -> None:
        self._sequence += 1
        self._map_age = believed.map_age
        self._blind_ticks += not math.isfinite(believed.map_age)
        self._publisher.publish(
            belief_conversions.belief_message(
                sample.stamp, self._sequence, sample.mode, believed.tick, believed.map_age
            )
        )


def main() -> None:
    """Entry point."""
    sys.exit(spin.run(BeliefNode))


if __name__ == "__main__":
    main()
