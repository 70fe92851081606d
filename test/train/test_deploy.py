"""What is exported for other controllers acts as our pipeline does."""

import io
import shutil
import zipfile
from collections import deque
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
import yaml
from torch import nn

from ts_locomotion import bundle, gait, perception, robot, rotation
from ts_locomotion.action import ActionForm
from ts_locomotion.belief import Scans
from ts_locomotion.bundle import Bundle
from ts_locomotion.errors import BundleMismatch, ConfigurationError
from ts_locomotion.observation import Proprioception
from ts_locomotion.pipeline import Pipeline
from ts_locomotion.training import deploy_graph, deploy_yaml, export, run, tasks, torchscript
from ts_locomotion.training.onnx_graph import Graph
from ts_locomotion.training.train import train

TICKS = 80
SIZE = perception.SCAN_SIZE


def lively(folder: Path, file: str, key: str) -> None:
    """Make the actions of a checkpoint large enough to differ."""
    state = torch.load(folder / file, weights_only=True)
    for name, value in state[key].items():
        if name.startswith("mlp.") and name.endswith("weight"):
            value.mul_(3.0)
    torch.save(state, folder / file)


@pytest.fixture(scope="module")
def blind(tmp_path_factory) -> Bundle:
    """The bundle of a short training with everything beside it."""
    folder = tmp_path_factory.mktemp("blind")
    train(tasks.make("go2_ts_tiny"), [], 0, folder)
    lively(folder, run.CHECKPOINT, "actor_state_dict")
    assert export.main([str(folder), "--out", f"{folder}/out", "--torchscript", "--deploy"]) == 0
    return bundle.load(folder / "out")


class Controller:
    """Someone else's: knows deploy.yaml and the network, and stacks observations as Unitree's."""

    def __init__(self, folder: Path) -> None:
        self.told = yaml.safe_load((folder / "params/deploy.yaml").read_text())
        self.network = onnxruntime.InferenceSession(folder / "exported/policy.onnx")
        self.terms = {
            name: deque(maxlen=term["history_length"])
            for name, term in self.told["observations"].items()
        }
        self.last_action = np.zeros(12)

    def step(self, raw: dict[str, np.ndarray], **others: np.ndarray) -> list[np.ndarray]:
        """Joint targets, and the other outputs of the network."""
        obs = []
        for name, history in self.terms.items():
            value = raw | {"last_action": self.last_action}
            scaled = value[name] * self.told["observations"][name]["scale"]
            while len(history) < history.maxlen:
                history.append(np.zeros_like(scaled))
            history.append(scaled)
            obs.append(np.concatenate(history))
        feeds = {"obs": np.concatenate(obs)[None].astype(np.float32), **others}
        action, *rest = self.network.run(None, feeds)
        self.last_action = action[0]
        law = self.told["actions"]["JointPositionAction"]
        targets = action[0] * law["scale"] + law["offset"]
        return [np.clip(targets, *np.transpose(law["clip"])), *rest]


def walk(model: Bundle, scans: list[Scans | None]):
    """What the pipeline computes at each tick of a wild walk, and what a controller is shown."""
    pipeline, rng = Pipeline(model), np.random.default_rng(0)
    state = pipeline.initial_state()
    for tick in range(TICKS):
        turn = rng.normal(size=4) * 0.2 + [1, 0, 0, 0]
        sensed = Proprioception(
            (turn / np.linalg.norm(turn))[None],
            rng.normal(size=(1, 3)),
            robot.STAND_POSE + 0.3 * rng.normal(size=(1, 12)),
            5 * rng.normal(size=(1, 12)),
        )
        command = np.array([[0.6, 0.0, 0.3]]) if tick < 50 else np.zeros((1, 3))
        phase = state.belief.phase
        output, state = pipeline.step(state, sensed, command, scans[tick])
        shown = {
            "velocity_commands": output.believed.velocity_command[0],
            "projected_gravity": rotation.projected_gravity(sensed.orientation)[0],
            "base_ang_vel": sensed.angular_velocity[0],
            "joint_pos_rel": (sensed.joint_positions - robot.STAND_POSE)[0],
            "joint_vel_rel": sensed.joint_velocities[0],
            # A clock that always runs.
            "gait_phase": gait.clock(phase, np.ones(1))[0],
        }
        yield shown, output.policy.positions[0]


def test_a_torchscript_network_names_no_place_of_the_machine_it_was_made_on(blind):
    for network in ("belief.pt", "policy.pt", "deploy/exported/policy.pt"):
        with zipfile.ZipFile(blind.path / network) as archive:
            contents = [archive.read(name) for name in archive.namelist()]
        assert len(contents) > 5
        assert not any(b".py" in content or b"site-packages" in content for content in contents)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_network_without_its_places_computes_bit_for_bit_the_same(tmp_path):
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(7, 33), nn.ELU(), nn.Linear(33, 3)).eval()
    given = torch.randn(5, 7)
    whole = torch.jit.freeze(torch.jit.trace(layers, given))
    saved = io.BytesIO()
    torch.jit.save(whole, saved)
    torchscript._write_placeless(saved, tmp_path / "net.pt")
    with torch.no_grad():
        assert torch.equal(torch.jit.load(str(tmp_path / "net.pt"))(given), whole(given))


