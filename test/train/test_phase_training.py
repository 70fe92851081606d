"""The belief task with the paper's action trains, and its bundle acts as it was trained."""

from pathlib import Path

import numpy as np
import pytest

from ts_locomotion import bundle, observation
from ts_locomotion.action import ActionForm
from ts_locomotion.bundle import Bundle
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.training import belief_evaluate, checkpoint, run, tasks, teacher_walker
from ts_locomotion.training.belief_evaluate import REGIMES
from ts_locomotion.training.course import Trial
from ts_locomotion.training.overrides import override
from ts_locomotion.training.publish import publish
from ts_locomotion.training.train import train
from ts_locomotion.training.walkers import BundleWalker

SHORT = Trial("flat", time=0.6)
MODELS = Path(__file__).parents[2] / "models"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the bundle of both stages, which is refused where ONNX differs from torch."""
    place = tmp_path_factory.mktemp("phase")
    edits = ["environment.action.lift_height=0.07"]
    train(override(tasks.make("go2_belief_phase_tiny"), edits), edits, 3, place)
    assert publish(place, place / "bundle", 0) == []
    return place / "bundle"


@pytest.fixture(scope="module")
def exported(folder: Path) -> Bundle:
    return bundle.load(folder)


def test_the_contract_tells_the_kind_of_action_its_sizes_and_its_settings(exported):
    contract = exported.contract
    assert contract.action == ActionForm("phase_residual", lift_height=0.07)
    assert contract.action.parts == {"phase_offsets": 4, "joints": 12}
    sizes = observation.layout(contract.policy_observation)
    assert "last_action" not in sizes
    assert sizes["last_phase_action"].stop - sizes["last_phase_action"].start == 16
    zeros = {"observation": np.zeros((1, 51)), "belief": np.zeros((1, contract.belief_size))}
    assert exported.policy.run(zeros)["action"].shape == (1, 16)


def test_teacher_and_student_learn_all_sixteen_actions(folder):
    def last_bias(state: dict, trunk: str) -> np.ndarray:
        (name,) = [n for n in state if n.startswith(trunk) and state[n].shape == (16,)]
        return state[name].numpy()

    teacher = checkpoint.load(folder / run.CHECKPOINT)
    student = checkpoint.load(folder / run.STUDENT / run.CHECKPOINT)
    learned = last_bias(teacher["actor_state_dict"], "mlp.")
    imitated = last_bias(student["student_state_dict"], "mlp.first.")
    assert np.isfinite(learned).all() and (learned[:4] != imitated[:4]).all()
    assert teacher["environment"]["arrays"]["actions"].shape == (3, 8, 16)


def test_bundle_and_teacher_walk_an_evaluation(folder, exported):
    for walker in (BundleWalker(exported), teacher_walker.load(folder, "teacher")):
        (cell,) = belief_evaluate.evaluate(walker, SHORT, 2, perceptions=REGIMES[:1])
        assert cell.survival == 1.0 and cell.policy == walker.name


def test_the_kind_of_action_alone_cannot_be_changed(tmp_path):
    task = override(tasks.make("go2_belief_tiny"), ["environment.action.kind=phase_residual"])
    with pytest.raises(ConfigurationError, match=r"given .*last_action.*last_phase_action"):
        train(task, [], 0, tmp_path)
    with pytest.raises(ConfigurationError, match=r"action\.kind.*'dance'.*joint_targets"):
        override(task, ["environment.action.kind=dance"])


@pytest.mark.parametrize("name", ["go2_ts", "go2_belief"])
def test_runs_from_before_there_were_kinds_of_action_are_of_joint_targets(name):
    task = run.task_of(run.read_record(MODELS / name))
    assert task.environment.action == ActionForm("joint_targets")
    assert bundle.load(MODELS / name).contract.action == ActionForm("joint_targets")
