"""Foot scans: where the points lie, and what the map says there."""

import numpy as np
import pytest

from ts_locomotion import perception, robot
from ts_locomotion.elevation import ElevationMap

LEVEL = np.array([1.0, 0.0, 0.0, 0.0])
STANDING = np.array([0.0, 0.0, robot.STAND_HEIGHT])


def turned(yaw: float, pitch: float = 0.0) -> np.ndarray:
    """Heading, then nose down by pitch."""
    half_yaw, half_pitch = yaw / 2, pitch / 2
    return np.array(
        [
            np.cos(half_yaw) * np.cos(half_pitch),
            -np.sin(half_yaw) * np.sin(half_pitch),
            np.cos(half_yaw) * np.sin(half_pitch),
            np.sin(half_yaw) * np.cos(half_pitch),
        ]
    )


def step_ahead(edge: float, height: float, centre=(0.0, 0.0)) -> ElevationMap:
    """Flat, but `height` where x exceeds `edge`."""
    blank = ElevationMap(np.zeros((200, 150), np.float32), 0.02, centre)
    x, _ = blank.positions(*np.indices(blank.layer.shape))
    layer = np.where(x - centre[0] > edge, height, 0.0).astype(np.float32)
    return ElevationMap(layer, 0.02, centre)


def test_there_are_52_points_on_five_circles():
    offsets = perception.scan_offsets()
    assert offsets.shape == (52, 2)
    radii, counts = np.unique(np.linalg.norm(offsets, axis=1).round(9), return_counts=True)
    assert tuple(radii) == perception.SCAN_RADII
    assert tuple(counts) == perception.SCAN_POINTS
    assert 4 * len(offsets) == perception.SCAN_SIZE


def test_points_of_a_circle_start_ahead_go_left_and_are_even():
    first = perception.scan_offsets()[:6]
    np.testing.assert_allclose(first[0], [0.08, 0.0])
    assert first[1, 1] > 0
    np.testing.assert_allclose(first.sum(axis=0), 0.0, atol=1e-12)


def test_on_flat_ground_every_height_is_minus_the_foot_height():
    scans = perception.foot_scans(step_ahead(9.0, 0.0), STANDING, LEVEL, robot.STAND_POSE)
    foot_height = STANDING[2] + robot.foot_position_in_base(robot.STAND_POSE)[:, 2]
    assert scans.heights.shape == scans.valid.shape == (4, 52)
    assert scans.heights.dtype == np.float32
    assert scans.valid.all()
    np.testing.assert_allclose(scans.heights, -foot_height[:, None] * np.ones(52), atol=1e-6)


def test_a_step_ahead_is_seen_ahead_and_not_beside():
    scans = perception.foot_scans(step_ahead(0.5, 0.2), STANDING, LEVEL, robot.STAND_POSE)
    flat = perception.foot_scans(step_ahead(9.0, 0.2), STANDING, LEVEL, robot.STAND_POSE)
    rise = scans.heights - flat.heights
    points = perception.scan_points(STANDING, LEVEL, robot.STAND_POSE)
    clear = np.abs(points.x - 0.5) > 0.02
    np.testing.assert_allclose(rise[clear], np.where(points.x > 0.5, 0.2, 0.0)[clear], atol=1e-6)
    assert (rise[:2].max(), rise[2:].max()) == pytest.approx((0.2, 0.0), abs=1e-6)


def test_the_points_turn_with_the_heading_but_stay_level():
    points = perception.scan_points(STANDING, turned(np.pi / 2), robot.STAND_POSE)
    feet = robot.foot_position_in_base(robot.STAND_POSE)
    np.testing.assert_allclose(points.x[:, 0], -feet[:, 1], atol=1e-12)
    np.testing.assert_allclose(points.y[:, 0], feet[:, 0] + 0.08)
    pitched = perception.scan_points(STANDING, turned(0.7, pitch=0.4), robot.STAND_POSE)
    spread = np.hypot(
        pitched.x - pitched.x.mean(1)[:, None], pitched.y - pitched.y.mean(1)[:, None]
    )
    np.testing.assert_allclose(spread[:, -1], 0.48, atol=1e-9)


def test_feet_follow_the_pitch_of_the_base():
    level = perception.scan_points(STANDING, LEVEL, robot.STAND_POSE).foot_height
    nose_down = perception.scan_points(STANDING, turned(0.0, pitch=0.2), robot.STAND_POSE)
    assert (nose_down.foot_height[:2] < level[:2]).all()
    assert (nose_down.foot_height[2:] > level[2:]).all()


def test_far_from_the_origin_nothing_changes():
    here = perception.foot_scans(step_ahead(0.5, 0.2), STANDING, turned(0.3), robot.STAND_POSE)
    far = np.array([2.0e5, -3.0e5])
    there = perception.foot_scans(
        step_ahead(0.5, 0.2, (far[0], far[1])),
        STANDING + np.append(far, 0.0),
        turned(0.3),
        robot.STAND_POSE,
    )
    np.testing.assert_allclose(there.heights, here.heights, atol=1e-6)


def test_what_the_map_lacks_is_masked_and_zero():
    grid = step_ahead(9.0, 0.0)
    layer = grid.layer.copy()
    layer[:100] = np.nan  # nothing known at x > 0
    hidden = ElevationMap(layer, 0.02, (0.0, 0.0))
    scans = perception.foot_scans(hidden, STANDING, LEVEL, robot.STAND_POSE)
    points = perception.scan_points(STANDING, LEVEL, robot.STAND_POSE)
    np.testing.assert_array_equal(scans.valid, points.x < -0.01)
    assert scans.valid.any()
    assert (scans.heights[~scans.valid] == 0.0).all()


def test_many_robots_on_one_map_see_what_each_would_alone():
    rng = np.random.default_rng(0)
    positions = np.column_stack([rng.uniform(-0.5, 0.5, (5, 2)), np.full(5, 0.3)])
    orientations = np.stack([turned(yaw) for yaw in rng.uniform(-3, 3, 5)])
    joints = robot.STAND_POSE + rng.uniform(-0.3, 0.3, (5, 12))
    grid = step_ahead(0.1, 0.15)
    together = perception.foot_scans(grid, positions, orientations, joints)
    for one in range(5):
        alone = perception.foot_scans(grid, positions[one], orientations[one], joints[one])
        np.testing.assert_array_equal(together.heights[one], alone.heights)
        np.testing.assert_array_equal(together.valid[one], alone.valid)
