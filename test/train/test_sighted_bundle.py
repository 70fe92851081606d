"""A teacher-student bundle that sees is the student that was trained, judged by what it sees."""

import shutil
from pathlib import Path

import bundles
import numpy as np
import pytest
import sighted
import torch
from belief import sights

from ts_locomotion import bundle
from ts_locomotion.belief import network_scans
from ts_locomotion.bundle import Bundle
from ts_locomotion.pipeline import Pipeline
from ts_locomotion.training import (
    belief_evaluate,
    entrants,
    evaluate,
    export,
    onnx_graph,
    run,
    teacher_walker,
)
from ts_locomotion.training.belief_evaluate import REGIMES
from ts_locomotion.training.course import Trial
from ts_locomotion.training.networks import Sights, TeacherStudentActor
from ts_locomotion.training.publish import publish
from ts_locomotion.training.train import train

ROBOTS, STEPS = 3, 1000
STAIRS = Trial("stairs", "stairs_up", 0.1, time=0.4)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    train(sighted.task(), [], 0, folder)
    return folder


@pytest.fixture(scope="module")
def exported(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundle") / "sighted"
    assert publish(trained, folder, 0) == []
    return bundle.load(folder)


def walks_as(model: Bundle, actor: TeacherStudentActor) -> float:
    """Largest difference of belief and action between a pipeline and an actor on one walk."""
    pipeline, rng, worst = Pipeline(model), np.random.default_rng(0), 0.0
    state = pipeline.initial_state(ROBOTS)
    memory = torch.zeros(ROBOTS, actor.history_encoder.state_size)
    assert actor.sight is not None
    for step in range(STEPS):
        if step % 97 == 0:
            for part in (state.belief.recurrent, memory):
                part[1] = 0.0
        scans = sights(rng, step, ROBOTS)
        command = rng.uniform(-0.4, 0.4, (ROBOTS, 3))
        output, state = pipeline.step(state, sighted.felt(rng, ROBOTS), command, scans)
        observed = torch.from_numpy(output.believed.observation)
        seen = Sights(*(torch.from_numpy(p) for p in network_scans(scans, ROBOTS).values()))
        with torch.no_grad():
            felt, memory = actor.history_encoder.step(observed[:, :45], memory)
            latent = actor.sight(felt, seen)
            action = actor.mlp(torch.cat([actor.obs_normalizer(observed), latent], dim=1))
        for one, other in (
            (output.believed.output.belief, latent),
            (output.policy.action, action),
        ):
            worst = max(worst, float(np.abs(one - other.numpy()).max()))
    return worst


def test_the_pipeline_acts_as_the_student_with_masked_scans_and_resets(trained, exported):
    _, actor, _ = run.load_actor(trained)
    assert walks_as(exported, actor) <= onnx_graph.PARITY


def test_so_it_does_with_a_recurrent_memory(tmp_path):
    torch.manual_seed(0)
    task = sighted.task("go2_cts_sighted_tiny", "networks.encoder=gru")
    actor = sighted.shaken(run.blank_actor(task))
    contract = export.contract_of(task, actor, "gru", {})
    for graph in export.graphs_of(contract, actor):
        onnx_graph.write(graph, tmp_path)
    bundle.write_contract(tmp_path, contract)
    assert walks_as(bundle.load(tmp_path), actor) <= onnx_graph.PARITY


def test_what_is_seen_moves_the_legs(exported):
    pipeline, rng = Pipeline(exported), np.random.default_rng(1)
    state, felt = pipeline.initial_state(ROBOTS), sighted.felt(rng, ROBOTS)
    command, scans = np.zeros((ROBOTS, 3)), sights(rng, 6, ROBOTS)
    seen, blind = (pipeline.step(state, felt, command, s)[0].policy for s in (scans, None))
    assert np.abs(seen.positions - blind.positions).max() > 1e-4


def test_the_contract_tells_that_it_sees_and_that_it_neither_gates_nor_reconstructs(exported):
    contract = exported.contract
    assert contract.exteroception and contract.task == "go2_ts_sighted_tiny"
    assert contract.gate_size == 0 and not contract.reconstructed_heights
    assert not contract.privileged
    inputs, outputs = bundle.belief_ports(contract)
    assert list(inputs) == ["observation", "heights", "valid", "map_age", "state"]
    assert set(outputs) == {"belief", "state_out"}


def test_a_blind_bundle_has_no_ports_for_scans(tmp_path):
    task = sighted.task("go2_ts_sighted_tiny", "exteroception=false")
    actor = run.blank_actor(task)
    contract = export.contract_of(task, actor, "blind", {})
    belief, _ = export.graphs_of(contract, actor)
    assert list(belief.inputs) == ["observation", "state"]
    assert not contract.exteroception


def test_it_is_judged_under_the_perceptions_beside_its_teacher_and_a_blind_bundle(
    exported, tmp_path
):
    blind = bundles.write_blind(tmp_path / "blind")
    found = entrants.gather(exported.path, blind)
    assert [walker.sight for walker in found.walkers] == [None, "truth", "blind"]
    looks = [look for look in REGIMES if look.name in ("clean", "blank")]
    cells = [
        cell
        for walker in found.walkers
        for cell in belief_evaluate.evaluate(walker, STAIRS, 2, 0, looks)
    ]
    assert [cell.regime for cell in cells] == ["clean", "blank", "truth", "blind"]
    assert cells[0].heights_seen_error < 1e-6 and np.isnan(cells[0].gate)
    assert np.isnan(cells[0].heights_believed_error)


def test_a_training_under_way_is_judged_by_its_student(trained, exported, monkeypatch):
    def again(source: Path, folder: Path, name: str) -> None:
        assert (source, name) == (trained, trained.name)
        shutil.copytree(exported.path, folder, dirs_exist_ok=True)

    monkeypatch.setattr(teacher_walker, "export", again)
    (student,) = entrants.gather(trained, None).walkers
    assert student.sight is None and student.contract.task == "go2_ts_sighted_tiny"


def test_a_gate_that_is_not_there_is_not_swept(exported, tmp_path, capsys):
    words = [str(exported.path), "--alone", "--gate", "--out", str(tmp_path / "a.json")]
    assert evaluate.main(words) == 2
    assert "sighted has no gate to sweep" in capsys.readouterr().err
