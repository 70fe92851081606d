"""What the supervisor knows of a node by its heartbeats, and how it brings a stage up."""

from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.client import Client
from rclpy.task import Future

from ts_locomotion.nodes.diagnostics import ERROR, OK

NEXT_TRANSITION = {
    "unconfigured": Transition.TRANSITION_CONFIGURE,
    "inactive": Transition.TRANSITION_ACTIVATE,
}
PHASE_AFTER = {
    Transition.TRANSITION_CONFIGURE: "inactive",
    Transition.TRANSITION_ACTIVATE: "active",
}


class Watched:
    """What is known of one node by its heartbeats. Times are of time.monotonic() [s]."""

    def __init__(self, name: str, since: float) -> None:
        self.name = name
        self.short_name = name.rsplit("/", 1)[-1]
        self.phase = ""
        self._heard: float | None = None
        self._since = since
        self._status = DiagnosticStatus()

    def hear(self, status: DiagnosticStatus, now: float) -> None:
        """Take in a heartbeat; one without a lifecycle state is of a node that has none."""
        self._heard = now
        self._status = status
        self.phase = next((item.value for item in status.values if item.key == "state"), "")

    def silence(self, now: float) -> float:
        """Time without a heartbeat [s]."""
        return now - (self._since if self._heard is None else self._heard)

    def is_silent(self, now: float, timeout: float) -> bool:
        """Whether it has never been heard, or not for too long."""
        return self._heard is None or self.silence(now) > timeout

    def complaint(self, now: float, timeout: float) -> tuple[bytes, str]:
        """Level and what is wrong; an empty text when nothing is."""
        if self.is_silent(now, timeout):
            seen = "has not been heard" if self._heard is None else "is dead: no heartbeat"
            return ERROR, f"{self.short_name} {seen} for {self.silence(now):.1f} s"
        if self._status.level == OK:
            return OK, ""
        return self._status.level, f"{self.short_name} {self._status.message}"


class Stage(Watched):
    """A watched lifecycle node, and the transition it is asked for."""

    def __init__(self, name: str, since: float, client: Client) -> None:
        super().__init__(name, since)
        self._client = client
        self._pending: Future | None = None
        self._wanted = ""
        self._asked = float("-inf")

    def hear(self, status: DiagnosticStatus, now: float) -> None:
        """Take in a heartbeat, which may answer what was asked."""
        before = self.phase
        super().hear(status, now)
        if self._pending is None:
            return
        if self.phase == self._wanted:
            self.forget()
        else:
            # Sent before the request was served.
            self.phase = before

    def bring_up(self, now: float, patience: float, succeeded: Callable[[], None]) -> bool:
        """Ask for the next transition; whether those behind have to wait for the answer."""
        transition = NEXT_TRANSITION.get(self.phase)
        waited = now - self._asked
        if self._pending is not None and waited > patience:
            self.forget()
        if self._pending is not None or transition is None:
            return self._pending is not None
        if waited <= patience:
            return False
        if self._client.service_is_ready():
            request = ChangeState.Request(transition=Transition(id=transition))
            self._asked, self._wanted = now, PHASE_AFTER[transition]
            self._pending = self._client.call_async(request)
            self._pending.add_done_callback(lambda done: self._answered(done, succeeded))
        return True

    def forget(self) -> None:
        """Wait no longer for the answer to what was asked."""
        if self._pending is not None:
            self._client.remove_pending_request(self._pending)
            self._pending = None

    def _answered(self, done: Future, succeeded: Callable[[], None]) -> None:
        if done is not self._pending:
            return
        self._pending = None
        answer = done.result()
        if answer is not None and answer.success:
            self.phase = self._wanted
            self._asked = float("-inf")
            succeeded()
