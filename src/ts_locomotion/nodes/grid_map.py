"""Between grid_map_msgs/GridMap and the elevation map."""

from typing import NamedTuple

import numpy as np
from grid_map_msgs.msg import GridMap
from std_msgs.msg import Float32MultiArray, MultiArrayDimension

from ts_locomotion import elevation
from ts_locomotion.elevation import ElevationMap
from ts_locomotion.errors import InvalidInput
from ts_locomotion.nodes.conversions import float_array, nanoseconds, time_message


class Terrain(NamedTuple):
    """An elevation map and where it belongs."""

    stamp: int
    frame: str
    heights: ElevationMap


def terrain(message: GridMap, layer: str) -> Terrain:
    """One layer of a GridMap, checked."""
    layers, data = list(message.layers), list(message.data)
    if layer not in layers:
        raise InvalidInput(f"no layer '{layer}', the map has {layers}")
    if len(layers) != len(data):
        raise InvalidInput(f"{len(data)} arrays for {len(layers)} layers")
    values = data[layers.index(layer)]
    dimensions = values.layout.dim
    layout = elevation.Layout(
        data=np.asarray(values.data, dtype=np.float32),
        labels=[dimension.label for dimension in dimensions],
        sizes=[dimension.size for dimension in dimensions],
        offset=values.layout.data_offset,
    )
    info = message.info
    heights = elevation.from_layout(
        layout,
        info.resolution,
        (info.length_x, info.length_y),
        (info.pose.position.x, info.pose.position.y),
        (message.outer_start_index, message.inner_start_index),
    )
    return Terrain(nanoseconds(message.header.stamp), message.header.frame_id, heights)


def grid_map_message(known: Terrain, layer: str) -> GridMap:
    """A GridMap of one layer, which is also its basic layer."""
    layout = known.heights.layout()
    message = GridMap(layers=[layer], basic_layers=[layer])
    message.header.stamp = time_message(known.stamp)
    message.header.frame_id = known.frame
    message.info.resolution = known.heights.resolution
    message.info.length_x, message.info.length_y = known.heights.lengths
    message.info.pose.position.x, message.info.pose.position.y = known.heights.centre
    message.outer_start_index, message.inner_start_index = known.heights.start
    values = Float32MultiArray(data=float_array(layout.data))
    values.layout.dim = [
        MultiArrayDimension(label=label, size=size, stride=stride)
        for label, size, stride in zip(layout.labels, layout.sizes, layout.strides, strict=True)
    ]
    message.data = [values]
    return message
