"""Brings the three stages up in order, again when one comes back, and says whether all is well."""

import sys
import time
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import ChangeState
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node

from ts_locomotion.nodes import parameters, spin
from ts_locomotion.nodes.diagnostics import OK, Health, Heartbeat
from ts_locomotion.nodes.parameters import setting
from ts_locomotion.nodes.watched import Stage, Watched

CHECK_PERIOD = 0.2


@dataclass(frozen=True)
class SupervisorSettings:
    """Parameters of the supervisor."""

    managed_nodes: tuple[str, ...] = setting(
        ("perception", "belief", "policy"),
        "Lifecycle nodes of this namespace to bring up, in this order",
    )
    watched_nodes: tuple[str, ...] = setting(
        ("go2_bridge",), "Further nodes of this namespace whose heartbeats are expected"
    )
    heartbeat_timeout: float = setting(
        2.0, "A node silent for longer is dead", unit="s", minimum=0.6, maximum=60.0, live=True
    )
    patience: float = setting(
        5.0,
        "Wait before trying a failed transition again, or before passing over a silent stage",
        unit="s",
        minimum=0.1,
        maximum=60.0,
        live=True,
    )


class SupervisorNode(Node):
    """Configures and activates the stages by their lifecycle services, and judges heartbeats."""

    def __init__(self) -> None:
        super().__init__("supervisor")
        parameters.declare(self, SupervisorSettings)
        settings = parameters.read(self, SupervisorSettings)
        now = time.monotonic()
        self._stages = [
            Stage(name, now, self.create_client(ChangeState, f"{name}/change_state"))
            for name in map(self._full_name, settings.managed_nodes)
        ]
        others = [Watched(self._full_name(name), now) for name in settings.watched_nodes if name]
        self._watched = {node.name: node for node in [*self._stages, *others]}
        self._line = ""
        self.create_subscription(DiagnosticArray, "/diagnostics", self._hear, 50)
        self._timer = self.create_timer(
            CHECK_PERIOD, self._check, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )
        self._heartbeat = Heartbeat(self, self._health, self._full_name("health"))

    def _full_name(self, name: str) -> str:
        return f"{self.get_namespace().rstrip('/')}/{name}"

    def _hear(self, message: DiagnosticArray) -> None:
        now = time.monotonic()
        for status in message.status:
            node = self._watched.get(status.name)
            if node is not None:
                node.hear(status, now)

    def _check(self) -> None:
        settings = parameters.read(self, SupervisorSettings)
        now = time.monotonic()
        for stage in self._stages:
            silent = stage.is_silent(now, settings.heartbeat_timeout)
            if silent and stage.silence(now) <= settings.patience:
                break
            if silent or stage.phase == "active":
                stage.forget()
            elif stage.bring_up(now, settings.patience, self._check):
                break
        self._tell()

    def _tell(self) -> None:
        """One line, whenever it says something new; running figures alone are nothing new."""
        health = self._health()
        line = "".join(letter for letter in health.message if not letter.isdigit())
        if line == self._line:
            return
        self._line = line
        # Two calls, since rclpy pins a line of source to the severity it first logged with.
        if health.level == OK:
            self.get_logger().info(health.message)
        else:
            self.get_logger().warning(health.message)
        self._heartbeat.beat()

    def _health(self) -> Health:
        now = time.monotonic()
        timeout = self.get_parameter("heartbeat_timeout").value
        verdicts = {n.short_name: n.complaint(now, timeout) for n in self._watched.values()}
        complaints = [text for _, text in verdicts.values() if text]
        level = max((level for level, _ in verdicts.values()), default=OK)
        message = "; ".join(complaints) if complaints else f"healthy: {', '.join(verdicts)}"
        return Health(level, message, {name: text or "ok" for name, (_, text) in verdicts.items()})


def main() -> None:
    """Entry point."""
    sys.exit(spin.run(SupervisorNode))


if __name__ == "__main__":
    main()
