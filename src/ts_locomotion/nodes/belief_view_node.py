"""What the robot believes, for RViz: markers, and the ground as measured and as reconstructed.

Draws a belief with the robot state and the foot scans of its own stamp. Draws nothing while nobody
looks, and is no part of the control loop: nobody waits for it.
"""

import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from nav_msgs.msg import Odometry
from rclpy.node import Node
from sensor_msgs.msg import PointCloud2
from visualization_msgs.msg import MarkerArray

from ts_locomotion import belief_picture, ticks
from ts_locomotion.belief_picture import Stance
from ts_locomotion.contract import DEFAULT_BUNDLE
from ts_locomotion.nodes import belief_view_conversions as view
from ts_locomotion.nodes import bundles, conversions, parameters, spin
from ts_locomotion.nodes.conversions import Pose
from ts_locomotion.nodes.diagnostics import OK, WARN, Health, Heartbeat, Refusals
from ts_locomotion.nodes.parameters import setting
from ts_locomotion_msgs.msg import Belief, FootScans, RobotState

KEPT_TICKS = 10
"""Robot states and foot scans are kept for this long, for the belief that follows them."""
ODOMETRY_TIMEOUT = 0.5
"""Odometry further from the belief's stamp tells nothing of where it was [s]."""


@dataclass(frozen=True)
class BeliefViewSettings:
    """Parameters of the belief view."""

    bundle: str = setting(
        DEFAULT_BUNDLE, "Model bundle of the belief node: a name below models/, or a folder"
    )
    rate: float = setting(
        10.0,
        "Pictures per second of the robot state's time, at most",
        unit="Hz",
        minimum=0.1,
        maximum=50.0,
    )


class BeliefViewNode(Node):
    """Draws some of the beliefs."""

    def __init__(self) -> None:
        super().__init__("belief_view")
        parameters.declare(self, BeliefViewSettings)
        settings = parameters.read(self, BeliefViewSettings)
        self._contract = bundles.contract(settings.bundle)
        self._period = round(1e9 / settings.rate)
        self._refusals = Refusals(self.get_logger())
        self._states, self._scans = Recent(), Recent()
        self._pose: Pose | None = None
        self._drawn = -self._period
        self._pictures = 0
        self._trouble = "waiting for a belief"
        self._markers = self.create_publisher(MarkerArray, "belief_markers", 10)
        self._measured = self.create_publisher(PointCloud2, "measured_samples", 10)
        self._reconstructed = self.create_publisher(PointCloud2, "reconstructed_samples", 10)
        self._listen(RobotState, "robot_state", self._states.keep)
        self._listen(FootScans, "foot_scans", self._scans.keep)
        self._listen(Belief, "belief", self._believe)
        self.create_subscription(Odometry, "odom", self._locate, 10)
        self._heartbeat = Heartbeat(self, self._health)

    def _listen(self, kind: type, topic: str, receive: Callable[[int, bytes], None]) -> None:
        """Subscribe to messages that stay serialized, since most of them are never drawn."""
        guarded = self._refusals.guarded(
            topic, lambda message: receive(conversions.stamp_of(message), message)
        )
        self.create_subscription(kind, topic, guarded, 10, raw=True)

    def _locate(self, message: Odometry) -> None:
        self._pose = self._refusals.checked("odom", conversions.pose, message) or self._pose

    def _believe(self, stamp: int, serialized: bytes) -> None:
        if self._is_due(stamp) and self._is_looked_at:
            self._trouble = self._draw(stamp, serialized)

    def _is_due(self, stamp: int) -> bool:
        return not 0 <= stamp - self._drawn < self._period

    @property
    def _is_looked_at(self) -> bool:
        publishers = (self._markers, self._measured, self._reconstructed)
        return any(publisher.get_subscription_count() for publisher in publishers)

    def _draw(self, stamp: int, serialized: bytes) -> str:
        """Draw a belief; what keeps it from being drawn, or nothing."""
        pose, felt, seen = self._pose, self._states.of(stamp), self._scans.of(stamp)
        if pose is None or abs(stamp - pose.stamp) * 1e-9 > ODOMETRY_TIMEOUT:
            return "no odometry"
        if felt is None:
            return "no robot_state of the belief's stamp"
        believed = view.believed(serialized, self._contract)
        sample = self._refusals.checked("robot_state", conversions.robot_sample, felt)
        if sample is None:
            return "robot_state is refused"
        scans = self._refusals.checked("foot_scans", view.scans, seen) if seen else None
        picture = belief_picture.draw(
            Stance(pose.position, pose.orientation, sample.sensed.joint_positions),
            scans,
            believed.heights,
            believed.gate,
            belief_picture.command_of(self._contract.policy_observation, believed.observation),
        )
        self._markers.publish(view.markers(stamp, pose.frame, picture.command, picture.feet))
        self._measured.publish(view.cloud(stamp, pose.frame, picture.measured))
        self._reconstructed.publish(view.cloud(stamp, pose.frame, picture.reconstructed))
        self._drawn = stamp
        self._pictures += 1
        return ""

    def _health(self) -> Health:
        trouble = self._trouble if self._is_looked_at else ""
        values = {"pictures": self._pictures, **self._refusals.values()}
        return Health(WARN if trouble else OK, trouble, values)


class Recent:
    """The first serialized message of each of the last control ticks, by its stamp."""

    def __init__(self) -> None:
        self._messages: OrderedDict[int, tuple[int, bytes]] = OrderedDict()
        self._newest = 0

    def keep(self, stamp: int, message: bytes) -> None:
        """Keep a message, unless one of its tick is there. Time that goes back begins again."""
        if stamp < self._newest:
            self._messages.clear()
        self._newest = stamp
        self._messages.setdefault(ticks.tick_of(stamp), (stamp, message))
        if len(self._messages) > KEPT_TICKS:
            self._messages.popitem(last=False)

    def of(self, stamp: int) -> bytes | None:
        """The message of exactly this stamp."""
        kept, message = self._messages.get(ticks.tick_of(stamp), (None, b""))
        return message if kept == stamp else None


def main() -> None:
    """Entry point."""
    sys.exit(spin.run(BeliefViewNode))


if __name__ == "__main__":
    main()
