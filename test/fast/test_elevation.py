"""The elevation map follows grid_map: its worked examples, its circular buffer, its axes."""

import numpy as np
import pytest

from ts_locomotion.elevation import COLUMN_MAJOR, ROW_MAJOR, ElevationMap, Layout, from_layout
from ts_locomotion.errors import InvalidInput

NAN = np.nan


def example_a() -> ElevationMap:
    rows, columns = np.indices((3, 2))
    return ElevationMap((10 * rows + columns).astype(np.float32), 0.1, (1.0, 2.0))


def plane(shape=(30, 20), resolution=0.1, centre=(0.0, 0.0), start=(0, 0)) -> ElevationMap:
    """Height = 2 x - 3 y about the centre, stored from `start` on."""
    blank = ElevationMap(np.zeros(shape, np.float32), resolution, centre, start)
    x, y = blank.positions(*np.indices(shape))
    layer = (2 * (x - centre[0]) - 3 * (y - centre[1])).astype(np.float32)
    return ElevationMap(layer, resolution, centre, start)


def test_positions_of_example_a():
    x, y = example_a().positions(*np.indices((3, 2)))
    np.testing.assert_allclose(x, [[1.10, 1.10], [1.00, 1.00], [0.90, 0.90]])
    np.testing.assert_allclose(y, [[2.05, 1.95]] * 3)


def test_indices_of_example_a():
    rows, columns, inside = example_a().indices(
        np.array([1.12, 0.86, 1.15]), np.array([1.96, 2.09, 2.05])
    )
    assert list(zip(rows, columns, strict=True)) == [(0, 1), (2, 0), (0, 0)]
    assert inside.all()


def test_layout_of_example_a_is_column_major():
    layout = example_a().layout()
    assert layout.data.tolist() == [0, 10, 20, 1, 11, 21]
    assert (layout.labels, tuple(layout.sizes), layout.strides) == (COLUMN_MAJOR, (2, 3), (6, 3))


def test_example_b_begins_where_example_a_was_moved_to():
    layer = example_a().layer.copy()
    layer[2] = NAN
    moved = ElevationMap(layer, 0.1, (1.1, 2.0), (2, 0))
    np.testing.assert_array_equal(moved.unwrapped(), [[NAN, NAN], [0, 1], [10, 11]])
    x, _ = moved.positions(np.array([2, 0, 1]), np.zeros(3, int))
    np.testing.assert_allclose(x, [1.2, 1.1, 1.0])


def test_positions_of_example_c():
    grid = ElevationMap(np.zeros((5, 4), np.float32), 0.1, (0.0, 0.0), (3, 1))
    rows, columns = np.array([[3, 1], [4, 2], [2, 0], [0, 0], [4, 3]]).T
    x, y = grid.positions(rows, columns)
    np.testing.assert_allclose(x, [0.2, 0.1, -0.2, 0.0, 0.1], atol=1e-12)
    np.testing.assert_allclose(y, [0.15, 0.05, -0.15, -0.15, -0.05], atol=1e-12)


def test_the_largest_edge_is_inside_and_the_smallest_outside():
    edges_x, edges_y = np.array([1.15, 0.85, 1.0, 1.0]), np.array([2.0, 2.0, 2.1, 1.9])
    *_, inside = example_a().indices(edges_x, edges_y)
    assert inside.tolist() == [True, False, True, False]


@pytest.mark.parametrize("start", [(0, 0), (7, 13)])
def test_indices_invert_positions(start):
    grid = plane(start=start, centre=(1e5, -2e5))
    rows, columns = np.indices(grid.layer.shape)
    found_rows, found_columns, inside = grid.indices(*grid.positions(rows, columns))
    np.testing.assert_array_equal(found_rows, rows)
    np.testing.assert_array_equal(found_columns, columns)
    assert inside.all()


@pytest.mark.parametrize("labels", [COLUMN_MAJOR, ROW_MAJOR])
def test_a_layout_comes_back_as_the_same_map(labels):
    grid = plane(start=(4, 9))
    layout = grid.layout()
    if labels == ROW_MAJOR:
        layout = Layout(grid.layer.ravel(), grid.layer.shape, ROW_MAJOR)
    back = from_layout(layout, grid.resolution, grid.lengths, grid.centre, grid.start)
    np.testing.assert_array_equal(back.layer, grid.layer)
    np.testing.assert_array_equal(back.unwrapped(), grid.unwrapped())


def test_data_offset_is_skipped():
    layout = example_a().layout()
    shifted = layout._replace(data=np.concatenate([[7, 7], layout.data]), offset=2)
    back = from_layout(shifted, 0.1, (0.3, 0.2), (1.0, 2.0))
    np.testing.assert_array_equal(back.layer, example_a().layer)


