"""How every node is run: one EventsExecutor, timed spins, one clear sentence when it cannot."""

import gc
import sys
from collections.abc import Callable

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException
from rclpy.experimental import EventsExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node

from ts_locomotion.errors import LocomotionError


def run(create: Callable[[], Node]) -> int:
    """Create a node and spin it until it is told to stop. Returns the exit status."""
    rclpy.init()
    try:
        node = create()
    except (LocomotionError, ParameterException) as problem:
        print(f"{create.__name__}: {problem}", file=sys.stderr)
        rclpy.try_shutdown()
        return 1
    # What start-up left behind is never garbage: the collector need not walk it at every tick.
    gc.freeze()
    try:
        spin(node)
    finally:
        node.destroy_node()
        rclpy.try_shutdown()
    return 0


def spin(node: Node) -> None:
    """Run the node's callbacks until the context is shut down."""
    executor = EventsExecutor()
    executor.add_node(node)
    try:
        # In the Jazzy wheels an untimed spin of this executor runs nothing and never rests.
        while rclpy.ok():
            _spin_once(executor.spin_once, node)
    except (ExternalShutdownException, KeyboardInterrupt):
        return
    finally:
        executor.shutdown()


def _spin_once(spin_once: Callable[..., None], node: Node) -> None:
    try:
        spin_once(timeout_sec=0.5)
    except rclpy_implementation.RCLError as refusal:
        # rclpy lets an impossible lifecycle request, such as activating twice, kill the node.
        if not rclpy.ok():
            return
        node.get_logger().warning(f"refused: {refusal}")
