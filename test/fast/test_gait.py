import numpy as np
import pytest

from ts_locomotion import gait


def test_one_period_of_steps_brings_the_phase_back():
    phase = np.array(0.25)
    for _ in range(25):
        phase = gait.advance(phase, np.array(True), frequency_hz=2.0, step_time=0.02)
        assert 0.0 <= phase < 1.0
    assert phase == pytest.approx(0.25)


def test_the_phase_rests_at_zero_while_not_moving():
    phases = gait.advance(np.array([0.4, 0.4]), np.array([True, False]), 2.0, 0.02)
    np.testing.assert_allclose(phases, [0.44, 0.0])


def test_the_clock_is_on_the_unit_circle_when_moving_and_zero_when_standing():
    clock = gait.clock(np.array([0.25, 0.25]), np.array([True, False]))
    np.testing.assert_allclose(clock, [[1.0, 0.0], [0.0, 0.0]], atol=1e-12)


def test_phase_and_motion_are_read_back_from_the_clock():
    phases = np.array([0.0, 0.2, 0.5, 0.99, 0.3])
    moving = np.array([True, True, True, True, False])
    phase, moves = gait.read(gait.clock(phases, moving).astype(np.float32))
    np.testing.assert_array_equal(moves, moving)
    apart = (phase - phases + 0.5) % 1.0 - 0.5
    np.testing.assert_allclose(apart[moving], 0.0, atol=1e-6)


def test_diagonal_legs_swing_together_and_the_pairs_in_turn():
    front_right, front_left, rear_right, rear_left = gait.leg_phases(np.array(0.1))
    assert front_right == rear_left == pytest.approx(0.1)
    assert front_left == rear_right == pytest.approx(0.6)


def test_leg_phases_of_a_batch_stay_below_one():
    phases = gait.leg_phases(np.linspace(0.0, 0.99, 7))
    assert phases.shape == (7, 4)
    assert ((phases >= 0.0) & (phases < 1.0)).all()


@pytest.mark.parametrize(
    ("command", "moving"),
    [
        ([0.0, 0.0, 0.0], False),
        ([0.05, 0.05, 0.0], False),
        ([0.0, 0.0, 0.2], True),
        ([-0.3, 0.0, 0.0], True),
    ],
)
def test_only_commands_beyond_the_threshold_ask_for_motion(command, moving):
    assert gait.is_moving(np.array(command)) == moving
