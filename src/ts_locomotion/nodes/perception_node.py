"""Perception as a lifecycle node: elevation map, odometry and robot state in, foot scans out."""

import sys
import time
from dataclasses import dataclass

import numpy as np
from grid_map_msgs.msg import GridMap
from nav_msgs.msg import Odometry
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from ts_locomotion import perception, ticks
from ts_locomotion.nodes import conversions, grid_map, parameters, spin
from ts_locomotion.nodes.conversions import Pose, RobotSample
from ts_locomotion.nodes.diagnostics import OK, WARN, Health
from ts_locomotion.nodes.grid_map import Terrain
from ts_locomotion.nodes.parameters import setting
from ts_locomotion.nodes.stage import StageNode
from ts_locomotion_msgs.msg import FootScans, RobotState

CLOCK_TOLERANCE = 1.0
"""A map stamped further ahead of the robot state is of another clock [s]."""
BLANK = np.zeros(perception.SCAN_SIZE)


@dataclass(frozen=True)
class PerceptionSettings:
    """Parameters of the perception node."""

    layer: str = setting("elevation", "Layer of the elevation map that holds the terrain height")
    odom_timeout: float = setting(
        0.1, "Odometry older than this is not used", unit="s", minimum=0.001, maximum=10.0
    )
    map_timeout: float = setting(
        1.0,
        "A map older than this is used and warned of; 0: none is warned of",
        unit="s",
        minimum=0.0,
        maximum=3600.0,
    )
    map_reliability: str = setting(
        "reliable", "Of the subscription to the map", choices=("reliable", "best_effort")
    )
    map_durability: str = setting(
        "volatile",
        "Of the subscription to the map; transient_local for a map published once",
        choices=("volatile", "transient_local"),
    )
    lockstep: bool = setting(False, "Wait for the odometry of the robot state's own stamp")
    lockstep_timeout: float = setting(
        1.0, "Give up that wait after this wall time", unit="s", minimum=0.01, maximum=60.0
    )


class PerceptionNode(StageNode):
    """Scans the map around the feet once per control period; blind is an answer too."""

    def __init__(self) -> None:
        super().__init__("perception", PerceptionSettings)
        self.restart()

    def configure(self) -> None:
        """Open the topics."""
        self._settings = parameters.read(self, PerceptionSettings)
        qos = QoSProfile(
            depth=1,
            reliability=ReliabilityPolicy[self._settings.map_reliability.upper()],
            durability=DurabilityPolicy[self._settings.map_durability.upper()],
        )
        self._publisher = self.announce(FootScans, "foot_scans")
        self._terrain: Terrain | None = None
        # A latched map comes once, as soon as there is a subscription.
        self.listen(GridMap, "elevation_map", self._learn, qos, while_inactive=True)
        self.listen(Odometry, "odom", self._locate)
        self.listen(RobotState, "robot_state", self._feel, raw=True)
        if self._settings.lockstep:
            self.watch(self._settings.lockstep_timeout / 4, self._give_up)

    def restart(self) -> None:
        """Forget pose and tick."""
        self._pose: Pose | None = None
        self._tick = -1
        self._waiting: tuple[RobotSample, float] | None = None
        self._odometry_absent = False
        self._trouble = ""
        self._map_age = float("inf")
        self._known = 0.0

    def details(self) -> Health:
        """Why it is blind, if it is, and how old and complete the map is.

        An old map is used: what does not move lies where it lay.
        """
        values = {"map_age_s": f"{self._map_age:.3f}", "known_share": f"{self._known:.2f}"}
        if self._trouble:
            return Health(WARN, f"blind: {self._trouble}", values)
        if 0.0 < self._settings.map_timeout < self._map_age < float("inf"):
            return Health(WARN, f"map is {self._map_age:.1f} s old", values)
        return Health(OK, "", values)

    def _learn(self, message: GridMap) -> None:
        self._terrain = grid_map.terrain(message, self._settings.layer)

    def _locate(self, message: Odometry) -> None:
        self._pose = conversions.pose(message)
        self._odometry_absent = False
        if self._waiting and self._pose.stamp >= self._waiting[0].stamp:
            self._answer(*self._waiting)

    def _feel(self, serialized: bytes) -> None:
        started = time.monotonic()
        tick = ticks.tick_of(conversions.stamp_of(serialized))
        if tick == self._tick:
            return
        sample = conversions.robot_sample(serialized)
        if tick < self._tick:
            self.restart()
            self._terrain = None
        if self._waiting:
            self._answer(*self._waiting)
        self._tick = tick
        if self._settings.lockstep and not self._odometry_absent and not self._paired(sample):
            self._waiting = (sample, started)
        else:
            self._answer(sample, started)

    def _paired(self, sample: RobotSample) -> bool:
        return self._pose is not None and self._pose.stamp >= sample.stamp

    def _give_up(self) -> None:
        if self._waiting:
            waited = time.monotonic() - self._waiting[1]
            if waited >= self._settings.lockstep_timeout:
                self._odometry_absent = True
                self._answer(*self._waiting)

    def _answer(self, sample: RobotSample, started: float) -> None:
        self._waiting = None
        self._notice(self._blindness(sample.stamp))
        pose, terrain = self._pose, self._terrain
        if self._trouble or pose is None or terrain is None:
            frame = terrain.frame if terrain else ""
            message = conversions.foot_scans_message(sample.stamp, frame, None, BLANK, BLANK > 0)
        else:
            scans = perception.foot_scans(
                terrain.heights, pose.position, pose.orientation, sample.sensed.joint_positions
            )
            message = conversions.foot_scans_message(
                sample.stamp, terrain.frame, terrain.stamp, scans.heights, scans.valid
            )
        self._map_age = message.map_age
        self._known = sum(message.valid) / perception.SCAN_SIZE
        self._publisher.publish(message)
        self.ticks.note(ticks.tick_of(sample.stamp), started)

    def _blindness(self, stamp: int) -> str:
        """Why nothing can be seen at the time of a robot state; empty when it can."""
        if self._terrain is None:
            return "no elevation map"
        if self._pose is None:
            return "no odometry"
        if self._pose.frame != self._terrain.frame:
            return f"map in frame '{self._terrain.frame}', odometry in '{self._pose.frame}'"
        if abs(stamp - self._pose.stamp) * 1e-9 > self._settings.odom_timeout:
            return "odometry too old"
        if (self._terrain.stamp - stamp) * 1e-9 > CLOCK_TOLERANCE:
            return "map stamped later than the robot state: do the clocks agree?"
        return ""

    def _notice(self, trouble: str) -> None:
        if trouble != self._trouble:
            log = self.get_logger()
            log.warning(f"blind: {trouble}") if trouble else log.info("sees again")
            self._trouble = trouble


def main() -> None:
    """Entry point."""
    sys.exit(spin.run(PerceptionNode))


if __name__ == "__main__":
    main()
