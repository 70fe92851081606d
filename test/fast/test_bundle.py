"""A bundle that does not fit is refused with the name of what does not fit."""

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from bundles import write_blind, write_phase_residual, write_seeing

from ts_locomotion import bundle, contract, robot
from ts_locomotion.errors import BundleMismatch, ConfigurationError, InvalidInput


def edit(folder: Path, change) -> Path:
    """Change the values of a written contract.yaml."""
    path = folder / bundle.CONTRACT_FILE
    values = yaml.safe_load(path.read_text())
    change(values)
    path.write_text(yaml.safe_dump(values))
    return folder


def edit_network(folder: Path, name: str, change) -> Path:
    """Change a network file and sign the bundle again."""
    loaded = bundle.load(folder)
    model = onnx.load(folder / name)
    change(model)
    (folder / name).write_bytes(model.SerializeToString())
    bundle.write_contract(folder, loaded.contract)
    return folder


@pytest.mark.parametrize("write", [write_blind, write_seeing, write_phase_residual])
def test_a_bundle_comes_back_as_written(tmp_path, write):
    written = bundle.load(write(tmp_path)).contract
    again = contract.from_mapping(contract.to_mapping(written))
    for field in dataclasses.fields(contract.Contract):
        np.testing.assert_equal(getattr(again, field.name), getattr(written, field.name))
    assert written.joints == robot.JOINTS
    assert set(written.files) == {"belief.onnx", "policy.onnx"}


def test_the_joint_arrays_of_a_contract_cannot_be_changed(tmp_path):
    loaded = bundle.load(write_blind(tmp_path))
    with pytest.raises(ValueError, match="read-only"):
        loaded.contract.stiffness[0] = 0.0


FAULTS = {
    "format_version": lambda v: v.update(format_version=2),
    "name": lambda v: v.update(name=""),
    "task": lambda v: v.update(task=5),
    "step_time": lambda v: v.update(step_time=0.01),
    "joints": lambda v: v["joints"].reverse(),
    "stand_pose": lambda v: v.update(stand_pose=[0.1] * 12),
    "stiffness": lambda v: v.update(stiffness=[40.0] * 11),
    "damping": lambda v: v["damping"].__setitem__(3, -1.0),
    "action_scale": lambda v: v["action_scale"].__setitem__(0, float("nan")),
    "action_clip": lambda v: v.update(action_clip=0.0),
    "belief_observation": lambda v: v["belief_observation"].append("command"),
    "belief_observation.command.size": lambda v: v["belief_observation"][0].update(size=4),
    "policy_observation.command.scale": lambda v: v["policy_observation"][0].update(scale=2.0),
    "policy_observation": lambda v: v["policy_observation"][0].update(name="mood"),
    "policy_observation twice": lambda v: v["policy_observation"].append(
        v["policy_observation"][0]
    ),
    "exteroception": lambda v: v.update(exteroception="yes"),
    "scan": lambda v: v["scan"]["radii"].__setitem__(0, 0.1),
    "scan.points": lambda v: v["scan"].update(points=[6.0, 8, 10, 12, 16]),
    "state_size": lambda v: v.update(state_size=1.5),
    "belief_size": lambda v: v.update(belief_size=0),
    "gate_size": lambda v: v.update(gate_size=-1),
    "reconstructed_heights": lambda v: v.update(reconstructed_heights=1),
    "privileged": lambda v: v["privileged"].append({"name": "contacts"}),
    "privileged.friction": lambda v: v["privileged"][1].update(size=0),
    "command_limits.linear_x": lambda v: v["command_limits"].update(linear_x=[0.2, 1.0]),
    "command_limits": lambda v: v["command_limits"].pop("angular_z"),
    "gait.frequency_hz": lambda v: v["gait"].update(frequency_hz=-1.0),
    "files": lambda v: v["files"].pop("policy.onnx"),
    "training": lambda v: v.update(training=[]),
    "contract": lambda v: v.update(surprise=1),
    "scores": lambda v: v.update(scores=None),
}


@pytest.mark.parametrize("field", FAULTS)
def test_a_faulty_contract_is_refused_by_field(tmp_path, field):
    edit(write_seeing(tmp_path), FAULTS[field])
    with pytest.raises(
        BundleMismatch, match=rf"contract\.yaml: {field.split()[0]}: given .* expected "
    ):
        bundle.load(tmp_path)


PHASE_FAULTS = {
    "action.kind": lambda v: v["action"].update(kind="torques"),
    "action.parts": lambda v: v["action"]["parts"].reverse(),
    "action.parts.joints": lambda v: v["action"]["parts"][1].update(size=12.5),
    "action": lambda v: v["action"].pop("phase_scale"),
    "action.lift_height": lambda v: v["action"].update(lift_height=0.0),
    "action.phase_scale": lambda v: v["action"].update(phase_scale="much"),
    "policy_observation: observed": lambda v: v["policy_observation"].pop(),
    "belief_observation: observed": lambda v: v["belief_observation"].append(LAST_ACTION),
}
LAST_ACTION = {"name": "last_action", "size": 12, "scale": 1.0}


@pytest.mark.parametrize("field", PHASE_FAULTS)
def test_a_faulty_action_is_refused_by_field(tmp_path, field):
    edit(write_phase_residual(tmp_path), PHASE_FAULTS[field])
    with pytest.raises(BundleMismatch, match=rf"contract\.yaml: {field}: given .* expected "):
        bundle.load(tmp_path)


