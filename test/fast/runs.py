"""Made-up runs of the demonstration: standing, then walking straight at a known speed."""

from dataclasses import replace

import numpy as np

from ts_locomotion import perception, robot
from ts_locomotion.demo import ground
from ts_locomotion.demo.logbook import SCAN
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
        measured=np.zeros((0, *SCAN)),
        valid=np.zeros((0, *SCAN), bool),
        believed=np.zeros((0, *SCAN)),
        gate=np.zeros((0, SCAN[0])),
        map_age=np.zeros(0),
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


def seeing(seconds: float = 4.0) -> Recording:
    """The same run by a robot that sees; in its last two seconds no map comes, nothing is known.

    The map lies 1 cm too high and the belief 2 cm, later 5 cm too low. The gate is .7, later .2.
    """
    run = straight(seconds)
    points = perception.scan_points(run.position, run.orientation, run.joint_positions)
    actual = ground.height(run, points.x, points.y) - points.foot_height[..., None]
    lost = run.time > run.time[-1] - 2.0
    by_point = lost[:, None, None]
    return replace(
        run,
        measured=np.where(by_point, 0.0, actual + 0.01).astype(np.float16),
        valid=np.broadcast_to(~by_point, actual.shape),
        believed=np.where(by_point, actual - 0.05, actual + 0.02).astype(np.float16),
        gate=np.repeat(np.where(lost, 0.2, 0.7)[:, None], 4, axis=1).astype(np.float16),
        map_age=np.where(lost, 1.0 + run.time - run.time[-1] + 2.0, 0.1).astype(np.float32),
    )
