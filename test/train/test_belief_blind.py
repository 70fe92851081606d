"""A belief without eyes: neither teacher nor student has anything of the scans."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sighted
import torch
from belief import STEPS
from killing import assert_equal, in_a_process_killed_during

from ts_locomotion import bundle
from ts_locomotion.bundle import Bundle
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.pipeline import Pipeline
from ts_locomotion.simulation.sighted_environment import PRIVILEGED
from ts_locomotion.training import (
    belief_export,
    belief_student,
    belief_teacher,
    checkpoint,
    entrants,
    onnx_graph,
    run,
    tasks,
)
from ts_locomotion.training import train as training
from ts_locomotion.training.belief_encoder import Senses
from ts_locomotion.training.belief_tasks import BeliefTask
from ts_locomotion.training.distillation import Distillation
from ts_locomotion.training.publish import publish
from ts_locomotion.training.train import train

ROBOTS = 3
COMMITTED = Path(__file__).parents[2] / "models" / "go2_belief"


def task(student: int = 2, name: str = "go2_belief_blind_tiny") -> BeliefTask:
    """So many iterations of the student after two of the teacher."""
    tiny = tasks.make(name)
    assert isinstance(tiny, BeliefTask)
    return replace(
        tiny,
        steps=2 * STEPS,
        save_interval=1,
        student=replace(tiny.student, steps=student * STEPS),
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    train(task(), [], 3, folder)
    return folder


@pytest.fixture(scope="module")
def exported(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundle") / "feeling"
    assert publish(trained, folder, 0) == []
    return bundle.load(folder)


def test_teacher_critic_and_student_take_nothing_of_the_scans(tmp_path):
    runner = training.build(task(), 0, tmp_path)
    obs = runner.env.get_observations()
    teacher, unseen = runner.alg.actor, obs.exclude("scans")
    assert obs["scans"].any() and "heights" not in set(obs.keys())
    assert torch.equal(teacher(unseen), teacher(obs))
    assert torch.equal(runner.alg.critic(unseen), runner.alg.critic(obs))
    assert not any("scan" in name for name in teacher.state_dict())
    student = belief_student.BeliefStudent(teacher, **belief_student.student_settings(task()))
    assert student.belief_size == teacher.belief_size == task().networks.privileged_encoding
    parts = ("sight", "gate_head", "skip_head", "heights_decoder")
    assert not any(name.startswith(parts) for name in student.state_dict())


def test_the_student_learns_to_act_and_to_guess_the_privileged_state(trained, tmp_path):
    student = belief_student.build(task(), 3, trained, tmp_path)
    student._collect(student.env.get_observations())
    losses = student.alg.update()
    assert set(losses) == {"behaviour", "privileged"}
    assert torch.tensor(list(losses.values())).isfinite().all()


def test_its_bundle_has_no_ports_for_scans_gate_or_heights(exported):
    contract = exported.contract
    assert not contract.exteroception and not contract.reconstructed_heights
    assert contract.gate_size == 0 and contract.belief_size == 24
    assert contract.privileged == PRIVILEGED
    inputs, outputs = bundle.belief_ports(contract)
    assert list(inputs) == ["observation", "state"]
    assert set(outputs) == {"belief", "state_out", "privileged"}


def test_the_pipeline_acts_as_the_student_over_many_steps_with_resets(trained, exported):
    student, _ = belief_student.load(task(), trained / run.STUDENT)
    pipeline, rng, worst = Pipeline(exported), np.random.default_rng(0), 0.0
    state, memory = pipeline.initial_state(ROBOTS), torch.zeros(ROBOTS, student.state_size)
    for step in range(1000):
        if step % 97 == 0:
            for part in (state.belief.recurrent, memory):
                part[1] = 0.0
        command = rng.uniform(-0.4, 0.4, (ROBOTS, 3))
        output, state = pipeline.step(state, sighted.felt(rng, ROBOTS), command)
        with torch.no_grad():
            observed = torch.from_numpy(output.believed.observation)
            action, memory, believed = student.step(Senses(observed), memory)
            guess = student.privileged_normalizer.inverse(believed.privileged)
        told = output.believed.output
        for one, other in (
            (output.policy.action, action),
            (told.belief, believed.belief),
            (told.privileged, guess),
        ):
            worst = max(worst, float(np.abs(one - other.numpy()).max()))
    assert worst <= onnx_graph.PARITY


def test_it_is_judged_as_a_blind_one(exported):
    (walker,) = entrants.gather(exported.path, exported.path).walkers
    assert walker.sight == "blind"


def test_a_killed_student_ends_as_if_nothing_had_happened(trained, tmp_path):
    in_a_process_killed_during(Distillation, 2, task(), 3, tmp_path)
    student = tmp_path / run.STUDENT / run.CHECKPOINT
    assert checkpoint.load(student)["steps"] == STEPS
    train(task(), [], 3, tmp_path)
    whole = trained / run.STUDENT / run.CHECKPOINT
    assert_equal(checkpoint.load(whole), checkpoint.load(student))


def test_a_training_does_not_shut_its_eyes_half_way(belief_run):
    shut = replace(task(name="go2_belief_tiny"), exteroception=False)
    with pytest.raises(ConfigurationError, match="another exteroception"):
        training._check_same(shut, 7, belief_run)


def test_the_committed_run_still_loads_and_is_what_its_bundle_computes():
    shipped = run.task_of(run.read_record(COMMITTED))
    assert isinstance(shipped, BeliefTask) and shipped.exteroception
    student, _ = belief_student.load(shipped, COMMITTED / run.STUDENT)
    for graph in belief_export.graphs_of(bundle.read_contract(COMMITTED), student):
        assert onnx_graph.check_parity(graph, COMMITTED) <= onnx_graph.PARITY
    teacher, _ = belief_teacher.load(shipped, COMMITTED)
    assert teacher.scan_encoder is not None
