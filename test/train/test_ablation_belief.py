"""Belief variants are students of one teacher, which they leave as it was."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import belief
import pytest
import torch

from ts_locomotion import bundle
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.training import ablation, ablation_table, checkpoint, run, tasks
from ts_locomotion.training import train as training
from ts_locomotion.training.ablation_belief import LOOKS, NEEDS_EYES, Belief
from ts_locomotion.training.ablation_plan import Plan, Variant
from ts_locomotion.training.belief_tasks import BeliefTask
from ts_locomotion.training.course import Trial
from ts_locomotion.training.distillation import Distillation

PLAN = Plan(
    seeds=(3,),
    steps=2 * belief.STEPS,
    robots=2,
    trials=(Trial("up", "stairs_up", 0.05, time=0.4),),
)


def variant(group: Belief, name: str) -> Variant:
    return next(one for one in group.variants if one.name == name)


@pytest.fixture(scope="module")
def group(belief_run: Path) -> Belief:
    return Belief(belief_run)


@pytest.fixture(scope="module")
def compared(group: Belief, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an ablation of one variant."""
    folder = tmp_path_factory.mktemp("ablation")
    before = contents(group.teacher)
    ablation.compare(group, [variant(group, "no privileged reconstruction")], PLAN, folder)
    assert contents(group.teacher) == before
    return folder


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_cell_is_a_student_beside_its_teacher_with_a_bundle_and_measures(compared, group):
    place = compared / "no_privileged_reconstruction" / "seed3"
    assert (place / run.CHECKPOINT).read_bytes() == (group.teacher / run.CHECKPOINT).read_bytes()
    contract = bundle.load(place / "bundle").contract
    assert contract.privileged == {} and contract.reconstructed_heights
    assert contract.training["student_steps"] == PLAN.steps
    told = json.loads((compared / ablation_table.NUMBERS).read_text())
    row = told["table"]["no privileged reconstruction"]
    assert "privileged loss" not in row
    for name in ("behaviour loss", "heights loss", "learning [CPU ms/iteration]"):
        assert row[name]["mean"] > 0.0, name
    for look in LOOKS:
        assert 0.0 <= row[f"success, stairs_up 0.05 m, {look}"]["mean"] <= 1.0
        assert 0.0 < row[f"gate, {look}"]["mean"] < 1.0
        assert row[f"error of heights believed, {look} [m]"]["mean"] > 0.0
    assert told["about"]["teacher"] == str(group.teacher)


def test_what_is_done_is_not_done_again(compared, group, monkeypatch):
    def forbidden(*_arguments) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(Belief, "train", forbidden)
    chosen = [variant(group, "no privileged reconstruction")]
    assert len(ablation.compare(group, chosen, PLAN, compared)) == 1
    for other in (replace(PLAN, steps=PLAN.steps + 1), replace(PLAN, edits=("student.epochs=1",))):
        with pytest.raises(ConfigurationError, match="another student: choose another --out"):
            ablation.compare(group, chosen, other, compared)


def test_an_interrupted_student_ends_as_if_nothing_had_happened(group, tmp_path, monkeypatch):
    task = ablation.resolve(group, variant(group, "MLP, no gate"), PLAN)
    group.train(task, [], 3, tmp_path / "whole")
    updates, update = [], Distillation.update

    def interrupted(learner: Distillation) -> dict[str, float]:
        updates.append(learner)
        if len(updates) == 2:
            raise KeyboardInterrupt
        return update(learner)

    monkeypatch.setattr(Distillation, "update", interrupted)
    with pytest.raises(KeyboardInterrupt):
        group.train(task, [], 3, tmp_path / "parts")
    group.train(task, [], 3, tmp_path / "parts")
    assert len(updates) == 3
    whole, parts = (
        checkpoint.load(tmp_path / name / run.STUDENT / run.CHECKPOINT)
        for name in ("whole", "parts")
    )
    assert whole["steps"] == parts["steps"] == PLAN.steps
    for name, value in whole["student_state_dict"].items():
        assert torch.equal(value, parts["student_state_dict"][name]), name


def test_a_disk_that_a_student_would_fill_is_refused_before_any_step(group, tmp_path, monkeypatch):
    room = shutil.disk_usage(tmp_path)._replace(free=3_000_000)
    monkeypatch.setattr(training.shutil, "disk_usage", lambda _: room)
    task = ablation.resolve(group, variant(group, "belief"), PLAN)
    with pytest.raises(ConfigurationError, match="3 MB are free"):
        group.train(task, [], 3, tmp_path)
    assert not (tmp_path / run.STUDENT / run.CHECKPOINT).exists()


def test_all_students_learn_in_their_teachers_task_as_students_do_today(group, tmp_path):
    told = run.task_of(run.read_record(group.teacher))
    assert isinstance(told, BeliefTask)
    other = replace(
        told,
        steps=told.steps + 1,
        student=replace(told.student, epochs=7),
        height_noise=replace(told.height_noise, drift=0.5),
    )
    run.write_record(tmp_path, other, [], 1)
    students = Belief(tmp_path)
    resolved = [ablation.resolve(students, one, PLAN) for one in students.variants]
    today = replace(told, steps=other.steps, student=replace(told.student, steps=PLAN.steps))
    assert resolved[0] == today and len(set(resolved)) == len(resolved)
    assert {replace(task, student=today.student) for task in resolved} == {today}


def test_a_finished_cell_is_no_result_of_another_teacher(compared, group, tmp_path):
    shutil.copytree(group.teacher, tmp_path / "other")
    state = checkpoint.load(tmp_path / "other" / run.CHECKPOINT)
    checkpoint.save(tmp_path / "other" / run.CHECKPOINT, state | {"steps": 1})
    other = Belief(tmp_path / "other")
    chosen = [variant(other, "no privileged reconstruction")]
    with pytest.raises(ConfigurationError, match="student of another teacher"):
        ablation.compare(other, chosen, PLAN, compared)


def test_another_teacher_is_refused_where_a_student_has_begun(group, tmp_path):
    task = ablation.resolve(group, variant(group, "belief"), PLAN)
    (tmp_path / "cell").mkdir()
    shutil.copyfile(group.teacher / run.CHECKPOINT, tmp_path / "cell" / run.CHECKPOINT)
    shutil.copytree(group.teacher, tmp_path / "other")
    state = checkpoint.load(tmp_path / "other" / run.CHECKPOINT)
    checkpoint.save(tmp_path / "other" / run.CHECKPOINT, state | {"steps": 1})
    with pytest.raises(ConfigurationError, match="student of another teacher"):
        Belief(tmp_path / "other").train(task, [], 3, tmp_path / "cell")
    assert not (tmp_path / "cell" / run.STUDENT).exists()


def test_a_plan_that_its_teacher_cannot_serve_is_refused(group, tmp_path):
    edited = replace(PLAN, edits=("networks.scan_encoding=8",))
    with pytest.raises(ConfigurationError, match=r"only settings of its student .*height_noise"):
        ablation.compare(group, group.variants, edited, tmp_path)
    nobody = Belief(tmp_path)
    with pytest.raises(ConfigurationError, match="no training run"):
        ablation.compare(nobody, nobody.variants, PLAN, tmp_path)
    run.write_record(tmp_path, tasks.make("go2_ts_tiny"), [], 1)
    with pytest.raises(ConfigurationError, match="not a belief teacher"):
        ablation.compare(nobody, nobody.variants, PLAN, tmp_path)


def test_the_group_is_judged_by_what_needs_eyes():
    assert {trial.name for trial in Belief().trials} == set(NEEDS_EYES)
