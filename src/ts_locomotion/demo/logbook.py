"""Collects what a run tells, each thing by the robot's time, and joins it into a recording."""

from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ts_locomotion import perception
from ts_locomotion.demo.recording import Recording
from ts_locomotion.modes import Mode
from ts_locomotion.robot import FEET, JOINTS, Array
from ts_locomotion.ticks import tick_of

T = TypeVar("T")


class Motion(NamedTuple):
    """Where the base is and how it moves."""

    position: Array  # (3,) in world [m]
    orientation: Array  # (4,) base to world
    velocity: Array  # (3,) v_x, v_y [m/s] and w_z [rad/s] in base


class Look(NamedTuple):
    """What the map said of the ground around the feet."""

    heights: Array  # (F, P) ground minus foot height [m]
    valid: NDArray[np.bool_]  # (F, P)
    map_age: float  # [s]


class Belief(NamedTuple):
    """What the robot made of it; NaN where the bundle tells nothing."""

    heights: Array  # (F, P) ground minus foot height [m]
    gate: Array  # (F,)


class Boxes(NamedTuple):
    """The ground as far as it is known: M boxes."""

    centres: Array  # (M, 3) [m]
    half_sizes: Array  # (M, 3) [m]
    quaternions: Array  # (M, 4)


SCAN = (len(FEET), sum(perception.SCAN_POINTS))
NO_LOOK = Look(np.zeros(SCAN), np.zeros(SCAN, bool), float("inf"))
NO_BELIEF = Belief(np.full(SCAN, np.nan), np.full(SCAN[0], np.nan))
NO_BOXES = Boxes(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 4)))


class Logbook:
    """Entries may come in any order: the recording depends on their stamps [ns] alone."""

    def __init__(self, leg_names: tuple[str, ...]) -> None:
        self.leg_names = leg_names
        self.boxes = NO_BOXES
        self.complaints: dict[str, None] = {}
        self.diagnostics: dict[str, dict[str, str]] = {}
        self._motions: dict[int, Motion] = {}
        self._joints: dict[int, Array] = {}
        self._modes: dict[int, int] = {}
        self._orders: dict[int, tuple[tuple[float, float, float], int]] = {}
        self._looks: dict[int, Look] = {}
        self._beliefs: dict[int, Belief] = {}

    def moved(self, stamp: int, motion: Motion) -> None:
        """The base was seen."""
        self._motions[stamp] = motion

    def bent(self, stamp: int, joint_positions: Array) -> None:
        """The joints (J,) were seen [rad]."""
        self._joints[stamp] = joint_positions

    def entered(self, stamp: int, mode: int) -> None:
        """The robot told its mode."""
        self._modes[stamp] = mode

    def ordered(self, stamp: int, command: tuple[float, float, float], leg: int) -> None:
        """From now on this velocity is asked for, in this leg of the course."""
        self._orders[stamp] = command, leg

    def looked(self, stamp: int, look: Look) -> None:
        """The ground around the feet was measured."""
        self._looks[tick_of(stamp)] = look

    def believed(self, stamp: int, belief: Belief) -> None:
        """The ground around the feet was reconstructed."""
        self._beliefs[tick_of(stamp)] = belief

    def recording(self, outcome: str) -> Recording:
        """Everything from the first order on; nothing without one."""
        first = min(self._orders, default=float("inf"))
        stamps = np.array(sorted(stamp for stamp in self._motions if stamp >= first), dtype=int)
        motions = [self._motions[int(stamp)] for stamp in stamps]
        joints = _at(stamps, self._joints, np.zeros(len(JOINTS)))
        orders = _at(stamps, self._orders, ((0.0, 0.0, 0.0), 0))
        return Recording(
            time=stamps * 1e-9,
            position=np.array([m.position for m in motions]).reshape(-1, 3),
            orientation=np.array([m.orientation for m in motions]).reshape(-1, 4),
            velocity=np.array([m.velocity for m in motions]).reshape(-1, 3),
            command=np.array([command for command, _ in orders]).reshape(-1, 3),
            joint_positions=np.array(joints).reshape(-1, len(JOINTS)),
            mode=np.array(_at(stamps, self._modes, int(Mode.DAMP)), dtype=int),
            leg=np.array([leg for _, leg in orders], dtype=int),
            leg_names=self.leg_names,
            **self._sights(stamps),
            box_centres=self.boxes.centres,
            box_half_sizes=self.boxes.half_sizes,
            box_quaternions=self.boxes.quaternions,
            outcome=outcome,
            complaints=tuple(self.complaints),
            diagnostics=self.diagnostics,
        )

    def _sights(self, stamps: Array) -> dict[str, NDArray[Any]]:
        """What was seen and believed in the control tick of each stamp, and in no other.

        Half precision keeps a tenth of a percent, and the file small.
        """
        wanted = [tick_of(int(stamp)) for stamp in stamps] if self._looks else []
        looks = [self._looks.get(tick, NO_LOOK) for tick in wanted]
        beliefs = [self._beliefs.get(tick, NO_BELIEF) for tick in wanted]
        return {
            "measured": np.array([look.heights for look in looks], np.float16).reshape(-1, *SCAN),
            "valid": np.array([look.valid for look in looks], bool).reshape(-1, *SCAN),
            "believed": np.array([b.heights for b in beliefs], np.float16).reshape(-1, *SCAN),
            "gate": np.array([b.gate for b in beliefs], np.float16).reshape(-1, SCAN[0]),
            "map_age": np.array([look.map_age for look in looks], np.float32),
        }


def _at(stamps: Array, entries: dict[int, T], before: T) -> list[T]:
    """The newest entry at each stamp; `before` where there is none yet."""
    known = np.array(sorted(entries), dtype=int)
    indices = np.searchsorted(known, stamps, side="right") - 1
    return [before if index < 0 else entries[int(known[index])] for index in indices]
