"""Vectors T0-T5, L0 and L1 come from independent implementations of Unitree's checksum."""

import time
from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import ArrayLike

from ts_locomotion import robot, rotation, unitree
from ts_locomotion.errors import InvalidFrame, InvalidInput
from ts_locomotion.frame_layout import FrameLayout
from ts_locomotion.unitree import HEAD, LOW_CMD, LOW_LEVEL, LOW_STATE, LowCmd, LowState

BODY = 4
STOPPED = (unitree.POSITION_STOP, unitree.VELOCITY_STOP, 0.0, 0.0, 0.0)
DAMPED = (0.0, 0.0, 0.0, 0.0, 3.0)
STAND = [(q, 0.0, 0.0, 60.0, 5.0) for q in (0.0, 0.67, -1.3)] * 4
LOW = {"head": HEAD, "level_flag": LOW_LEVEL}
ALL_MODES = {**LOW, "motor.mode": 1}
T5 = {
    "head": HEAD,
    "level_flag": 0xFF,
    "frame_reserve": 0x11,
    "sn": (0x01020304, 0x05060708),
    "version": (0x11121314, 0x15161718),
    "bandwidth": 0x2122,
    "motor.mode": np.arange(20)[:, None],
    "motor.servo": [(0.125 * i, 0.25 * i, 0.5 * i - 1, 2 * i, 0.0625 * i) for i in range(20)],
    "motor.reserve": [(i, 100 + i, 200 + i) for i in range(20)],
    "bms.off": 0xA5,
    "bms.reserve": (1, 2, 3),
    "wireless_remote": np.arange(40),
    "led": 0x80 + np.arange(12),
    "fan": (0x31, 0x32),
    "gpio": 0x33,
    "reserve": 0x41424344,
}
LOW_CMD_VECTORS = {
    "T0": ({}, 0x4B5A4880),
    "T1": ({"head": HEAD}, 0x85EDEAAF),
    "T1b": (LOW, 0x322AC991),
    "T2": ({**ALL_MODES, "motor.servo": STOPPED}, 0x06E577CD),
    "T3": ({**LOW, "motor.mode": [[1]] * 12, "motor.servo": [DAMPED] * 12}, 0x6AF70837),
    "T3b": ({**ALL_MODES, "motor.servo": [DAMPED] * 12 + [STOPPED] * 8}, 0x5F921E08),
    "T4": ({**ALL_MODES, "motor.servo": STAND + [STOPPED] * 8}, 0x8FE6977E),
    "T5": (T5, 0xBA8C209D),
}
L1 = {
    "imu.quaternion": (1, 0, 0, 0),
    "imu.accelerometer": (0, 0, 9.81),
    "imu.temperature": 25,
    "motor.mode": 1,
    "motor.temperature": 30,
    "bms.soc": 100,
    "tick": 1000,
    "power_v": 28.8,
}


def a_command(seed: int = 0) -> LowCmd:
    values = np.random.default_rng(seed).normal(size=(5, 12)).astype(np.float32)
    return LowCmd(*values, reserve=1234, sn=(1220, 0))


def a_state() -> LowState:
    random = np.random.default_rng(1)
    return LowState(
        tick=123456,
        orientation=np.float32([0.9, 0.1, -0.3, 0.3]),
        angular_velocity=random.normal(size=3).astype(np.float32),
        linear_acceleration=random.normal(size=3).astype(np.float32),
        joint_positions=random.normal(size=12).astype(np.float32),
        joint_velocities=random.normal(size=12).astype(np.float32),
        joint_torques=random.normal(size=12).astype(np.float32),
        foot_forces=np.int16([-5, 20, 300, 4000]),
        joint_temperatures=np.int8([-3, *range(40, 51)]),
        battery_charge=71,
        battery_voltage=27.5,
    )


def pack(layout: FrameLayout, values: Mapping[str, ArrayLike]) -> bytes:
    """A sealed frame of the named members; the others are zero."""
    frame = layout.blank()
    for name, value in values.items():
        layout.write(frame, name, value)
    return layout.seal(frame)


def crc_of(frame: bytes) -> int:
    return int.from_bytes(frame[-4:], "little")


