"""Velocity commands of training."""

import numpy as np

from ts_locomotion.simulation.commands import CommandRanges, hold_heading, sample

RANGES = CommandRanges()


def drawn(on_lane: bool, count: int = 2000):
    return sample(RANGES, np.full(count, on_lane), np.random.default_rng(0))


def test_open_commands_fill_their_ranges():
    commands, _ = drawn(on_lane=False)
    for axis, (low, high) in enumerate((RANGES.linear_x, RANGES.linear_y, RANGES.angular_z)):
        assert low <= commands[:, axis].min() < low + 0.1
        assert high - 0.1 < commands[:, axis].max() <= high


def test_lane_commands_go_forward_or_rest():
    commands, _ = drawn(on_lane=True)
    speeds = commands[commands[:, 0] != 0.0, 0]
    assert not commands[:, 1:].any()
    assert RANGES.lane_speed[0] <= speeds.min() and speeds.max() <= RANGES.lane_speed[1]


def test_a_share_of_the_commands_is_zero_in_every_part():
    for on_lane in (False, True):
        commands, _ = drawn(on_lane)
        still = (commands == 0.0).all(axis=1).mean()
        assert abs(still - RANGES.stand_share) < 0.03


def test_rests_on_a_lane_are_short():
    commands, times = drawn(on_lane=True)
    still = (commands == 0.0).all(axis=1)
    assert times[still].max() < times[~still].max() / 2


def test_the_heading_is_held_by_turning_back_but_never_at_rest():
    yaw = np.array([0.2, -0.2, 3.0, 0.2])
    commands = np.array([[0.5, 0, 0], [0.5, 0, 0], [0.5, 0, 0], [0.0, 0, 0]])
    rate = hold_heading(RANGES, commands, yaw)
    assert np.allclose(rate, [-0.2, 0.2, -RANGES.heading_rate, 0.0])
