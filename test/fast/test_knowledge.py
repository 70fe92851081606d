"""What a run tells of a robot that sees: in the recording, the report, the plot and the film."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from runs import seeing, straight

from ts_locomotion.belief_picture import MEASURED, RECONSTRUCTED
from ts_locomotion.demo import belief_plot, dots, knowledge, main, picture, report
from ts_locomotion.demo.logbook import SCAN, Belief, Logbook, Look, Motion
from ts_locomotion.demo.recording import Recording
from ts_locomotion.demo.stage import Stage
from ts_locomotion.modes import Mode
from ts_locomotion.robot import Array

PERIOD = 20_000_000
PALETTES = (MEASURED, RECONSTRUCTED)


def written(looks: dict[int, float], beliefs: dict[int, float]) -> Recording:
    """A run of five control ticks; heights by the stamp [ns] at which they were told."""
    book = Logbook(("walk",))
    book.ordered(0, (0.1, 0.0, 0.0), 0)
    for tick in range(5):
        book.moved(tick * PERIOD, Motion(np.zeros(3), np.eye(4)[0], np.zeros(3)))
    for stamp, height in looks.items():
        book.looked(stamp, Look(np.full(SCAN, height), np.ones(SCAN, bool), height))
    for stamp, height in beliefs.items():
        book.believed(stamp, Belief(np.full(SCAN, height), np.full(4, height)))
    return book.recording("finished")


def test_looks_and_beliefs_belong_to_their_control_tick_and_to_no_other():
    run = written({0: 0.25, PERIOD + 4_000_000: 0.5}, {PERIOD: 0.75, 3 * PERIOD: 1.0})
    assert run.looked
    assert run.measured[:, 2, 7].tolist() == [0.25, 0.5, 0.0, 0.0, 0.0]
    assert run.valid[:, 0, 0].tolist() == [True, True, False, False, False]
    assert run.map_age.tolist() == [0.25, 0.5, np.inf, np.inf, np.inf]
    np.testing.assert_array_equal(run.believed[:, 3, 51], [np.nan, 0.75, np.nan, 1.0, np.nan])
    np.testing.assert_array_equal(run.gate[:, 1], [np.nan, 0.75, np.nan, 1.0, np.nan])


def test_a_robot_that_does_not_look_leaves_no_trace_of_it():
    run = written({}, {})
    assert not run.looked
    assert [len(getattr(run, name)) for name in ("measured", "valid", "believed", "gate")] == [
        0
    ] * 4
    assert report.summarise(straight(), {}, {})["belief"] is None
    assert "without map" not in report.table(report.summarise(straight(), {}, {}))


def test_a_minute_of_walking_is_a_recording_of_less_than_five_megabytes(tmp_path: Path):
    rng = np.random.default_rng(0)
    run = seeing(60.0)
    noise = rng.normal(0.0, 0.05, (2, *run.measured.shape))
    run = replace(run, measured=run.measured + noise[0], believed=run.believed + noise[1])
    run = replace(run, **{n: getattr(run, n).astype(np.float16) for n in ("measured", "believed")})
    run.save(tmp_path / "run.npz")
    assert (tmp_path / "run.npz").stat().st_size < 5_000_000


def test_the_report_tells_how_far_map_and_belief_were_from_the_ground():
    summary = report.summarise(seeing(), {}, {})
    told = summary["belief"]
    assert told["measured_error"] == pytest.approx(0.01, abs=2e-4)
    assert told["believed_error"] == pytest.approx(0.02, abs=2e-4)
    assert told["believed_error_unmeasured"] == pytest.approx(0.05, abs=2e-4)
    assert told["difference"] == pytest.approx(0.01, abs=2e-4)
    assert told["known_share"] == pytest.approx(0.5, abs=0.01)
    assert told["gate"] == pytest.approx(0.45, abs=0.01)
    assert told["seconds_without_map"] == pytest.approx(2.0, abs=0.05)
    assert json.loads(json.dumps(summary)) == summary
    assert "without map" in report.table(summary)


def test_a_bundle_that_reconstructs_nothing_is_told_by_what_it_measured():
    run = seeing()
    run = replace(run, believed=run.believed * np.nan, gate=run.gate * np.nan)
    told = report.summarise(run, {}, {})["belief"]
    assert told["measured_error"] == pytest.approx(0.01, abs=2e-4)
    assert told["believed_error"] is told["difference"] is told["gate"] is None
    assert "believed -" in report.table(report.summarise(run, {}, {}))
    assert not len(dots.picture(run, 0).reconstructed.positions)


def test_the_plot_of_a_bundle_without_a_gate_has_no_panel_for_one():
    run = seeing()
    panels = [
        [axes.get_ylabel() for axes in belief_plot.drawn(shown, "a run").axes]
        for shown in (run, replace(run, gate=run.gate * np.nan))
    ]
    assert panels[0] == ["z [m]", "z [m]", "error [cm]", "gate", "map age [s]"]
    assert panels[1] == [label for label in panels[0] if label != "gate"]


def test_rms_leaves_out_what_is_not_known():
    values = np.array([[[3.0, np.nan], [4.0, np.nan]], [[np.nan, np.nan], [np.nan, np.nan]]])
    np.testing.assert_allclose(knowledge.rms(values), [np.sqrt(12.5), np.nan])


def test_points_lie_on_the_ground_by_as_much_as_they_were_wrong():
    run = replace(seeing(), box_centres=np.zeros((0, 3)))
    first, last = (dots.picture(run, index) for index in (60, -1))
    assert len(first.measured.positions) == 208
    assert first.measured.positions[:, 2].max() == pytest.approx(0.01, abs=1e-3)
    assert first.reconstructed.positions[:, 2].max() == pytest.approx(0.02, abs=1e-3)
    assert not len(last.measured.positions)
    assert last.reconstructed.positions[:, 2].min() == pytest.approx(-0.05, abs=1e-3)


def pixels_of(run: Recording, index: int, colour: Array) -> int:
    """How many pixels of the film have about this colour, of 0 to 1."""
    image = np.asarray(picture.draw(run, Stage(run), index, run.position[index]), float)
    return int((np.abs(image - 255 * np.array(colour)).max(axis=2) < 40).sum())


def test_the_film_shows_the_points_in_their_colours_and_says_when_no_map_comes():
    run = seeing()
    orange, green = (0.3 * np.array(p.shut) + 0.7 * np.array(p.open) for p in PALETTES)
    alarm = np.array(dots.ALARM) / 255
    blind = pixels_of(straight(), 60, orange), pixels_of(straight(), 60, green)
    assert pixels_of(run, 60, orange) > blind[0] + 100
    assert pixels_of(run, 60, green) > blind[1] + 100
    assert pixels_of(run, -1, orange) < blind[0] + 20
    assert pixels_of(run, 60, alarm) == 0 < pixels_of(run, -1, alarm)


def test_the_film_of_a_run_is_the_same_every_time(tmp_path: Path):
    for name in ("one", "other"):
        picture.film(seeing(2.0), tmp_path / f"{name}.gif")
    assert (tmp_path / "one.gif").read_bytes() == (tmp_path / "other.gif").read_bytes()


def test_the_plot_shows_ground_measured_and_believed_and_is_the_same_every_time(tmp_path: Path):
    for name in ("one", "other"):
        belief_plot.draw(seeing(), "a run", tmp_path / f"{name}.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()
    with Image.open(tmp_path / "one.png") as image:
        counts = {colour: n for n, colour in image.convert("RGB").getcolors(1 << 20) or []}
    for colour in (belief_plot.GROUND, belief_plot.MEASURED, belief_plot.BELIEVED):
        rgb = tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))
        assert counts.get(rgb, 0) > 50, colour


def test_a_robot_that_never_walked_and_had_no_map_is_told_all_the_same(tmp_path: Path):
    run = seeing(1.0)
    run = replace(
        run,
        mode=np.full(len(run.time), int(Mode.STAND)),
        valid=np.zeros_like(run.valid),
        believed=run.believed * np.nan,
        map_age=np.full(len(run.time), np.inf),
    )
    main.tell(run, main.parse([]), {}, tmp_path)
    told = json.loads((tmp_path / "report.json").read_text())["belief"]
    assert told["known_share"] is told["measured_error"] is None
    assert (tmp_path / "belief.png").stat().st_size > 10_000


def test_a_seeing_run_is_told_with_its_plot(tmp_path: Path):
    options = main.parse(["--no-film"])
    assert main.tell(seeing(), options, {}, tmp_path) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"report.json", "run.png", "belief.png"}
