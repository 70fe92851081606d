"""MuJoCo's own viewer, where there is a display."""

import os

from rclpy.impl.rcutils_logger import RcutilsLogger

from ts_locomotion.simulation.robot_simulator import RobotSimulator

PERIOD = 1 / 30


class Viewer:
    """A window that follows the simulation; without a display there is one warning and none."""

    def __init__(self, robot: RobotSimulator, logger: RcutilsLogger) -> None:
        self._due = 0.0
        self._window = None
        if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            logger.warning("no display (DISPLAY is not set): going on without the viewer")
            return
        try:
            import mujoco.viewer  # only here: it needs a display

            self._window = mujoco.viewer.launch_passive(robot.model, robot.data)
        except Exception as problem:
            logger.warning(f"the viewer does not open ({problem}): going on without it")

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
