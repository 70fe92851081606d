"""What a robot sees of the ground is wrong in the ways, and by as much, as was asked for."""

from dataclasses import replace

import numpy as np
import pytest

from ts_locomotion import perception
from ts_locomotion.belief import MAP_AGE_CEILING, Scans
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.simulation.height_noise import (
    GO2,
    NOMINAL,
    PERCEPTIONS,
    READING_A,
    READING_B,
    HeightNoise,
    HeightNoiseConfig,
    Regime,
    Sight,
    View,
)
from ts_locomotion.simulation.map_sensor import MapOptions

STEP = 0.02
COUNT = 400
SHAPE = (COUNT, 4, perception.SCAN_SIZE // 4)
NONE = Regime(1.0, *[0.0] * 9)
WHOLE = Sight(1.0, 0.0, 0.0, 0.0, 0.0)
PERFECT = HeightNoiseConfig((NONE,), WHOLE, drift=0.0, cell=0.0, blackout_share=0.0)
TERMS = {
    "point_z": {"point_z": 0.05},
    "foot_z": {"foot_z": 0.05},
    "episode_z": {"episode_z": 0.05, "episode_share": 1.0},
}


AHEAD, LEFTWARD = perception.scan_offsets().T.astype(np.float32)


def standing_at(walked: float, slope: float, rise: float = 0.0) -> View:
    """Robots whose feet are below their base, which has walked along x on a ramp."""
    x = np.broadcast_to(walked + AHEAD, SHAPE)

    def scans(dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
        return np.broadcast_to(slope * (walked + dx) + rise + 0.0 * dy, SHAPE).astype(np.float32)

    return View(np.full((COUNT, 2), [walked, 0.0]), x, np.broadcast_to(LEFTWARD, SHAPE), scans)


LEVEL = standing_at(0.0, 0.0)
RAMP = standing_at(0.0, 1.0)
"""Ground that rises by a metre per metre along x: heights tell displacements."""


def begun(config: HeightNoiseConfig, seed: int = 0) -> tuple[HeightNoise, np.random.Generator]:
    noise, rng = HeightNoise(config, COUNT), np.random.default_rng(seed)
    noise.begin(np.arange(COUNT), rng)
    return noise, rng


def looked(config: HeightNoiseConfig, steps: int = 1, ground=LEVEL, factor: float = 1.0):
    """Heights (T, B, F, P) over some steps, whether they are valid (T, B, F * P) and ages."""
    noise = HeightNoise(config, COUNT)
    noise.factor = factor
    rng = np.random.default_rng(0)
    noise.begin(np.arange(COUNT), rng)
    views = [ground] * steps if isinstance(ground, View) else ground
    scans = [noise.look(view, STEP, rng) for view in views]
    heights = np.array([scan.heights for scan in scans]).reshape(steps, *SHAPE)
    return heights, np.array([s.valid for s in scans]), np.array([s.map_age for s in scans])


def with_regime(**strengths: float) -> HeightNoiseConfig:
    return replace(PERFECT, regimes=(replace(NONE, **strengths),))


def test_without_noise_the_truth_is_seen_at_once_and_whole():
    heights, valid, age = looked(PERFECT, 3, RAMP)
    assert not heights.any() and valid.all() and not age.any()


@pytest.mark.parametrize("term", TERMS)
def test_a_term_is_as_strong_as_its_standard_deviation_says(term):
    for factor in (1.0, 2.0):
        strengths = TERMS[term] | {term: factor * 0.05}
        heights, _, _ = looked(with_regime(**strengths))
        assert heights.std() == pytest.approx(factor * 0.05, rel=0.08), factor


def test_points_differ_within_a_foot_feet_share_a_shift_and_episodes_keep_one():
    point, _, _ = looked(with_regime(**TERMS["point_z"]), 2)
    foot, _, _ = looked(with_regime(**TERMS["foot_z"]), 2)
    episode, _, _ = looked(with_regime(**TERMS["episode_z"]), 2)
    assert point.std(axis=-1).min() > 0.01
    assert not np.ptp(foot, axis=-1).any() and np.ptp(foot, axis=2).min() > 0.0
    assert np.abs(foot[1] - foot[0]).mean() > 0.01
    assert not np.ptp(episode, axis=0).any() and np.abs(episode).mean() > 0.01


def test_horizontal_terms_move_the_points_and_not_the_heights():
    for strengths in ({"point_xy": 0.03}, {"foot_xy": 0.03}):
        assert not looked(with_regime(**strengths))[0].any()
        assert looked(with_regime(**strengths), 1, RAMP)[0].std() == pytest.approx(0.03, rel=0.08)


def on_a_ramp(walked: float) -> View:
    """The same feet, but scans tell where in the world they were read."""
    level = standing_at(walked, 0.0)

    def scans(dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
        return (level.x + dx).astype(np.float32)

    return level._replace(scans=scans)


def test_a_map_knows_one_height_per_cell_and_robots_have_grids_of_their_own():
    walks = [on_a_ramp(0.015 * step) for step in range(20)]
    heights, _, _ = looked(replace(PERFECT, cell=0.04), 20, walks)
    asked = np.array([walk.x for walk in walks])
    assert np.abs(heights - asked).max() <= 0.02 + 1e-6
    assert (heights - asked).std() == pytest.approx(0.04 / np.sqrt(12), rel=0.05)
    for robot in heights.swapaxes(0, 1)[:5]:
        cells = (robot - robot.min()) / 0.04
        np.testing.assert_allclose(cells, np.round(cells), atol=1e-3)
    grids = np.unique(np.round(heights.min(axis=(0, 2, 3)), 4))
    assert len(grids) > 100


def told(config: HeightNoiseConfig, steps: int = 50, ground: View = RAMP) -> np.ndarray:
    """What the teacher of robots that have looked for a second is told; the truth is all 0."""
    noise, rng = begun(config)
    for _ in range(steps):
        noise.look(ground, STEP, rng)
    return noise.told(ground, np.zeros((COUNT, SHAPE[1] * SHAPE[2]), dtype=np.float32))


READ_BADLY = {"point_z": 0.05, "foot_z": 0.05, "point_xy": 0.02, "outlier_share": 0.2}


def test_a_teacher_is_told_what_the_map_says_and_not_how_badly_it_is_read():
    assert not told(with_regime(**READ_BADLY)).any()
    drifted = told(replace(with_regime(**READ_BADLY), drift=0.05))
    assert drifted.std() == pytest.approx(0.05 * np.sqrt(2), rel=0.1)  # along x and z, a second
    lasting = told(with_regime(episode_z=0.05, episode_share=1.0))
    assert lasting.std() == pytest.approx(0.05, rel=0.1)
    cells = told(replace(PERFECT, cell=0.04))
    assert cells.std() == pytest.approx(0.04 / np.sqrt(12), rel=0.1)


def test_a_teacher_is_told_the_truth_where_a_map_is_bad_or_knows_nothing():
    bad = replace(NONE, episode_z=0.05, episode_share=1.0, grows=True)
    assert not told(replace(PERFECT, regimes=(bad,))).any()
    blank = replace(PERFECT, drift=0.05, sight=Sight(0, 0, 0, 0, 1))
    assert not told(blank).any()
    patchy = told(replace(PERFECT, drift=0.05, sight=Sight(0, 1, 0, 0, 0)))
    assert 0.2 < (patchy == 0.0).mean() < 0.8


def test_outliers_are_as_rare_and_as_far_off_as_asked():
    heights, _, _ = looked(with_regime(outlier=0.2, outlier_share=0.05))
    off = heights != 0.0
    assert off.mean() == pytest.approx(0.05, rel=0.1)
    assert heights[off].std() == pytest.approx(0.2, rel=0.1)


def test_an_episodes_offset_is_for_the_share_of_the_feet_that_have_one():
    heights, _, _ = looked(with_regime(episode_z=0.1, episode_share=0.3))
    assert (np.abs(heights).max(axis=-1) > 0).mean() == pytest.approx(0.3, rel=0.15)


def test_the_curriculum_weakens_the_regimes_that_grow_and_no_others():
    for grows, expected in ((True, 0.025), (False, 0.05)):
        regime = replace(NONE, point_z=0.05, grows=grows)
        heights, _, _ = looked(replace(PERFECT, regimes=(regime,)), factor=0.5)
        assert heights.std() == pytest.approx(expected, rel=0.05)
    assert [regime.grows for regime in GO2] == [False, True, True]


def test_regimes_come_in_their_shares_and_change_in_mid_episode():
    config = replace(PERFECT, regimes=GO2, change_interval=(0.1, 0.2))
    noise, rng = begun(config)
    before = noise.regime.copy()
    shares = [regime.share for regime in GO2]
    # Four standard deviations of a share of one half.
    tolerance = 4 * 0.5 / np.sqrt(COUNT)
    assert np.bincount(before, minlength=3) / COUNT == pytest.approx(shares, abs=tolerance)
    assert shares == [0.7, 0.2, 0.1]
    for _ in range(11):
        noise.look(LEVEL, STEP, rng)
    assert 0.3 < (noise.regime != before).mean() < 0.9


def test_both_readings_of_the_paper_are_there():
    for reading in (READING_A, READING_B):
        assert [regime.share for regime in reading] == [0.6, 0.3, 0.1]
    assert READING_A[2].outlier_share == 0.3 and READING_B[2].episode_share == 0.3


def test_lasting_offsets_drift():
    heights, _, _ = looked(replace(PERFECT, drift=0.1, change_interval=(9.0, 9.0)), 50)
    assert heights[-1].std() == pytest.approx(0.1, rel=0.15)


def test_patches_that_the_map_lacks_are_not_valid():
    config = replace(PERFECT, sight=Sight(0, 1, 0, 0, 0))
    _, valid, _ = looked(config, 2)
    assert 0.1 < (~valid).mean() < 0.9 and np.array_equal(valid[0], valid[1])
    half = looked(PERCEPTIONS["half-missing"])[1]
    assert (~half).mean() == pytest.approx(0.5, abs=0.03)


def test_a_late_map_grows_old_until_it_is_renewed():
    config = replace(PERFECT, sight=Sight(0, 0, 1, 0, 0), late_time=(0.1, 0.1))
    _, _, age = looked(config, 12)
    assert age.max() == pytest.approx(0.1 - STEP, abs=1e-6)
    assert (age == 0.0).sum(axis=0).max() == 3


def walking(steps: int) -> list[View]:
    """Up the ramp at a metre per second."""
    return [standing_at(STEP * step, 1.0) for step in range(steps)]


def test_a_frozen_map_stays_in_the_world_and_grows_old():
    config = replace(with_regime(episode_z=0.05, episode_share=1.0), sight=Sight(0, 0, 0, 1, 0))
    heights, valid, age = looked(replace(config, change_interval=(9.0, 9.0)), 50, walking(50))
    assert valid.all()
    errors = heights - STEP * np.arange(50)[:, None, None, None]
    np.testing.assert_allclose(errors, np.broadcast_to(errors[0], errors.shape), atol=1e-6)
    assert errors[0].std() == pytest.approx(0.05, rel=0.08)
    assert age[-1] == pytest.approx(49 * STEP)


def test_who_leaves_a_frozen_map_sees_nothing_beyond_its_border():
    config = replace(PERFECT, sight=Sight(0, 0, 0, 1, 0), change_interval=(9.0, 9.0))
    steps = round((MapOptions.length / 2 + 1.0) / STEP)
    _, valid, _ = looked(config, steps, walking(steps))
    foot = valid[:, 0, : len(AHEAD)]
    walked = STEP * np.arange(steps)[:, None]
    inside = walked + AHEAD <= MapOptions.length / 2
    near_border = np.abs(walked + AHEAD - MapOptions.length / 2) < 1e-3
    assert np.array_equal(foot | near_border, inside | near_border)
    assert not foot[-1].any()


def test_a_blank_map_knows_nothing_and_is_absent_for_half_of_the_robots():
    _, valid, age = looked(PERCEPTIONS["blank"])
    assert not valid.any()
    assert set(np.unique(age)) == {0.0, MAP_AGE_CEILING}
    assert (age == MAP_AGE_CEILING).mean() == pytest.approx(0.5, abs=0.08)


def test_a_killed_map_is_seen_at_first_and_never_again():
    _, valid, age = looked(PERCEPTIONS["killed"], 310)
    assert valid[:120].all() and not age[:120].any()
    assert not valid[301:].any() and (age[301:] == MAP_AGE_CEILING).all()
    assert (np.diff(valid.any(axis=2).astype(int), axis=0) <= 0).all()


def test_a_blackout_leaves_nothing_or_the_last_map_until_the_episode_ends():
    config = replace(PERFECT, blackout_share=1.0, blackout_time=(0.05, 0.2))
    noise, rng = begun(config)
    after = [noise.look(LEVEL, STEP, rng) for _ in range(412)][-1]
    blind = ~after.valid.any(axis=1)
    assert blind.mean() == pytest.approx(0.5, abs=0.1)
    assert (after.map_age[blind] == MAP_AGE_CEILING).all() and after.map_age[~blind].min() > 7.9
    noise.begin(np.arange(COUNT), rng)
    again = noise.look(LEVEL, STEP, rng)
    assert again.valid.all() and not again.map_age.any()


def test_only_the_robots_that_begin_get_a_new_episode():
    noise, rng = begun(replace(PERFECT, regimes=GO2))
    offset = noise.offset.copy()
    noise.begin(np.array([3]), rng)
    changed = (noise.offset != offset).any(axis=(1, 2))
    assert set(np.flatnonzero(changed)) <= {3}


def scans_equal(first: Scans, second: Scans) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_equal_generators_give_equal_scans_and_others_do_not():
    config = HeightNoiseConfig()
    (one, rng_one), (two, rng_two), (other, rng_other) = (begun(config, s) for s in (4, 4, 5))
    for _ in range(20):
        seen = one.look(RAMP, STEP, rng_one)
        assert scans_equal(seen, two.look(RAMP, STEP, rng_two))
        assert not scans_equal(seen, other.look(RAMP, STEP, rng_other))


def test_a_restored_noise_goes_on_as_if_it_had_never_stopped():
    noise, rng = begun(HeightNoiseConfig(blackout_time=(0.1, 0.4)))
    noise.factor = 0.3
    for _ in range(5):
        noise.look(RAMP, STEP, rng)
    copy = HeightNoise(noise.config, COUNT)
    copy.restore(noise.state())
    same = np.random.default_rng()
    same.bit_generator.state = rng.bit_generator.state
    for _ in range(30):
        assert scans_equal(noise.look(RAMP, STEP, rng), copy.look(RAMP, STEP, same))


def test_shares_that_make_no_sense_are_refused():
    with pytest.raises(ConfigurationError, match=r"height_noise\.regimes: probabilities \[-1.0\]"):
        HeightNoise(replace(PERFECT, regimes=(replace(NOMINAL, share=-1.0),)), COUNT)
    with pytest.raises(ConfigurationError, match=r"height_noise\.sight: probabilities \[0"):
        HeightNoise(replace(PERFECT, sight=Sight(0, 0, 0, 0, 0)), COUNT)


def test_between_two_maps_the_ground_is_followed_though_the_age_grows():
    rising = [standing_at(0.0, 0.0, 0.01 * step) for step in range(11)]
    heights, valid, age = looked(replace(PERFECT, map_period=0.1), 11, rising)
    assert valid.all()
    np.testing.assert_allclose(heights[:, 0, 0, 0], 0.01 * np.arange(11), atol=1e-6)
    np.testing.assert_allclose(age[:, 0], STEP * np.array([0, 1, 2, 3, 4] * 2 + [0]), atol=1e-9)
