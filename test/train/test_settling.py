"""The end of a training: smaller steps and a sharper eye for speed."""

from pathlib import Path

import pytest

from ts_locomotion.training import tasks
from ts_locomotion.training.settling import SettlingRunner
from ts_locomotion.training.train import build


@pytest.fixture
def runner(tmp_path: Path) -> SettlingRunner:
    runner = build(tasks.make("go2_ts_tiny"), 0, tmp_path)
    assert isinstance(runner, SettlingRunner)
    return runner


def after(runner: SettlingRunner, share: float) -> tuple[float, float]:
    """Highest learning rate and tolerance when a share of the training is done."""
    runner.steps_done = round(share * runner.task.steps)
    runner._schedule()
    return runner.alg.highest_rate, runner.env.environment.shape.linear_tolerance


def test_nothing_changes_before_the_settling_begins(runner):
    task = runner.task
    rate, tolerance = task.algorithm.learning_rate_bounds[1], task.environment.shape
    for share in (0.0, 0.3, task.settling.begins - 0.01):
        assert after(runner, share) == (rate, tolerance.linear_tolerance)


def test_the_last_step_is_the_smallest_and_sharpest(runner):
    settling = runner.task.settling
    assert after(runner, 1.0) == pytest.approx((settling.learning_rate, settling.linear_tolerance))


def test_tolerance_is_sharp_half_way_while_the_rate_still_falls(runner):
    settling = runner.task.settling
    rate, tolerance = after(runner, (1.0 + settling.begins) / 2 + 0.01)
    assert tolerance == pytest.approx(settling.linear_tolerance)
    assert settling.learning_rate < rate < runner.task.algorithm.learning_rate_bounds[1]


def test_a_rate_above_the_highest_is_lowered_whatever_the_divergence(runner):
    runner.alg.learning_rate, runner.alg.highest_rate = 1e-3, 1e-4
    runner.alg._adapt_learning_rate(runner.alg.desired_kl)
    assert runner.alg.learning_rate == 1e-4
