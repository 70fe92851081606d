"""CPU time of what runs at every tick, without ROS."""

from pathlib import Path

import numpy as np

from ts_locomotion import bundle, perception, robot, unitree
from ts_locomotion.bench.figures import Figure, cpu_time
from ts_locomotion.elevation import ElevationMap
from ts_locomotion.observation import Proprioception
from ts_locomotion.pipeline import Pipeline

UPRIGHT = np.array([1.0, 0.0, 0.0, 0.0])
FRAME_GOAL, PERCEPTION_GOAL, STEP_GOAL = 50.0, 0.5, 0.15


def measure(bundle_folder: Path) -> list[Figure]:
    """Frames, one perception tick, one step of the bundle; anchors are the goals."""
    return [
        Figure("LowCmd frame, encode + CRC", 1e6 * _encode(), "us CPU", FRAME_GOAL),
        Figure("LowState frame, CRC + decode", 1e6 * _decode(), "us CPU", FRAME_GOAL),
        Figure("perception tick, 200 x 200 map", 1e3 * _perceive(), "ms CPU", PERCEPTION_GOAL),
        Figure("belief + policy step", 1e3 * _step(bundle_folder), "ms CPU", STEP_GOAL),
    ]


def _encode() -> float:
    command = unitree.damping_command()._replace(q=robot.STAND_POSE, reserve=7)
    return cpu_time(lambda: unitree.encode_low_cmd(command))


def _decode() -> float:
    frame = unitree.encode_low_state(
        unitree.LowState(
            tick=20,
            orientation=UPRIGHT,
            angular_velocity=np.zeros(3),
            linear_acceleration=np.array([0.0, 0.0, 9.81]),
            joint_positions=robot.STAND_POSE,
            joint_velocities=np.zeros(12),
            joint_torques=np.zeros(12),
        )
    )
    return cpu_time(lambda: unitree.decode_low_state(frame))


def _perceive() -> float:
    random = np.random.default_rng(0)
    layer = random.normal(0.0, 0.05, (200, 200)).astype(np.float32)
    layer[random.random((200, 200)) < 0.05] = np.nan
    terrain = ElevationMap(layer, 0.04, (0.0, 0.0), start=(120, 33))
    position = np.array([0.3, -0.2, 0.3])
    return cpu_time(
        lambda: perception.foot_scans(terrain, position, UPRIGHT, robot.STAND_POSE), repeats=100
    )


def _step(bundle_folder: Path) -> float:
    pipeline = Pipeline(bundle.load(bundle_folder))
    sensed = Proprioception(
        UPRIGHT[None], np.zeros((1, 3)), robot.STAND_POSE[None], np.zeros((1, 12))
    )
    command = np.array([[0.5, 0.0, 0.0]])
    state = pipeline.initial_state()

    def step() -> None:
        nonlocal state
        _, state = pipeline.step(state, sensed, command)

    return cpu_time(step)
