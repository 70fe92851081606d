"""`ts-mode`: asks the robot for a mode and waits until it is there.

Exit status 0: the robot is in that mode and settled. Otherwise one sentence says why not.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.node import Node
from rclpy.task import Future
from rclpy.utilities import remove_ros_args, try_shutdown

from ts_locomotion.errors import LocomotionError
from ts_locomotion.modes import Mode
from ts_locomotion.nodes.qos import LATCHED
from ts_locomotion_msgs.msg import Mode as ModeMessage
from ts_locomotion_msgs.srv import SetMode

ASK_AGAIN = 1.0
"""After this time without an answer [s]."""


class NotReached(LocomotionError):
    """The robot did not get into the mode."""


class ModeCommand:
    """Asks once, then watches what the robot does."""

    def __init__(self, node: Node) -> None:
        self._told = ModeMessage()
        self._client = node.create_client(SetMode, "set_mode")
        node.create_subscription(ModeMessage, "mode", self._note, LATCHED)
        self._executor = EventsExecutor()
        self._executor.add_node(node)

    def reach(self, mode: Mode, patience: float) -> None:
        """Raises NotReached with the reason when refused, or not there in `patience` seconds."""
        end = time.monotonic() + patience
        if not self._until(self._client.service_is_ready, end):
            raise NotReached("no robot answers set_mode here: is the graph up, in this namespace?")
        answer = self._ask(mode, end)
        if answer is None:
            raise NotReached("set_mode does not answer")
        if not answer.accepted:
            raise NotReached(f"{mode} refused: {answer.reason}")
        if not self._until(lambda: self._told.mode == mode and self._told.settled, end):
            raise NotReached(f"not in {mode} after {patience:g} s: {self._told.reason}")

    def _ask(self, mode: Mode, end: float) -> SetMode.Response | None:
        """A server that has not found its client yet answers nobody; to ask twice does no harm."""
        asked: list[Future] = []

        def answered() -> bool:
            return any(future.done() for future in asked)

        while not answered() and time.monotonic() < end:
            asked.append(self._client.call_async(SetMode.Request(mode=int(mode))))
            self._until(answered, min(end, time.monotonic() + ASK_AGAIN))
        return next((future.result() for future in asked if future.done()), None)

    def _note(self, message: ModeMessage) -> None:
        self._told = message

    def _until(self, condition: Callable[[], bool], end: float) -> bool:
        while not condition() and time.monotonic() < end:
            self._executor.spin_once(timeout_sec=0.1)
        return condition()


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; takes --ros-args as every node."""
    parser = argparse.ArgumentParser("ts-mode", description=__doc__)
    parser.add_argument("mode", choices=[str(mode) for mode in Mode])
    parser.add_argument("--patience", type=float, default=20.0, help="how long to wait [s]")
    given = list(sys.argv[1:] if arguments is None else arguments)
    known = parser.parse_args(remove_ros_args(["ts-mode", *given])[1:])
    rclpy.init(args=given)
    node = Node("mode_command")
    try:
        ModeCommand(node).reach(Mode[known.mode.upper()], known.patience)
    except LocomotionError as problem:
        print(f"ts-mode: {problem}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, ExternalShutdownException):
        return 130
    finally:
        node.destroy_node()
        try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
