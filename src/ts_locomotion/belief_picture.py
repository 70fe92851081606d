"""What the robot measures, what it believes and what it is told, as points and colours.

All points are in the frame of the base pose that is given, with z upwards.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ts_locomotion import observation, perception, robot, rotation
from ts_locomotion.errors import InvalidInput
from ts_locomotion.perception import FootScanArrays
from ts_locomotion.robot import Array

HORIZON = 1.0
"""The arrow is as long as the way, the arc as wide as the turn, of this time [s]."""
ARROW_HEIGHT = 0.2
"""Of arrow and arc above the base [m]."""
ARC_RADIUS, ARC_POINTS = 0.3, 24


class Palette(NamedTuple):
    """Red, green and blue of a shut and of an open gate, and where there is no gate."""

    shut: tuple[float, float, float]
    open: tuple[float, float, float]
    none: tuple[float, float, float] = (0.6, 0.6, 0.6)


MEASURED = Palette(shut=(0.32, 0.32, 0.35), open=(1.0, 0.55, 0.1))
RECONSTRUCTED = Palette(shut=(0.3, 0.25, 0.95), open=(0.1, 0.9, 0.6))


class Stance(NamedTuple):
    """Where the robot is and how it stands."""

    position: Array  # (3,) of the base [m]
    orientation: Array  # (4,) base to world
    joint_positions: Array  # (J,) [rad]


class Points(NamedTuple):
    """A coloured cloud."""

    positions: Array  # (M, 3) [m]
    colours: Array  # (M, 3) red, green, blue in [0, 1]


class Feet(NamedTuple):
    """The feet, coloured by how open the gate is; none without a gate."""

    positions: Array  # (F, 3), or (0, 3) [m]
    gate: Array  # (F,), or (0,) in [0, 1]
    colours: Array  # (F, 3), or (0, 3)


class CommandShape(NamedTuple):
    """The velocity command: an arrow for its direction, an arc for its turn."""

    arrow: Array  # (2, 3) start and tip [m]
    arc: Array  # (N, 3) from the heading to where it would be [m]


class BeliefPicture(NamedTuple):
    """One moment of the robot's belief, coloured by how much of what is seen enters it.

    How much of that passes straight into the reconstruction is another gate's, which no one tells.
    """

    measured: Points
    reconstructed: Points
    feet: Feet
    command: CommandShape


def draw(
    stance: Stance,
    scans: FootScanArrays | None,
    heights: Array,
    gate: Array,
    velocity_command: Array,
) -> BeliefPicture:
    """The picture of a belief.

    Scans as perception saw them, reconstructed heights (F * P,) [m] and gate (G,) as the belief
    has them, both of size 0 for a blind bundle; the velocity command (3,) is v_x, v_y [m/s] and
    w_z [rad/s]. Raises InvalidInput for sizes that are not of four feet.
    """
    by_foot = gate_by_foot(gate)
    samples = perception.SCAN_SIZE // len(robot.FEET)
    measured = reconstructed = _no_points()
    if scans is not None:
        places = sample_points(stance, scans.heights)
        colours = np.repeat(_colours(MEASURED, by_foot), samples, axis=0)
        seen = np.reshape(scans.valid, -1)
        measured = Points(places.reshape(-1, 3)[seen], colours[seen])
    if np.size(heights):
        places = sample_points(stance, heights)
        colours = np.repeat(_colours(RECONSTRUCTED, by_foot), samples, axis=0)
        reconstructed = Points(places.reshape(-1, 3), colours)
    return BeliefPicture(
        measured, reconstructed, _feet(stance, by_foot), command_shape(stance, velocity_command)
    )


def sample_points(stance: Stance, heights: Array) -> Array:
    """Where heights over the feet [m], F * P in any shape, put the ground. Shape (F, P, 3)."""
    places = perception.scan_points(*stance)
    if np.size(heights) != places.x.size:
        raise InvalidInput(f"{np.size(heights)} heights, expected {places.x.size}")
    z = places.foot_height[:, None] + np.reshape(heights, places.x.shape)
    return np.stack([places.x, places.y, z], axis=-1)


def gate_by_foot(gate: Array) -> Array:
    """Mean of the gate over the encodings of each foot, which lie one foot after another. (F,)

    Without a gate, size 0. Raises InvalidInput for entries that cannot be shared by four feet.
    """
    if np.size(gate) % len(robot.FEET):
        raise InvalidInput(f"gate of {np.size(gate)} entries, expected a multiple of 4")
    if not np.size(gate):
        return np.empty(0)
    return np.reshape(gate, (len(robot.FEET), -1)).mean(axis=1)


def command_of(terms: Sequence[str], observed: Array) -> Array:
    """The velocity command within an observation of `terms`; zero where they have none. (3,)"""
    if np.size(observed) != observation.size(terms):
        raise InvalidInput(
            f"observation of {np.size(observed)} entries, expected {observation.size(terms)}"
        )
    place = observation.layout(terms).get("command")
    return np.zeros(3) if place is None else observed[place] / observation.scales(terms)[place]


def command_shape(stance: Stance, velocity_command: Array) -> CommandShape:
    """Arrow and arc of a velocity command (3,), level and turned with the base's heading."""
    heading = rotation.yaw(stance.orientation)
    start = stance.position + np.array([0.0, 0.0, ARROW_HEIGHT])
    ahead, leftward, turn = HORIZON * np.asarray(velocity_command)
    cosine, sine = np.cos(heading), np.sin(heading)
    way = [cosine * ahead - sine * leftward, sine * ahead + cosine * leftward, 0.0]
    angles = heading + np.linspace(0.0, turn, ARC_POINTS)
    circle = np.stack([np.cos(angles), np.sin(angles), np.zeros(ARC_POINTS)], axis=1)
    return CommandShape(np.stack([start, start + way]), start + ARC_RADIUS * circle)


def _feet(stance: Stance, by_foot: Array) -> Feet:
    if not by_foot.size:
        return Feet(np.empty((0, 3)), by_foot, np.empty((0, 3)))
    in_base = robot.foot_position_in_base(stance.joint_positions)
    turned = in_base @ rotation.to_matrix(stance.orientation).T
    return Feet(stance.position + turned, by_foot, _colours(MEASURED, by_foot))


def _colours(palette: Palette, by_foot: Array) -> Array:
    """Between shut and open, by the gate of each foot. Shape (F, 3)."""
    if not by_foot.size:
        return np.tile(palette.none, (len(robot.FEET), 1))
    share = by_foot[:, None]
    return (1.0 - share) * np.array(palette.shut) + share * np.array(palette.open)


def _no_points() -> Points:
    return Points(np.empty((0, 3)), np.empty((0, 3)))
