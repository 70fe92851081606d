"""The Go2's low level: LowCmd and LowState frames, and the law its motors follow.

Constants after unitree_sdk2 (21d0a3b), https://github.com/unitreerobotics/unitree_sdk2.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ts_locomotion import rotation
from ts_locomotion.errors import InvalidFrame, InvalidInput
from ts_locomotion.frame_layout import Field, FrameLayout, Group
from ts_locomotion.observation import Proprioception
from ts_locomotion.robot import Array

JOINT_COUNT = 12
STATE_PERIOD_MS = 2
NANOSECONDS_PER_TICK = 1_000_000
"""Of LowState.tick."""
TICK_RANGE = 2**32
"""LowState.tick begins again at 0 after as many."""
HEAD = (0xFE, 0xEF)
LOW_LEVEL = 0xFF
SERVO = 0x01
POSITION_STOP = 2.146e9
"""Target position that switches the position loop off (Unitree's PosStopF)."""
VELOCITY_STOP = 16000.0
"""Target velocity that switches the velocity loop off (Unitree's VelStopF)."""
NO_TICK = 0xFFFFFFFF
"""In LowCmd.sn[0]: no joint targets stand behind this command."""

_HEADER = Group(
    "",
    (
        Field("head", length=2),
        Field("level_flag"),
        Field("frame_reserve"),
        Field("sn", "<u4", 2),
        Field("version", "<u4", 2),
        Field("bandwidth", "<u2"),
    ),
)

LOW_CMD = FrameLayout(
    (
        _HEADER,
        Group(
            "motor.",
            (
                Field("mode"),
                Field("servo", "<f4", 5),  # q, dq, tau, kp, kd
                Field("reserve", "<u4", 3),
            ),
            repeats=20,
        ),
        Group("bms.", (Field("off"), Field("reserve", length=3))),
        Group(
            "",
            (
                Field("wireless_remote", length=40),
                Field("led", length=12),
                Field("fan", length=2),
                Field("gpio"),
                Field("reserve", "<u4"),
                Field("crc", "<u4"),
            ),
        ),
    )
)

LOW_STATE = FrameLayout(
    (
        _HEADER,
        Group(
            "imu.",
            (
                Field("quaternion", "<f4", 4),
                Field("gyroscope", "<f4", 3),
                Field("accelerometer", "<f4", 3),
                Field("rpy", "<f4", 3),
                Field("temperature", "i1"),
            ),
        ),
        Group(
            "motor.",
            (
                Field("mode"),
                Field("sensed", "<f4", 7),  # q, dq, ddq, tau_est, q_raw, dq_raw, ddq_raw
                Field("temperature", "i1"),
                Field("lost", "<u4"),
                Field("reserve", "<u4", 2),
            ),
            repeats=20,
        ),
        Group(
            "bms.",
            (
                Field("version", length=2),
                Field("status"),
                Field("soc"),
                Field("current", "<i4"),
                Field("cycle", "<u2"),
                Field("ntc", "i1", 4),
                Field("cell_vol", "<u2", 15),
            ),
        ),
        Group(
            "",
            (
                Field("foot_force", "<i2", 4),
                Field("foot_force_est", "<i2", 4),
                Field("tick", "<u4"),
                Field("wireless_remote", length=40),
                Field("bit_flag"),
                Field("adc_reel", "<f4"),
                Field("temperature_ntc", "i1", 2),
                Field("power_v", "<f4"),
                Field("power_a", "<f4"),
                Field("fan_frequency", "<u2", 4),
                Field("reserve", "<u4"),
                Field("crc", "<u4"),
            ),
        ),
    )
)


def _constant(size: int, value: float, dtype: type[np.generic]) -> NDArray:
    array = np.full(size, value, dtype)
    array.flags.writeable = False
    return array


_ZEROS = _constant(JOINT_COUNT, 0.0, np.float32)


class LowCmd(NamedTuple):
    """What the motors are told, per joint in the package's order; see `motor_torques`."""

    q: Array = _ZEROS  # (J,) [rad]
    dq: Array = _ZEROS  # (J,) [rad/s]
    tau: Array = _ZEROS  # (J,) [N m]
    kp: Array = _ZEROS  # (J,) [N m/rad]
    kd: Array = _ZEROS  # (J,) [N m s/rad]
    mode: NDArray[np.integer] = _constant(JOINT_COUNT, SERVO, np.uint8)  # (J,)
    reserve: int = 0
    sn: tuple[int, int] = (NO_TICK, 0)
    level_flag: int = LOW_LEVEL


class LowState(NamedTuple):
    """What the robot feels, per joint and foot in the package's order."""

    tick: int  # [ms]
    orientation: Array  # (4,) base to world, w x y z
    angular_velocity: Array  # (3,) in base [rad/s]
    linear_acceleration: Array  # (3,) specific force in base [m/s^2]
    joint_positions: Array  # (J,) [rad]
    joint_velocities: Array  # (J,) [rad/s]
    joint_torques: Array  # (J,) [N m]
    foot_forces: NDArray = _constant(4, 0, np.int16)  # (F,) raw sensor units
    joint_temperatures: NDArray = _constant(JOINT_COUNT, 30, np.int8)  # (J,) [deg C]
    battery_charge: int = 100  # [%]
    battery_voltage: float = 28.8  # [V]

    @property
    def sensed(self) -> Proprioception:
        """The part that a policy is told."""
        return Proprioception(
            self.orientation, self.angular_velocity, self.joint_positions, self.joint_velocities
        )


def damping_command(kd: float = 3.0) -> LowCmd:
    """Joints that resist motion [N m s/rad] and hold no position."""
    return LowCmd(kd=_constant(JOINT_COUNT, kd, np.float32))


def _initial_frame() -> NDArray[np.uint8]:
    frame = LOW_CMD.blank()
    LOW_CMD.write(frame, "head", HEAD)
    LOW_CMD.write(frame, "motor.mode", SERVO)
    LOW_CMD.write(frame, "motor.servo", (POSITION_STOP, VELOCITY_STOP, 0.0, 0.0, 0.0))
    return frame


_INITIAL_FRAME = _initial_frame()


def encode_low_cmd(command: LowCmd) -> bytes:
    """The sealed frame of a command, 812 bytes; the 8 motors a Go2 lacks are left at stop.

    Raises InvalidInput when a number is not finite.
    """
    servo = np.array(command[:5], np.float32)  # (5, J)
    if not np.isfinite(servo).all():
        raise InvalidInput("low-level command has values that are not finite")
    frame = _INITIAL_FRAME.copy()
    LOW_CMD.write(frame, "level_flag", command.level_flag)
    LOW_CMD.write(frame, "sn", command.sn)
    LOW_CMD.write(frame, "motor.mode", np.asarray(command.mode)[:, None])
    LOW_CMD.write(frame, "motor.servo", servo.T)
    LOW_CMD.write(frame, "reserve", command.reserve)
    return LOW_CMD.seal(frame)


def decode_low_cmd(data: bytes) -> LowCmd:
    """The command in a frame, as read-only views on it.

    Raises InvalidFrame on a wrong size, encapsulation, head or checksum, or a number not finite.
    """
    frame = LOW_CMD.open(data)
    head = LOW_CMD.view(frame, "head")[0]
    if tuple(head) != HEAD:
        raise InvalidFrame(f"head is {bytes(head).hex()}, expected {bytes(HEAD).hex()}")
    servo = LOW_CMD.view(frame, "motor.servo")[:JOINT_COUNT]
    if not np.isfinite(servo).all():
        raise InvalidFrame("motor commands are not finite")
    first, second = LOW_CMD.view(frame, "sn")[0]
    return LowCmd(
        *servo.T,
        mode=LOW_CMD.view(frame, "motor.mode")[:JOINT_COUNT, 0],
        reserve=int(LOW_CMD.view(frame, "reserve")[0, 0]),
        sn=(int(first), int(second)),
        level_flag=int(LOW_CMD.view(frame, "level_flag")[0, 0]),
    )


def encode_low_state(state: LowState) -> bytes:
    """The sealed frame of a robot state, 1180 bytes."""
    sensed = np.zeros((JOINT_COUNT, 7), np.float32)
    sensed[:, 0] = sensed[:, 4] = state.joint_positions
    sensed[:, 1] = sensed[:, 5] = state.joint_velocities
    sensed[:, 3] = state.joint_torques
    frame = LOW_STATE.blank()
    LOW_STATE.write(frame, "head", HEAD)
    LOW_STATE.write(frame, "level_flag", LOW_LEVEL)
    LOW_STATE.write(frame, "imu.quaternion", state.orientation)
    LOW_STATE.write(frame, "imu.gyroscope", state.angular_velocity)
    LOW_STATE.write(frame, "imu.accelerometer", state.linear_acceleration)
    LOW_STATE.write(frame, "imu.rpy", rotation.roll_pitch_yaw(state.orientation))
    LOW_STATE.write(frame, "motor.mode", np.full((JOINT_COUNT, 1), SERVO))
    LOW_STATE.write(frame, "motor.sensed", sensed)
    LOW_STATE.write(frame, "motor.temperature", state.joint_temperatures[:, None])
    LOW_STATE.write(frame, "bms.soc", state.battery_charge)
    LOW_STATE.write(frame, "foot_force", np.clip(state.foot_forces, -(2**15), 2**15 - 1))
    LOW_STATE.write(frame, "tick", state.tick % TICK_RANGE)
    LOW_STATE.write(frame, "power_v", state.battery_voltage)
    return LOW_STATE.seal(frame)


def decode_low_state(data: bytes) -> LowState:
    """The robot state in a frame, as read-only views on it.

    Raises InvalidFrame on a wrong size, encapsulation or checksum.
    """
    frame = LOW_STATE.open(data)
    sensed = LOW_STATE.view(frame, "motor.sensed")[:JOINT_COUNT]
    return LowState(
        tick=int(LOW_STATE.view(frame, "tick")[0, 0]),
        orientation=LOW_STATE.view(frame, "imu.quaternion")[0],
        angular_velocity=LOW_STATE.view(frame, "imu.gyroscope")[0],
        linear_acceleration=LOW_STATE.view(frame, "imu.accelerometer")[0],
        joint_positions=sensed[:, 0],
        joint_velocities=sensed[:, 1],
        joint_torques=sensed[:, 3],
        foot_forces=LOW_STATE.view(frame, "foot_force")[0],
        joint_temperatures=LOW_STATE.view(frame, "motor.temperature")[:JOINT_COUNT, 0],
        battery_charge=int(LOW_STATE.view(frame, "bms.soc")[0, 0]),
        battery_voltage=float(LOW_STATE.view(frame, "power_v")[0, 0]),
    )


def tick_step(before: int, after: int) -> int:
    """How far LowState.tick went on; negative when it went back by less than half its range."""
    half = TICK_RANGE // 2
    return (after - before + half) % TICK_RANGE - half


def motor_torques(command: LowCmd, joint_positions: Array, joint_velocities: Array) -> Array:
    """Torque the motors are asked for [N m], before their limits. Shape (J,).

    tau + kp (q - position) + kd (dq - velocity). A stop value switches its loop off, and a motor
    that is not in servo mode gives none.
    """
    position_loop = np.where(
        command.q == np.float32(POSITION_STOP), 0.0, command.kp * (command.q - joint_positions)
    )
    velocity_loop = np.where(
        command.dq == np.float32(VELOCITY_STOP), 0.0, command.kd * (command.dq - joint_velocities)
    )
    return np.where(command.mode == SERVO, command.tau + position_loop + velocity_loop, 0.0)
