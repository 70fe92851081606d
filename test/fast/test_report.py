"""What is told of a run: figures, table, plot, film."""

import json
from dataclasses import replace
from pathlib import Path

import bundles
import numpy as np
import pytest
from PIL import Image
from runs import seeing, straight

from ts_locomotion import bundle
from ts_locomotion.demo import camera, ground, main, picture, plot, report
from ts_locomotion.demo.logbook import Logbook, Motion
from ts_locomotion.demo.recording import Recording
from ts_locomotion.modes import Mode

SETTINGS = {"policy": "go2_ts", "seed": 3}


def test_the_report_has_every_promised_key_and_is_plain_json():
    summary = report.summarise(straight(), SETTINGS, {"belief": 4.0})
    promised = (
        "falls healthy missed_ticks age_ms velocity_error displacement policy seed trajectory legs"
    )
    assert set(promised.split()) <= set(summary)
    assert set(summary["age_ms"]) == {"p50", "p99", "p999", "max"}
    assert json.loads(json.dumps(summary)) == summary


def test_figures_of_a_straight_walk_are_those_it_was_made_with():
    summary = report.summarise(straight(4.0, 0.5, 0.6), SETTINGS, {})
    assert summary["falls"] == 0
    assert summary["healthy"]
    assert summary["velocity_error"] == {"linear_x": 0.1, "linear_y": 0.0, "angular_z": 0.0}
    assert summary["displacement"]["achieved"] == pytest.approx([2.0, 0, 0], abs=0.02)
    assert summary["displacement"]["commanded"] == pytest.approx([2.4, 0, 0], abs=0.02)
    assert summary["missed_ticks"] == 2
    assert summary["age_ms"]["max"] == 5.5
    forward = summary["legs"][1]
    assert forward["achieved_velocity"][0] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(("seconds", "verdict"), [(4.0, "not crossed"), (40.0, "crossed")])
def test_it_is_told_whether_a_course_was_crossed(seconds: float, verdict: str):
    summary = report.summarise(straight(seconds), {"terrain": "obstacle_course"}, {})
    assert summary["course"]["reached"] == pytest.approx(0.5 * seconds, abs=0.02)
    assert f"  {verdict}: x up to" in report.table(summary)
    assert report.summarise(straight(), {"terrain": "flat"}, {})["course"] is None


def test_displacement_is_told_in_the_robots_own_directions():
    run = straight()
    quarter = np.array([np.sqrt(0.5), 0, 0, np.sqrt(0.5)])
    turned = replace(
        run,
        orientation=np.tile(quarter, (len(run.time), 1)),
        position=run.position[:, [1, 0, 2]],
    )
    assert report.displacement(turned)["achieved"] == report.displacement(run)["achieved"]


def test_tipping_over_is_a_fall_and_so_is_damping_out_of_a_walk():
    run = straight()
    orientation = run.orientation.copy()
    orientation[-20:] = [np.cos(0.7), np.sin(0.7), 0, 0]
    assert report.count_falls(replace(run, orientation=orientation)) == 1
    mode = run.mode.copy()
    mode[-20:] = Mode.DAMP
    assert report.count_falls(replace(run, mode=mode)) == 1


@pytest.mark.parametrize(
    "change", [{"outcome": "the robot fell"}, {"complaints": ("belief is dead",)}]
)
def test_a_course_cut_short_or_a_complaint_is_not_healthy(change: dict):
    summary = report.summarise(replace(straight(), **change), SETTINGS, {})
    assert not summary["healthy"]


def test_a_run_without_walking_or_timing_is_told_without_figures():
    run = straight()
    still = replace(run, mode=np.full(len(run.time), int(Mode.STAND)), diagnostics={})
    summary = report.summarise(still, SETTINGS, {})
    assert summary["velocity_error"]["linear_x"] is None
    assert summary["age_ms"]["p50"] is None
    assert "not measured" in report.table(summary)


def test_the_table_names_every_leg_and_the_falls():
    text = report.table(report.summarise(straight(), SETTINGS, {"belief": 4.0}))
    assert "forward" in text
    assert "p999 4" in text
    assert "belief 4" in text


@pytest.mark.parametrize("run", [straight(), seeing()], ids=["blind", "seeing"])
def test_a_recording_is_read_back_as_it_was_written(run: Recording, tmp_path: Path):
    run.save(tmp_path / "deep" / "run.npz")
    again = Recording.load(tmp_path / "deep" / "run.npz")
    for name, value in vars(run).items():
        assert np.array_equal(getattr(again, name), value), name


