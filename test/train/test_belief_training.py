"""A two-stage training survives being killed, and starts afresh when told to."""

from dataclasses import replace
from pathlib import Path

import belief
import pytest
from belief import STEPS
from killing import assert_equal, in_a_process_killed_during

from ts_locomotion.errors import ConfigurationError
from ts_locomotion.training import checkpoint, run
from ts_locomotion.training.distillation import Distillation
from ts_locomotion.training.mirrored_ppo import MirroredPPO
from ts_locomotion.training.train import train

TEACHER, STUDENT = run.CHECKPOINT, f"{run.STUDENT}/{run.CHECKPOINT}"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training that nothing has interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    train(belief.task(3, 3), [], 5, folder)
    return folder


@pytest.mark.parametrize(("algorithm", "file"), [(MirroredPPO, TEACHER), (Distillation, STUDENT)])
def test_a_killed_training_loses_one_iteration_and_ends_as_if_nothing_had_happened(
    algorithm, file, whole, tmp_path
):
    in_a_process_killed_during(algorithm, 3, belief.task(3, 3), 5, tmp_path)
    assert checkpoint.load(tmp_path / file)["steps"] == 2 * STEPS
    train(belief.task(3, 3), [], 5, tmp_path)
    for name in (TEACHER, STUDENT):
        assert_equal(checkpoint.load(whole / name), checkpoint.load(tmp_path / name), name)


def test_the_second_stage_begins_once_and_is_not_trained_again(whole):
    before = checkpoint.load(whole / STUDENT)
    runner = train(belief.task(3, 3), [], 5, whole)
    assert runner.steps_done == 3 * STEPS
    assert_equal(before, checkpoint.load(whole / STUDENT))


def test_a_fresh_training_discards_teacher_and_student_at_once(tmp_path):
    train(belief.task(1, 1), [], 0, tmp_path)

    in_a_process_killed_during(MirroredPPO, 1, belief.task(1, 1), 0, tmp_path, resume=False)
    assert not (tmp_path / TEACHER).exists() and not (tmp_path / STUDENT).exists()


def test_a_student_that_has_not_begun_may_still_be_changed_and_one_that_has_may_not(tmp_path):
    task = belief.task(1, 1)
    train(task, [], 0, tmp_path)
    other = replace(task, student=replace(task.student, mini_batches=1))
    with pytest.raises(ConfigurationError, match="another student"):
        train(other, [], 0, tmp_path)
    (tmp_path / STUDENT).unlink()
    assert train(other, [], 0, tmp_path).steps_done == STEPS
    assert run.task_of(run.read_record(tmp_path)) == other


def test_how_often_a_training_is_saved_may_change(tmp_path):
    task = belief.task(1, 1)
    train(task, [], 0, tmp_path)
    train(replace(task, save_interval=7), [], 0, tmp_path)
