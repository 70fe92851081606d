"""An ablation trains every cell once, however often it is interrupted, and tells what came out."""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import yaml
from torch.utils.tensorboard import SummaryWriter

from ts_locomotion import bundle
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.training import ablation, ablation_curves, ablation_table, run, tasks
from ts_locomotion.training.ablation import compare
from ts_locomotion.training.ablation_blind import Blind, encoder, walking
from ts_locomotion.training.ablation_plan import Plan, Variant
from ts_locomotion.training.ablation_table import Result, estimate, summarize
from ts_locomotion.training.course import Cell, Trial
from ts_locomotion.training.learning_curves import Curves
from ts_locomotion.training.tasks import Task

TINY = (
    Variant("TS", partial(tasks.make, "go2_ts_tiny")),
    Variant("CTS (GRU)", partial(tasks.make, "go2_cts_tiny"), encoder("gru")),
)
GROUP = Blind()
PLAN = Plan(seeds=(1,), steps=48, robots=2, trials=(Trial("rough", "rough", 0.02, time=0.4),))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of one cell: real ones are slow, the order of many is tested with made-up trainings."""
    folder = tmp_path_factory.mktemp("ablation")
    compare(GROUP, TINY[1:], PLAN, folder)
    return folder


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Name and seed of every training from now on, none of which takes place."""
    calls: list[tuple[str, int]] = []

    def train(_group, task: Task, _edits: Sequence[str], seed: int, place: Path) -> None:
        place.mkdir(parents=True, exist_ok=True)
        calls.append((task.name, seed))

    def measure(_group, _place: Path, _plan: Plan) -> dict[str, float]:
        return {"success": len(calls) / 10}

    monkeypatch.setattr(Blind, "train", train)
    monkeypatch.setattr(Blind, "measure", measure)
    return calls


def test_every_cell_leaves_a_bundle_and_its_measures(folder):
    assert bundle.load(folder / "cts__gru_" / "seed1" / "bundle").contract.state_size == 64
    told = json.loads((folder / ablation_table.NUMBERS).read_text())
    assert (folder / ablation_table.CURVES).read_bytes().startswith(b"\x89PNG")
    row = told["table"]["CTS (GRU)"]
    assert row["learning [CPU ms/iteration]"]["mean"] > 0.0
    assert row["collection [CPU ms/iteration]"]["mean"] > 0.0
    assert row["encoder loss"]["mean"] > 0.0
    assert 0.0 <= row["success, rough"]["mean"] <= 1.0
    assert "CPU minutes to walk" not in row
    assert told["about"]["steps"] == 48


def test_tracking_is_told_of_level_ground_alone_where_no_robot_is_stuck():
    def cell(trial: str, terrain: str, *errors: float) -> Cell:
        about = ("policy", trial, terrain, 0.0, "blind", 9, (0, 8))
        return Cell(*about, 0.5, (0.2, 0.8), 1.0, *errors, torque=5.0, jerk=0.1)

    told = walking(
        [
            cell("stand", "flat", 0.1, 0.2, 0.3),
            cell("flat", "flat", 0.3, 0.4, 0.5),
            cell("fallen", "flat", *[float("nan")] * 3),
            cell("stairs", "stairs_up", 0.8, 0.9, 1.0),
        ]
    )
    assert told["error of v_x, level ground [m/s]"] == pytest.approx(0.2)
    assert told["error of v_y, level ground [m/s]"] == pytest.approx(0.3)
    assert told["error of turning, level ground [rad/s]"] == pytest.approx(0.4)
    assert told["error of v_x, all trials [m/s]"] == pytest.approx(0.4)
    assert told["success, stairs"] == 0.5


def test_the_page_and_the_picture_show_every_variant(tmp_path, trained):
    compare(GROUP, TINY, PLAN, tmp_path)
    page = (tmp_path / ablation_table.PAGE).read_text()
    assert "| | TS | CTS (GRU) |" in page and "| success | 0.100 | 0.200 |" in page
    assert (tmp_path / ablation_table.PICTURE).read_bytes().startswith(b"\x89PNG")


