"""Between ROS messages and arrays, both ways; what arrives malformed is refused here.

Times are nanoseconds since the epoch of the stamps, quaternions w, x, y, z, joints in the order of
`robot.JOINTS` whatever the order in the message.
"""

import struct
from array import array
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Quaternion, TransformStamped, Twist, Vector3
from nav_msgs.msg import Odometry
from numpy.typing import NDArray
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import Imu, JointState

from ts_locomotion import perception, robot
from ts_locomotion.errors import InvalidInput
from ts_locomotion.modes import ModeState
from ts_locomotion.observation import Proprioception
from ts_locomotion.robot import Array
from ts_locomotion.unitree import LowState
from ts_locomotion_msgs.msg import Belief, FootScans, JointTargets, Mode, RobotState

Mask = NDArray[np.bool_]

ABSURD_SPEED = 20.0
"""A velocity command beyond this is no command of a legged robot [m/s, rad/s]."""


# CDR: four bytes that tell the byte order, then the header's seconds and nanoseconds.
LITTLE_STAMP, BIG_STAMP = struct.Struct("<iI"), struct.Struct(">iI")
STAMP_END = 4 + LITTLE_STAMP.size


class RobotSample(NamedTuple):
    """A RobotState, checked."""

    stamp: int
    mode: int
    sensed: Proprioception


class Pose(NamedTuple):
    """Where the base is in `frame`."""

    stamp: int
    frame: str
    position: Array  # (3,) [m]
    orientation: Array  # (4,)


class Scan(NamedTuple):
    """A FootScans message, checked."""

    stamp: int
    age: float  # of the map [s]
    heights: Array  # (F*P,) [m]
    valid: Mask  # (F*P,)


class Targets(NamedTuple):
    """A JointTargets message, checked."""

    stamp: int
    positions: Array  # (J,) [rad]
    stiffness: Array  # (J,) [N m/rad]
    damping: Array  # (J,) [N m s/rad]
    action: Array  # (A,)


class Thought(NamedTuple):
    """A Belief message, checked."""

    stamp: int
    sequence: int
    observation: Array  # (N,)
    belief: Array  # (D,)


def nanoseconds(stamp: Time) -> int:
    """A stamp as one integer."""
    return stamp.sec * 1_000_000_000 + stamp.nanosec


def time_message(stamp: int) -> Time:
    """A stamp as a message."""
    seconds, rest = divmod(stamp, 1_000_000_000)
    return Time(sec=seconds, nanosec=rest)


def stamp_of(serialized: bytes) -> int:
    """The stamp of a serialized message that begins with a header, without the rest."""
    if len(serialized) < STAMP_END:
        raise InvalidInput(f"message of {len(serialized)} bytes has no stamp")
    little_endian = serialized[1] & 1
    seconds, rest = (LITTLE_STAMP if little_endian else BIG_STAMP).unpack_from(serialized, 4)
    return seconds * 1_000_000_000 + rest


def robot_sample(serialized: bytes) -> RobotSample:
    """Check a serialized RobotState and bring its joints into order."""
    message = deserialize_message(serialized, RobotState)
    order = _joint_order(tuple(message.joint_names))
    sensed = Proprioception(
        orientation=_unit_quaternion("orientation", message.orientation),
        angular_velocity=finite("angular_velocity", message.angular_velocity, 3),
        joint_positions=finite("joint_positions", message.joint_positions, 12)[order],
        joint_velocities=finite("joint_velocities", message.joint_velocities, 12)[order],
    )
    return RobotSample(nanoseconds(message.header.stamp), message.mode, sensed)


def new_robot_state() -> RobotState:
    """A RobotState with its names, to be filled again and again."""
    message = RobotState(joint_names=list(robot.JOINTS))
    message.header.frame_id = robot.BASE_LINK
    return message


def fill_robot_state(message: RobotState, stamp: int, mode: int, state: LowState) -> None:
    """Write one state into a message of `new_robot_state`."""
    message.header.stamp = time_message(stamp)
    message.tick = state.tick
    message.mode = mode
    message.joint_positions[:] = state.joint_positions
    message.joint_velocities[:] = state.joint_velocities
    message.joint_torques[:] = state.joint_torques
    message.orientation[:] = state.orientation
    message.angular_velocity[:] = state.angular_velocity
    message.linear_acceleration[:] = state.linear_acceleration
    message.foot_forces[:] = state.foot_forces


