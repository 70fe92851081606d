"""Brings the three stages up in order, again when one comes back, and says whether all is well."""

import sys
import time
from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.client import Client
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from rclpy.task import Future

from ts_locomotion.nodes import parameters, spin
from ts_locomotion.nodes.diagnostics import ERROR, OK, Health, Heartbeat
from ts_locomotion.nodes.parameters import setting

CHECK_PERIOD = 0.2
NEXT_TRANSITION = {
    "unconfigured": Transition.TRANSITION_CONFIGURE,
    "inactive": Transition.TRANSITION_ACTIVATE,
}
PHASE_AFTER = {
    Transition.TRANSITION_CONFIGURE: "inactive",
    Transition.TRANSITION_ACTIVATE: "active",
}


@dataclass(frozen=True)
class SupervisorSettings:
    """Parameters of the supervisor."""

    managed_nodes: tuple[str, ...] = setting(
        ("perception", "belief", "policy"),
        "Lifecycle nodes of this namespace to bring up, in this order",
        read_only=True,
    )
    watched_nodes: tuple[str, ...] = setting(
        ("go2_bridge",),
        "Further nodes of this namespace whose heartbeats are expected",
        read_only=True,
    )
    heartbeat_timeout: float = setting(
        2.0, "A node silent for longer is dead", unit="s", minimum=0.6, maximum=60.0
    )
    patience: float = setting(
        5.0,
        "Wait before trying a failed transition again, or before passing over a silent stage",
        unit="s",
        minimum=0.1,
        maximum=60.0,
    )


class Watched:
    """What is known of one node by its heartbeats."""

    def __init__(self, name: str, since: float) -> None:
        self.name = name
        self.heard: float | None = None
        self.since = since
        self.phase = ""
        self.status = DiagnosticStatus()

    def silence(self, now: float) -> float:
        """Time without a heartbeat [s]."""
        return now - (self.since if self.heard is None else self.heard)

    def complaint(self, now: float, timeout: float) -> tuple[bytes, str]:
        """Level and what is wrong; an empty text when nothing is."""
        name = self.name.rsplit("/", 1)[-1]
        if self.heard is None or self.silence(now) > timeout:
            seen = "has not been heard" if self.heard is None else "is dead: no heartbeat"
            return ERROR, f"{name} {seen} for {self.silence(now):.1f} s"
        if self.status.level == OK:
            return OK, ""
        return self.status.level, f"{name} {self.status.message}"


class Stage(Watched):
    """A watched lifecycle node, and the transition it is asked for."""

    def __init__(self, name: str, since: float, client: Client) -> None:
        super().__init__(name, since)
        self.client = client
        self.pending: Future | None = None
        self.wanted = ""
        self.asked = float("-inf")


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
        for status in message.status:
            node = self._watched.get(status.name)
            if node is None:
                continue
            node.heard = time.monotonic()
            node.status = status
            phase = next((v.value for v in status.values if v.key == "state"), "")
            if isinstance(node, Stage) and node.pending is not None:
                # Sent before the request was served, unless it shows what was asked for.
                if phase != node.wanted:
                    continue
                self._forget(node)
            node.phase = phase

    def _check(self) -> None:
        settings = parameters.read(self, SupervisorSettings)
        now = time.monotonic()
        for stage in self._stages:
            silent = stage.heard is None or stage.silence(now) > settings.heartbeat_timeout
            if silent and stage.silence(now) <= settings.patience:
                break
            if silent or stage.phase == "active":
                self._forget(stage)
            elif self._bring_up(stage, now, settings.patience):
                break
        self._tell()

    def _bring_up(self, stage: Stage, now: float, patience: float) -> bool:
        """Ask for the next transition; whether those behind have to wait for the answer."""
        transition = NEXT_TRANSITION.get(stage.phase)
        waited = now - stage.asked
        if stage.pending is not None and waited > patience:
            self._forget(stage)
        if stage.pending is not None or transition is None:
            return stage.pending is not None
        if waited <= patience:
            return False
        if stage.client.service_is_ready():
            request = ChangeState.Request(transition=Transition(id=transition))
            stage.asked, stage.wanted = now, PHASE_AFTER[transition]
            stage.pending = stage.client.call_async(request)
            stage.pending.add_done_callback(lambda done: self._answered(stage, done))
        return True

    def _answered(self, stage: Stage, done: Future) -> None:
        if done is not stage.pending:
            return
        stage.pending = None
        answer = done.result()
        if answer is not None and answer.success:
            stage.phase = stage.wanted
            stage.asked = float("-inf")
            self._check()

    def _forget(self, stage: Stage) -> None:
        if stage.pending is not None:
            stage.client.remove_pending_request(stage.pending)
            stage.pending = None

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
        verdicts = {n.name: n.complaint(now, timeout) for n in self._watched.values()}
        complaints = [text for _, text in verdicts.values() if text]
        level = max((level for level, _ in verdicts.values()), default=OK)
        names = ", ".join(name.rsplit("/", 1)[-1] for name in verdicts)
        message = "; ".join(complaints) if complaints else f"healthy: {names}"
        values = {name.rsplit("/", 1)[-1]: text or "ok" for name, (_, text) in verdicts.items()}
        return Health(level, message, values)


def main() -> None:
    """Entry point."""
    sys.exit(spin.run(SupervisorNode))


if __name__ == "__main__":
    main()
