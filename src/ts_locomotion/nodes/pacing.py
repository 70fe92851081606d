"""When the simulator takes its next step: with the wall clock, at once, or when it is answered."""

from typing import Protocol

LOCKSTEP_REPEAT = 0.2
"""An unanswered state is published again after this wall time [s]."""
LOCKSTEP_PATIENCE = 4.0
"""A bridge silent for this wall time is not waited for, until it is heard again [s].

Longer than the bridge waits for the policy (2 s) and belief for its peers (1 s): each has to give
up before those who wait for it do.
"""
FAST_PATIENCE = 0.05
"""As fast as possible, a bridge silent for this wall time is not waited for either [s]."""
LARGEST_LAG = 0.1
"""A simulator further behind the clock gives up catching up [s]."""
POLICY_LAG_MS = 40
"""Patient, the simulator only crawls while the policy is further behind than this."""
CRAWL_PERIOD = 0.05
"""Wall time of a step then [s]; without any step nobody would notice a message that got lost."""
POLICY_PATIENCE = 1.0
"""It does so no longer than this wall time [s]."""


class Pace(Protocol):
    """Told of every state published and every command received, it says how long to wait.

    Wall times `now` are in seconds.
    """

    def published(self, tick: int, now: float) -> None:
        """The state of `tick` [ms] has just been published."""
        ...

    def answered(self, tick: int) -> None:
        """A command that answers the state of `tick` [ms] has come."""
        ...

    def wait(self, now: float) -> float:
        """Time until the next step [s]; 0 or less means now."""
        ...


class Fast:
    """As fast as the robot's bridge answers, and faster while there is none."""

    def __init__(self) -> None:
        self._tick = -1
        self._published_at = 0.0
        self._waits_for_bridge = False
        self._is_answered = False

    def published(self, tick: int, now: float) -> None:
        """Wait for the answer to this state, if there is a bridge."""
        self._tick, self._published_at, self._is_answered = tick, now, False

    def answered(self, tick: int) -> None:
        """There is a bridge."""
        self._waits_for_bridge = True
        self._is_answered = self._is_answered or tick == self._tick

    def wait(self, now: float) -> float:
        """Until the answer comes; for a bridge that is silent too long only once."""
        if self._is_answered or not self._waits_for_bridge:
            return 0.0
        rest = self._published_at + FAST_PATIENCE - now
        self._waits_for_bridge = rest > 0.0
        return rest


class RealTime:
    """One step per `period`; behind the clock at most twice that pace, never a burst."""

    def __init__(self, period: float):
        self._period = period
        self._due: float | None = None
        self._earliest = 0.0
        self.missed_steps = 0

    def published(self, tick: int, now: float) -> None:
        """The next step is due one period after this one was."""
        self._earliest = now + self._period / 2
        self._due = (now if self._due is None else self._due) + self._period
        lag = now - self._due
        if lag > LARGEST_LAG:
            self.missed_steps += int(lag / self._period)
            self._due = now

    def answered(self, tick: int) -> None:
        """Nothing follows from it."""

    def wait(self, now: float) -> float:
        """Until the next step is due."""
        if self._due is None:
            return 0.0
        return max(self._due, self._earliest) - now

    def restart(self) -> None:
        """A pause ends: the time it took is not caught up."""
        self._due = None


class Patient(RealTime):
    """With the clock where the machine allows it, but never away from the policy.

    A machine that is too slow or too busy makes the simulation slow, and not the robot fall. A
    policy that stays silent is waited for only once.
    """

    def __init__(self, period: float):
        super().__init__(period)
        self._tick = -1
        self._source: int | None = None
        self._published_at = 0.0
        self._behind_since: float | None = None

    def published(self, tick: int, now: float) -> None:
        """The policy has one more step to follow."""
        super().published(tick, now)
        self._tick, self._published_at = tick, now

    def followed(self, source: int, now: float) -> None:
        """A command has come that is built on the state of `source` [ms]."""
        if source == self._source:
            return
        self._source = source
        if self._behind_since is not None:
            self._behind_since = None
            behind_clock = 0.0 if self._due is None else max(0.0, now - self._due)
            self.missed_steps += int(behind_clock / self._period)
            self.restart()

    def wait(self, now: float) -> float:
        """Until the next step is due and the policy not too far behind."""
        wait = super().wait(now)
        if self._source is None or self._tick - self._source <= POLICY_LAG_MS:
            return wait
        if self._behind_since is None:
            self._behind_since = now
        if now - self._behind_since > POLICY_PATIENCE:
            return wait
        return max(wait, self._published_at + CRAWL_PERIOD - now)


class Lockstep:
    """Each step waits for the answer to the state before it; without a bridge, for the clock."""

    def __init__(self, period: float):
        self._alone = RealTime(period)
        self._tick = -1
        self._is_answered = False
        self._published_at = 0.0
        self._repeat_at = 0.0
        self._bridge_heard = False
        self.gave_up = False

    def published(self, tick: int, now: float) -> None:
        """Wait for the answer to this state from now on."""
        if tick == self._tick:
            self._repeat_at = now + LOCKSTEP_REPEAT
            return
        self._tick, self._is_answered = tick, False
        self._published_at, self._repeat_at = now, now + LOCKSTEP_REPEAT
        if self.gave_up:
            self._alone.published(tick, now)

    def answered(self, tick: int) -> None:
        """The step may follow if this answers the present state."""
        self._bridge_heard = True
        self.gave_up = False
        self._is_answered = self._is_answered or tick == self._tick

    def wait(self, now: float) -> float:
        """Until the answer comes, or patience ends: from then on the clock alone decides."""
        if self._is_answered:
            return 0.0
        if self.gave_up:
            return self._alone.wait(now)
        if self._bridge_heard and now - self._published_at > LOCKSTEP_PATIENCE:
            self.gave_up = True
            self._alone.restart()
            return 0.0
        return max(1e-3, self._repeat_at - now)

    def must_repeat(self, now: float) -> bool:
        """Whether the present state should be published again."""
        return not self._is_answered and not self.gave_up and now >= self._repeat_at

    @property
    def is_answered(self) -> bool:
        """Whether nobody is waited for any more."""
        return self._is_answered or self.gave_up
