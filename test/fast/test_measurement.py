"""What simulation knows of the robots, checked against MuJoCo."""

from dataclasses import replace

import numpy as np
import pytest

from ts_locomotion import robot
from ts_locomotion.simulation import measurement, scene, terrain
from ts_locomotion.simulation.physics import Physics
from ts_locomotion.simulation.terrain import HeightGrids

EVERYONE = np.arange(2)


@pytest.fixture(scope="module")
def standing() -> tuple[Physics, HeightGrids]:
    """One robot on the flat, one on the platform above stairs, after three seconds at rest."""
    places = [terrain.make("flat"), terrain.make("stairs_down", 0.08)]
    options = replace(scene.TRAINING, box_count=terrain.BOX_LIMIT)
    models = [scene.compile_scene(place, options) for place in places]
    physics = Physics(models, EVERYONE, threads=1)
    heights = HeightGrids(places)
    level = np.array([place.start_height for place in places])
    base = np.stack([np.zeros(2), np.zeros(2), level + robot.STAND_HEIGHT], axis=1)
    physics.reset(EVERYONE, base, np.array([1.0, 0, 0, 0]), robot.STAND_POSE)
    for _ in range(150):
        physics.step(np.tile(robot.STAND_POSE, (2, 1)))
    return physics, heights


def test_the_soles_of_a_standing_robot_touch_the_ground_wherever_it_is(standing):
    body = measurement.measure(*standing, EVERYONE)
    assert body.contacts.all()
    assert np.abs(body.clearances).max() < 0.005
    assert body.height == pytest.approx([0.31, 0.31], abs=0.03)


def test_a_standing_robot_is_level_and_at_rest(standing):
    body = measurement.measure(*standing, EVERYONE)
    assert body.gravity == pytest.approx(np.tile([0.0, 0.0, -1.0], (2, 1)), abs=0.1)
    assert np.abs(body.linear_velocity).max() < 0.05
    assert np.abs(body.foot_velocities_in_world).max() < 0.05


def test_the_ground_ahead_of_a_stair_is_seen_lower_than_the_one_behind(standing):
    physics, heights = standing
    physics.base_position[1, 0] = 1.0 - robot.HIP_OFFSET[0, 0]  # front feet above the first edge
    front = measurement.measure(physics, heights, EVERYONE).grids[1, 0].reshape(3, 3)
    assert (front[2] > front[0] + 0.07).all()


def test_foot_velocities_are_those_of_a_turning_base(standing):
    physics, heights = standing
    physics.base_velocity[0], physics.angular_velocity[0] = [0.3, 0.0, 0.0], [0.0, 0.0, 1.0]
    physics.joint_velocities[0] = 0.0
    physics.orientation[0] = [1.0, 0.0, 0.0, 0.0]
    velocity = measurement.measure(physics, heights, EVERYONE).foot_velocities_in_world[0]
    feet = robot.foot_position_in_base(physics.joint_positions[0])
    expected = np.stack([0.3 - feet[:, 1], feet[:, 0], np.zeros(4)], axis=1)
    assert velocity == pytest.approx(expected, abs=1e-9)
