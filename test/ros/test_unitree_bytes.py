"""Our frames against the messages of unitree_go as rclpy serialises them."""

import numpy as np
import pytest
from rclpy.serialization import deserialize_message, serialize_message
from unitree_go import msg as messages

from ts_locomotion import unitree

SERVO = ("q", "dq", "tau", "kp", "kd")
# rclpy leaves whatever was in memory in the padding. Offsets in the body.
COMMAND_PADDING = [23, 799] + [56 + 36 * i + byte for i in range(19) for byte in (1, 2, 3)]
STATE_PADDING = (
    [22, 23, 78, 79, 1141, 1142, 1143, 1150, 1151]
    + [124 + 48 * i + byte for i in range(19) for byte in (1, 2, 3)]
    + [108 + 48 * i + byte for i in range(20) for byte in (1, 2, 3)]
)


def a_command() -> unitree.LowCmd:
    values = np.random.default_rng(0).normal(size=(5, 12)).astype(np.float32)
    return unitree.LowCmd(*values, reserve=42, sn=(40, 7))


def a_state() -> unitree.LowState:
    random = np.random.default_rng(1)
    return unitree.LowState(
        1000,
        np.float32([1, 0, 0, 0]),
        *(random.normal(size=3).astype(np.float32) for _ in range(2)),
        *(random.normal(size=12).astype(np.float32) for _ in range(3)),
        foot_forces=np.int16([1, -2, 3, 4]),
    )


@pytest.mark.parametrize(("name", "size"), [("LowCmd", 812), ("LowState", 1180)])
def test_messages_serialise_to_the_size_on_the_wire(name, size):
    assert len(serialize_message(getattr(messages, name)())) == size


def test_rclpy_reads_our_command():
    command = a_command()
    message = deserialize_message(unitree.encode_low_cmd(command), messages.LowCmd)
    assert list(message.head) == [0xFE, 0xEF]
    assert (message.reserve, list(message.sn)) == (42, [40, 7])
    for joint, motor in enumerate(message.motor_cmd[:12]):
        given = [motor.mode, *(getattr(motor, name) for name in SERVO)]
        assert given == [1, *(float(row[joint]) for row in command[:5])]
    assert message.motor_cmd[12].q == pytest.approx(unitree.POSITION_STOP)


def rewritten_by_rclpy(frame: bytes, message: type, padding: list[int]) -> bytes:
    written = bytearray(serialize_message(deserialize_message(frame, message)))
    for offset in padding:
        written[4 + offset] = 0
    return bytes(written)


def test_our_command_is_byte_for_byte_what_rclpy_writes():
    frame = unitree.encode_low_cmd(a_command())
    assert rewritten_by_rclpy(frame, messages.LowCmd, COMMAND_PADDING) == frame


def test_our_state_is_byte_for_byte_what_rclpy_writes():
    frame = unitree.encode_low_state(a_state())
    assert rewritten_by_rclpy(frame, messages.LowState, STATE_PADDING) == frame


def test_we_read_a_command_that_rclpy_wrote():
    message = messages.LowCmd()
    message.head = [0xFE, 0xEF]
    for index, motor in enumerate(message.motor_cmd):
        motor.mode, motor.q, motor.kd = 1, 0.125 * index, 3.0
    frame = bytes(serialize_message(message))
    array = np.frombuffer(frame, np.uint8)
    message.crc = unitree.LOW_CMD.checksum(array)
    command = unitree.decode_low_cmd(bytes(serialize_message(message)))
    np.testing.assert_array_equal(command.q, 0.125 * np.arange(12))
    np.testing.assert_array_equal(command.kd, np.full(12, 3.0))


def test_we_read_a_state_that_rclpy_wrote():
    message = messages.LowState()
    message.tick, message.imu_state.gyroscope = 77, [0.1, 0.2, 0.3]
    message.motor_state[11].tau_est = 4.5
    message.crc = unitree.LOW_STATE.checksum(np.frombuffer(serialize_message(message), np.uint8))
    state = unitree.decode_low_state(bytes(serialize_message(message)))
    assert (state.tick, state.joint_torques[11]) == (77, 4.5)
    np.testing.assert_array_equal(state.angular_velocity, np.float32([0.1, 0.2, 0.3]))
