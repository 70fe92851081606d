"""The simulated ground as markers, for RViz and for whoever draws the robot on it; both ways."""

import numpy as np
from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from ts_locomotion.demo.logbook import Boxes
from ts_locomotion.nodes import conversions
from ts_locomotion.robot import Array

COLOUR = ColorRGBA(r=0.72, g=0.7, b=0.64, a=1.0)


def message(frame: str, centres: Array, half_sizes: Array, quaternions: Array) -> MarkerArray:
    """One cube for each of M boxes; arrays (M, 3), (M, 3) [m] and (M, 4) box to world."""
    markers = []
    for index, (centre, half, quaternion) in enumerate(
        zip(centres, half_sizes, quaternions, strict=True)
    ):
        marker = Marker(ns="terrain", id=index, type=Marker.CUBE, color=COLOUR)
        marker.header.frame_id = frame
        x, y, z = (float(value) for value in centre)
        marker.pose.position = Point(x=x, y=y, z=z)
        marker.pose.orientation = conversions.quaternion_message(quaternion)
        marker.scale = conversions.vector_message(2 * half)
        markers.append(marker)
    return MarkerArray(markers=markers)


def boxes(markers: MarkerArray) -> Boxes:
    """The boxes of a message, whatever else it holds."""
    cubes = [marker for marker in markers.markers if marker.type == Marker.CUBE]
    places, turns = [m.pose.position for m in cubes], [m.pose.orientation for m in cubes]
    sizes = [m.scale for m in cubes]
    return Boxes(
        np.array([(p.x, p.y, p.z) for p in places]).reshape(-1, 3),
        np.array([(s.x / 2, s.y / 2, s.z / 2) for s in sizes]).reshape(-1, 3),
        np.array([(q.w, q.x, q.y, q.z) for q in turns]).reshape(-1, 4),
    )
