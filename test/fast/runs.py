"""A made-up run of the demonstration: standing, then walking straight at a known speed."""

import numpy as np

from ts_locomotion import robot
from ts_locomotion.demo.recording import Recording
from ts_locomotion.modes import Mode

RATE = 50


def straight(seconds: float = 4.0, speed: float = 0.5, commanded: float = 0.6) -> Recording:
    """One second of standing, then `seconds` of walking along x; a box of 0.1 m at x in 1..2."""
    count = int((1.0 + seconds) * RATE)
    time = 3.0 + np.arange(count) / RATE
    walking = np.arange(count) >= RATE
    position = np.zeros((count, 3))
    position[:, 0] = speed / RATE * np.maximum(0, np.arange(count) - RATE)
    position[:, 2] = 0.32
    velocity, command = np.zeros((count, 3)), np.zeros((count, 3))
    velocity[walking, 0], command[walking, 0] = speed, commanded
    return Recording(
        time=time,
        position=position,
        orientation=np.tile([1.0, 0.0, 0.0, 0.0], (count, 1)),
        velocity=velocity,
        command=command,
        joint_positions=np.tile(robot.STAND_POSE, (count, 1)),
        mode=np.where(walking, int(Mode.WALK), int(Mode.STAND)),
        leg=walking.astype(int),
        leg_names=("stand up", "forward"),
        box_centres=np.array([[1.5, 0.0, 0.05]]),
        box_half_sizes=np.array([[0.5, 2.0, 0.05]]),
        box_quaternions=np.array([[1.0, 0.0, 0.0, 0.0]]),
        outcome="finished",
        complaints=(),
        diagnostics={
            "simulator": {
                "missed_ticks": "2",
                "control_ticks": "200",
                "age_ms_p50": "1.5",
                "age_ms_p99": "3.0",
                "age_ms_p999": "4.0",
                "age_ms_max": "5.5",
            }
        },
    )
