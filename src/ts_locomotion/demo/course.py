"""What the demonstration asks of the robot, and the driver that keeps it on its lane.

The driver does what a person with a joystick does: it watches where the robot is and steers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import numpy as np

from ts_locomotion import rotation, safety
from ts_locomotion.modes import Mode
from ts_locomotion.robot import Array

STEP = 0.1
"""The driver decides this often [s of the robot's time]."""
MODE_TIMEOUT = 20.0
"""A mode that is not reached by then never will be [s]."""
ASK_AGAIN = 1.0
"""A mode that was refused, or got lost, is asked for again after this time [s]."""
SETTLE = 3.0
"""Standing before the first step: the simulator's gantry lowers the robot meanwhile [s]."""
COURSE_ENDS = {"course": 14.5, "obstacle_course": 16.8}
"""Where the last flat stretch of a course has been reached, whatever the seed [m]."""


class Leg(NamedTuple):
    """One part of the course: a mode to be in, or a velocity to walk with."""

    name: str
    mode: Mode
    command: tuple[float, float, float] = (0.0, 0.0, 0.0)  # v_x, v_y [m/s], w_z [rad/s]
    duration: float = 0.0  # once the mode is reached [s]
    until_x: float = float("inf")  # over when this is reached, too [m]
    steered: bool = False  # along the x axis of the world


SPEED = 0.5
"""Along a course [m/s]."""
WARM_UP = (
    Leg("forward", Mode.WALK, (SPEED, 0.0, 0.0), 2.0, steered=True),
    Leg("left", Mode.WALK, (0.0, 0.3, 0.0), 1.5),
    Leg("right", Mode.WALK, (0.0, -0.3, 0.0), 1.5),
    Leg("turn left", Mode.WALK, (0.0, 0.0, 0.8), 1.5),
    Leg("turn right", Mode.WALK, (0.0, 0.0, -0.8), 1.5),
)
HALT = Leg("halt", Mode.WALK, duration=1.0)
AROUND = sum(leg.duration for leg in (*WARM_UP, HALT))
"""Walking before and after a course is crossed [s]."""


class Sight(NamedTuple):
    """What the driver sees of the robot."""

    time: float  # [s]
    position: Array  # (3,) in world [m]
    orientation: Array  # (4,) base to world
    mode: Mode
    settled: bool
    fault: bool


class Order(NamedTuple):
    """What the driver wants now: a mode, when it has to be asked for, and a velocity."""

    mode: Mode | None
    command: tuple[float, float, float]
    leg: int


class Outcome(Enum):
    """How the course stands."""

    RUNNING = "running"
    FINISHED = "finished"
    FELL = "the robot fell"
    FAULT = "the robot went into damping"
    STUCK = "a mode was not reached in time"


@dataclass(frozen=True)
class Steering:
    """Gains of the correction towards the lane's middle line, and its bounds."""

    heading: float = 1.2  # [rad/s per rad]
    lateral: float = 0.8  # [rad/s per m], at most half a radian of heading
    sideways: float = 0.5  # [m/s per m]
    turn_limit: float = 0.6  # [rad/s]
    sideways_limit: float = 0.15  # [m/s]


def legs(terrain: str, duration: float) -> tuple[Leg, ...]:
    """The course on a terrain, with at most `duration` seconds of walking."""
    rest = max(0.0, duration - AROUND)
    end = COURSE_ENDS.get(terrain, float("inf"))
    name = f"cross {terrain.replace('_', ' ')}"
    cross = Leg(name, Mode.WALK, (SPEED, 0.0, 0.0), rest, end, steered=True)
    return (
        Leg("stand up", Mode.STAND, duration=SETTLE),
        *_within(duration, (*WARM_UP, cross, HALT)),
        Leg("stand", Mode.STAND),
        Leg("sit down", Mode.SIT),
    )


def crossing_time(terrain: str) -> float:
    """Walking that takes a robot as fast as commanded across a course [s]; infinite elsewhere."""
    return AROUND + COURSE_ENDS.get(terrain, float("inf")) / SPEED


def _within(duration: float, walking: Sequence[Leg]) -> list[Leg]:
    kept = []
    for leg in walking:
        share = min(leg.duration, duration)
        if share > 0.0:
            kept.append(leg._replace(duration=share))
        duration -= share
    return kept


def steer(
    command: tuple[float, float, float], sight: Sight, steering: Steering
) -> tuple[float, float, float]:
    """The command, corrected towards heading and position of the lane's middle line (y = 0)."""
    v_x, _, _ = command
    y = float(sight.position[1])
    heading = -float(np.clip(steering.lateral * y, -0.5, 0.5))
    error = heading - float(rotation.yaw(sight.orientation))
    turn = float(np.clip(steering.heading * error, -steering.turn_limit, steering.turn_limit))
    limit = steering.sideways_limit
    return v_x, float(np.clip(-steering.sideways * y, -limit, limit)), turn


class Driver:
    """Goes through the legs; `decide` is called every STEP seconds of the robot's time."""

    def __init__(self, course: Sequence[Leg], steering: Steering | None = None) -> None:
        self.course = tuple(course)
        self.outcome = Outcome.RUNNING
        self._steering = steering or Steering()
        self._begin(0, None)

    def decide(self, sight: Sight) -> Order:
        """The next order; sets `outcome` once the course is over, one way or the other."""
        if self._begun is None:
            self._begun = sight.time
        if self._reached is None and _is_reached(self.course[self._index], sight):
            self._reached = sight.time
        self.outcome = self._judge(sight)
        if self.outcome is Outcome.RUNNING and self._is_over(sight):
            if self._index + 1 == len(self.course):
                self.outcome = Outcome.FINISHED
            else:
                self._begin(self._index + 1, sight.time)
        if self.outcome is not Outcome.RUNNING:
            return Order(None, (0.0, 0.0, 0.0), self._index)
        return Order(self._mode_to_ask(sight), self._command(sight), self._index)

    def _begin(self, index: int, time: float | None) -> None:
        self._index = index
        self._begun = time
        self._reached: float | None = None
        self._asked = float("-inf")

    def _command(self, sight: Sight) -> tuple[float, float, float]:
        leg = self.course[self._index]
        if sight.mode != Mode.WALK:
            return 0.0, 0.0, 0.0
        return steer(leg.command, sight, self._steering) if leg.steered else leg.command

    def _mode_to_ask(self, sight: Sight) -> Mode | None:
        mode = self.course[self._index].mode
        if sight.mode == mode or sight.time - self._asked < ASK_AGAIN:
            return None
        self._asked = sight.time
        return mode

    def _is_over(self, sight: Sight) -> bool:
        leg = self.course[self._index]
        if self._reached is None:
            return False
        # The clock of the robot counts milliseconds: a duration is over up to half of one early.
        walked = sight.time - self._reached
        return walked > leg.duration - 5e-4 or bool(sight.position[0] >= leg.until_x)

    def _judge(self, sight: Sight) -> Outcome:
        if rotation.tilt(sight.orientation) > safety.FALLEN_TILT:
            return Outcome.FELL
        if sight.fault:
            return Outcome.FAULT
        waited = 0.0 if self._begun is None else sight.time - self._begun
        stuck = self._reached is None and waited > MODE_TIMEOUT
        return Outcome.STUCK if stuck else Outcome.RUNNING


def _is_reached(leg: Leg, sight: Sight) -> bool:
    return sight.mode == leg.mode and (leg.mode == Mode.WALK or sight.settled)
