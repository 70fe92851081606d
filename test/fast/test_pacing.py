"""The simulator keeps time without bursts, and waits for answers without hanging."""

from itertools import pairwise

import pytest

from ts_locomotion.nodes import pacing

PERIOD = 0.002


def steps_until(pace, end, cost, start=0.0):
    """Wall times of the steps of a simulator each of whose steps takes `cost` seconds."""
    now, times = start, []
    while now < end:
        wait = pace.wait(now)
        if wait > 0.0:
            now += wait
            continue
        times.append(now)
        pace.published(len(times), now)
        now += cost
    return times


def test_real_time_takes_one_step_per_period():
    times = steps_until(pacing.RealTime(PERIOD), 1.0, cost=0.0005)
    assert len(times) == pytest.approx(500, abs=1)


def test_real_time_catches_up_after_a_hiccup_at_no_more_than_twice_the_pace():
    pace = pacing.RealTime(PERIOD)
    before = steps_until(pace, 0.1, cost=0.0001)
    after = steps_until(pace, 0.5, cost=0.0001, start=0.15)
    assert len(before) + len(after) == pytest.approx(250, abs=2)
    assert min(b - a for a, b in pairwise(after)) >= 0.99 * PERIOD / 2
    assert pace.missed_steps == 0


def test_real_time_gives_up_on_a_long_lag_and_counts_the_missed_steps():
    pace = pacing.RealTime(PERIOD)
    steps_until(pace, 0.1, cost=0.0001)
    after = steps_until(pace, 2.0, cost=0.0001, start=1.1)
    assert pace.missed_steps == pytest.approx(500, abs=2)
    assert len(after) == pytest.approx(450, abs=2)


def test_a_pause_is_not_caught_up_and_not_missed():
    pace = pacing.RealTime(PERIOD)
    steps_until(pace, 0.1, cost=0.0001)
    pace.restart()
    assert len(steps_until(pace, 1.1, cost=0.0001, start=1.0)) == pytest.approx(50, abs=1)
    assert pace.missed_steps == 0


def test_patient_keeps_time_while_the_policy_follows():
    pace = pacing.Patient(PERIOD)
    now, steps = 0.0, 0
    while now < 1.0:
        wait = pace.wait(now)
        if wait <= 0.0:
            steps += 1
            pace.published(2 * steps, now)
            pace.followed(2 * steps - 2 * steps % 20 - 20, now)
        now += max(wait, 1e-4)
    assert steps == pytest.approx(500, abs=3)
    assert pace.missed_steps == 0


def test_patient_crawls_while_the_policy_is_late_and_does_not_catch_up():
    pace = pacing.Patient(PERIOD)
    pace.followed(0, 0.0)
    steps = steps_until(pace, 0.5, cost=0.0001)
    # steps_until counts its steps, so that each is a millisecond of the robot's time here.
    on_time = [time for time in steps if time < 0.1]
    assert len(on_time) == pytest.approx(pacing.POLICY_LAG_MS + 1, abs=1)
    late = [b - a for a, b in pairwise(steps[len(on_time) :])]
    assert late == pytest.approx([pacing.CRAWL_PERIOD] * len(late))
    pace.followed(len(steps), 0.5)
    assert len(steps_until(pace, 0.55, cost=0.0001, start=0.5)) == pytest.approx(25, abs=2)


def test_patient_crawls_for_a_silent_policy_only_once():
    pace = pacing.Patient(PERIOD)
    pace.followed(0, 0.0)
    steps = steps_until(pace, 3.0, cost=0.0001)
    crawled = sum(b - a > 0.5 * pacing.CRAWL_PERIOD for a, b in pairwise(steps))
    assert crawled == pytest.approx(pacing.POLICY_PATIENCE / pacing.CRAWL_PERIOD, abs=2)
    assert len(steps) > 800


def test_patient_is_not_fooled_by_the_same_old_answer_again():
    pace = pacing.Patient(PERIOD)
    pace.followed(0, 0.0)
    pace.published(pacing.POLICY_LAG_MS + 2, 0.0)
    assert pace.wait(0.0) > 0.0
    pace.followed(0, 0.5)
    over = pacing.POLICY_PATIENCE + 0.1
    pace.published(pacing.POLICY_LAG_MS + 4, over)
    assert pace.wait(over + PERIOD) <= 0.0


