"""The committed bundle walks: a small sample of what `make eval` measures."""

from pathlib import Path

import pytest

from ts_locomotion import bundle
from ts_locomotion.training.course import Trial
from ts_locomotion.training.evaluate import evaluate

MODEL = bundle.load(Path(__file__).parents[2] / "models" / "go2_ts")


def test_the_bundle_stands_still_when_told_nothing():
    cell = evaluate(MODEL, Trial("stand", speed=0.0, time=4.0), 8)
    assert cell.survival == 1.0 and cell.error_x < 0.03 and cell.error_turn < 0.05


@pytest.mark.parametrize("speed", [0.6, -0.4])
def test_the_bundle_walks_at_the_speed_it_is_told(speed):
    cell = evaluate(MODEL, Trial("walk", speed=speed, time=6.0), 8)
    assert cell.survival == 1.0 and cell.error_x < 0.1


@pytest.mark.parametrize("terrain", ["stairs_up", "stairs_down"])
def test_the_bundle_walks_stairs_of_eight_centimetres_blind(terrain):
    cell = evaluate(MODEL, Trial("stairs", terrain, 0.08, time=10.0), 16)
    assert cell.success >= 0.75