def test_an_unknown_kind_of_action_is_refused_with_the_valid_ones(tmp_path):
    edit(write_blind(tmp_path), lambda v: v["action"].update(kind="torques"))
    with pytest.raises(BundleMismatch, match=r"'torques', expected .*joint_targets.*phase_res"):
        bundle.load(tmp_path)


def test_a_bundle_from_before_there_were_kinds_of_action_acts_by_joint_targets(tmp_path):
    edit(write_blind(tmp_path), lambda values: values.pop("action"))
    form = bundle.load(tmp_path).contract.action
    assert form.kind == "joint_targets" and form.size == 12


def test_networks_of_another_kind_of_action_are_refused(tmp_path):
    values = yaml.safe_load((write_seeing(tmp_path / "one") / "contract.yaml").read_text())
    write_phase_residual(tmp_path / "other")
    changes = {name: values[name] for name in ("action", "policy_observation")}
    changes["belief_observation"] = values["belief_observation"]
    edit(tmp_path / "other", lambda v: v.update(changes))
    with pytest.raises(BundleMismatch, match=r"onnx (in|out)puts"):
        bundle.load(tmp_path / "other")


REQUIRED = [name for name in contract.READERS if name not in contract.OMITTED]


@pytest.mark.parametrize("field", [*REQUIRED, "format_version"])
def test_no_field_may_be_missing(tmp_path, field):
    edit(write_blind(tmp_path), lambda values: values.pop(field))
    with pytest.raises(BundleMismatch, match=field):
        bundle.load(tmp_path)


def test_a_changed_network_is_refused_by_its_hash(tmp_path):
    path = write_blind(tmp_path) / "policy.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(BundleMismatch, match=r"files\.policy\.onnx .*SHA-256"):
        bundle.load(tmp_path)


@pytest.mark.parametrize("name", ["contract.yaml", "belief.onnx", "policy.onnx"])
def test_a_missing_file_is_named(tmp_path, name):
    (write_blind(tmp_path) / name).unlink()
    with pytest.raises(BundleMismatch, match=name):
        bundle.load(tmp_path)


@pytest.mark.parametrize("text", ["", "- 1", "name: [", "\0", "!!python/object:os.system {}"])
def test_what_is_no_contract_is_refused(tmp_path, text):
    (write_blind(tmp_path) / "contract.yaml").write_text(text)
    with pytest.raises(BundleMismatch, match="contract"):
        bundle.load(tmp_path)


def test_a_file_that_is_no_network_is_refused(tmp_path):
    loaded = bundle.load(write_blind(tmp_path))
    (tmp_path / "belief.onnx").write_bytes(b"\x80\x04 a pickle perhaps")
    bundle.write_contract(tmp_path, loaded.contract)
    with pytest.raises(BundleMismatch, match=r"belief\.onnx: not a usable ONNX model"):
        bundle.load(tmp_path)


def rename_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].name = "something"
    for node in model.graph.node:
        node.input[:] = ["something" if n == "observation" else n for n in node.input]


def widen_belief_input(model: onnx.ModelProto) -> None:
    model.graph.input[1].type.tensor_type.shape.dim[1].dim_value += 1


def make_double(model: onnx.ModelProto) -> None:
    for port in (*model.graph.input, *model.graph.output):
        port.type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    for index, weights in enumerate(model.graph.initializer):
        doubles = onnx.numpy_helper.to_array(weights).astype(np.float64)
        replaced = onnx.numpy_helper.from_array(doubles, weights.name)
        model.graph.initializer[index].CopyFrom(replaced)


def fix_batch(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (rename_input, r"policy\.onnx inputs: given .*something"),
        (widen_belief_input, r"policy\.onnx"),
        (make_double, r"policy\.onnx inputs\.observation: given tensor\(double\)"),
        (fix_batch, r"policy\.onnx inputs\.observation: given shape \[1, 45\]"),
    ],
)
def test_a_network_with_other_inputs_is_refused(tmp_path, change, message):
    write_blind(tmp_path)
    with pytest.raises(BundleMismatch, match=message):
        bundle.load(edit_network(tmp_path, "policy.onnx", change))


def test_a_network_of_another_contract_is_refused(tmp_path):
    edit(write_blind(tmp_path), lambda values: values.update(gate_size=3))
    with pytest.raises(BundleMismatch, match=r"belief\.onnx outputs: given .* expected .*gate"):
        bundle.load(tmp_path)


def test_a_network_refuses_input_of_another_shape(tmp_path):
    policy = bundle.load(write_blind(tmp_path)).policy
    with pytest.raises(InvalidInput, match=r"observation: given shape \(1, 44\)"):
        policy.run({"observation": np.zeros((1, 44)), "belief": np.zeros((1, 8))})
    with pytest.raises(InvalidInput, match=r"belief: given shape \(2, 8\)"):
        policy.run({"observation": np.zeros((1, 45)), "belief": np.zeros((2, 8))})


def test_the_written_contract_says_where_it_comes_from(tmp_path):
    values = yaml.safe_load((write_blind(tmp_path) / "contract.yaml").read_text())
    assert values["training"]["command"] == "test"
    assert list(values)[:2] == ["format_version", "name"]


def test_a_bundle_is_found_by_its_folder_or_by_its_name_among_the_shipped(tmp_path):
    shipped = write_blind(tmp_path / "models" / "shipped")
    own = write_seeing(tmp_path / "own")
    assert bundle.find("shipped", tmp_path / "models") == shipped
    assert bundle.find(str(own), tmp_path / "models") == own
    with pytest.raises(ConfigurationError, match=r"'own'.*\['shipped'\]"):
        bundle.find("own", tmp_path / "models")
