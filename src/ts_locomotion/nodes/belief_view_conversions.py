"""Between ROS messages and the picture of a belief: Belief in, markers and point clouds out."""

from array import array
from typing import NamedTuple

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from ts_locomotion import observation, perception, robot
from ts_locomotion.belief_picture import CommandShape, Feet, Points
from ts_locomotion.contract import Contract
from ts_locomotion.nodes import conversions
from ts_locomotion.perception import FootScanArrays
from ts_locomotion.robot import Array
from ts_locomotion_msgs.msg import Belief, FootScans

POINT = np.dtype([("place", "<f4", 3), ("colour", "<u4")])
"""A point as it lies in a cloud; 0x00RRGGBB, which RViz and PCL read as a field `rgb`."""
FIELDS = [
    PointField(name=name, offset=4 * index, datatype=PointField.FLOAT32, count=1)
    for index, name in enumerate(("x", "y", "z", "rgb"))
]
LIFETIME = Duration(sec=1)
"""What is no longer said is no longer shown."""
COMMAND_COLOUR = ColorRGBA(r=0.15, g=0.6, b=1.0, a=0.9)
SHAFT, HEAD, HEAD_LENGTH, LINE = 0.03, 0.07, 0.1, 0.02
BALL, LABEL, LABEL_HEIGHT = 0.08, 0.07, 0.09
"""Diameters, height of letters, and of the letters above the foot [m]."""
VISIBLE = 0.01
"""A shorter arrow has no direction [m]."""


class Believed(NamedTuple):
    """What is drawn of a Belief message, checked."""

    observation: Array  # (N,)
    gate: Array  # (G,) or (0,)
    heights: Array  # (F*P,) or (0,) [m]


def believed(serialized: bytes, contract: Contract) -> Believed:
    """Check a serialized Belief against the sizes of a bundle."""
    message = deserialize_message(serialized, Belief)
    heights = perception.SCAN_SIZE if contract.reconstructed_heights else 0
    parts = {
        "observation": (message.observation, observation.size(contract.policy_observation)),
        "gate": (message.gate, contract.gate_size),
        "heights": (message.heights, heights),
    }
    return Believed(**{name: conversions.finite(name, *about) for name, about in parts.items()})


def scans(serialized: bytes) -> FootScanArrays:
    """Check a serialized FootScans message."""
    scan = conversions.scan(deserialize_message(serialized, FootScans))
    shape = (len(robot.FEET), -1)
    return FootScanArrays(scan.heights.reshape(shape), scan.valid.reshape(shape))


def cloud(stamp: int, frame: str, points: Points) -> PointCloud2:
    """A cloud of coloured points."""
    packed = np.zeros(len(points.positions), POINT)
    packed["place"] = points.positions
    shades = np.round(255 * points.colours).astype(np.uint32)
    packed["colour"] = shades @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    return PointCloud2(
        header=_header(stamp, frame),
        height=1,
        width=len(packed),
        fields=FIELDS,
        point_step=POINT.itemsize,
        row_step=packed.nbytes,
        data=array("B", packed.tobytes()),
        is_dense=True,
    )


def markers(stamp: int, frame: str, command: CommandShape, feet: Feet) -> MarkerArray:
    """The command, and on each foot how open its gate is."""
    header = _header(stamp, frame)
    drawn = [_arrow(header, command.arrow), _arc(header, command.arc)]
    for foot, (place, gate, colour) in enumerate(zip(*feet, strict=True)):
        drawn += _gate(header, foot, place, float(gate), _colour(colour))
    return MarkerArray(markers=drawn)


def _arrow(header: Header, ends: Array) -> Marker:
    shown = np.linalg.norm(ends[1] - ends[0]) > VISIBLE
    marker = _marker(header, "command", 0, Marker.ARROW, COMMAND_COLOUR)
    marker.action = Marker.ADD if shown else Marker.DELETE
    marker.points = [_point(end) for end in ends]
    marker.scale.x, marker.scale.y, marker.scale.z = SHAFT, HEAD, HEAD_LENGTH
    return marker


def _arc(header: Header, points: Array) -> Marker:
    marker = _marker(header, "command", 1, Marker.LINE_STRIP, COMMAND_COLOUR)
    marker.points = [_point(point) for point in points]
    marker.scale.x = LINE
    return marker


def _gate(header: Header, foot: int, place: Array, gate: float, colour: ColorRGBA) -> list[Marker]:
    ball = _marker(header, "gate", foot, Marker.SPHERE, colour)
    ball.pose.position = _point(place)
    ball.scale.x = ball.scale.y = ball.scale.z = BALL
    label = _marker(header, "gate_label", foot, Marker.TEXT_VIEW_FACING, colour)
    label.pose.position = _point(place + np.array([0.0, 0.0, LABEL_HEIGHT]))
    label.scale.z = LABEL
    label.text = f"{robot.LEGS[foot]} {gate:.2f}"
    return [ball, label]


def _marker(header: Header, group: str, index: int, kind: int, colour: ColorRGBA) -> Marker:
    marker = Marker(header=header, ns=group, id=index, type=kind, color=colour, lifetime=LIFETIME)
    marker.pose.orientation.w = 1.0
    return marker


def _header(stamp: int, frame: str) -> Header:
    return Header(stamp=conversions.time_message(stamp), frame_id=frame)


def _point(place: Array) -> Point:
    return Point(**dict(zip("xyz", map(float, place), strict=True)))


def _colour(rgb: Array) -> ColorRGBA:
    red, green, blue = (float(value) for value in rgb)
    return ColorRGBA(r=red, g=green, b=blue, a=1.0)
