"""The simulated elevation map shows the ground where it is, and only the defects asked for."""

import numpy as np
import pytest

from ts_locomotion.errors import ConfigurationError
from ts_locomotion.simulation import terrain
from ts_locomotion.simulation.courses import COURSE, OBSTACLE_COURSE
from ts_locomotion.simulation.map_sensor import MapOptions, MapSensor
from ts_locomotion.simulation.terrain import Segment

STAIRS = terrain.make("stairs_up", 0.15)


def first_map(position, **options):
    sensor = MapSensor(STAIRS, MapOptions(**options), seed=3)
    return sensor.update(0, np.array(position)).map


def cells(elevation_map):
    rows, columns = np.indices(elevation_map.layer.shape)
    return elevation_map.positions(rows, columns)


@pytest.mark.parametrize("position", [(0.0, 0.0, 0.3), (1.31, -0.47, 0.3), (-30.0, 9.0, 0.3)])
@pytest.mark.parametrize("length", [2.0, 2.2])
def test_every_cell_holds_the_exact_height_of_the_ground_at_its_centre(position, length):
    found = first_map(position, length=length, resolution=0.1)
    x, y = cells(found)
    np.testing.assert_allclose(found.layer, STAIRS.height(x - 1e-6, y), atol=1e-6)


def test_the_map_is_centred_within_half_a_cell_of_the_robot():
    found = first_map((1.31, -0.47, 0.3), resolution=0.1)
    assert np.abs(np.array(found.centre) - (1.31, -0.47)).max() <= 0.05


def test_a_cell_keeps_its_place_in_the_buffer_while_the_robot_moves():
    sensor = MapSensor(STAIRS, MapOptions(length=2.0, resolution=0.1, rate=10.0))
    before = sensor.update(0, np.array([0.5, 0.0, 0.3])).map
    after = sensor.update(100, np.array([0.9, -0.2, 0.3])).map
    row, column, inside = (part.item() for part in after.indices(np.array(0.55), np.array(0.05)))
    assert inside
    assert (row, column, True) == tuple(
        part.item() for part in before.indices(np.array(0.55), np.array(0.05))
    )
    assert before.start != after.start


def test_maps_come_at_the_rate_asked_for():
    sensor = MapSensor(STAIRS, MapOptions(rate=20.0))
    ticks = [tick for tick in range(0, 1000, 2) if sensor.update(tick, np.zeros(3))]
    assert ticks == list(range(0, 1000, 50))


def test_rate_zero_means_no_map():
    sensor = MapSensor(STAIRS, MapOptions(rate=0.0))
    assert not any(sensor.update(tick, np.zeros(3)) for tick in range(0, 1000, 2))


def test_a_delayed_map_carries_the_time_and_place_of_its_measurement():
    sensor = MapSensor(STAIRS, MapOptions(rate=10.0, delay=0.15))
    delivered = {}
    for tick in range(0, 500, 2):
        found = sensor.update(tick, np.array([tick * 1e-3, 0.0, 0.3]))
        if found:
            delivered[tick] = found
    assert list(delivered) == [150, 250, 350, 450]
    assert delivered[250].tick == 100
    assert delivered[250].map.centre[0] == pytest.approx(0.1, abs=0.02)


def test_noise_has_the_standard_deviation_asked_for_and_no_bias():
    found = first_map((-30.0, 0.0, 0.3), noise=0.03)
    assert found.layer.std() == pytest.approx(0.03, rel=0.05)
    assert found.layer.mean() == pytest.approx(0.0, abs=0.002)


def test_holes_cover_their_share_and_stay_where_they_are():
    sensor = MapSensor(STAIRS, MapOptions(length=3.0, holes=0.3), seed=3)
    before = sensor.update(0, np.array([1.5, 0.0, 0.3])).map
    after = sensor.update(100, np.array([1.7, 0.0, 0.3])).map
    assert np.isnan(before.layer).mean() == pytest.approx(0.3, abs=0.1)
    x, y = np.meshgrid(np.arange(0.5, 2.5, 0.04) + 0.02, np.arange(-1.0, 1.0, 0.04) + 0.02)
    missing = [np.isnan(found.layer[found.indices(x, y)[:2]]) for found in (before, after)]
    np.testing.assert_array_equal(*missing)