def test_a_controller_with_a_history_walks_as_the_pipeline(blind):
    controller, seen = Controller(blind.path / "deploy"), []
    assert controller.told["observations"]["joint_vel_rel"]["history_length"] == 4
    assert controller.told["observations"]["gait_phase"]["history_length"] == 1
    for shown, expected in walk(blind, [None] * TICKS):
        (targets,) = controller.step(shown)
        assert targets == pytest.approx(expected, abs=1e-5)
        seen.append(targets)
    assert np.std(seen, axis=0).max() > 0.05


def test_a_controller_that_sees_and_remembers_walks_as_the_pipeline(belief_run, tmp_path):
    source = shutil.copytree(belief_run, tmp_path / "run")
    lively(source, f"{run.STUDENT}/{run.CHECKPOINT}", "student_state_dict")
    assert export.main([str(source), "--out", f"{tmp_path}/seeing", "--deploy"]) == 0
    model = bundle.load(tmp_path / "seeing")
    controller, rng = Controller(model.path / "deploy"), np.random.default_rng(1)
    scans = [
        Scans(0.1 * rng.normal(size=(1, SIZE)), rng.random((1, SIZE)) < 0.8, rng.random(1))
        for _ in range(TICKS)
    ]
    seen = []
    state = np.zeros((1, controller.told["recurrent"]["state"]["size"]), np.float32)
    outputs = [port.name for port in controller.network.get_outputs()]
    for (shown, expected), scan in zip(walk(model, scans), scans, strict=True):
        eyes = {
            "heights": (scan.heights * scan.valid).astype(np.float32),
            "valid": scan.valid.astype(np.float32),
            "map_age": scan.map_age[:, None].astype(np.float32),
        }
        targets, *rest = controller.step(shown, **eyes, state=state)
        state = dict(zip(outputs[1:], rest, strict=True))["state_out"]
        assert targets == pytest.approx(expected, abs=1e-5)
        seen.append(targets)
    assert np.std(seen, axis=0).max() > 0.05 and np.abs(state).max() > 0.05
    assert controller.told["scans"]["points"] == list(perception.SCAN_POINTS)


def test_the_network_has_inputs_of_fixed_size_and_its_actions_first(blind):
    controller = Controller(blind.path / "deploy")
    (port,) = controller.network.get_inputs()
    assert port.name == "obs" and port.shape == [1, 4 * 45 + 2]
    assert controller.network.get_outputs()[0].shape == [1, 12]


def test_the_controller_is_told_of_the_robot_what_the_contract_says(blind):
    told, contract = Controller(blind.path / "deploy").told, blind.contract
    assert told["joint_ids_map"] == list(range(12))
    assert told["step_dt"] == contract.step_time
    assert told["stiffness"] == contract.stiffness.tolist()
    assert told["default_joint_pos"] == robot.STAND_POSE.tolist()
    ranges = told["commands"]["base_velocity"]["ranges"]
    assert tuple(ranges["lin_vel_x"]) == contract.command_limits["linear_x"]
    period = told["observations"]["gait_phase"]["params"]["period"]
    assert period == pytest.approx(1.0 / contract.gait.frequency_hz)
    assert "(1, 182)" in (blind.path / "deploy/README.md").read_text()


def test_torchscript_computes_what_onnx_does(blind):
    random = torch.Generator().manual_seed(1)
    observed, state = (torch.randn(5, n, generator=random) for n in (45, 180))
    belief = torch.jit.load(str(blind.path / "belief.pt"))
    expected = blind.belief.run({"observation": observed.numpy(), "state": state.numpy()})
    for given, name in zip(belief(observed, state), ("belief", "state_out"), strict=True):
        assert given.detach().numpy() == pytest.approx(expected[name], abs=1e-5)
    assert (blind.path / "policy.pt").exists()
    assert (blind.path / "deploy/exported/policy.pt").exists()


def test_torchscript_that_differs_from_torch_is_refused(tmp_path):
    graph = Graph("layer.onnx", nn.Linear(3, 2), {"observation": 3}, ("action",))
    (path,) = torchscript.write(tmp_path, [graph])
    with torch.no_grad():
        graph.network.bias += 0.1
    with pytest.raises(BundleMismatch, match=r"layer\.pt: differs from torch"):
        torchscript.check_parity(graph, path)
    with torch.no_grad():
        graph.network.bias[1] = torch.nan
    with pytest.raises(BundleMismatch, match=r"layer\.pt: differs from torch by nan"):
        torchscript.check_parity(graph, path)


def test_an_action_that_other_controllers_do_not_know_is_refused(blind, tmp_path):
    contract = blind.contract
    terms = {
        name: tuple(term.replace("last_action", "last_phase_action") for term in terms)
        for name, terms in (
            ("belief_observation", contract.belief_observation),
            ("policy_observation", contract.policy_observation),
        )
    }
    foreign = replace(contract, action=ActionForm("phase_residual"), **terms)
    with pytest.raises(ConfigurationError, match="acts by phase_residual"):
        deploy_yaml.write(tmp_path, foreign, [])


class Newest(nn.Module):
    """Remembers frames with the newest first."""

    def forward(self, observed, state):
        return state[:, :8], torch.cat([observed, state[:, : -observed.shape[1]]], dim=1)


def test_a_memory_in_another_order_is_not_taken_for_a_history(blind):
    graph = Graph("belief.onnx", Newest(), {"observation": 45, "state": 180}, ("belief", "s"))
    assert deploy_graph.frames_of(blind.contract, graph) == 0
