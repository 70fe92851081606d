"""Model bundles: a folder with a contract and two networks, refused on any mismatch."""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import onnxruntime
import yaml
from numpy.typing import NDArray

from ts_locomotion import observation, perception
from ts_locomotion.contract import (
    NETWORK_FILES,
    Contract,
    from_mapping,
    mismatch,
    to_mapping,
)
from ts_locomotion.errors import BundleMismatch, ConfigurationError, InvalidInput

CONTRACT_FILE = "contract.yaml"
SCAN_PORTS: Mapping[str, int] = {
    "heights": perception.SCAN_SIZE,
    "valid": perception.SCAN_SIZE,
    "map_age": 1,
}
"""Names and sizes of what a belief.onnx that sees is told of the ground."""


class Network:
    """An ONNX graph whose inputs and outputs are named, float32 and of shape (B, size)."""

    def __init__(
        self, name: str, content: bytes, inputs: Mapping[str, int], outputs: Mapping[str, int]
    ) -> None:
        self._session = _open(name, content)
        _check_ports(f"{name} inputs", self._session.get_inputs(), inputs)
        _check_ports(f"{name} outputs", self._session.get_outputs(), outputs)
        self._name = name
        self._inputs = dict(inputs)
        self._outputs = list(outputs)

    def run(self, inputs: Mapping[str, NDArray]) -> dict[str, NDArray[np.float32]]:
        """Outputs by name, shape (B, size). Raises InvalidInput for an input of another shape."""
        feeds = {name: np.asarray(inputs[name], dtype=np.float32) for name in self._inputs}
        batch = len(next(iter(feeds.values())))
        for name, size in self._inputs.items():
            if feeds[name].shape != (batch, size):
                raise InvalidInput(
                    f"{self._name} {name}: given shape {feeds[name].shape},"
                    f" expected ({batch}, {size})"
                )
        values = cast("list[NDArray[np.float32]]", self._session.run(self._outputs, feeds))
        return dict(zip(self._outputs, values, strict=True))


@dataclass(frozen=True, eq=False)
class Bundle:
    """A checked model: its contract and its two networks."""

    path: Path
    contract: Contract
    belief: Network
    policy: Network


def load(path: Path | str) -> Bundle:
    """The checked bundle in folder `path`. Raises BundleMismatch naming what does not fit."""
    folder = Path(path)
    contract = read_contract(folder)
    contents = {name: _read_network(folder, name, contract) for name in NETWORK_FILES}
    return Bundle(
        folder,
        contract,
        Network("belief.onnx", contents["belief.onnx"], *belief_ports(contract)),
        Network("policy.onnx", contents["policy.onnx"], *policy_ports(contract)),
    )


def find(name: str, models: Path) -> Path:
    """The folder of a bundle, given its path or its name among the shipped ones in `models`."""
    given = Path(name).expanduser()
    if (given / CONTRACT_FILE).is_file():
        return given
    if (models / name / CONTRACT_FILE).is_file():
        return models / name
    known = sorted(path.parent.name for path in models.glob(f"*/{CONTRACT_FILE}"))
    raise ConfigurationError(
        f"no model bundle '{name}': neither a folder with {CONTRACT_FILE} nor one of {known}"
    )


def write_contract(path: Path | str, contract: Contract) -> Contract:
    """Write contract.yaml beside the network files in folder `path`, with their hashes."""
    folder = Path(path)
    files = {name: _digest((folder / name).read_bytes()) for name in NETWORK_FILES}
    written = dataclasses.replace(contract, files=files)
    text = yaml.safe_dump(to_mapping(written), sort_keys=False, default_flow_style=None, width=99)
    (folder / CONTRACT_FILE).write_text(text, encoding="utf-8")
    return written


def belief_ports(contract: Contract) -> tuple[dict[str, int], dict[str, int]]:
    """Names and sizes of the inputs and outputs of belief.onnx; those of size 0 are absent."""
    inputs = {"observation": observation.size(contract.belief_observation)}
    if contract.exteroception:
        inputs |= SCAN_PORTS
    inputs["state"] = contract.state_size
    outputs = {
        "belief": contract.belief_size,
        "state_out": contract.state_size,
        "gate": contract.gate_size,
        "heights_out": perception.SCAN_SIZE if contract.reconstructed_heights else 0,
        "privileged": contract.privileged_size,
    }
    return _present(inputs), _present(outputs)


def policy_ports(contract: Contract) -> tuple[dict[str, int], dict[str, int]]:
    """Names and sizes of the inputs and outputs of policy.onnx."""
    inputs = {
        "observation": observation.size(contract.policy_observation),
        "belief": contract.belief_size,
    }
    return inputs, {"action": contract.action.size}


def read_contract(folder: Path) -> Contract:
    """The contract alone of a bundle. Raises BundleMismatch naming what does not fit."""
    path = folder / CONTRACT_FILE
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BundleMismatch(f"{path}: {error.strerror}; a bundle is a folder with it") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BundleMismatch(f"{path}: not readable as YAML: {error}") from error
    try:
        contract = from_mapping(values)
    except BundleMismatch as error:
        raise BundleMismatch(f"{path}: {error}") from error
    if set(contract.files) != set(NETWORK_FILES):
        raise BundleMismatch(f"{path}: {mismatch('files', contract.files, NETWORK_FILES)}")
    return contract


def _present(ports: Mapping[str, int]) -> dict[str, int]:
    return {name: size for name, size in ports.items() if size}


def _read_network(folder: Path, name: str, contract: Contract) -> bytes:
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise BundleMismatch(f"{folder / name}: {error.strerror}") from error
    expected = contract.files[name]
    if _digest(content) != expected:
        raise mismatch(f"files.{name} in {folder}", f"SHA-256 {_digest(content)}", expected)
    return content


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _open(name: str, content: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    # A spinning pool would take a core from the other nodes between two ticks.
    for pool in ("intra_op", "inter_op"):
        options.add_session_config_entry(f"session.{pool}.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own errors share no other base
        raise BundleMismatch(f"{name}: not a usable ONNX model: {error}") from error


def _check_ports(
    field: str, ports: Sequence[onnxruntime.NodeArg], expected: Mapping[str, int]
) -> None:
    names = [port.name for port in ports]
    if sorted(names) != sorted(expected):
        raise mismatch(field, sorted(names), sorted(expected))
    for port in ports:
        if port.type != "tensor(float)":
            raise mismatch(f"{field}.{port.name}", port.type, "tensor(float)")
        size = expected[port.name]
        if len(port.shape) != 2 or isinstance(port.shape[0], int) or port.shape[1] != size:
            raise mismatch(f"{field}.{port.name}", f"shape {port.shape}", f"shape (batch, {size})")
