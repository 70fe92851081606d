"""The committed bundle walks: a small sample of what `make eval` measures."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ts_locomotion import bundle, robot
from ts_locomotion.simulation import scene
from ts_locomotion.training.course import Course, Trial
from ts_locomotion.training.evaluate import evaluate

STAIRS = Trial("stairs", "stairs_up", 0.08)
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


@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_robots_without_spread_start_alike_and_feel_exactly(spread):
    trial = replace(STAIRS, spread=spread)
    course = Course(MODEL.contract, trial, 3, 0, scene.TRAINING)
    felt, physics = course.sense(), course.physics
    alike = (physics.base_position == physics.base_position[0]).all()
    exactly = all(
        np.allclose(getattr(felt, name), getattr(physics, name), atol=1e-12)
        for name in ("orientation", "angular_velocity", "joint_positions", "joint_velocities")
    )
    assert (alike, exactly) == (spread == 0.0, spread == 0.0)


@pytest.mark.parametrize("place", [(9.0, 2.1), (9.0, -2.1), (-9.0, 0.0)])
def test_a_robot_that_left_its_lane_has_not_crossed_it_and_counts_no_more(place):
    course = Course(MODEL.contract, STAIRS, 2, 0, scene.TRAINING)
    course.physics.base_position[0, :2] = place
    course.physics.base_position[1, :2] = 9.0, 1.9
    course.physics.base_position[:, 2] = 2.0
    stand, rest = np.tile(robot.STAND_POSE, (2, 1)), np.zeros((2, 12))
    course.advance(stand, rest)
    assert course.strayed.tolist() == [True, False] and course.arrived.tolist() == [False, True]
    assert not course.walking().any()
    course.physics.base_position[0, :2] = 9.0, 0.0
    course.physics.orientation[:] = 0.0, 1.0, 0.0, 0.0
    course.advance(stand, rest)
    assert not course.fell.any() and course.arrived.tolist() == [False, True]
