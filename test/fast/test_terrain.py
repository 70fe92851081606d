"""Terrains: exact heights, sizes that mean what they say, seeds that never meet."""

import numpy as np
import pytest

from ts_locomotion import rotation
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.simulation import terrain
from ts_locomotion.simulation.terrain import BOX_LIMIT, KINDS, HeightGrids, Segment, course, make

ALONG = np.linspace(-0.9, 8.0, 4000)
CLIMBS = [name for name in KINDS if name.startswith("stairs_") and name.endswith("_up")]
DESCENTS = [name for name in KINDS if name.startswith("stairs_") and name.endswith("_down")]


def profile(ground: terrain.Terrain, x: np.ndarray = ALONG, y: float = 0.0) -> np.ndarray:
    return ground.height(x, np.full_like(x, y))


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("difficulty", [0.0, 0.5, 1.0])
def test_every_terrain_fits_the_box_limit_and_is_flat_where_the_robot_starts(name, difficulty):
    for seed in range(5):
        ground = make(name, difficulty=difficulty, seed=seed)
        assert len(ground.centres) <= BOX_LIMIT
        around = np.linspace(-0.45, 0.45, 30)
        heights = ground.height(around[:, None], around[None, :])
        assert np.allclose(heights, ground.start_height)


def inside_a_box(ground: terrain.Terrain, points: np.ndarray) -> np.ndarray:
    """Which points (N, 3) lie in something solid. Shape (N,)."""
    in_box = rotation.rotate_inverse(ground.quaternions, points[:, None] - ground.centres)
    return (np.abs(in_box) < ground.half_sizes).all(axis=2).any(axis=1)


def flight(ground: terrain.Terrain) -> tuple[np.ndarray, np.ndarray]:
    """Where each step of stairs begins and how much it rises [m]. Shapes (8,)."""
    x = np.arange(-0.9, ground.bounds[1] - 0.1, 0.001)
    rises = np.diff(profile(ground, x))
    edges = np.flatnonzero(np.abs(rises) > 1e-9)
    return x[edges], rises[edges]


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("difficulty", [0.0, 1.0])
def test_the_exact_height_is_where_the_boxes_end(name, difficulty):
    ground = make(name, difficulty=difficulty, seed=2)
    x, y = np.random.default_rng(1).uniform([[-0.9], [-1.9]], [[6.0], [1.9]], (2, 400))
    top = ground.height(x, y)
    beneath = np.stack([x, y, top - 1e-6], axis=1)[top > 1e-5]
    assert inside_a_box(ground, beneath).all()
    for clearance in (1e-6, 0.01, 0.1, 1.0):
        assert not inside_a_box(ground, np.stack([x, y, top + clearance], axis=1)).any()


@pytest.mark.parametrize("name", KINDS)
def test_a_terrain_is_a_function_of_its_arguments(name):
    first, again = make(name, 0.1, seed=3), make(name, 0.1, seed=3)
    assert np.array_equal(first.centres, again.centres)
    assert np.array_equal(first.half_sizes, again.half_sizes)


@pytest.mark.parametrize("name", [name for name in KINDS if name not in ("flat", "slope")])
def test_training_and_evaluation_never_share_a_terrain(name):
    def fingerprints(stream):
        grounds = [make(name, 0.1, seed=seed, stream=stream) for seed in range(50)]
        return {ground.half_sizes.tobytes() + ground.centres.tobytes() for ground in grounds}

    train, evaluation = fingerprints("train"), fingerprints("eval")
    assert len(train) == len(evaluation) == 50
    assert not train & evaluation


@pytest.mark.parametrize("name", CLIMBS)
def test_stairs_up_have_eight_steps_of_the_height_asked_for_on_average(name):
    ground = make(name, 0.15)
    _, rises = flight(ground)
    assert len(rises) == 8
    assert (rises > 0.0).all()
    assert rises.mean() == pytest.approx(0.15)
    assert ground.start_height == 0.0


@pytest.mark.parametrize("name", DESCENTS)
def test_stairs_down_end_eight_steps_lower_on_the_ground(name):
    ground = make(name, 0.15)
    _, rises = flight(ground)
    assert len(rises) == 8
    assert (rises < 0.0).all()
    assert ground.start_height == pytest.approx(8 * 0.15)
    assert profile(ground, np.array([ground.bounds[1] - 0.1])) == 0.0


