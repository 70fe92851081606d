"""Velocity commands of training: at random in the open, along the lane on an obstacle course."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ts_locomotion.robot import Array
from ts_locomotion.simulation.ranges import check_order

Range = tuple[float, float]


@dataclass(frozen=True)
class CommandRanges:
    """Ranges of uniform draws."""

    linear_x: Range = (-0.6, 1.0)
    linear_y: Range = (-0.4, 0.4)
    angular_z: Range = (-1.0, 1.0)
    lane_speed: Range = (0.3, 0.8)
    """Forward speed on a lane, where the turning rate holds the heading [m/s]."""
    heading_gain: float = 1.0
    """[1/s]"""
    heading_rate: float = 0.5
    """Largest turning rate that holds the heading [rad/s]."""
    interval: Range = (3.0, 7.0)
    """Time until the next command [s]."""
    stand_share: float = 0.12
    straight_share: float = 0.3
    """Share of open commands with nothing but v_x."""

    def __post_init__(self) -> None:
        drawn = ("linear_x", "linear_y", "angular_z", "lane_speed", "interval")
        check_order(self, "commands.", *drawn)


def sample(
    ranges: CommandRanges, on_lane: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[Array, Array]:
    """Commands (B, 3) in the base frame and the time each is given for (B,) [s]."""
    count = len(on_lane)
    spans = np.array([ranges.linear_x, ranges.linear_y, ranges.angular_z])
    commands = rng.uniform(spans[:, 0], spans[:, 1], (count, 3))
    commands[rng.random(count) < ranges.straight_share, 1:] = 0.0
    lane_speed = rng.uniform(*ranges.lane_speed, count)
    along = np.stack([lane_speed, np.zeros(count), np.zeros(count)], axis=1)
    commands = np.where(on_lane[:, None], along, commands)
    times = rng.uniform(*ranges.interval, count)
    stands = rng.random(count) < ranges.stand_share
    commands[stands] = 0.0
    return commands, np.where(stands & on_lane, 0.3 * times, times)


def hold_heading(ranges: CommandRanges, commands: Array, yaw: Array) -> Array:
    """Turning rates (B,) that keep a robot heading along +x, zero for the whole-zero command."""
    rate = np.clip(-ranges.heading_gain * yaw, -ranges.heading_rate, ranges.heading_rate)
    return np.where(commands[:, 0] == 0.0, 0.0, rate)
