"""Control ticks: one per control period of the robot state's stamp, whatever the wall clock."""

from typing import Generic, NamedTuple, TypeVar

CONTROL_PERIOD_MS = 20
CONTROL_PERIOD_NS = 1_000_000 * CONTROL_PERIOD_MS
CONTROL_PERIOD = CONTROL_PERIOD_NS / 1e9
"""Time between two control ticks [s]."""
PATIENCE = 5
"""Ticks in a row that a peer may miss before nobody waits for it."""

Sample = TypeVar("Sample")
Scan = TypeVar("Scan")
Action = TypeVar("Action")


def tick_of(stamp_ns: int) -> int:
    """The control tick that a robot state of this stamp [ns] belongs to."""
    return stamp_ns // CONTROL_PERIOD_NS


class Ready(NamedTuple, Generic[Sample, Scan, Action]):
    """A control tick and all that is there for it."""

    stamp: int
    """Of the robot state [ns]."""
    sample: Sample
    scan: Scan | None
    """Taken for this very robot state, or none."""
    last_action: Action | None
    """The newest answer to an earlier tick, or none."""
    restarted: bool
    """Nothing before this tick counts: it is the first, or time went back."""


class _Peer:
    """Someone whose messages a tick waits for, as long as it is heard."""

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted
        self._misses = 0
        self._absent = False

    @property
    def awaited(self) -> bool:
        return self._wanted and not self._absent

    def heard(self) -> None:
        self._misses, self._absent = 0, False

    def missed(self, patience: int) -> None:
        self._misses += 1
        self._absent = self._misses >= patience


class TickJoin(Generic[Sample, Scan, Action]):
    """Gathers what a control tick needs: robot state, foot scans of the same stamp, last action.

    A tick is ready as soon as it is complete. A robot state `deadline_ns` younger, or that of the
    next tick, ends the wait for what is missing, and after PATIENCE such ticks in a row the
    missing peer is not waited for until it is heard again. The last action is waited for in
    lockstep only, where nothing may depend on who was faster; there only `give_up` declares a
    peer absent.
    """

    def __init__(self, *, sees: bool, lockstep: bool, deadline_ns: int = 4_000_000) -> None:
        self._lockstep = lockstep
        self._deadline_ns = deadline_ns
        self._scanner = _Peer(sees)
        self._actor = _Peer(lockstep)
        self.restart()

    def restart(self) -> None:
        """Forget all that was received."""
        self._newest: int | None = None
        self._previous: int | None = None
        self._pending: tuple[int, Sample] | None = None
        self._scan: tuple[int, Scan] | None = None
        self._action: tuple[int, Action] | None = None
        self._restarted = True

    @property
    def waiting_for(self) -> tuple[str, ...]:
        """What the pending tick lacks; empty when no tick is pending."""
        if self._pending is None:
            return ()
        lacking = {"foot_scans": self._lacks_scan, "joint_targets": self._lacks_action}
        return tuple(name for name, lacks in lacking.items() if lacks)

    def begins(self, stamp: int) -> bool:
        """Whether a robot state of this stamp begins a tick: only then is its sample needed."""
        if self._newest is None or stamp < self._newest:
            return True
        return tick_of(stamp) != tick_of(self._newest)

    def on_state(
        self, stamp: int, sample: Sample | None
    ) -> tuple[Ready[Sample, Scan, Action], ...]:
        """A robot state arrived; the first of each control period begins a tick.

        Ready may be the tick that waited until now, its own, or both in this order.
        """
        begins = self.begins(stamp)
        if begins and sample is None:
            raise ValueError(f"robot state {stamp} begins a tick but has no sample")
        if self._newest is not None and stamp < self._newest:
            self.restart()
        self._newest = stamp
        overdue = own = None
        if self._pending and (begins or stamp - self._pending[0] >= self._deadline_ns):
            overdue = self._fire_incomplete(None if self._lockstep else PATIENCE)
        if begins and sample is not None:
            self._pending = (stamp, sample)
            own = self._fire_if_complete()
        return tuple(tick for tick in (overdue, own) if tick)

    def on_scan(self, stamp: int, scan: Scan) -> Ready[Sample, Scan, Action] | None:
        """Foot scans for the robot state of this stamp arrived."""
        self._scanner.heard()
        self._scan = (stamp, scan)
        return self._fire_if_complete()

    def on_action(self, stamp: int, action: Action) -> Ready[Sample, Scan, Action] | None:
        """The policy's answer to the tick of the robot state of this stamp arrived."""
        self._actor.heard()
        if self._newest is None or stamp > self._newest:
            return None  # from before time went back
        self._action = (stamp, action)
        return self._fire_if_complete()

    def give_up(self) -> Ready[Sample, Scan, Action] | None:
        """Go on with what is there; whoever is missing is not waited for until heard again."""
        return self._fire_incomplete(1) if self._pending else None

    @property
    def _lacks_scan(self) -> bool:
        return self._scanner.awaited and not self._has_scan

    @property
    def _has_scan(self) -> bool:
        return bool(self._pending and self._scan and self._scan[0] == self._pending[0])

    @property
    def _lacks_action(self) -> bool:
        if self._previous is None:
            return False
        return self._actor.awaited and (self._action is None or self._action[0] < self._previous)

    def _fire_if_complete(self) -> Ready[Sample, Scan, Action] | None:
        if self._pending is None or self.waiting_for:
            return None
        return self._fire(*self._pending)

    def _fire_incomplete(self, patience: int | None) -> Ready[Sample, Scan, Action] | None:
        if self._pending is None:
            return None
        if patience is not None:
            for peer, lacks in (
                (self._scanner, self._lacks_scan),
                (self._actor, self._lacks_action),
            ):
                if lacks:
                    peer.missed(patience)
        return self._fire(*self._pending)

    def _fire(self, stamp: int, sample: Sample) -> Ready[Sample, Scan, Action]:
        ready = Ready(
            stamp,
            sample,
            self._scan[1] if self._scan and self._has_scan else None,
            self._action[1] if self._action else None,
            self._restarted,
        )
        self._previous, self._pending, self._restarted = stamp, None, False
        return ready
