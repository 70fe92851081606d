"""What a node tells about itself: refusals are counted and warned of at a bounded rate."""

import time

from ts_locomotion.nodes.diagnostics import Refusals, TickLog


class Logger:
    def __init__(self) -> None:
        self.lines = []

    def warning(self, line: str) -> None:
        self.lines.append(line)


def test_each_source_is_warned_of_at_once_and_then_at_most_once_a_second():
    logger = Logger()
    refusals = Refusals(logger)
    for number in range(100):
        refusals.refuse("odom", f"reason {number}")
        refusals.refuse("cmd_vel", "nan")
    assert [line.split(":")[0] for line in logger.lines] == ["ignored odom", "ignored cmd_vel"]
    assert refusals.total == 200
    assert refusals.values() == {"refused": 200, "last_refusal": "cmd_vel: nan"}


def test_gaps_between_ticks_are_missed_ticks():
    log = TickLog()
    for index in (4, 5, 8, 9, 9):
        log.note(index, time.monotonic())
    assert (log.count, log.missed) == (5, 2)


def test_a_restart_and_time_that_goes_back_are_no_gaps():
    log = TickLog()
    log.note(100, time.monotonic())
    log.note(3, time.monotonic())
    log.restart()
    log.note(50, time.monotonic())
    assert log.missed == 0


def test_the_longest_tick_is_told_once():
    log = TickLog()
    log.note(1, time.monotonic() - 0.5)
    assert float(log.values()["longest_tick_ms"]) >= 500.0
    assert log.values()["longest_tick_ms"] == "0.000"