def test_what_is_done_is_not_done_again(folder, monkeypatch):
    def forbidden(*_arguments) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(Blind, "train", forbidden)
    results = compare(GROUP, TINY[1:], PLAN, folder)
    told = json.loads((folder / ablation_table.NUMBERS).read_text())
    assert [result._asdict() for result in results] == told["cells"]


def test_a_cell_that_was_interrupted_is_the_next_to_be_trained(tmp_path, trained, monkeypatch):
    plan = replace(PLAN, seeds=(1, 2))
    compare(GROUP, TINY, plan, tmp_path)
    assert trained == [
        ("go2_ts_tiny", 1),
        ("go2_cts_tiny", 1),
        ("go2_ts_tiny", 2),
        ("go2_cts_tiny", 2),
    ]
    (tmp_path / "ts" / "seed2" / "result.json").unlink()
    trained.clear()
    assert len(compare(GROUP, TINY, plan, tmp_path)) == 4
    assert trained == [("go2_ts_tiny", 2)]


def test_more_robots_judge_a_training_anew(tmp_path, trained):
    compare(GROUP, TINY[:1], PLAN, tmp_path)
    compare(GROUP, TINY[:1], replace(PLAN, robots=3), tmp_path)
    assert len(trained) == 2


@pytest.mark.parametrize(
    "other", [replace(PLAN, steps=96), replace(PLAN, edits=("algorithm.clip_param=0.1",))]
)
def test_a_folder_of_another_plan_is_refused(folder, other):
    with pytest.raises(ConfigurationError, match="choose another --out"):
        compare(GROUP, TINY[1:], other, folder)


def test_a_cell_older_than_a_setting_is_still_of_the_same_plan(tmp_path, trained):
    place = tmp_path / "ts" / "seed1"
    place.mkdir(parents=True)
    run.write_record(place, ablation.resolve(GROUP, TINY[0], PLAN), [], 1)
    record = yaml.safe_load((place / run.RECORD).read_text())
    del record["task"]["environment"]["physics_steps"]
    (place / run.RECORD).write_text(yaml.safe_dump(record))
    compare(GROUP, TINY[:1], PLAN, tmp_path)
    assert trained == [("go2_ts_tiny", 1)]


@pytest.mark.parametrize(
    ("variants", "plan", "complaint"),
    [
        (TINY, replace(PLAN, robots=0), "1 robot"),
        (TINY, replace(PLAN, seeds=(1, 1)), "seeds"),
        (TINY, replace(PLAN, seeds=(1, -1)), "seeds: .* none below 0"),
        (TINY, replace(PLAN, seeds=tuple(range(11))), "at most 10"),
        (TINY + TINY[:1], PLAN, "different names"),
        (TINY, replace(PLAN, edits=("algorithm.nothing=1",)), "clip_param"),
    ],
)
def test_a_plan_that_cannot_work_is_refused_before_anything_is_trained(
    variants, plan, complaint, tmp_path, trained
):
    with pytest.raises(ConfigurationError, match=complaint):
        compare(GROUP, variants, plan, tmp_path)
    assert not trained


def test_the_command_knows_its_groups_and_their_variants(capsys, tmp_path):
    assert ablation.main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert "TS-GRU" in listed and "no privileged reconstruction" in listed
    assert ablation.main(["belief", "--list"]) == 0
    assert "TS-GRU" not in capsys.readouterr().out
    assert ablation.main(["--variant", "TS-LSTM", "--out", str(tmp_path)]) == 2
    assert "TS-MLP" in capsys.readouterr().err
    assert ablation.main(["blind", "--variant", "no gate", "--out", str(tmp_path)]) == 2
    assert ablation.main(["blind", "--trial", "gaps", "--out", str(tmp_path)]) == 2
    assert "blind: no trial is left of: stand" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_command_that_fails_or_is_interrupted_says_so(tmp_path, monkeypatch, capsys):
    words = ["blind", "--variant", "TS-MLP", "--robots", "1"]
    assert ablation.main([*words, "--out", "/dev/null/abl"]) == 2
    assert "/dev/null/abl" in capsys.readouterr().err

    def interrupt(*_) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Blind, "train", interrupt)
    assert ablation.main([*words, "--out", str(tmp_path)]) == 130
    assert "interrupted: the same command goes on" in capsys.readouterr().err


