"""What a node tells about itself: heartbeat on /diagnostics, refused inputs, missed ticks."""

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.impl.rcutils_logger import RcutilsLogger
from rclpy.node import Node

from ts_locomotion.errors import InvalidInput

OK, WARN, ERROR, STALE = (
    DiagnosticStatus.OK,
    DiagnosticStatus.WARN,
    DiagnosticStatus.ERROR,
    DiagnosticStatus.STALE,
)
HEARTBEAT_PERIOD = 0.5
WARNING_PERIOD = 1.0

Read = TypeVar("Read")


class Health(NamedTuple):
    """One heartbeat: level of DiagnosticStatus, one sentence, and figures by name."""

    level: bytes
    message: str
    values: Mapping[str, object]


class Heartbeat:
    """Publishes `report()` on /diagnostics at 2 Hz of wall time.

    It bears the full name of the node unless another `name` is given.
    """

    def __init__(self, node: Node, report: Callable[[], Health], name: str = "") -> None:
        self._node = node
        self._report = report
        self._name = name or node.get_fully_qualified_name()
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        wall = Clock(clock_type=ClockType.STEADY_TIME)
        self._timer = node.create_timer(HEARTBEAT_PERIOD, self.beat, clock=wall)

    def beat(self) -> None:
        """Publish now, as when something changed that others wait for."""
        message = DiagnosticArray(status=[status_message(self._name, self._report())])
        message.header.stamp = self._node.get_clock().now().to_msg()
        self._publisher.publish(message)


class Refusals:
    """Counts refused inputs by source and warns of them, each source at most once a second."""

    def __init__(self, logger: RcutilsLogger) -> None:
        self._logger = logger
        self._counts: dict[str, int] = {}
        self._warned: dict[str, float] = {}
        self.last = ""

    def refuse(self, source: str, reason: object) -> None:
        """Count an input of `source` that is ignored for `reason`."""
        count = self._counts[source] = self._counts.get(source, 0) + 1
        self.last = f"{source}: {reason}"
        now = time.monotonic()
        if now - self._warned.get(source, -WARNING_PERIOD) >= WARNING_PERIOD:
            self._warned[source] = now
            self._logger.warning(f"ignored {source}: {reason} ({count} refused so far)")

    def guarded(self, source: str, receive: Callable[[Any], None]) -> Callable[[Any], None]:
        """`receive`, but for inputs that it refuses: they are counted, and the node lives on."""
        return lambda message: self.checked(source, receive, message)

    def checked(self, source: str, read: Callable[[Any], Read], message: Any) -> Read | None:
        """What `read` makes of an input; none where it refuses it, which is counted."""
        try:
            return read(message)
        except InvalidInput as refusal:
            self.refuse(source, refusal)
            return None

    @property
    def total(self) -> int:
        """Inputs refused so far, of every source."""
        return sum(self._counts.values())

    def values(self) -> dict[str, object]:
        """The figures for the heartbeat."""
        return {"refused": self.total, "last_refusal": self.last}


class TickLog:
    """Counts ticks, gaps between their indices, and the time from input to output."""

    def __init__(self) -> None:
        self.count = 0
        self.missed = 0
        self._index: int | None = None
        self._ended: float | None = None
        self._longest = 0.0

    def restart(self) -> None:
        """The next tick follows no other, as after an activation."""
        self._index = None

    def note(self, index: int, started: float) -> None:
        """A tick that began at `started` of time.monotonic() is done."""
        if self._index is not None and index > self._index:
            self.missed += index - self._index - 1
        self.count += 1
        self._index = index
        self._ended = time.monotonic()
        self._longest = max(self._longest, self._ended - started)

    @property
    def age(self) -> float:
        """Wall time since the last tick [s]; infinite before the first."""
        return float("inf") if self._ended is None else time.monotonic() - self._ended

    def values(self) -> dict[str, object]:
        """The figures for the heartbeat; the longest computation is that since the last call."""
        longest, self._longest = self._longest, 0.0
        return {
            "ticks": self.count,
            "missed_ticks": self.missed,
            "last_tick_age_s": f"{self.age:.3f}",
            "longest_tick_ms": f"{longest * 1e3:.3f}",
        }


def status_message(name: str, health: Health) -> DiagnosticStatus:
    """The message of a heartbeat."""
    values = [KeyValue(key=key, value=str(value)) for key, value in health.values.items()]
    return DiagnosticStatus(name=name, level=health.level, message=health.message, values=values)