def test_the_logbook_joins_by_stamp_whatever_the_order_of_arrival():
    def written(reverse: bool) -> Recording:
        book = Logbook(("a", "b"))
        entries = [
            lambda: book.ordered(20, (0.1, 0.0, 0.0), 0),
            lambda: book.ordered(60, (0.2, 0.0, 0.0), 1),
            lambda: book.entered(0, int(Mode.STAND)),
            lambda: book.entered(60, int(Mode.WALK)),
            *[lambda s=s: book.bent(s, np.full(12, s)) for s in (20, 40, 60, 80)],
            *[
                lambda s=s: book.moved(s, Motion(np.full(3, s), np.eye(4)[0], np.zeros(3)))
                for s in (0, 20, 40, 60, 80)
            ],
        ]
        for entry in reversed(entries) if reverse else entries:
            entry()
        return book.recording("finished")

    first, second = written(False), written(True)
    assert all(np.array_equal(getattr(second, n), v) for n, v in vars(first).items())
    assert first.leg.tolist() == [0, 0, 1, 1]
    assert first.mode.tolist() == [Mode.STAND, Mode.STAND, Mode.WALK, Mode.WALK]
    assert first.joint_positions[:, 0].tolist() == [20, 40, 60, 80]


def test_ground_height_is_that_of_the_boxes_tilted_ones_too():
    run = straight()
    x = np.array([0.0, 1.5, 2.5])
    assert ground.height(run, x, 0 * x).tolist() == [0.0, 0.1, 0.0]
    angle = 0.2
    tilted = replace(
        run, box_quaternions=np.array([[np.cos(angle / 2), 0, -np.sin(angle / 2), 0]])
    )
    low, high = ground.height(tilted, np.array([1.3, 1.7]), np.zeros(2))
    assert high - low == pytest.approx(0.4 * np.tan(angle))


def test_plot_and_film_are_written_and_show_something(tmp_path: Path):
    run = straight(1.0)
    plot.draw(run, "a run", tmp_path / "run.png")
    with Image.open(tmp_path / "run.png") as image:
        assert image.width > 800
    assert picture.film(run, tmp_path / "walk.gif") < picture.LARGEST_FILE
    with Image.open(tmp_path / "walk.gif") as film:
        assert film.size == (camera.WIDTH, camera.HEIGHT)
        assert getattr(film, "n_frames", 1) == 20
        colours = film.convert("RGB").getcolors(1 << 20)
        assert colours is not None and len(colours) > 20


@pytest.mark.parametrize(
    ("change", "status"),
    [({}, 0), ({"outcome": "the robot fell"}, 1), ({"complaints": ("belief is dead",)}, 1)],
)
def test_the_exit_status_tells_a_fall_and_an_unhealthy_graph(
    change: dict, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    options = main.parse(["--no-film", "--seed", "4"])
    assert main.tell(replace(straight(1.0), **change), options, {}, tmp_path) == status
    assert json.loads((tmp_path / "report.json").read_text())["seed"] == 4
    assert "falls" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("walked", "words", "complaint"),
    [
        (40.0, ["--terrain", "course"], ""),
        (20.0, ["--terrain", "course"], "came to x = 9.99 m of a course that ends at 14.5 m"),
        (20.0, ["--terrain", "course", "--duration", "38"], "38 s of walking were allowed, 38 s"),
        (20.0, ["--terrain", "course", "--duration", "37"], ""),
        (20.0, ["--terrain", "flat"], ""),
    ],
)
def test_who_had_the_time_to_cross_a_course_and_did_not_is_told_and_fails(
    walked: float,
    words: list[str],
    complaint: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    options = main.parse([*words, "--no-film"])
    status = main.tell(straight(walked), options, {}, tmp_path)
    told = capsys.readouterr().err
    assert (status, bool(told)) == (int(bool(complaint)), bool(complaint))
    assert complaint in told


@pytest.mark.parametrize(
    ("write", "terrain"),
    [(bundles.write_blind, "course"), (bundles.write_seeing, "obstacle_course")],
)
def test_who_sees_walks_the_obstacle_course_unless_told_otherwise(write, terrain, tmp_path: Path):
    contract = bundle.read_contract(write(tmp_path))
    chosen, told = main.parse([]), main.parse(["--terrain", "flat"])
    for options in (chosen, told):
        main.suit(options, contract)
        course = main.course_spec(options, tmp_path / "recording.npz").parameters
        assert course["terrain"] == main.graph_arguments(options)["terrain"] == options.terrain
        assert course["sees"] is contract.exteroception
    assert (chosen.terrain, told.terrain) == (terrain, "flat")


def test_a_film_that_would_be_too_large_leaves_pictures_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(picture, "LARGEST_FILE", 60_000)
    picture.film(straight(1.0), tmp_path / "walk.gif")
    with Image.open(tmp_path / "walk.gif") as film:
        assert getattr(film, "n_frames", 1) < 20