def test_drift_moves_the_map_along_and_grows_with_time():
    sensor = MapSensor(STAIRS, MapOptions(drift=0.02, rate=10.0), seed=1)
    maps = [sensor.update(tick, np.zeros(3)) for tick in range(0, 60_000, 100)]
    offsets = np.array([[*found.map.centre, found.map.unwrapped()[-1, 0]] for found in maps])
    assert np.abs(offsets[:5]).max() < 0.05
    assert (np.abs(offsets).max(axis=0) > 0.05).all()


def test_equal_seeds_give_equal_maps_and_a_reset_repeats_them():
    options = MapOptions(noise=0.02, drift=0.1, holes=0.2)
    one, other = MapSensor(STAIRS, options, seed=5), MapSensor(STAIRS, options, seed=5)
    for tick in range(0, 300, 100):
        a, b = (sensor.update(tick, np.zeros(3)).map for sensor in (one, other))
        np.testing.assert_array_equal(a.layer, b.layer)
    one.reset(700)
    again = one.update(700, np.zeros(3)).map
    fresh = MapSensor(STAIRS, options, seed=5).update(0, np.zeros(3)).map
    np.testing.assert_array_equal(again.layer, fresh.layer)


def arrivals(ground, options, speed=0.5, seconds=10):
    """Where maps reach a robot that walks along x, and the maps."""
    sensor = MapSensor(ground, options, seed=3)
    ticks = range(0, 1000 * seconds, 20)
    places = {tick: speed * tick * 1e-3 for tick in ticks}
    maps = {places[t]: sensor.update(t, np.array([places[t], 0.0, 0.3])) for t in ticks}
    return {x: found for x, found in maps.items() if found}


def test_no_map_arrives_where_it_is_cut_and_those_after_it_are_as_if_it_were_not():
    defects = {"rate": 10.0, "noise": 0.02, "drift": 0.1, "delay": 0.1}
    whole = arrivals(STAIRS, MapOptions(**defects))
    cut = arrivals(STAIRS, MapOptions(**defects, cut_from=1.0, cut_to=3.0))
    assert set(cut) == {x for x in whole if not 1.0 <= x < 3.0}
    for x, found in cut.items():
        np.testing.assert_array_equal(found.map.layer, whole[x].map.layer)


def test_a_course_cuts_the_map_on_its_unmapped_segments_alone():
    lengths = {2.0: True, 1.5: False, 3.0: True}
    ground = terrain.course(
        [Segment("flat", 0.0, n, None, mapped) for n, mapped in lengths.items()]
    )
    assert ground.unmapped == ((1.0, 2.5),)
    found = arrivals(ground, MapOptions(rate=50.0))
    assert set(found) == {x for x in arrivals(STAIRS, MapOptions(rate=50.0)) if not 1 <= x < 2.5}


def test_the_obstacle_course_has_tall_steps_a_gap_and_a_cut_over_low_steps():
    ground = terrain.course(OBSTACLE_COURSE)
    assert not terrain.course(COURSE).unmapped
    begin, end = ground.unmapped[0][0], ground.unmapped[-1][1]

    def rises(start, stop):
        heights = ground.height(np.arange(start, stop, 0.005), 0.0)
        return np.diff(heights)

    seen, unseen = rises(-1.0, begin), rises(begin, end)
    assert (seen > 0.149).sum() >= 3
    assert seen.min() == pytest.approx(-terrain.HOLE_DEPTH)
    assert np.abs(unseen).max() == pytest.approx(0.08)
    assert end - begin > 3.0
    assert np.flatnonzero(unseen)[0] * 0.005 > MapOptions().length / 2


@pytest.mark.parametrize(
    "options",
    [
        {"resolution": 0.0},
        {"resolution": 9.0},
        {"holes": 1.5},
        {"noise": -1.0},
        {"cut_to": np.inf},
    ],
)
def test_options_that_make_no_sense_are_refused_by_name(options):
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        MapOptions(**options)