def assert_same(given, expected) -> None:
    for name, value in expected._asdict().items():
        np.testing.assert_array_equal(getattr(given, name), value, err_msg=name)


@pytest.mark.parametrize("name", LOW_CMD_VECTORS)
def test_low_cmd_checksum_equals_the_published_vector(name):
    values, expected = LOW_CMD_VECTORS[name]
    assert crc_of(pack(LOW_CMD, values)) == expected


@pytest.mark.parametrize(("values", "expected"), [({}, 0x85F11EA6), (L1, 0x09934ECD)])
def test_low_state_checksum_equals_the_published_vector(values, expected):
    assert crc_of(pack(LOW_STATE, values)) == expected


def test_frames_have_the_size_of_the_serialized_messages():
    assert len(unitree.encode_low_cmd(LowCmd())) == 812
    assert len(unitree.encode_low_state(a_state())) == 1180


def test_low_cmd_members_lie_at_the_offsets_of_plain_cdr():
    frame = pack(LOW_CMD, T5)
    assert frame[:BODY] == bytes((0, 1, 0, 0))
    assert frame[BODY + 56 : BODY + 57] == b"\x01"  # mode of motor 1, right behind motor 0
    assert frame[BODY + 24 + 36 * 2 : BODY + 28 + 36 * 2] == np.float32(0.25).tobytes()
    offsets = {740: 0xA5, 744 + 7: 7, 784: 0x80, 796: 0x31, 798: 0x33, 800: 0x44}
    assert {offset: frame[BODY + offset] for offset in offsets} == offsets


def test_the_mode_of_the_first_motor_follows_the_bandwidth_without_padding():
    frame = pack(LOW_CMD, {"motor.mode": [[7]]})
    assert [i - BODY for i, byte in enumerate(frame[:-4]) if byte][1:] == [22]


def test_the_standing_command_encodes_to_vector_t4():
    command = LowCmd(*np.array(STAND).T, sn=(0, 0))
    assert crc_of(unitree.encode_low_cmd(command)) == 0x8FE6977E


def test_the_damping_command_encodes_to_vector_t3b():
    command = unitree.damping_command()._replace(sn=(0, 0))
    assert crc_of(unitree.encode_low_cmd(command)) == 0x5F921E08


def test_a_command_with_both_loops_switched_off_encodes_to_vector_t2():
    stopped = LowCmd(*np.array([STOPPED] * 12).T, sn=(0, 0))
    assert crc_of(unitree.encode_low_cmd(stopped)) == 0x06E577CD


def test_a_decoded_command_equals_the_encoded_one():
    assert_same(unitree.decode_low_cmd(unitree.encode_low_cmd(a_command())), a_command())


def test_a_decoded_state_equals_the_encoded_one():
    assert_same(unitree.decode_low_state(unitree.encode_low_state(a_state())), a_state())


def test_the_state_carries_roll_pitch_and_yaw_of_its_orientation():
    frame = LOW_STATE.open(unitree.encode_low_state(a_state()))
    expected = rotation.roll_pitch_yaw(a_state().orientation)
    np.testing.assert_allclose(LOW_STATE.view(frame, "imu.rpy")[0], expected, atol=1e-6)


