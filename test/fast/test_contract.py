"""A contract refuses what it cannot mean, however it comes about, by the name of the field."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from bundles import write_blind

from ts_locomotion import bundle, contract
from ts_locomotion.contract import Contract
from ts_locomotion.errors import BundleMismatch


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    return bundle.read_contract(write_blind(tmp_path_factory.mktemp("bundle")))


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("joints", "FR_hip_joint", "expected a list"),
        ("stiffness", 40.0, "expected a list"),
        ("action_clip", "ten", "expected a number"),
        ("action_clip", True, "expected a number"),
        ("state_size", 2.5, "expected an integer"),
        ("exteroception", 1, "expected true or false"),
        ("gait", 2.0, "expected a mapping"),
        ("privileged", [{"name": "friction", "size": 1}] * 2, "expected distinct names"),
    ],
)
def test_a_value_of_another_kind_is_refused(tiny, field, value, reason):
    values = contract.to_mapping(tiny) | {field: value}
    with pytest.raises(BundleMismatch, match=f"{field}.*{reason}"):
        contract.from_mapping(values)


def test_limits_are_two_numbers(tiny):
    values = contract.to_mapping(tiny)
    values["command_limits"] |= {"linear_x": [-0.5, 0.0, 0.5]}
    with pytest.raises(BundleMismatch, match=r"command_limits\.linear_x.*\[low, high\]"):
        contract.from_mapping(values)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("command_limits", {"linear_x": (-0.5, 0.5)}),
        ("files", {"belief.onnx": "0" * 64}),
    ],
)
def test_a_contract_in_the_making_is_checked_too(tiny, field, value):
    with pytest.raises(BundleMismatch, match=field):
        replace(tiny, **{field: value})


def test_a_bundle_without_networks_is_none(tmp_path: Path):
    file = write_blind(tmp_path) / bundle.CONTRACT_FILE
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"files": {}}))
    with pytest.raises(BundleMismatch, match="files"):
        bundle.read_contract(tmp_path)
