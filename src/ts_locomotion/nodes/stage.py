"""What the three lifecycle stages share: settings, inputs that may be bad, heartbeat."""

from collections.abc import Callable
from typing import Any

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.publisher import Publisher
from rclpy.subscription import Subscription
from rclpy.timer import Timer

from ts_locomotion.errors import LocomotionError
from ts_locomotion.nodes import parameters
from ts_locomotion.nodes.diagnostics import (
    ERROR,
    OK,
    WARN,
    Health,
    Heartbeat,
    Refusals,
    TickLog,
)


class StageNode(LifecycleNode):
    """A lifecycle node that survives bad input and says in /diagnostics what it refused.

    A stage defines `configure`, which may raise a LocomotionError (the transition then fails and
    the heartbeat carries the reason), `restart` and `details`.
    """

    def __init__(self, name: str, settings: type) -> None:
        super().__init__(name)
        parameters.declare(self, settings, self._locked)
        self.active = False
        self.refusals = Refusals(self.get_logger())
        self.ticks = TickLog()
        self._failure = ""
        self._owned: list[Publisher | Subscription | Timer] = []
        self._heartbeat = Heartbeat(self, self._health)

    def configure(self) -> None:
        """Take up the settings, load what is needed, open the topics."""
        raise NotImplementedError

    def restart(self) -> None:
        """Forget what earlier inputs left behind."""
        raise NotImplementedError

    def details(self) -> Health:
        """What this stage adds to the heartbeat while it is active."""
        raise NotImplementedError

    def listen(
        self,
        kind: type,
        topic: str,
        receive: Callable[[Any], None],
        qos: Any = 10,
        raw: bool = False,
        while_inactive: bool = False,
    ) -> Subscription:
        """Subscribe while configured; what `receive` refuses is counted, and the node lives on.

        A `raw` message stays serialized: half the cost where most of them are not looked into.
        """
        guarded = self.refusals.guarded(topic, receive)

        def while_wanted(message: Any) -> None:
            if self.active or while_inactive:
                guarded(message)

        subscription = self.create_subscription(kind, topic, while_wanted, qos, raw=raw)
        self._owned.append(subscription)
        return subscription

    def deafen(self, subscription: Subscription) -> None:
        """End a subscription of `listen` before its time."""
        self._owned.remove(subscription)
        self._destroy(subscription)

    def announce(self, kind: type, topic: str) -> Publisher:
        """A publisher that speaks only while the node is active."""
        publisher = self.create_lifecycle_publisher(kind, topic, 10)
        self._owned.append(publisher)
        return publisher

    def watch(self, period: float, check: Callable[[], None]) -> None:
        """Call `check` every `period` seconds of wall time while active."""

        def guarded() -> None:
            if self.active:
                check()

        wall = Clock(clock_type=ClockType.STEADY_TIME)
        self._owned.append(self.create_timer(period, guarded, clock=wall))

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Configure, or refuse with the reason in log and diagnostics."""
        self._failure = ""
        try:
            self.configure()
        except LocomotionError as problem:
            self._failure = str(problem)
        except Exception as problem:
            # rclpy would swallow it and leave the user without a reason.
            self._failure = f"{type(problem).__name__}: {problem}"
        if self._failure:
            self.get_logger().error(f"cannot be configured: {self._failure}")
            self._release()
            self._heartbeat.beat()
            return TransitionCallbackReturn.FAILURE
        return super().on_configure(state)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start afresh and speak."""
        self.restart()
        self.ticks.restart()
        self.active = True
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Fall silent."""
        self.active = False
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Close the topics."""
        self._release()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Fall silent for good."""
        self.active = False
        self._release()
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Close the topics and start over."""
        self.active = False
        self._release()
        return super().on_error(state)

    @property
    def phase(self) -> str:
        """The lifecycle state's label."""
        return self._state_machine.current_state[1]

    def _release(self) -> None:
        for entity in self._owned:
            self._destroy(entity)
        self._owned.clear()

    def _destroy(self, entity: Publisher | Subscription | Timer) -> None:
        if isinstance(entity, Subscription):
            self.destroy_subscription(entity)
        elif isinstance(entity, Timer):
            self.destroy_timer(entity)
        else:
            self.destroy_lifecycle_publisher(entity)  # pyright: ignore[reportArgumentType]

    def _locked(self) -> str:
        if self.phase == "unconfigured":
            return ""
        return f"takes effect at configuration, and the node is {self.phase}: clean it up first"

    def _health(self) -> Health:
        details = self.details() if self.active else Health(OK, "", {})
        level, message = details.level, details.message
        if self._failure:
            level, message = ERROR, self._failure
        elif not self.active:
            level = WARN
        return Health(
            level,
            f"{self.phase}: {message}" if message else self.phase,
            {
                "state": self.phase,
                **self.ticks.values(),
                **self.refusals.values(),
                **details.values,
            },
        )