def test_groups_lie_in_folders_of_their_own(tmp_path, trained, monkeypatch):
    def tiny(_group, task: Task, _steps: int) -> Task:
        return replace(task, steps=48)

    monkeypatch.setattr(Blind, "lasting", tiny)
    arguments = ["--variant", "CTS-GRU", "--seeds", "4", "--robots", "2", "--out", str(tmp_path)]
    assert ablation.main(arguments) == 0
    assert trained == [("go2_cts", 4)]
    assert [place.name for place in tmp_path.iterdir()] == ["blind"]
    assert (tmp_path / "blind" / "cts_gru" / "seed4" / "result.json").exists()
    assert "group: blind" in (tmp_path / "blind" / ablation_table.PAGE).read_text()


def test_every_variant_differs_from_the_others_in_more_than_its_name():
    resolved = [ablation.resolve(GROUP, variant, Plan()) for variant in GROUP.variants]
    assert len(set(resolved)) == len(resolved)
    assert {task.steps for task in resolved} == {Plan().steps}


def test_an_interval_is_that_of_the_textbook():
    assert estimate([1.0, 2.0, 3.0]) == pytest.approx((2.0, 4.303 / 3**0.5, 3), abs=1e-6)
    assert estimate([4.0]).half_width != estimate([4.0]).half_width
    with pytest.raises(ValueError, match="expected 1 to 10"):
        estimate([])


def test_a_measure_that_some_seeds_miss_counts_those_that_have_it():
    results = [
        Result("a", 1, {"minutes": 3.0}),
        Result("a", 2, {"minutes": None}),
        Result("b", 1, {"minutes": None}),
    ]
    assert summarize(results) == {
        "a": {"minutes": pytest.approx((3.0, float("nan"), 1), nan_ok=True)},
        "b": {},
    }
    table = {"a": {"x": estimate([1.0, 2.0]), "y": estimate([1.0])}, "b": {}}
    page = ablation_table.page(table, {"steps": 5})
    assert "| x | 1.50 ± 6.35 | - |" in page and "| y | 1.00 (n = 1) | - |" in page


def test_curves_span_interruptions_and_tell_when_a_score_was_reached(tmp_path):
    def note(steps: range, first: float) -> None:
        curves = SummaryWriter(str(tmp_path), purge_step=steps[0])
        for step in steps:
            curves.add_scalar("time/collection", 2.0, step)
            curves.add_scalar("time/learning", 1.0, step)
            curves.add_scalar("error", first - 0.01 * step, step)
        curves.close()

    note(range(1, 31), 5.0)
    # Event files are read by name: the second, then a count, in which 10 comes before 9.
    time.sleep(1.0)
    note(range(21, 41), 1.0)
    curves = Curves(tmp_path)
    assert len(curves.values("error")) == 40 and curves.values("nothing") == []
    assert curves.mean("time/learning", 1e3) == pytest.approx(1000.0)
    assert curves.last("error") == pytest.approx(1.0 - 0.01 * 35.5)
    # From step 21 on errors are below 0.8: the last ten are all of them at step 30.
    assert curves.spent_until("error", 0.75) == pytest.approx(30 * 3.0 / 60)
    assert curves.spent_until("error", 0.1) != curves.spent_until("error", 0.1)


def test_curves_of_seeds_are_smoothed_over_the_steps_that_all_of_them_reached():
    first = {step: float(step) for step in range(5, 105, 5)}
    second = {step: step + 2.0 for step in range(5, 85, 5)}
    steps, runs = ablation_curves.together([first, second])
    assert steps.tolist() == [50, 55, 60, 65, 70, 75, 80]
    # The mean of the last ten values, five apart, lies 22.5 below the newest.
    assert runs == pytest.approx(np.array([steps - 22.5, steps - 20.5]))
    short, values = ablation_curves.together([{5: 1.0, 10: 3.0}])
    assert short.tolist() == [10] and values.tolist() == [[2.0]]
