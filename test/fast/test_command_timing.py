"""Ages and missed ticks are counted from the state that opens a control tick."""

import numpy as np
import pytest

from ts_locomotion.nodes.command_timing import BIN, CommandTiming, Durations


def test_the_age_is_that_of_the_first_command_built_on_the_tick():
    timing = CommandTiming()
    timing.state_published(20, 1.000)
    timing.command_received(20, 0, 1.001)
    timing.command_received(22, 20, 1.003)
    timing.command_received(24, 20, 1.005)
    assert timing.ages.count == 1
    assert timing.ages.longest == pytest.approx(0.003)
    assert timing.missed_ticks == 0


def test_a_tick_is_missed_when_the_next_one_opens_first_and_its_age_still_counts():
    timing = CommandTiming()
    timing.state_published(20, 1.000)
    timing.state_published(40, 1.020)
    timing.command_received(40, 20, 1.025)
    timing.command_received(42, 40, 1.030)
    assert timing.missed_ticks == 1
    assert timing.control_ticks == 2
    assert timing.ages.count == 2
    assert timing.ages.percentile(0.5) == pytest.approx(0.010, abs=2 * BIN)
    assert timing.ages.longest == pytest.approx(0.025)


def test_a_state_published_again_opens_no_second_tick():
    timing = CommandTiming()
    timing.state_published(20, 1.0)
    timing.state_published(20, 1.2)
    timing.command_received(20, 20, 1.3)
    assert timing.control_ticks == 1
    assert timing.ages.longest == pytest.approx(0.3)


def test_periods_lie_between_answers_to_different_states():
    timing = CommandTiming()
    for answered, now in ((0, 1.000), (2, 1.002), (2, 1.003), (4, 1.0045)):
        timing.command_received(answered, 0, now)
    assert timing.periods.count == 2
    assert timing.periods.percentile(0.5) == pytest.approx(0.002, abs=2 * BIN)
    assert timing.periods.longest == pytest.approx(0.0025)


def test_a_pause_leaves_no_tick_open_and_no_period():
    timing = CommandTiming()
    timing.state_published(20, 1.0)
    timing.command_received(18, 0, 1.0)
    timing.pause()
    timing.state_published(9980, 9.0)
    timing.command_received(9978, 0, 9.0)
    assert timing.missed_ticks == 0
    assert timing.periods.count == 0


def test_percentiles_are_told_in_milliseconds_once_there_is_a_sample():
    timing = CommandTiming()
    assert "age_ms_p50" not in timing.values()
    for index in range(1000):
        timing.state_published(20 * index, index)
        timing.command_received(20 * index, 20 * index, index + 1e-6 * index)
    values = timing.values()
    assert float(values["age_ms_p50"]) == pytest.approx(0.4995, abs=0.02)
    assert float(values["age_ms_p99"]) == pytest.approx(0.989, abs=0.02)
    assert float(values["age_ms_max"]) == pytest.approx(0.999, abs=0.01)


def test_percentiles_are_those_of_numpy_within_a_bin():
    random = np.random.default_rng(0)
    durations = Durations()
    values = random.gamma(4.0, 0.001, 20_000)
    for value in values:
        durations.add(value)
    for share in (0.5, 0.99, 0.999):
        assert durations.percentile(share) == pytest.approx(
            np.quantile(values, share), abs=2 * BIN
        )


def test_what_is_beyond_the_bins_is_told_by_the_maximum():
    durations = Durations()
    for value in (0.001, 5.0, 7.0):
        durations.add(value)
    assert durations.percentile(0.5) == 7.0
    assert durations.longest == 7.0
