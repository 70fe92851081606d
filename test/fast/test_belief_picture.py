"""The picture of a belief: points where the ground is, colours as the gate says."""

import numpy as np
import pytest

from ts_locomotion import belief_picture, observation, perception, robot
from ts_locomotion.belief_picture import MEASURED, RECONSTRUCTED, Stance
from ts_locomotion.elevation import ElevationMap
from ts_locomotion.errors import InvalidInput
from ts_locomotion.perception import FootScanArrays

BLIND = np.empty(0)
STILL = np.zeros(3)
TERMS = ("angular_velocity", "command", "last_action")


def stance(yaw: float = 0.7, pitch: float = 0.2) -> Stance:
    """Somewhere in the world, turned and tilted."""
    a, b, c, d = np.cos(yaw / 2), np.sin(yaw / 2), np.cos(pitch / 2), np.sin(pitch / 2)
    joints = robot.STAND_POSE + np.linspace(-0.1, 0.1, 12)
    return Stance(np.array([1.0, -2.0, 0.6]), np.array([a * c, -b * d, a * d, b * c]), joints)


def ground(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return 0.1 * x - 0.2 * y


@pytest.fixture
def known() -> ElevationMap:
    """The ground about the stance, with a hole in it."""
    rows, columns = np.indices((100, 100))
    x, y = ElevationMap(np.zeros((100, 100), np.float32), 0.04, (1.0, -2.0)).positions(
        rows, columns
    )
    heights = ground(x, y).astype(np.float32)
    heights[40:45, 40:60] = np.nan
    return ElevationMap(heights, 0.04, (1.0, -2.0))


def test_measured_points_lie_on_the_ground_and_none_in_the_hole(known):
    here = stance()
    scans = perception.foot_scans(known, *here)
    drawn = belief_picture.draw(here, scans, BLIND, BLIND, STILL).measured
    assert 0 < len(drawn.positions) == scans.valid.sum() < perception.SCAN_SIZE
    x, y, z = drawn.positions.T
    np.testing.assert_allclose(z, ground(x, y), atol=1e-5)
    assert drawn.colours.shape == drawn.positions.shape


def test_reconstructed_points_are_above_the_measured_ones_by_what_is_believed(known):
    here = stance()
    scans = perception.foot_scans(known, *here)
    higher = scans.heights.ravel() + 0.05
    drawn = belief_picture.draw(here, scans, higher, BLIND, STILL)
    assert drawn.reconstructed.positions.shape == (perception.SCAN_SIZE, 3)
    lifted = drawn.reconstructed.positions[scans.valid.ravel()] - drawn.measured.positions
    np.testing.assert_allclose(lifted, np.tile([0, 0, 0.05], (len(lifted), 1)), atol=1e-6)


def test_points_belong_to_the_foot_they_surround():
    here = stance()
    points = belief_picture.sample_points(here, np.zeros((4, 52)))
    feet = belief_picture.draw(here, None, BLIND, np.ones(4), STILL).feet.positions
    assert points.shape == (4, 52, 3)
    np.testing.assert_allclose(points.mean(axis=1), feet, atol=1e-9)


def test_the_gate_of_each_foot_is_the_mean_of_its_encodings():
    gate = np.repeat([0.0, 0.25, 0.5, 1.0], 24)
    gate[0], gate[1] = 0.5, -0.5
    np.testing.assert_allclose(belief_picture.gate_by_foot(gate), [0.0, 0.25, 0.5, 1.0])


def test_colours_go_from_shut_to_open_with_the_gate_of_the_points_own_foot():
    gate = np.repeat([0.0, 0.25, 0.5, 1.0], 24)
    scans = FootScanArrays(np.zeros((4, 52), np.float32), np.ones((4, 52), bool))
    drawn = belief_picture.draw(stance(), scans, np.zeros(208), gate, STILL)
    clouds = ((drawn.measured, MEASURED), (drawn.reconstructed, RECONSTRUCTED))
    for cloud, palette in clouds:
        by_foot = cloud.colours.reshape(4, 52, 3)
        np.testing.assert_array_equal(by_foot, by_foot[:, :1].repeat(52, axis=1))
        np.testing.assert_allclose(by_foot[0, 0], palette.shut)
        np.testing.assert_allclose(by_foot[3, 0], palette.open)
        np.testing.assert_allclose(by_foot[2, 0], np.mean(palette[:2], axis=0))
    np.testing.assert_allclose(drawn.feet.colours, drawn.measured.colours[::52])
    np.testing.assert_allclose(drawn.feet.gate, [0.0, 0.25, 0.5, 1.0])


def test_a_blind_belief_has_no_reconstruction_no_gate_and_measures_in_grey():
    scans = FootScanArrays(np.zeros((4, 52), np.float32), np.ones((4, 52), bool))
    drawn = belief_picture.draw(stance(), scans, BLIND, BLIND, STILL)
    assert drawn.reconstructed.positions.shape == (0, 3)
    assert drawn.feet.positions.shape == (0, 3)
    assert (drawn.measured.colours == MEASURED.none).all()


def test_without_scans_nothing_is_measured_but_the_belief_is_drawn():
    drawn = belief_picture.draw(stance(), None, np.zeros(208), np.full(96, 0.5), STILL)
    assert drawn.measured.positions.shape == (0, 3)
    assert drawn.reconstructed.positions.shape == (208, 3)


def test_the_arrow_points_where_the_robot_is_told_to_go():
    here = stance(yaw=np.pi / 2, pitch=0.3)
    start, tip = belief_picture.command_shape(here, np.array([0.6, 0.2, 0.0])).arrow
    np.testing.assert_allclose(tip - start, [-0.2, 0.6, 0.0], atol=1e-12)
    np.testing.assert_allclose(start[:2], here.position[:2])


def test_the_arc_turns_from_the_heading_as_the_robot_is_told_to():
    here = stance(yaw=np.pi / 2)
    shape = belief_picture.command_shape(here, np.array([0.0, 0.0, np.pi / 2]))
    centre = shape.arrow[0]
    np.testing.assert_array_equal(shape.arrow[1], centre)
    radius = belief_picture.ARC_RADIUS
    np.testing.assert_allclose(shape.arc[0] - centre, [0.0, radius, 0.0], atol=1e-12)
    np.testing.assert_allclose(shape.arc[-1] - centre, [-radius, 0.0, 0.0], atol=1e-12)


def test_the_command_is_found_in_the_observation():
    parts = {name: np.full(observation.TERMS[name].size, 9.0) for name in TERMS}
    parts["command"] = np.array([0.5, -0.1, 0.3]) * observation.TERMS["command"].scale
    observed = np.concatenate([parts[name] for name in TERMS])
    np.testing.assert_allclose(belief_picture.command_of(TERMS, observed), [0.5, -0.1, 0.3])
    np.testing.assert_array_equal(belief_picture.command_of(("gait_clock",), np.ones(2)), STILL)


@pytest.mark.parametrize(
    ("heights", "gate", "reason"),
    [
        (np.zeros(207), np.zeros(96), "207 heights, expected 208"),
        (np.zeros(208), np.zeros(95), "gate of 95 entries, expected a multiple of 4"),
    ],
)
def test_what_is_not_of_four_feet_is_refused(heights, gate, reason):
    with pytest.raises(InvalidInput, match=reason):
        belief_picture.draw(stance(), None, heights, gate, STILL)


def test_an_observation_of_another_size_is_refused():
    with pytest.raises(InvalidInput, match="observation of 17 entries, expected 18"):
        belief_picture.command_of(TERMS, np.zeros(17))
