"""An exported bundle acts as the student that was trained."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from students import act_as_student

from ts_locomotion import bundle
from ts_locomotion.bundle import Bundle
from ts_locomotion.errors import BundleMismatch, ConfigurationError
from ts_locomotion.pipeline import Pipeline
from ts_locomotion.training import export, onnx_graph, run, tasks
from ts_locomotion.training.course import Trial, wilson
from ts_locomotion.training.evaluate import evaluate, table
from ts_locomotion.training.overrides import override
from ts_locomotion.training.publish import publish
from ts_locomotion.training.train import train

COMMITTED = Path(__file__).parents[2] / "models" / "go2_ts"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    train(tasks.make("go2_ts_tiny"), [], 0, folder)
    return folder


@pytest.fixture(scope="module")
def exported(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundle")
    export.export(trained, folder, name="tiny")
    return bundle.load(folder)


def test_the_contract_tells_the_task_and_its_training(exported):
    contract = exported.contract
    config = tasks.make("go2_ts_tiny").environment
    assert contract.name == "tiny" and contract.task == "go2_ts_tiny"
    assert contract.stiffness == pytest.approx(config.stiffness)
    assert contract.state_size == config.history_frames * 45
    assert contract.training["steps"] == 192 and contract.training["seed"] == 0
    assert contract.command_limits["linear_x"] == config.commands.linear_x


@pytest.mark.parametrize("network", ["belief.onnx", "policy.onnx"])
def test_a_network_names_no_place_of_the_machine_it_was_made_on(network, exported):
    shipped = [folder / network for folder in (COMMITTED, COMMITTED.with_name("go2_belief"))]
    for file in (exported.path / network, *shipped):
        content = file.read_bytes()
        assert b".py" not in content and b"/site-packages/" not in content


def test_a_bundle_keeps_no_products_of_the_one_that_was_in_its_folder(trained, tmp_path):
    blind = tmp_path / "blind"
    export.export(trained, blind)
    others = ("scores.json", "belief.pt", "policy.pt", "deploy/params/deploy.yaml")
    later = [f"{stage}/{run.CHECKPOINT}" for stage in run.LATER]
    for name in (*others, *later, "notes.txt"):
        (blind / name).parent.mkdir(parents=True, exist_ok=True)
        (blind / name).write_text("of another run")
    assert publish(trained, blind, 0) == []
    left = {str(path.relative_to(blind)) for path in blind.rglob("*") if path.is_file()}
    made = {"contract.yaml", "belief.onnx", "policy.onnx", run.RECORD, run.CHECKPOINT}
    assert left == {*made, "notes.txt"}


def test_an_export_that_fails_leaves_the_bundle_as_it_was(tmp_path):
    (tmp_path / "scores.json").write_text("{}")
    with pytest.raises(ConfigurationError, match="no training run"):
        export.export(tmp_path / "nothing", tmp_path)
    assert (tmp_path / "scores.json").exists()


@pytest.mark.parametrize("name", ["trained", "belief_run"])
def test_a_publishing_tells_how_far_its_scores_are(name, request, tmp_path, capsys):
    trials = [Trial("flat a", time=0.1), Trial("flat b", time=0.3)]
    publish(request.getfixturevalue(name), tmp_path / "bundle", 1, trials)
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2
    assert "1/2" in told[0] and "flat a" in told[0]
    assert "2/2 left 0.0 min" in told[1] and "flat b" in told[1]


def test_the_bundle_acts_as_the_student_over_a_thousand_steps_with_resets(trained, exported):
    task, actor, _ = run.load_actor(trained)
    frames, rng = task.environment.history_frames, np.random.default_rng(0)
    state = np.zeros((3, frames * 45), dtype=np.float32)
    history = torch.zeros(3, frames, 45)
    for step in range(1000):
        if step % 97 == 0:
            state[1], history[1] = 0.0, 0.0
        observed = rng.normal(size=(3, 47)).astype(np.float32)
        frame = observed[:, :45]
        outputs = exported.belief.run({"observation": frame, "state": state})
        state = outputs["state_out"]
        history = torch.cat([history[:, 1:], torch.from_numpy(frame)[:, None]], dim=1)
        given = exported.policy.run({"observation": observed, "belief": outputs["belief"]})
        with torch.no_grad():
            felt = {"policy": torch.from_numpy(observed), "history": history}
            expected = act_as_student(actor, felt)
        assert np.array_equal(state.reshape(3, frames, 45), history.numpy())
        assert given["action"] == pytest.approx(expected.numpy(), abs=1e-5)


def test_a_graph_that_differs_from_torch_is_refused(trained, tmp_path):
    task, actor, _ = run.load_actor(trained)
    contract = export.contract_of(task, actor, "tiny", {})
    belief, policy = export.graphs_of(contract, actor)
    export.write(policy, tmp_path)
    assert export.check_parity(policy, tmp_path) <= onnx_graph.PARITY
    with torch.no_grad():
        actor.mlp[0].bias += 0.1  # type: ignore
    with pytest.raises(BundleMismatch, match="differs from torch"):
        export.check_parity(policy, tmp_path)
    with torch.no_grad():
        actor.mlp[0].bias[0] = torch.nan  # type: ignore
    with pytest.raises(BundleMismatch, match="differs from torch by nan"):
        export.check_parity(policy, tmp_path)
    assert belief.file == "belief.onnx"


@pytest.mark.parametrize("encoder", ["tcn", "tcn_flat", "gru"])
def test_an_encoder_keeps_its_state_in_the_graph_over_steps_with_resets(encoder, tmp_path):
    task = override(tasks.make("go2_cts_tiny"), [f"networks.encoder={encoder}"])
    actor = run.blank_actor(task)
    actor.history_encoder.normalizer.update(1.0 + 2.0 * torch.randn(200, 45))
    contract = export.contract_of(task, actor, "tiny", {})
    graph, _ = export.graphs_of(contract, actor.eval())
    export.write(graph, tmp_path)
    assert export.check_parity(graph, tmp_path) <= onnx_graph.PARITY
    assert contract.state_size == actor.history_encoder.state_size == graph.inputs["state"]
    session = onnxruntime.InferenceSession(str(tmp_path / graph.file))
    state, rng = np.zeros((3, contract.state_size), dtype=np.float32), np.random.default_rng(0)
    expected = torch.zeros(3, contract.state_size)
    for step in range(300):
        if step % 97 == 50:
            state[1], expected[1] = 0.0, 0.0
        frame = rng.normal(size=(3, 45)).astype(np.float32)
        belief, state = session.run(None, {"observation": frame, "state": state})
        with torch.no_grad():
            latent, expected = actor.history_encoder.step(torch.from_numpy(frame), expected)
        assert belief == pytest.approx(latent.numpy(), abs=1e-5)


def test_the_committed_run_still_loads_and_is_what_its_bundle_computes():
    task, actor, steps = run.load_actor(COMMITTED)
    assert task.networks.encoder == "mlp" and steps >= task.steps
    for graph in export.graphs_of(bundle.read_contract(COMMITTED), actor):
        assert export.check_parity(graph, COMMITTED) <= onnx_graph.PARITY


def test_an_evaluation_runs_the_pipeline_and_is_repeatable(exported):
    trial = Trial("rough", "rough", 0.02, time=1.0, push_speed=0.2)
    first, second = (evaluate(exported, trial, 3, seed=5) for _ in range(2))
    assert first == second
    assert first.n == 3 and first.seeds == (5, 7)
    assert "rough" in table([first])
    assert Pipeline(exported).initial_state(2).last_action.shape == (2, 12)


def test_wilsons_interval_is_that_of_the_textbook():
    assert wilson(100, 100) == pytest.approx((0.9630, 1.0), abs=1e-4)
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
