"""Control ticks follow the stamps of the robot state, and wait for what they need, not longer."""

import pytest

from ts_locomotion import ticks
from ts_locomotion.ticks import Ready, TickJoin

MS = 1_000_000


def join(
    *, sees: bool = True, lockstep: bool = False, deadline_ns: int = 4 * MS
) -> TickJoin[str, str, str]:
    return TickJoin(sees=sees, lockstep=lockstep, deadline_ns=deadline_ns)


def walk(gathered: TickJoin[str, str, str], stamps_ms: list[int]) -> list[int]:
    """Stamps [ms] of the ticks that these robot states make ready."""
    return [
        tick.stamp // MS for stamp in stamps_ms for tick in gathered.on_state(stamp * MS, "state")
    ]


def test_a_tick_is_a_period_of_20_ms():
    assert [ticks.tick_of(ms * MS) for ms in (0, 19, 20, 39, 40)] == [0, 0, 1, 1, 2]
    assert ticks.CONTROL_PERIOD == 0.02


def test_a_blind_join_fires_at_the_first_state_of_each_period():
    assert walk(join(sees=False), [3, 7, 19, 20, 24, 41, 59, 60]) == [3, 20, 41, 60]


def test_a_tick_waits_for_the_scan_of_its_own_state():
    gathered = join()
    assert gathered.on_state(20 * MS, "state") == ()
    assert gathered.waiting_for == ("foot_scans",)
    assert gathered.on_scan(0, "older scan") is None
    assert gathered.on_scan(20 * MS, "scan") == Ready(20 * MS, "state", "scan", None, True)
    assert gathered.waiting_for == ()


def test_a_scan_may_come_before_the_state():
    gathered = join()
    assert gathered.on_scan(20 * MS, "scan") is None
    (ready,) = gathered.on_state(20 * MS, "state")
    assert ready.scan == "scan"


def test_without_a_scan_the_tick_goes_on_blind_after_4_ms():
    gathered = join()
    gathered.on_scan(0, "old scan")
    assert walk(gathered, [20, 22]) == []
    (ready,) = gathered.on_state(24 * MS, "later state")
    assert ready == Ready(20 * MS, "state", None, None, True)


def test_a_late_scan_does_not_fire_a_tick_twice():
    gathered = join()
    assert walk(gathered, [20, 24]) == [20]
    assert gathered.on_scan(20 * MS, "scan") is None


def test_a_dead_perception_is_waited_for_five_times_and_again_once_heard():
    gathered = join()
    walk(gathered, [tick * 20 + late for tick in range(5) for late in (0, 4)])
    assert walk(gathered, [100, 104, 120]) == [100, 120]
    assert gathered.on_scan(100 * MS, "scan") is None
    assert walk(gathered, [140]) == []
    assert gathered.on_scan(140 * MS, "scan") is not None


def test_in_real_time_the_newest_action_is_taken_without_waiting():
    gathered = join(sees=False)
    walk(gathered, [0])
    gathered.on_action(0, "first")
    ready = [gathered.on_state(stamp * MS, "state") for stamp in (20, 40)]
    assert [tick.last_action for (tick,) in ready] == ["first", "first"]


def test_in_lockstep_a_tick_waits_for_the_answer_to_the_one_before():
    gathered = join(sees=False, lockstep=True)
    assert walk(gathered, [0]) == [0]
    assert gathered.on_state(20 * MS, "state") == ()
    assert gathered.waiting_for == ("joint_targets",)
    ready = gathered.on_action(0, "answer")
    assert ready == Ready(20 * MS, "state", None, "answer", False)


def test_in_lockstep_only_giving_up_declares_a_peer_absent():
    gathered = join(lockstep=True)
    for tick in range(8):
        assert walk(gathered, [20 * tick, 20 * tick + 4]) == [20 * tick]
    assert walk(gathered, [160]) == []
    assert gathered.waiting_for == ("foot_scans", "joint_targets")
    ready = gathered.give_up()
    assert ready == Ready(160 * MS, "state", None, None, False)
    assert walk(gathered, [180]) == [180]
    gathered.on_action(180 * MS, "heard again")
    gathered.on_state(200 * MS, "state")
    assert gathered.waiting_for == ()
    gathered.on_state(220 * MS, "state")
    assert gathered.waiting_for == ("joint_targets",)


def test_giving_up_does_nothing_when_nothing_is_pending():
    assert join().give_up() is None


def test_when_time_goes_back_nothing_from_before_counts():
    gathered = join(sees=False)
    walk(gathered, [1000])
    gathered.on_action(1000 * MS, "old")
    (ready,) = gathered.on_state(0, "state")
    assert ready == Ready(0, "state", None, None, True)
    gathered.on_action(1000 * MS, "late")
    (after,) = gathered.on_state(20 * MS, "state")
    assert after == Ready(20 * MS, "state", None, None, False)


def test_a_new_tick_ends_the_wait_of_the_one_before():
    gathered = join()
    assert gathered.on_state(20 * MS, "state") == ()
    (overdue,) = gathered.on_state(40 * MS, "next state")
    assert overdue == Ready(20 * MS, "state", None, None, True)
    ready = gathered.on_scan(40 * MS, "scan")
    assert ready == Ready(40 * MS, "next state", "scan", None, False)


@pytest.mark.parametrize("period_ms", range(2, 22, 2))
def test_without_scans_every_tick_is_answered_once_and_soon_without_a_wait(period_ms: int):
    """Whatever state_every of the bridge and scan_deadline of the belief are."""
    states = range(0, 10_000, period_ms)
    begins = [ms for ms in states if ms % 20 < period_ms]
    for deadline_ms in range(1, 20):
        gathered = join(deadline_ns=deadline_ms * MS)
        answered = walk(gathered, list(states))
        assert answered == begins, f"deadline of {deadline_ms} ms"
        assert gathered.waiting_for == ()


@pytest.mark.parametrize("lockstep", [False, True])
def test_both_ticks_are_ready_when_the_wait_ends_for_good(lockstep: bool):
    gathered = join(lockstep=lockstep)
    assert walk(gathered, [0, 20, 40, 60, 80]) == [0, 20, 40, 60]
    assert walk(gathered, [100]) == ([80] if lockstep else [80, 100])


def test_only_a_state_that_begins_a_tick_needs_its_sample():
    gathered = join(sees=False)
    assert gathered.begins(20 * MS)
    gathered.on_state(20 * MS, "state")
    assert [gathered.begins(ms * MS) for ms in (24, 39, 40, 0)] == [False, False, True, True]
    assert gathered.on_state(24 * MS, None) == ()
    with pytest.raises(ValueError, match="has no sample"):
        gathered.on_state(40 * MS, None)