def pose(message: Odometry) -> Pose:
    """Check an Odometry message's pose."""
    position, quaternion = message.pose.pose.position, message.pose.pose.orientation
    return Pose(
        nanoseconds(message.header.stamp),
        message.header.frame_id,
        finite("position", [position.x, position.y, position.z], 3),
        _unit_quaternion("orientation", [quaternion.w, quaternion.x, quaternion.y, quaternion.z]),
    )


def odometry_message(
    where: Pose, child_frame: str, linear_velocity: Array, angular_velocity: Array
) -> Odometry:
    """An Odometry message; velocities (3,) in the child frame [m/s, rad/s]."""
    message = Odometry(child_frame_id=child_frame)
    message.header.stamp = time_message(where.stamp)
    message.header.frame_id = where.frame
    message.pose.pose.position = Point(**_xyz(where.position))
    message.pose.pose.orientation = quaternion_message(where.orientation)
    message.twist.twist.linear = vector_message(linear_velocity)
    message.twist.twist.angular = vector_message(angular_velocity)
    return message


def transform_message(where: Pose, child_frame: str) -> TransformStamped:
    """The transform of a pose, for tf."""
    message = TransformStamped(child_frame_id=child_frame)
    message.header.stamp = time_message(where.stamp)
    message.header.frame_id = where.frame
    message.transform.translation = vector_message(where.position)
    message.transform.rotation = quaternion_message(where.orientation)
    return message


def imu_message(stamp: int, state: LowState) -> Imu:
    """An Imu message in base_link; the covariances are unknown, which REP-145 writes as zeros."""
    message = Imu(
        orientation=quaternion_message(state.orientation),
        angular_velocity=vector_message(state.angular_velocity),
        linear_acceleration=vector_message(state.linear_acceleration),
    )
    message.header.stamp = time_message(stamp)
    message.header.frame_id = robot.BASE_LINK
    return message


def joint_state_message(
    stamp: int, positions: Array, velocities: Array, torques: Array
) -> JointState:
    """A JointState message; arrays (J,)."""
    message = JointState(
        name=list(robot.JOINTS),
        position=array("d", np.asarray(positions, np.float64).tobytes()),
        velocity=array("d", np.asarray(velocities, np.float64).tobytes()),
        effort=array("d", np.asarray(torques, np.float64).tobytes()),
    )
    message.header.stamp = time_message(stamp)
    return message


def joint_positions(message: JointState) -> Array:
    """The positions of our joints in a JointState message, whatever else it holds. Shape (J,)."""
    given = dict(zip(message.name, message.position, strict=False))
    missing = [joint for joint in robot.JOINTS if joint not in given]
    if missing:
        raise InvalidInput(f"joint_states lacks {missing}")
    return finite("joint positions", [given[joint] for joint in robot.JOINTS], len(robot.JOINTS))


def quaternion_message(quaternion: Array) -> Quaternion:
    """A quaternion (4,) as a message."""
    w, x, y, z = (float(value) for value in quaternion)
    return Quaternion(w=w, x=x, y=y, z=z)


def vector_message(vector: Array) -> Vector3:
    """A vector (3,) as a message."""
    return Vector3(**_xyz(vector))


def velocity_command(message: Twist) -> Array:
    """The v_x, v_y [m/s] and w_z [rad/s] a Twist asks for. Shape (3,)."""
    command = finite(
        "velocity command", [message.linear.x, message.linear.y, message.angular.z], 3
    )
    if np.abs(command).max() > ABSURD_SPEED:
        raise InvalidInput(
            f"velocity command {command.tolist()} is absurd; expected at most {ABSURD_SPEED:g}"
        )
    return command


def foot_scans_message(
    stamp: int, frame: str, map_stamp: int | None, heights: Array, valid: Mask
) -> FootScans:
    """A FootScans message; heights [m] and valid of any shape with F*P entries."""
    message = FootScans()
    message.header.stamp = time_message(stamp)
    message.header.frame_id = frame
    message.map_age = float("inf")
    if map_stamp is not None:
        message.map_stamp = time_message(map_stamp)
        message.map_age = (stamp - map_stamp) * 1e-9
    message.heights[:] = np.reshape(heights, -1)
    message.valid = np.reshape(valid, -1).tolist()
    return message