@pytest.mark.parametrize("start", [(0, 0), (29, 1), (11, 19)])
@pytest.mark.parametrize("centre", [(0.0, 0.0), (123456.7, -98765.4)])
def test_heights_between_cells_are_bilinear_wherever_the_buffer_starts(start, centre):
    grid = plane(start=start, centre=centre)
    rng = np.random.default_rng(1)
    x, y = rng.uniform(-1.4, 1.4, 500), rng.uniform(-0.9, 0.9, 500)
    heights, valid = grid.heights_at(x + centre[0], y + centre[1])
    assert valid.all()
    np.testing.assert_allclose(heights, 2 * x - 3 * y, atol=1e-6)


def test_x_and_y_are_not_transposed():
    layer = np.zeros((40, 20), np.float32)
    layer[:10] = 0.2  # a step ahead, at x > 1
    grid = ElevationMap(layer, 0.1, (0.0, 0.0))
    assert grid.heights_at(np.array(1.5), np.array(0.0)).heights == pytest.approx(0.2)
    assert grid.heights_at(np.array(0.0), np.array(0.5)).heights == 0.0
    assert not grid.heights_at(np.array(0.0), np.array(1.5)).valid


def test_heights_equal_the_unwrapped_neighbours_weighted_by_hand():
    grid = example_a()
    heights, _ = grid.heights_at(np.array(1.03), np.array(1.97))
    u, v = 0.7, 0.8  # cells from (0, 0) along -x and -y
    expected = (1 - u) * ((1 - v) * 0 + v * 1) + u * ((1 - v) * 10 + v * 11)
    assert heights == pytest.approx(expected)


@pytest.mark.parametrize("unknown", [NAN, np.inf, -np.inf])
def test_a_height_is_unknown_when_any_cell_it_needs_is(unknown):
    layer = np.ones((5, 5), np.float32)
    layer[2, 2] = unknown
    grid = ElevationMap(layer, 0.1, (0.0, 0.0))
    x = np.array([0.0, 0.05, 0.05, 0.15, 0.1, 0.1])
    y = np.array([0.0, 0.05, 0.0, 0.0, 0.0, 0.05])
    heights, valid = grid.heights_at(x, y)
    assert valid.tolist() == [False, False, False, True, True, True]
    np.testing.assert_allclose(heights, [0, 0, 0, 1, 1, 1])


def test_rounding_does_not_make_a_neighbour_matter():
    layer = np.ones((5, 5), np.float32)
    layer[3:] = np.nan  # x < -0.05
    grid = ElevationMap(layer, 0.1, (4e5, 0.0))
    at_centre = 4e5 + np.array([-1e-9, 0.0, 1e-9])
    assert grid.heights_at(at_centre, np.zeros(3)).valid.all()
    assert not grid.heights_at(4e5 - 1e-3, 0.0).valid


def test_outside_the_cell_centres_nothing_is_known():
    grid = ElevationMap(np.ones((5, 4), np.float32), 0.1, (0.0, 0.0))
    x = np.array([0.2, 0.21, -0.21, 0.0, 0.0, 9.0, NAN, np.inf, -1e300])
    y = np.array([0.15, 0.0, 0.0, 0.16, -0.16, 0.0, 0.0, 0.0, 0.0])
    heights, valid = grid.heights_at(x, y)
    assert valid.tolist() == [True] + [False] * 8
    np.testing.assert_array_equal(heights[1:], 0.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ("x", "y")}, "dimensions"),
        ({"sizes": (3, 2)}, "3 cells"),
        ({"data": np.zeros(5, np.float32)}, "5 values"),
        ({"offset": 1}, "values"),
        ({"resolution": 0.0}, "cells of"),
        ({"resolution": NAN}, "cells of"),
        ({"lengths": (0.0, 0.0)}, "m in cells"),
        ({"lengths": (np.inf, 0.2)}, "m in cells"),
        ({"centre": (NAN, 0.0)}, "centre"),
        ({"start": (3, 0)}, "start index"),
        ({"start": (0, -1)}, "start index"),
    ],
)
def test_a_malformed_layer_is_refused(change, message):
    given = {"resolution": 0.1, "lengths": (0.3, 0.2), "centre": (1.0, 2.0), "start": (0, 0)}
    layout = example_a().layout()
    for name, value in change.items():
        if name in given:
            given[name] = value
        else:
            layout = layout._replace(**{name: value})
    with pytest.raises(InvalidInput, match=message):
        from_layout(layout, **given)


@pytest.mark.parametrize("shape", [(0, 4), (4,)])
def test_an_empty_map_is_refused(shape):
    with pytest.raises(InvalidInput, match="expected rows, columns"):
        ElevationMap(np.zeros(shape, np.float32), 0.1, (0.0, 0.0))


@pytest.mark.parametrize("resolution", [0.0, -0.1, np.nan, np.inf])
def test_cells_without_a_size_are_refused(resolution):
    with pytest.raises(InvalidInput, match="resolution"):
        ElevationMap(np.zeros((4, 4), np.float32), resolution, (0.0, 0.0))