def test_every_flipped_bit_of_a_command_is_refused_or_padding():
    frame = unitree.encode_low_cmd(a_command())
    accepted = [bit for bit in range(8 * len(frame)) if not refused(frame, bit)]
    padding = {BODY + offset for offset in (23, 799)} | {2, 3}
    padding |= {BODY + 56 + 36 * motor + byte for motor in range(19) for byte in (1, 2, 3)}
    assert {bit // 8 for bit in accepted} == padding


def refused(frame: bytes, bit: int) -> bool:
    flipped = bytearray(frame)
    flipped[bit // 8] ^= 1 << bit % 8
    try:
        unitree.decode_low_cmd(bytes(flipped))
    except InvalidFrame:
        return True
    return False


@pytest.mark.parametrize("offset", [4, 24, 81, 100, 1000, 1174, 1176])
def test_a_flipped_bit_of_a_state_is_refused(offset):
    frame = bytearray(unitree.encode_low_state(a_state()))
    frame[offset] ^= 0x10
    with pytest.raises(InvalidFrame, match=r"checksum is 0x.*, expected 0x"):
        unitree.decode_low_state(bytes(frame))


def test_padding_that_a_sender_left_dirty_does_not_change_the_checksum():
    frame = np.frombuffer(bytearray(pack(LOW_STATE, L1)), np.uint8)
    clean = LOW_STATE.checksum(frame)
    frame[BODY + 78 : BODY + 80] = 0xAB
    frame[BODY + 109 : BODY + 112] = 0xCD
    assert LOW_STATE.checksum(frame) == clean


@pytest.mark.parametrize("length", [0, 3, 811, 813, 1180])
def test_a_command_of_another_length_is_refused(length):
    frame = unitree.encode_low_cmd(LowCmd()).ljust(length, b"\0")[:length]
    with pytest.raises(InvalidFrame, match=f"{length} bytes, expected 812"):
        unitree.decode_low_cmd(frame)


def test_a_big_endian_frame_is_refused():
    frame = b"\x00\x00" + unitree.encode_low_cmd(LowCmd())[2:]
    with pytest.raises(InvalidFrame, match="encapsulation is 0000, expected 0001"):
        unitree.decode_low_cmd(frame)


def test_a_command_without_the_head_is_refused():
    with pytest.raises(InvalidFrame, match="head is 0000, expected feef"):
        unitree.decode_low_cmd(pack(LOW_CMD, {}))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_command_that_is_not_finite_is_neither_sent_nor_accepted(value):
    servo = np.zeros((12, 5))
    servo[7, 3] = value
    with pytest.raises(InvalidInput, match="not finite"):
        unitree.encode_low_cmd(LowCmd(*servo.T))
    with pytest.raises(InvalidFrame, match="not finite"):
        unitree.decode_low_cmd(pack(LOW_CMD, {**LOW, "motor.servo": servo}))


def test_decoded_arrays_cannot_be_written():
    command = unitree.decode_low_cmd(unitree.encode_low_cmd(a_command()))
    with pytest.raises(ValueError, match="read-only"):
        command.q[0] = 1.0


def test_the_battery_stays_on():
    frame = LOW_CMD.open(unitree.encode_low_cmd(a_command()))
    assert LOW_CMD.view(frame, "bms.off")[0, 0] == 0


def test_the_tick_wraps_like_the_counter_of_the_robot():
    state = a_state()._replace(tick=2**32 + 5)
    assert unitree.decode_low_state(unitree.encode_low_state(state)).tick == 5


def test_motors_add_position_loop_velocity_loop_and_torque():
    torques = unitree.motor_torques(
        LowCmd(*np.outer([0.5, 2.0, 1.0, 20.0, 0.5], np.ones(12))), np.full(12, 0.4), np.ones(12)
    )
    np.testing.assert_allclose(torques, 1.0 + 20.0 * 0.1 + 0.5 * 1.0)


def test_stop_values_switch_off_their_loop_only():
    stopped = {"q": np.full(12, np.float32(unitree.POSITION_STOP))}
    command = LowCmd(kp=np.full(12, 20.0), kd=np.full(12, 0.5), **stopped)
    speed = np.full(12, 2.0)
    np.testing.assert_allclose(unitree.motor_torques(command, np.zeros(12), speed), -1.0)
    free = command._replace(dq=np.full(12, np.float32(unitree.VELOCITY_STOP)))
    np.testing.assert_array_equal(unitree.motor_torques(free, np.zeros(12), speed), 0.0)


def test_motors_that_are_not_in_servo_mode_give_no_torque():
    command = LowCmd(tau=np.ones(12), mode=np.array([1, 0, 10] * 4))
    torques = unitree.motor_torques(command, robot.STAND_POSE, np.zeros(12))
    np.testing.assert_array_equal(torques, [1.0, 0.0, 0.0] * 4)


def test_encoding_reports_its_cost(record_property):
    command, rounds = a_command(), 2000
    begin = time.process_time()
    for _ in range(rounds):
        frame = unitree.encode_low_cmd(command)
    cost = (time.process_time() - begin) / rounds * 1e6
    record_property("encode_low_cmd_us", cost)
    print(f"encode and checksum: {cost:.1f} us of CPU per frame")
    assert len(frame) == 812