def scan(message: FootScans) -> Scan:
    """Check a FootScans message. No map is no error: nothing is valid then."""
    if np.isnan(message.map_age):
        raise InvalidInput("map_age is not a number")
    return Scan(
        nanoseconds(message.header.stamp),
        message.map_age,
        finite("heights", message.heights, perception.SCAN_SIZE),
        np.asarray(message.valid, dtype=bool),
    )


def thought(message: Belief, observation_size: int, belief_size: int) -> Thought:
    """Check a Belief message against the sizes of a bundle."""
    return Thought(
        nanoseconds(message.header.stamp),
        message.sequence,
        finite(
            "observation",
            np.frombuffer(message.observation, np.float32),
            observation_size,
        ),
        finite("belief", np.frombuffer(message.belief, np.float32), belief_size),
    )


def joint_targets_message(
    stamp: int,
    sequence: int,
    positions: Array,
    stiffness: Array,
    damping: Array,
    action: Array,
) -> JointTargets:
    """A JointTargets message; arrays (J,), action (A,)."""
    message = JointTargets(sequence=sequence, joint_names=list(robot.JOINTS))
    message.header.stamp = time_message(stamp)
    message.positions[:] = positions
    message.stiffness[:] = stiffness
    message.damping[:] = damping
    message.action = float_array(action)
    return message


def targets(message: JointTargets, action_size: int | None = None) -> Targets:
    """Check a JointTargets message and bring its joints into order.

    The action is left in the order of the policy's output; `action_size` is that of a bundle, none
    for those whom the action does not concern.
    """
    order = _joint_order(tuple(message.joint_names))
    stiffness = finite("stiffness", message.stiffness, 12)[order]
    damping = finite("damping", message.damping, 12)[order]
    if min(stiffness.min(), damping.min()) < 0:
        raise InvalidInput("a gain is negative")
    return Targets(
        nanoseconds(message.header.stamp),
        finite("positions", message.positions, 12)[order],
        stiffness,
        damping,
        finite("action", message.action, action_size or len(message.action)),
    )


def mode_message(stamp: int, state: ModeState) -> Mode:
    """A Mode message."""
    message = Mode(
        mode=state.mode,
        settled=state.settled,
        fault=state.fault,
        policy_ready=state.policy_ready,
        reason=state.reason,
    )
    message.header.stamp = time_message(stamp)
    return message


def finite(name: str, values: Sequence[float] | Array, size: int) -> Array:
    """Numbers as an array (size,); raises InvalidInput for another size and for NaN or inf."""
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.shape != (size,):
        raise InvalidInput(f"{name} has {numbers.size} entries, expected {size}")
    bad = np.flatnonzero(~np.isfinite(numbers))
    if bad.size:
        raise InvalidInput(f"{name} is not finite: entry {bad[0]} is {numbers[bad[0]]}")
    return numbers


def _unit_quaternion(name: str, values: Sequence[float] | Array) -> Array:
    quaternion = finite(name, values, 4)
    norm = float(np.linalg.norm(quaternion))
    if abs(norm - 1.0) > 0.05:
        raise InvalidInput(f"{name} has norm {norm:.3f}, expected a unit quaternion")
    return quaternion


@lru_cache(maxsize=8)
def _joint_order(names: tuple[str, ...]) -> NDArray[np.intp]:
    unknown = sorted(set(names) - set(robot.JOINTS))
    if unknown:
        raise InvalidInput(f"unknown joints {unknown}, expected {list(robot.JOINTS)}")
    if len(set(names)) != len(robot.JOINTS):
        raise InvalidInput(f"joints {list(names)} are not each of {list(robot.JOINTS)} once")
    return np.array([names.index(joint) for joint in robot.JOINTS])


def float_array(values: Array) -> array:
    """Numbers of any shape as an unbounded float32 field, which takes this type fastest."""
    return array("f", np.asarray(values, dtype=np.float32).tobytes())


def _xyz(vector: Array) -> dict[str, float]:
    return {name: float(value) for name, value in zip("xyz", vector, strict=True)}