@pytest.mark.parametrize("name", ["stairs_up", "stairs_open_up", "stairs_ledged_up"])
def test_regular_stairs_have_equal_steps(name):
    begins, rises = flight(make(name, 0.15, seed=1))
    assert np.allclose(rises, 0.15)
    assert np.allclose(np.diff(begins), np.diff(begins).mean(), atol=0.0011)


@pytest.mark.parametrize("name", ["stairs_random_up", "stairs_random_down"])
def test_random_stairs_have_no_two_steps_alike(name):
    begins, rises = flight(make(name, 0.15, seed=1))
    risers, treads = np.abs(rises), np.diff(begins)
    assert len({f"{riser:.6f}" for riser in risers}) == 8
    assert np.abs(risers / 0.15 - 1.0).max() < 0.3 + 1e-6
    assert np.ptp(risers) > 0.03
    assert 0.21 < treads.min() < treads.max() < 0.41
    assert np.ptp(treads) > 0.05


@pytest.mark.parametrize("direction", ["up", "down"])
def test_under_a_tread_there_is_a_wall_unless_the_stairs_are_open(direction):
    def walled(kind: str) -> np.ndarray:
        ground = make(f"stairs_{kind}{direction}", 0.15, seed=1)
        begins, rises = flight(ground)
        inwards = begins + 0.10 * np.sign(rises)
        middle_of_riser = np.minimum(profile(ground, begins), profile(ground, begins + 0.002))
        points = np.stack([inwards, 0 * inwards, middle_of_riser + 0.05], axis=1)
        return inside_a_box(ground, points)

    assert walled("").all()
    assert walled("ledged_").all()
    assert not walled("open_").any()


@pytest.mark.parametrize("direction", ["up", "down"])
def test_ledged_treads_reach_out_over_the_step_below(direction):
    def held(kind: str, below_the_tread: float) -> np.ndarray:
        ground = make(f"stairs_{kind}{direction}", 0.15, seed=1)
        begins, rises = flight(ground)
        inwards = begins + 0.015 * np.sign(rises)
        top = np.maximum(profile(ground, begins), profile(ground, begins + 0.002))
        return inside_a_box(ground, np.stack([inwards, 0 * inwards, top - below_the_tread], 1))

    assert held("ledged_", 0.02).all()
    assert not held("ledged_", 0.07).any()
    assert held("", 0.07).all()


def test_grid_steps_pave_the_lane_with_columns_of_half_a_metre():
    ground = make("grid_steps", 0.2, seed=3)
    centres = np.arange(1.25, 4.5, 0.5)[:, None], np.arange(-1.75, 2.0, 0.5)[None, :]
    heights = ground.height(*centres)
    assert 0.0 < heights.min() < 0.04 < 0.16 < heights.max() <= 0.2
    for shift in (-0.24, 0.24):
        assert np.array_equal(ground.height(centres[0] + shift, centres[1] - shift), heights)


def test_discrete_rough_is_strewn_with_plates_turned_anyhow():
    ground = make("discrete_rough", 0.1, seed=3)
    x, y = np.meshgrid(np.linspace(1.5, 5.5, 300), np.linspace(-1.9, 1.9, 200))
    heights = ground.height(x, y)
    assert 0.1 < (heights > 0.0).mean() < 0.5
    assert 0.09 < heights.max() <= 0.1 + 1e-9
    assert len(np.unique(np.round(heights, 6))) > 25
    assert np.abs(ground.quaternions[:, 3]).max() > 0.5
    assert not ground.quaternions[:, 1:3].any()


def test_gaps_are_as_wide_as_asked_for():
    heights = profile(make("gaps", 0.25), np.arange(-0.9, 5.0, 0.001))
    below = heights < 0.5 * terrain.HOLE_DEPTH
    edges = np.flatnonzero(np.diff(below.astype(int)))
    widths = (edges[1::2] - edges[::2]) * 0.001
    assert len(widths) == 4
    assert np.allclose(widths, 0.25, atol=0.002)


def test_stepping_stones_stand_over_a_hole():
    ground = make("stepping_stones", 0.2)
    x, y = np.meshgrid(np.linspace(1.0, 4.0, 300), np.linspace(-1.0, 1.0, 200))
    on_stone = ground.height(x, y) > 0.5 * terrain.HOLE_DEPTH
    assert 0.25 < on_stone.mean() < 0.65


def test_planks_lie_across_the_whole_lane_over_a_hole():
    x, y = np.meshgrid(np.linspace(1.0, 4.6, 300), np.linspace(-1.9, 1.9, 20))
    on_plank = make("planks", 0.2).height(x, y) > 0.5 * terrain.HOLE_DEPTH
    assert (on_plank == on_plank[0]).all()
    assert 0.55 < on_plank.mean() < 0.75


