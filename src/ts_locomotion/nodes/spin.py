"""How every node is run: one EventsExecutor, timed spins, one clear sentence when it cannot."""

import gc
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import Executor, ExternalShutdownException
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.utilities import ok, try_shutdown

from ts_locomotion.errors import LocomotionError

NodeType = TypeVar("NodeType", bound=Node)


def never() -> bool:
    """Spin until the context is shut down."""
    return False


def begin() -> None:
    """Start rclpy so that an interrupt closes the context, as a shutdown does, and no more.

    Python's own answer to SIGINT, an exception, strikes in the midst of anything, such as the
    making of a message, where rclpy cannot pass it on.
    """
    signal.signal(signal.SIGINT, _nothing)
    rclpy.init()


def run(
    create: Callable[[], NodeType],
    farewell: Callable[[NodeType], None] | None = None,
    turn: Callable[[Executor, NodeType], None] | None = None,
) -> int:
    """Create a node and spin it until it is told to stop. Returns the exit status.

    `farewell` is the node's last act, however it ends, while it can still publish. `turn` replaces
    one turn of the spinning, for a node that does more than to react.
    """
    if farewell is None:
        begin()
        stopped = never
    else:
        # rclpy's own handlers would close the context before the node could say anything.
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        stopped = _told_to_stop()
    try:
        node = create()
    except (LocomotionError, ParameterException) as problem:
        print(f"{create.__name__}: {problem}", file=sys.stderr)
        try_shutdown()
        return 1
    # What start-up left behind is never garbage: the collector need not walk it at every tick.
    gc.freeze()
    try:
        spin(node, stopped, turn or _turn)
    finally:
        # Under ros2 launch a Ctrl-C comes twice: from the terminal, and from launch.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if farewell is not None:
            farewell(node)
        node.destroy_node()
        try_shutdown()
    return 0


def spin(
    node: NodeType,
    stopped: Callable[[], bool],
    turn: Callable[[Executor, NodeType], None],
) -> None:
    """Run the node's callbacks until the context is shut down, or `stopped`."""
    executor = EventsExecutor()
    executor.add_node(node)
    try:
        while ok() and not stopped():
            turn(executor, node)
    except ExternalShutdownException:
        return
    finally:
        executor.shutdown()


def _nothing(_received: int, _frame: FrameType | None) -> None:
    pass


def _told_to_stop() -> Callable[[], bool]:
    """A question that SIGINT and SIGTERM answer with yes."""
    signals: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _frame: signals.append(received))
    return lambda: bool(signals)


def _turn(executor: Executor, node: Node) -> None:
    try:
        # In the Jazzy wheels an untimed spin of this executor runs nothing and never rests.
        executor.spin_once(timeout_sec=0.5)
    except rclpy_implementation.RCLError as refusal:
        # rclpy lets an impossible lifecycle request, such as activating twice, kill the node.
        if not ok():
            return
        node.get_logger().warning(f"refused: {refusal}")
