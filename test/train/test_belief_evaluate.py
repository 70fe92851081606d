"""A seeing bundle is judged under every perception, beside its teacher and a blind bundle."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bundles
import numpy as np
import pytest

from ts_locomotion import bundle, robot, shipped
from ts_locomotion.belief import Scans
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.simulation.height_noise import PERCEPTIONS
from ts_locomotion.training import (
    ablation,
    belief_evaluate,
    entrants,
    evaluate,
    gate_sweep,
    teacher_walker,
)
from ts_locomotion.training.ablation_belief import Belief
from ts_locomotion.training.belief_evaluate import REGIMES, Perception
from ts_locomotion.training.course import Trial
from ts_locomotion.training.walkers import Answer, BundleWalker

MODELS = Path(__file__).parents[2] / "models"
STAIRS = Trial("stairs", "stairs_up", 0.1, time=0.6)
FLAT = Trial("flat", time=1.2)
WANTED = {
    *("policy", "terrain", "height_m", "regime", "n", "seeds", "success", "ci", "survival"),
    *("velocity_error", "torque", "foot_strikes", "heights_seen_error"),
    *("heights_believed_error", "gate"),
}


@pytest.fixture(scope="module")
def blind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundles.write_blind(tmp_path_factory.mktemp("blind") / "blind")


@pytest.fixture(autouse=True)
def short_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(belief_evaluate, "TRIALS", (STAIRS, FLAT))


def judged(folder: Path, out: Path, *words: str) -> dict[str, Any]:
    """What the command writes."""
    arguments = [str(folder), "--n", "2", "--seed", "4", "--out", str(out), *words]
    assert evaluate.main(arguments) == 0
    return json.loads(out.read_text())


def test_the_regimes_are_those_that_were_promised():
    assert [look.name for look in REGIMES] == [
        *("clean", "nominal", "drifting", "offset", "noisy", "delayed", "frozen", "half-missing"),
        *("blank", "killed"),
    ]


def test_a_table_has_all_perceptions_the_teacher_and_the_blind_bundle(
    belief_bundle, blind, tmp_path, capsys
):
    out = tmp_path / "eval" / "seeing.json"
    told = judged(belief_bundle.path, out, "--beside", str(blind), "--terrain", "stairs_up")
    cells = told["cells"]
    seen = {(cell["policy"], cell["regime"]) for cell in cells}
    own = {("seeing", name) for name in PERCEPTIONS}
    assert seen == {*own, ("seeing teacher", "truth"), ("tiny_blind", "blind")}
    assert all(set(cell) == WANTED for cell in cells)
    assert all(cell["n"] == 2 and cell["seeds"] == [4, 5] for cell in cells)
    assert all(cell["height_m"] == 0.1 and cell["terrain"] == "stairs_up" for cell in cells)
    assert out.with_suffix(".png").stat().st_size > 10_000
    assert "seeing teacher" in (printed := capsys.readouterr()).out
    assert printed.err.count("left") == 3


def test_what_is_not_a_number_is_null(belief_bundle, blind, tmp_path):
    cells = judged(
        belief_bundle.path, tmp_path / "a.json", "--beside", str(blind), "--regime", "blank"
    )["cells"]
    blank, teacher, other = cells[:3]
    assert blank["heights_seen_error"] is None and blank["heights_believed_error"] > 0.0
    assert teacher["gate"] is other["gate"] is None and 0.0 < blank["gate"] < 1.0


def test_the_filters_leave_the_cells_that_were_asked_for(belief_bundle, tmp_path):
    words = ["--alone", "--height", "0", "--regime", "nominal", "--regime", "killed"]
    told = judged(belief_bundle.path, tmp_path / "few.json", *words)
    assert [(c["terrain"], c["regime"]) for c in told["cells"]] == [
        ("flat", "nominal"),
        ("flat", "killed"),
    ]
    assert "gate" not in told


def table(cells: list[dict[str, Any]]) -> dict[tuple, int]:
    """Number of robots by cell."""
    return {(c["policy"], c["terrain"], c["height_m"], c["regime"]): c["n"] for c in cells}


def test_a_few_cells_enter_the_table_that_is_there(belief_bundle, blind, tmp_path, monkeypatch):
    monkeypatch.setattr(gate_sweep.sweep, "__defaults__", (0, gate_sweep.LEVELS[:2], STAIRS))
    monkeypatch.setattr(gate_sweep, "LEVELS", gate_sweep.LEVELS[:2])
    monkeypatch.setattr(evaluate, "REGIMES", REGIMES[:2])
    out, drawn = tmp_path / "seeing.json", []
    monkeypatch.setattr(evaluate.heat_map, "draw", lambda cells, _path: drawn.append(cells))
    whole = judged(belief_bundle.path, out, "--beside", str(blind))
    assert len(whole["cells"]) == 2 * (2 + 2)
    words = ["--alone", "--n", "3", "--terrain", "flat", "--regime", "nominal"]
    few = judged(belief_bundle.path, out, *words)
    again = ("seeing", "flat", 0.0, "nominal")
    assert table(few["cells"]) == table(whole["cells"]) | {again: 3}
    assert few["gate"] == whole["gate"]
    assert [len(cells) for cells in drawn] == [8, 8]
    gate = judged(belief_bundle.path, out, "--alone", "--gate", "--n", "4")
    assert gate["cells"] == few["cells"] and {cell["n"] for cell in gate["gate"]} == {4}


@pytest.mark.parametrize("text", ["{half a", "[1]", '{"cells": [{"a": 1}]}', '{"cells": 3}'])
def test_a_file_that_is_no_table_of_this_policy_is_replaced(text, belief_bundle, tmp_path):
    out = tmp_path / "seeing.json"
    out.write_text(text)
    words = ["--alone", "--terrain", "flat", "--regime", "nominal"]
    first = judged(belief_bundle.path, out, *words)
    assert len(first["cells"]) == 1
    out.write_text(out.read_text().replace('"seeing"', '"another"'))
    assert judged(belief_bundle.path, out, *words) == first


def test_cells_of_other_networks_do_not_stay_beside_new_ones(belief_bundle, tmp_path):
    out, words = tmp_path / "seeing.json", ["--alone", "--regime", "nominal", "--terrain"]
    before = judged(belief_bundle.path, out, *words, "stairs_up")
    assert before["networks"] == belief_bundle.contract.files
    assert len(judged(belief_bundle.path, out, *words, "flat")["cells"]) == 2
    retrained = out.read_text().replace(before["networks"]["policy.onnx"], "0" * 64)
    out.write_text(retrained)
    assert len(judged(belief_bundle.path, out, *words, "flat")["cells"]) == 1


def test_trials_of_a_blind_bundle_enter_its_table(blind, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluate, "TRIALS", (STAIRS, FLAT))
    judged(blind, tmp_path / "blind.json")
    told = judged(blind, tmp_path / "blind.json", "--trial", "flat", "--n", "3")
    assert [(c["trial"], c["n"]) for c in told["cells"]] == [("stairs", 2), ("flat", 3)]


def test_options_without_effect_are_refused(belief_bundle, blind, tmp_path, capsys):
    for folder, words, told in (
        (blind, ["--gate"], "--gate given"),
        (blind, ["--regime", "blank", "--beside", str(blind)], "--regime, --beside given"),
        (belief_bundle.path, ["--gate", "--trial", "up"], "--trial given"),
        (belief_bundle.path, ["--gate", "--height", "0.1", "--regime", "blank"], "--height, --r"),
    ):
        assert evaluate.main([str(folder), "--out", str(tmp_path / "a.json"), *words]) == 2
        assert told in capsys.readouterr().err
    assert not (tmp_path / "a.json").exists()


def test_an_evaluation_without_a_trial_or_a_robot_is_refused(belief_bundle, tmp_path, capsys):
    path = str(belief_bundle.path)
    assert evaluate.main([path, "--alone", "--terrain", "lava"]) == 2
    assert "no trial is left of: stairs, flat" in capsys.readouterr().err
    out = str(tmp_path / "none.json")
    assert evaluate.main([path, "--alone", "--n", "0", "--out", out]) == 2
    assert "robots: 0 given" in capsys.readouterr().err


def test_a_command_that_fails_or_is_interrupted_says_so(blind, tmp_path, monkeypatch, capsys):
    assert evaluate.main([str(blind), "--out", "/dev/null/x.json"]) == 2
    assert "/dev/null" in capsys.readouterr().err
    out = ["--out", str(tmp_path / "a.json")]
    assert evaluate.main([str(blind), *out, "--seed", "-1"]) == 2
    assert "--seed -1: expected at least 0" in capsys.readouterr().err

    def interrupt(*_) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(evaluate, "_walk", interrupt)
    assert evaluate.main([str(blind), *out]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_equal_seeds_give_equal_cells(belief_bundle):
    walker = BundleWalker(belief_bundle)
    first, again, other = (belief_evaluate.evaluate(walker, STAIRS, 2, s) for s in (1, 1, 3))
    assert json.dumps(first) == json.dumps(again) != json.dumps(other)


def test_each_perception_is_as_wrong_as_it_should_be(belief_bundle):
    cells = belief_evaluate.evaluate(BundleWalker(belief_bundle), FLAT, 3)
    wrong = {cell.regime: cell.heights_seen_error for cell in cells}
    assert wrong["clean"] < 1e-6 and np.isnan(wrong["blank"])
    assert wrong["clean"] < wrong["nominal"] < wrong["drifting"] < wrong["offset"] < wrong["noisy"]


def test_without_a_run_beside_it_a_bundle_comes_without_teacher_and_says_so(
    belief_bundle, blind, tmp_path
):
    for name in ("contract.yaml", "belief.onnx", "policy.onnx"):
        (tmp_path / name).write_bytes((belief_bundle.path / name).read_bytes())
    found = entrants.gather(tmp_path, blind)
    assert [walker.sight for walker in found.walkers] == [None, "blind"]
    assert "no training run" in found.absent[0]


def test_a_run_that_has_nobody_yet_is_not_judged_by_who_comes_beside(belief_run, blind, tmp_path):
    (tmp_path / "run.yaml").write_bytes((belief_run / "run.yaml").read_bytes())
    with pytest.raises(ConfigurationError, match="no student yet; cannot read checkpoint"):
        entrants.gather(tmp_path, blind)


def test_who_is_to_come_beside_must_be_there_and_blind(belief_bundle, capsys):
    words = [str(belief_bundle.path), "--terrain", "flat", "--beside"]
    assert evaluate.main([*words, str(belief_bundle.path)]) == 2
    assert "it sees, expected a blind bundle" in capsys.readouterr().err
    assert evaluate.main([*words, "go2_nobody"]) == 2
    assert "no model bundle 'go2_nobody'" in capsys.readouterr().err


def test_without_torch_the_teacher_is_missing_and_the_reason_is_told(
    belief_bundle, blind, monkeypatch
):
    monkeypatch.setattr(entrants, "find_spec", lambda _: None)
    found = entrants.gather(belief_bundle.path, blind)
    assert len(found.walkers) == 2 and found.absent == (entrants.NO_TORCH,)


def test_shipped_bundles_are_found_by_name_from_anywhere(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(shipped, "models", lambda: MODELS)
    monkeypatch.chdir(tmp_path)
    words = ["--n", "1", "--terrain", "stairs_up", "--regime", "nominal"]
    told = judged(Path("go2_belief"), tmp_path / "a.json", *words)
    assert {cell["policy"] for cell in told["cells"]} == {
        *("go2_belief", "go2_belief teacher", "go2_ts")
    }
    assert Belief().teacher == MODELS / "go2_belief"
    assert shipped.find(str(tmp_path)) == tmp_path
    assert evaluate.main(["go2_nothing"]) == 2
    assert "no model bundle 'go2_nothing'" in capsys.readouterr().err
    assert ablation.main(["belief", "--list", "--teacher", "go2_nothing"]) == 2
    assert "no model bundle 'go2_nothing'" in capsys.readouterr().err


def test_the_help_names_the_graph(capsys):
    with pytest.raises(SystemExit):
        evaluate.main(["--help"])
    assert "--graph" in capsys.readouterr().out


def test_a_blind_bundle_is_judged_alone_by_its_own_trials(blind, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluate, "TRIALS", (STAIRS,))
    told = judged(blind, tmp_path / "blind.json")
    (cell,) = told["cells"]
    assert (cell["policy"], cell["regime"], cell["height_m"]) == ("tiny_blind", "blind", 0.1)


def test_a_training_under_way_shows_its_student_as_it_is(belief_run, belief_bundle, monkeypatch):
    def export(source: Path, folder: Path, name: str) -> None:
        assert (source, name) == (belief_run, belief_run.name)
        shutil.copytree(belief_bundle.path, folder, dirs_exist_ok=True)

    monkeypatch.setattr(teacher_walker, "export", export)
    (student,) = entrants.gather(belief_run, None).walkers
    assert student.sight is None and student.contract.gate_size == 96


def test_a_training_without_a_student_shows_its_teacher(belief_run, blind, tmp_path):
    for name in ("run.yaml", "checkpoint.pt"):
        (tmp_path / name).write_bytes((belief_run / name).read_bytes())
    found = entrants.gather(tmp_path, blind)
    assert [walker.sight for walker in found.walkers] == ["truth", "blind"]
    with pytest.raises(ConfigurationError, match="no student yet"):
        entrants.gather(tmp_path, None)


class Statue:
    """Stands, and knows nothing."""

    name, sight = "statue", None

    def __init__(self, model: bundle.Bundle) -> None:
        self.contract = model.contract

    def begin(self, course, heights) -> None:
        self.course = course

    def act(self, sensed, command, scans) -> Answer:
        count, none = self.course.count, np.empty((self.course.count, 0))
        return Answer(np.tile(robot.STAND_POSE, (count, 1)), np.zeros((count, 12)), none, none)


class Carried(Statue):
    """Half of it is put down at the end of its lane, the other half on its back."""

    def act(self, sensed, command, scans) -> Answer:
        if self.course.step == 20:
            half = self.course.count // 2
            self.course.physics.base_position[:half, 0] = self.course.ends[:half] + 0.5
            self.course.physics.base_position[:half, 2] += 8 * self.course.trial.size
            self.course.physics.orientation[half:] = [0.0, 1.0, 0.0, 0.0]
        return super().act(sensed, command, scans)


def test_who_stands_arrives_nowhere_and_does_not_fall(belief_bundle):
    stairs = replace(STAIRS, time=1.2)
    (cell,) = belief_evaluate.evaluate(Statue(belief_bundle), stairs, 2, 0, REGIMES[:1])
    assert (cell.success, cell.survival, cell.foot_strikes) == (0.0, 1.0, 0.0)
    assert cell.velocity_error == pytest.approx(0.6, abs=0.05)
    assert np.isnan(cell.gate) and np.isnan(cell.heights_believed_error)


def test_a_foot_strikes_when_something_level_pushes_it_back_and_counts_once(monkeypatch):
    forces = np.zeros((2, 4, 3))
    course = SimpleNamespace(
        physics=SimpleNamespace(foot_forces=forces), walking=lambda: np.ones(2, dtype=bool)
    )
    scans = Scans(*(np.zeros((2, 208)) for _ in range(2)), np.zeros((2, 1)))
    answer = Answer(*(np.zeros((2, 0)) for _ in range(4)))
    tally = belief_evaluate._Tally(2)
    stand, riser = (0.0, 0.0, 80.0), (-60.0, 0.0, 20.0)
    for first in (stand, riser, riser, stand, riser):
        forces[0, 0], forces[1] = first, stand
        tally.add(course, np.zeros((2, 208)), scans, answer)
    assert tally._strikes.tolist() == [2, 0]


def test_a_trial_ends_when_all_have_arrived_or_fallen(belief_bundle):
    walker = Carried(belief_bundle)
    stairs = replace(STAIRS, time=5.0)
    (cell,) = belief_evaluate.evaluate(walker, stairs, 4, 0, REGIMES[:1])
    assert (cell.success, cell.survival) == (0.5, 0.5)
    assert walker.course.step == 21 < walker.course.steps


def test_the_gate_is_swept_over_noise_that_rises(belief_bundle, monkeypatch):
    levels = (0.0, 0.5, 1.5)
    cells = gate_sweep.sweep(BundleWalker(belief_bundle), 2, 0, levels, STAIRS)
    assert [cell.regime for cell in cells] == ["noise 0", "noise 0.5", "noise 1.5"]
    wrong = [cell.heights_seen_error for cell in cells]
    assert wrong[0] < 0.3 * wrong[1] < 0.3 * wrong[2]


def test_the_command_draws_the_gate_over_noise(belief_bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(gate_sweep.sweep, "__defaults__", (0, gate_sweep.LEVELS, STAIRS))
    told = judged(belief_bundle.path, tmp_path / "seeing.json", "--gate", "--alone")
    assert len(told["gate"]) == len(gate_sweep.LEVELS) and not told["cells"]
    assert (tmp_path / "seeing_gate.png").stat().st_size > 5_000


def test_the_level_of_the_noise_is_the_factor_of_the_curriculum(belief_bundle):
    looks = [Perception(f"{f}", PERCEPTIONS["offset"], f) for f in (0.5, 1.0)]
    half, whole = belief_evaluate.evaluate(BundleWalker(belief_bundle), FLAT, 8, 0, looks)
    assert half.heights_seen_error == pytest.approx(0.5 * whole.heights_seen_error, rel=0.4)
