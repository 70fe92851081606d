"""MuJoCo's own viewer, where there is a display."""

# mujoco ships no type stubs.
# pyright: reportAttributeAccessIssue=false

import os
from collections.abc import Callable

import mujoco

from ts_locomotion.simulation import scene
from ts_locomotion.simulation.robot_simulator import RobotSimulator

PERIOD = 1 / 30


def has_display() -> bool:
    """Whether a window can be opened at all."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


class Viewer:
    """A window that follows the robot; without a display there is one warning and none."""

    def __init__(
        self,
        robot: RobotSimulator,
        warn: Callable[[str], object],
        pressed: Callable[[int], None] | None = None,
    ) -> None:
        """`pressed` is told the GLFW code of each key, in a thread of the window's own."""
        self._due = 0.0
        self._window = None
        if not has_display():
            warn("no display (DISPLAY is not set): going on without the viewer")
            return
        try:
            from mujoco import viewer  # only here: it needs a display

            self._window = viewer.launch_passive(robot.model, robot.data, key_callback=pressed)
            self._window.cam.type = mujoco.mjtCamera.mjCAMERA_TRACKING.value
            self._window.cam.trackbodyid = robot.model.body(scene.BASE_BODY).id
        except Exception as problem:
            warn(f"the viewer does not open ({problem}): going on without it")

    @property
    def is_open(self) -> bool:
        """Whether there is a window, and nobody has closed it."""
        return self._window is not None and self._window.is_running()

    def wait(self, now: float) -> float:
        """Until the next picture is due [s]."""
        return self._due - now if self._window else PERIOD

    def refresh(self, now: float) -> None:
        """Show the present state if a picture is due."""
        if self._window is None or now < self._due:
            return
        self._due = now + PERIOD
        if self._window.is_running():
            self._window.sync()
        else:
            self._window = None

    def close(self) -> None:
        """Close the window if there is one."""
        if self._window is not None:
            self._window.close()
            self._window = None
