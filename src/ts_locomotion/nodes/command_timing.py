"""How fast the graph answers: ages and periods of /lowcmd as the robot sees them, in wall time."""

from collections.abc import Mapping

import numpy as np

from ts_locomotion import unitree

BIN = 2e-5
"""Resolution of the percentiles [s]."""
BINS = 10_000
"""Durations beyond `BINS` bins, 0.2 s, are told apart only by their maximum."""
PERCENTILES = {"p50": 0.5, "p99": 0.99, "p999": 0.999}


class Durations:
    """Percentiles of any number of durations, asked for in a time that does not grow."""

    def __init__(self) -> None:
        self._bins = np.zeros(BINS, np.int64)
        self.count = 0
        self.longest = 0.0

    def add(self, value: float) -> None:
        """One more duration [s]."""
        self._bins[min(int(value / BIN), BINS - 1)] += 1
        self.count += 1
        self.longest = max(self.longest, value)

    def percentile(self, share: float) -> float:
        """The duration that `share` of all do not exceed, up to one bin more [s]."""
        index = int(np.searchsorted(self._bins.cumsum(), share * self.count))
        return self.longest if index == BINS - 1 else min((index + 1) * BIN, self.longest)

    def percentiles(self, prefix: str) -> dict[str, object]:
        """`prefix`_p50, _p99, _p999 and _max [ms]; empty while there is no duration."""
        if not self.count:
            return {}
        figures = {name: self.percentile(share) for name, share in PERCENTILES.items()}
        figures["max"] = self.longest
        return {f"{prefix}_{name}": f"{figure * 1e3:.3f}" for name, figure in figures.items()}


class CommandTiming:
    """Follows control ticks from the state that opens them to the first command built on it.

    A control tick is missed when no command built on it has come before the next one opens.
    """

    def __init__(self) -> None:
        self.ages = Durations()
        self.periods = Durations()
        self.control_ticks = 0
        self.missed_ticks = 0
        self._open: tuple[int, float] | None = None
        self._late: dict[int, float] = {}
        self._answered_tick = unitree.NO_TICK
        self._answered_at = 0.0

    def state_published(self, tick: int, now: float) -> None:
        """The state that opens control tick `tick` [ms] goes out at wall time `now` [s]."""
        if self._open is not None and self._open[0] == tick:
            return
        self._close_open_tick()
        self.control_ticks += 1
        self._open = (tick, now)

    def command_received(self, answered_tick: int, source_tick: int, now: float) -> None:
        """A command that answers state `answered_tick`, built on targets of `source_tick` [ms]."""
        if answered_tick != self._answered_tick:
            if self._answered_tick != unitree.NO_TICK:
                self.periods.add(now - self._answered_at)
            self._answered_tick, self._answered_at = answered_tick, now
        if self._open is not None and source_tick == self._open[0]:
            self.ages.add(now - self._open[1])
            self._open = None
        elif source_tick in self._late:
            self.ages.add(now - self._late.pop(source_tick))

    def pause(self) -> None:
        """What follows is no continuation: nothing is expected, no period is counted."""
        self._open = None
        self._late.clear()
        self.skip_period()

    def skip_period(self) -> None:
        """The time until the next command is no period, as when time stood still."""
        self._answered_tick = unitree.NO_TICK

    def values(self) -> Mapping[str, object]:
        """The figures for diagnostics."""
        return {
            "control_ticks": self.control_ticks,
            "missed_ticks": self.missed_ticks,
            **self.ages.percentiles("age_ms"),
            **self.periods.percentiles("period_ms"),
        }

    def _close_open_tick(self) -> None:
        if self._open is None:
            return
        self.missed_ticks += 1
        tick, opened = self._open
        self._late[tick] = opened
        while len(self._late) > 50:
            del self._late[next(iter(self._late))]
        self._open = None
