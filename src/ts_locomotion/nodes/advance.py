"""The ~/advance service of a paused simulator: it answers when the time asked for is reached."""

import math
import threading
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from rclpy.experimental.events_executor import EventsExecutor
from rclpy.node import Node

from ts_locomotion_msgs.srv import Advance

LONGEST = 3600.0
"""No single request may ask for more [s]."""
CLOSING_PATIENCE = 2.0


@dataclass
class Request:
    """Simulated time to run, and where it has been reached."""

    duration: float
    """[s]"""
    reached: float | None = None
    """[s]"""
    done: threading.Event = field(default_factory=threading.Event)


class AdvanceService:
    """Serves from a node and a thread of its own: waiting for the answer must stop nobody else."""

    def __init__(self, owner: Node) -> None:
        self._owner = owner
        self._requests: SimpleQueue[Request] = SimpleQueue()
        # Global arguments would rename this node as well.
        self._node = Node(
            f"{owner.get_name()}_advance",
            namespace=owner.get_namespace(),
            use_global_arguments=False,
            start_parameter_services=False,
        )
        name = f"{owner.get_fully_qualified_name()}/advance"
        self._service = self._node.create_service(Advance, name, self._serve)
        self._ends = threading.Event()
        self._executor = EventsExecutor()
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin, name="advance", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread: an executor left running aborts the process at its end."""
        self._ends.set()
        self._executor.create_task(_nothing)
        self._thread.join(CLOSING_PATIENCE)
        self._executor.shutdown()
        self._node.destroy_node()

    def next_request(self) -> Request | None:
        """The oldest request that is not taken yet."""
        try:
            return self._requests.get_nowait()
        except Empty:
            return None

    def _serve(self, request: Advance.Request, response: Advance.Response) -> Advance.Response:
        if not (math.isfinite(request.duration) and 0.0 < request.duration <= LONGEST):
            response.message = f"duration is {request.duration} s, expected above 0, to {LONGEST}"
            return response
        asked = Request(request.duration)
        self._requests.put(asked)
        if self._owner.executor is not None:
            # Whatever wakes the owner's spin will do: it looks for requests itself.
            self._owner.executor.create_task(_nothing)
        while not (self._ends.is_set() or asked.done.wait(0.1)):
            pass
        response.success = asked.reached is not None
        response.time = asked.reached or 0.0
        if not response.success:
            response.message = "the simulator ended before the time was reached"
        return response

    def _spin(self) -> None:
        while not self._ends.is_set():
            self._executor.spin_once(timeout_sec=0.5)


def _nothing() -> None:
    """A task that only wakes an executor."""
