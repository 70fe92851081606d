"""The interface packages as they are built: sizes, names and array types on the wire."""

import ctypes
from array import array

import numpy as np
import pytest
from grid_map_msgs.msg import GridMap
from rclpy.serialization import deserialize_message, serialize_message
from tf2_msgs.msg import TFMessage
from unitree_api.msg import Request, Response
from unitree_go.msg import LowCmd, LowState, SportModeState, WirelessController

from ts_locomotion_msgs.msg import Belief, FootScans, JointTargets, RobotState

ENCAPSULATION = b"\x00\x01\x00\x00"


class TypeSupport(ctypes.Structure):
    """What Fast DDS gets to know of a type, as far as it is looked at here."""

    _fields_ = (("identifier", ctypes.c_char_p), ("names", ctypes.POINTER(ctypes.c_char_p * 2)))


def name_on_the_wire(message_class):
    """DDS type name that rmw makes of the namespace and the name in the type support."""
    package, _, _ = message_class.__module__.partition(".")
    library = ctypes.CDLL(f"lib{package}__rosidl_typesupport_fastrtps_c.so")
    handle = library[
        "rosidl_typesupport_fastrtps_c__get_message_type_support_handle"
        f"__{package}__msg__{message_class.__name__}"
    ]
    handle.restype = ctypes.POINTER(TypeSupport)
    namespace, name = handle().contents.names.contents
    return f"{namespace.decode()}::dds_::{name.decode()}_"


@pytest.mark.parametrize(
    ("message_class", "size"),
    [(LowCmd, 812), (LowState, 1180), (WirelessController, 22), (SportModeState, 236)],
)
def test_serialized_sizes_are_those_of_the_robot(message_class, size):
    data = serialize_message(message_class())
    assert data[:4] == ENCAPSULATION
    assert len(data) == -(-size // 4) * 4, "Fast DDS fills the payload up to whole words"
    assert not any(data[size:])


def test_fields_lie_where_the_robot_reads_them():
    command = LowCmd(head=[0xFE, 0xEF], bandwidth=0x2122, crc=0x6AF70837)
    command.motor_cmd[0].q, command.motor_cmd[1].q = 1.5, -2.5
    body = serialize_message(command)[4:]
    assert body[:2] == b"\xfe\xef"
    assert body[20:22] == b"\x22\x21"
    assert np.frombuffer(body[24:28], "<f4") == 1.5
    assert np.frombuffer(body[60:64], "<f4") == -2.5
    assert body[804:808] == bytes.fromhex("3708f76a")


@pytest.mark.parametrize("message_class", [LowCmd, LowState, SportModeState, Request, Response])
def test_type_names_are_those_of_the_robot(message_class):
    package = message_class.__module__.partition(".")[0]
    expected = f"{package}::msg::dds_::{message_class.__name__}_"
    assert name_on_the_wire(message_class) == expected


@pytest.mark.parametrize("message_class", [GridMap, TFMessage])
def test_type_names_are_those_of_other_ros_systems(message_class):
    package = message_class.__module__.partition(".")[0]
    assert name_on_the_wire(message_class) == f"{package}::msg::dds_::{message_class.__name__}_"


def test_fixed_arrays_of_numbers_arrive_as_numpy():
    state, targets, scans = RobotState(), JointTargets(), FootScans()
    for values, shape in (
        (state.joint_positions, 12),
        (state.orientation, 4),
        (targets.positions, 12),
        (scans.heights, 208),
        (LowCmd().motor_cmd[0].reserve, 3),
    ):
        assert isinstance(values, np.ndarray)
        assert values.shape == (shape,)


def test_unbounded_arrays_arrive_as_arrays_that_numpy_reads_without_a_copy():
    belief = Belief(observation=array("f", [1.0, 2.0]))
    received = deserialize_message(serialize_message(belief), Belief)
    assert np.frombuffer(received.observation, np.float32).tolist() == [1.0, 2.0]
    for size in (12, 16):
        targets = JointTargets(action=array("f", range(size)))
        received = deserialize_message(serialize_message(targets), JointTargets)
        assert received.action == array("f", range(size))


def test_joint_names_of_the_longest_length_survive_the_wire():
    state = RobotState(joint_names=["x" * 32] * 12)
    assert deserialize_message(serialize_message(state), RobotState) == state
