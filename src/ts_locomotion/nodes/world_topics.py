"""What a simulated robot's estimators would tell: odometry, transform, clock, map, ground."""

from grid_map_msgs.msg import GridMap
from nav_msgs.msg import Odometry
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from ts_locomotion import robot, unitree
from ts_locomotion.nodes import conversions, grid_map, terrain_markers
from ts_locomotion.nodes.qos import LATCHED
from ts_locomotion.simulation.map_sensor import MeasuredMap
from ts_locomotion.simulation.robot_simulator import BaseMotion
from ts_locomotion.simulation.terrain import Terrain

WORLD_FRAME = "odom"


class WorldTopics:
    """Publishers of what is true in the simulation, but for the map's own defects."""

    def __init__(self, node: Node, map_layer: str, ground: Terrain) -> None:
        self._layer = map_layer
        self._odometry = node.create_publisher(Odometry, "odom", 10)
        self._transforms = node.create_publisher(TFMessage, "/tf", 100)
        self._clock = node.create_publisher(Clock, "/clock", 10)
        self._elevation = node.create_publisher(GridMap, "elevation_map", 10)
        self._terrain = node.create_publisher(MarkerArray, "terrain", LATCHED)
        self._terrain.publish(
            terrain_markers.message(
                WORLD_FRAME, ground.centres, ground.half_sizes, ground.quaternions
            )
        )

    def publish_motion(self, tick: int, motion: BaseMotion) -> None:
        """Clock, odometry and transform of `tick` [ms]."""
        stamp = tick * unitree.NANOSECONDS_PER_TICK
        where = conversions.Pose(stamp, WORLD_FRAME, motion.position, motion.orientation)
        odometry = conversions.odometry_message(
            where, robot.BASE_LINK, motion.linear_velocity, motion.angular_velocity
        )
        self._clock.publish(Clock(clock=conversions.time_message(stamp)))
        self._odometry.publish(odometry)
        self._transforms.publish(
            TFMessage(transforms=[conversions.transform_message(where, robot.BASE_LINK)])
        )

    def publish_map(self, measured: MeasuredMap) -> None:
        """The map, in whose frame the odometry is."""
        stamp = measured.tick * unitree.NANOSECONDS_PER_TICK
        known = grid_map.Terrain(stamp, WORLD_FRAME, measured.map)
        self._elevation.publish(grid_map.grid_map_message(known, self._layer))
