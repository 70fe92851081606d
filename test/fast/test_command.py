import numpy as np
import pytest

from ts_locomotion import command
from ts_locomotion.command import CommandLimits
from ts_locomotion.errors import ConfigurationError, InvalidInput

LIMITS = CommandLimits((-0.5, -0.4, -1.0), (1.0, 0.4, 1.0), acceleration=(2.0, 1.0, 4.0))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_request_that_is_not_finite_is_refused(value):
    with pytest.raises(InvalidInput, match="not finite"):
        command.checked([0.1, value, 0.0])


def test_a_request_of_another_length_is_refused():
    with pytest.raises(InvalidInput, match=r"shape \(2,\), expected \(..., 3\)"):
        command.checked([0.1, 0.2])


def test_an_absurd_request_is_brought_within_limits():
    wanted = command.wanted(command.checked([1e9, -1e9, 5.0]), 0.0, LIMITS)
    np.testing.assert_array_equal(wanted, [1.0, -0.4, 1.0])


@pytest.mark.parametrize(("age", "expected"), [(0.5, 0.3), (0.51, 0.0), (np.inf, 0.0)])
def test_a_stale_request_means_standing_still(age, expected):
    wanted = command.wanted(np.array([0.3, 0.0, 0.0]), age, LIMITS)
    np.testing.assert_array_equal(wanted, [expected, 0.0, 0.0])


def test_a_request_in_the_dead_zone_means_standing_still():
    requests = np.array([[0.03, 0.03, 0.0], [0.03, 0.03, 0.03]])
    np.testing.assert_array_equal(
        command.wanted(requests, 0.0, LIMITS), [[0.0, 0.0, 0.0], [0.03, 0.03, 0.03]]
    )


def test_each_robot_of_a_batch_has_its_own_age():
    wanted = command.wanted(np.full((2, 3), 0.3), np.array([0.1, 2.0]), LIMITS)
    np.testing.assert_array_equal(wanted, [[0.3] * 3, [0.0] * 3])


def test_the_command_approaches_no_faster_than_the_acceleration():
    velocity = command.approach(np.zeros(3), np.array([1.0, -0.4, 1.0]), LIMITS, 0.02)
    np.testing.assert_allclose(velocity, [0.04, -0.02, 0.08])


def test_a_stale_command_ramps_to_exactly_zero():
    velocity = np.array([1.0, 0.4, -1.0])
    target = command.wanted(velocity, np.inf, LIMITS)
    speeds = []
    for _ in range(30):
        velocity = command.approach(velocity, target, LIMITS, 0.02)
        speeds.append(velocity[0])
    assert speeds[0] == pytest.approx(0.96)
    np.testing.assert_array_equal(velocity, 0.0)


def test_limits_come_from_the_ranges_of_a_contract_by_name():
    ranges = {"angular_z": (-1.0, 1.5), "linear_x": (-0.5, 1.0), "linear_y": (-0.4, 0.4)}
    limits = command.limits_of(ranges)
    assert (limits.lower, limits.upper) == ((-0.5, -0.4, -1.0), (1.0, 0.4, 1.5))


def test_limits_that_forbid_standing_still_are_refused():
    with pytest.raises(ConfigurationError, match=r"linear_x limits are \[0.2, 1.0\]"):
        CommandLimits((0.2, 0.0, 0.0), (1.0, 0.0, 0.0))


@pytest.mark.parametrize("setting", [{"timeout": 0.0}, {"acceleration": (1.0, 0.0, 1.0)}])
def test_a_command_that_could_never_stop_is_refused(setting):
    with pytest.raises(ConfigurationError, match="expected positive"):
        CommandLimits((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), **setting)