def test_patient_misses_nothing_in_a_pause():
    pace = pacing.Patient(PERIOD)
    pace.followed(0, 0.0)
    pace.published(pacing.POLICY_LAG_MS + 2, 0.0)
    pace.restart()
    pace.wait(0.01)
    pace.followed(20, 9.0)
    assert pace.missed_steps == 0


def test_patient_counts_as_missed_what_the_clock_did_while_it_crawled():
    pace = pacing.Patient(PERIOD)
    pace.followed(0, 0.0)
    pace.published(pacing.POLICY_LAG_MS + 2, 0.0)
    assert pace.wait(0.01) > 0.0
    pace.followed(20, 0.5)
    assert pace.missed_steps == pytest.approx(0.5 / PERIOD, abs=2)
    pace.followed(40, 0.9)
    assert pace.missed_steps == pytest.approx(0.5 / PERIOD, abs=2)


def test_patient_waits_for_no_policy_before_it_has_heard_one():
    steps = steps_until(pacing.Patient(PERIOD), 1.0, cost=0.0001)
    assert len(steps) == pytest.approx(500, abs=2)


def test_lockstep_waits_for_the_answer_to_the_present_state():
    pace = pacing.Lockstep(PERIOD)
    pace.published(2, 0.0)
    assert pace.wait(0.1) > 0.0
    pace.answered(0)
    assert pace.wait(0.1) > 0.0
    pace.answered(2)
    assert pace.wait(0.1) == 0.0


def test_lockstep_repeats_an_unanswered_state_every_fifth_of_a_second():
    pace = pacing.Lockstep(PERIOD)
    pace.published(2, 0.0)
    assert not pace.must_repeat(0.19)
    assert pace.must_repeat(0.21)
    pace.published(2, 0.21)
    assert not pace.must_repeat(0.40)
    assert pace.must_repeat(0.42)


def test_lockstep_waits_for_a_bridge_never_heard_for_as_long_as_it_takes():
    pace = pacing.Lockstep(PERIOD)
    pace.published(0, 0.0)
    assert pace.wait(1000.0) > 0.0


def test_lockstep_goes_on_by_the_clock_without_a_bridge_that_fell_silent():
    pace = pacing.Lockstep(PERIOD)
    pace.published(0, 0.0)
    pace.answered(0)
    pace.published(2, 0.0)
    end = pacing.LOCKSTEP_PATIENCE
    assert pace.wait(end - 0.1) > 0.0
    times = steps_until(pace, end + 1.1, cost=0.0001, start=end + 0.1)
    assert len(times) == pytest.approx(500, abs=2)


def test_repeating_a_state_does_not_prolong_the_patience_of_lockstep():
    pace = pacing.Lockstep(PERIOD)
    pace.published(0, 0.0)
    pace.answered(0)
    pace.published(2, 0.0)
    pace.published(2, pacing.LOCKSTEP_PATIENCE - 0.1)
    pace.wait(pacing.LOCKSTEP_PATIENCE + 0.1)
    assert pace.gave_up


def test_lockstep_waits_again_once_the_bridge_is_heard_again():
    pace = pacing.Lockstep(PERIOD)
    pace.published(0, 0.0)
    pace.answered(0)
    later = pacing.LOCKSTEP_PATIENCE + 1.0
    steps_until(pace, later, cost=0.0001)
    assert pace.gave_up
    pace.answered(-1)
    pace.published(9999, later)
    assert pace.wait(later + 0.5) > 0.0


def test_fast_follows_the_bridge_and_runs_free_without_one():
    pace = pacing.Fast()
    pace.published(0, 0.0)
    assert pace.wait(0.0) == 0.0
    pace.answered(0)
    pace.published(2, 0.0)
    assert pace.wait(0.01) > 0.0
    pace.answered(2)
    assert pace.wait(0.01) == 0.0
    pace.published(4, 0.01)
    assert pace.wait(1.0) <= 0.0
    pace.published(6, 1.0)
    assert pace.wait(1.0) == 0.0