@pytest.mark.parametrize("name", ["gaps", "planks", "stepping_stones"])
def test_the_first_holes_of_training_are_shallow_and_the_last_as_deep_as_any(name):
    def depth(size: float, stream: terrain.Stream) -> float:
        return make(name, size, stream=stream).start_height

    assert depth(0.06, "train") < 0.08 < depth(0.06, "eval")
    assert depth(0.35, "train") == depth(0.35, "eval") == terrain.HOLE_DEPTH


def test_a_slope_rises_and_falls_at_its_grade_without_a_jump():
    heights = profile(make("slope", 0.3))
    grades = np.diff(heights) / np.diff(ALONG)
    assert np.abs(grades).max() == pytest.approx(0.3)
    on_ramp = np.isclose(np.abs(grades), 0.3)
    assert on_ramp.sum() * np.diff(ALONG)[0] == pytest.approx(4.0, abs=0.02)
    assert heights.max() == pytest.approx(0.9)


def test_rough_ground_stays_within_its_size():
    ground = make("rough", 0.08)
    x, y = np.meshgrid(np.linspace(1.0, 6.0, 300), np.linspace(-1.9, 1.9, 200))
    heights = ground.height(x, y)
    assert heights.min() >= 0.0
    assert heights.max() < 1.5 * 0.08
    assert heights.std() > 0.01


def test_difficulty_interpolates_between_easiest_and_hardest():
    kind = KINDS["stairs_up"]
    assert make("stairs_up", difficulty=0.0).size == kind.easiest
    assert make("stairs_up", difficulty=1.0).size == pytest.approx(kind.hardest)


def test_a_course_joins_its_segments_without_gaps_in_level():
    ground = course(
        [
            Segment("flat", length=3.0),
            Segment("stairs_up", 0.1),
            Segment("flat", length=1.0),
            Segment("stairs_down", 0.1),
            Segment("rough", 0.03, 2.0),
        ]
    )
    heights = profile(ground, np.linspace(-0.9, ground.bounds[1] - 0.01, 6000))
    assert heights[0] == 0.0
    assert heights.max() == pytest.approx(0.8)
    assert np.abs(np.diff(heights)).max() < 0.101


def test_a_course_that_starts_downwards_starts_on_a_platform():
    ground = course(
        [Segment("flat", length=2.0), Segment("stairs_down", 0.1), Segment("gaps", 0.2)]
    )
    assert ground.start_height == pytest.approx(0.8 + terrain.HOLE_DEPTH)
    assert ground.centres.min(axis=0)[2] > 0.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "lava"}, "unknown terrain 'lava'; valid: flat, rough"),
        ({"name": "gaps", "size": -0.1}, "width of the gaps -0.1 m"),
        ({"name": "gaps", "size": np.nan}, "width of the gaps nan m"),
        ({"name": "gaps", "difficulty": 1.1}, "difficulty 1.1"),
        ({"name": "gaps", "size": 0.1, "difficulty": 0.1}, "not both"),
        ({"name": "gaps", "stream": "test"}, "unknown stream 'test'; valid: train, eval"),
    ],
)
def test_nonsense_is_refused_by_name(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        make(**arguments)


def test_grids_agree_with_exact_heights_but_for_one_cell_at_edges():
    grounds = [make(name, difficulty=1.0) for name in ("slope", "stairs_up", "gaps")]
    grids = HeightGrids(grounds, resolution=0.02)
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-0.9, 5.0, (3, 2000)), rng.uniform(-1.9, 1.9, (3, 2000))
    sampled = grids.at(np.arange(3)[:, None], x, y)
    exact = np.stack([ground.height(x[i], y[i]) for i, ground in enumerate(grounds)])
    assert (np.abs(sampled - exact) > 0.01).mean() < 0.05
    for shift in (-0.011, 0.011):
        moved = np.stack([ground.height(x[i] + shift, y[i]) for i, ground in enumerate(grounds)])
        exact = np.where(np.abs(moved - sampled) < np.abs(exact - sampled), moved, exact)
    assert np.abs(sampled - exact).max() < 0.01


def test_grids_answer_beyond_their_bounds_with_the_edge():
    grounds = [make("stairs_up", 0.1), make("flat")]
    far = HeightGrids(grounds).at(np.array([0, 1]), np.array([99.0, -99.0]), np.array([0.0, 99.0]))
    assert np.allclose(far, [0.8, 0.0])
