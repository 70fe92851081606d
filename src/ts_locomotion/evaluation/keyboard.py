"""The velocity command under the keys of MuJoCo's viewer."""

from collections.abc import Callable

import numpy as np

from ts_locomotion.command import limits_of
from ts_locomotion.contract import Contract
from ts_locomotion.evaluation.player import Command
from ts_locomotion.robot import Array

# GLFW's codes; letters and digits are taken by the viewer itself.
UP, DOWN, LEFT, RIGHT, ENTER, HOME = 265, 264, 263, 262, 257, 268
COMMA, PERIOD = 44, 46
STEPS = {
    UP: (0.1, 0.0, 0.0),
    DOWN: (-0.1, 0.0, 0.0),
    COMMA: (0.0, 0.1, 0.0),
    PERIOD: (0.0, -0.1, 0.0),
    LEFT: (0.0, 0.0, 0.2),
    RIGHT: (0.0, 0.0, -0.2),
}
"""What a press adds to v_x, v_y [m/s] and w_z [rad/s]."""
HELP = (
    "keys: up and down walk, left and right turn, comma and period go sideways, enter stands,"
    " home starts again"
)


def command_limits(contract: Contract) -> tuple[Array, Array]:
    """The slowest and the fastest command that a policy knows. Shape (3,) each."""
    limits = limits_of(contract.command_limits)
    return np.array(limits.lower), np.array(limits.upper)


class Keyboard:
    """Keeps the command within what the policy knows; called in the window's thread."""

    def __init__(
        self, command: Command, contract: Contract, say: Callable[[str], None] = print
    ) -> None:
        self._limits = command_limits(contract)
        self._say = say
        self.command = command
        self.restart = False

    def press(self, key: int) -> None:
        """A key of the viewer; most of them are none of ours."""
        if key == HOME:
            self.restart = True
        elif key == ENTER:
            self._set(np.zeros(3))
        elif key in STEPS:
            self._set(np.array(self.command) + STEPS[key])

    def _set(self, wanted: Array) -> None:
        # Steps of a tenth do not add up to zero by themselves.
        v_x, v_y, w_z = np.clip(wanted, *self._limits).round(6) + 0.0
        self.command = float(v_x), float(v_y), float(w_z)
        self._say(f"command: v_x {v_x:.1f} m/s, v_y {v_y:.1f} m/s, w_z {w_z:.1f} rad/s")
