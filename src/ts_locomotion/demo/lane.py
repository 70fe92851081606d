"""What an evaluation asks of the robot: to walk straight along one terrain."""

from ts_locomotion.demo.course import SETTLE, Leg, Steering
from ts_locomotion.modes import Mode

SPEED = 0.6
"""Of every terrain of an evaluation [m/s]."""
STEERING = Steering(heading=1.0, lateral=0.0, sideways=0.0, turn_limit=0.5)
"""Holds the heading as commands.hold_heading does, and nothing else."""


def legs(duration: float) -> tuple[Leg, ...]:
    """Stand up, then walk for so long [s]."""
    return (
        Leg("stand up", Mode.STAND, duration=SETTLE),
        Leg("walk", Mode.WALK, (SPEED, 0.0, 0.0), duration, steered=True),
    )
