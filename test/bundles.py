"""Tiny but complete model bundles for tests: random weights, actions of a few hundredths."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ts_locomotion import bundle, observation, perception
from ts_locomotion.action import ActionForm
from ts_locomotion.contract import Contract, Gait

TERMS = (
    "command",
    "projected_gravity",
    "angular_velocity",
    "joint_positions",
    "joint_velocities",
    "last_action",
)
PHASE_RESIDUAL = ActionForm("phase_residual", lift_height=0.08, phase_scale=0.3)
PHASE_TERMS = (*TERMS[:-1], "last_phase_action", "gait_clock")
"""What a policy of such actions observes."""
HISTORY = 20
BELIEF = 8
GATE = 8


def write_blind(
    folder: Path,
    seed: int = 0,
    terms: Sequence[str] = TERMS,
    policy_terms: Sequence[str] | None = None,
) -> Path:
    """A go2 bundle without eyes: the state is a first-in-first-out of the last 20 observations."""
    width = observation.size(terms)
    contract = _contract("tiny_blind", terms, policy_terms or terms, state_size=HISTORY * width)
    graph = _Graph(seed)
    graph.add(
        "Slice", ["state", graph.ints(width), graph.ints(HISTORY * width), graph.ints(1)], "kept"
    )
    graph.add("Concat", ["kept", "observation"], "state_out", axis=1)
    graph.dense("state_out", HISTORY * width, BELIEF, "belief")
    return _write(folder, contract, graph)


def write_phase_residual(folder: Path, seed: int = 0) -> Path:
    """A seeing bundle whose policy bends a trot."""
    return write_seeing(folder, seed, PHASE_TERMS, PHASE_RESIDUAL)


def write_seeing(
    folder: Path,
    seed: int = 0,
    terms: Sequence[str] = TERMS,
    action: ActionForm | None = None,
) -> Path:
    """A go2 bundle with eyes, gate, reconstructed heights and privileged state."""
    width = observation.size(terms)
    contract = _contract(
        "tiny_seeing",
        terms,
        terms,
        state_size=BELIEF,
        exteroception=True,
        gate_size=GATE,
        reconstructed_heights=True,
        privileged={"contacts": 4, "friction": 1},
        action=action or ActionForm(),
    )
    graph = _Graph(seed)
    inputs = ["observation", "heights", "valid", "map_age", "state"]
    graph.add("Concat", inputs, "seen", axis=1)
    size = width + 2 * perception.SCAN_SIZE + 1 + BELIEF
    graph.dense("seen", size, BELIEF, "state_out")
    graph.dense("state_out", BELIEF, BELIEF, "belief")
    graph.dense("state_out", BELIEF, GATE, "gate", activation="Sigmoid")
    graph.dense("seen", size, perception.SCAN_SIZE, "heights_out")
    graph.dense("state_out", BELIEF, 5, "privileged")
    return _write(folder, contract, graph)


def write_ungated(folder: Path, seed: int = 0) -> Path:
    """A go2 bundle that sees but neither gates nor reconstructs, as of a teacher-student task."""
    width = observation.size(TERMS)
    contract = _contract("tiny_ungated", TERMS, TERMS, state_size=BELIEF, exteroception=True)
    graph = _Graph(seed)
    graph.add("Concat", ["observation", "heights", "valid", "map_age", "state"], "seen", axis=1)
    graph.dense("seen", width + 2 * perception.SCAN_SIZE + 1 + BELIEF, BELIEF, "state_out")
    graph.dense("state_out", BELIEF, BELIEF, "belief")
    return _write(folder, contract, graph)


def _contract(name: str, terms: Sequence[str], policy_terms: Sequence[str], **sizes) -> Contract:
    return Contract(
        name=name,
        task="tiny",
        stiffness=np.full(12, 40.0),
        damping=np.full(12, 1.0),
        action_scale=np.array([0.125, 0.25, 0.25] * 4),
        action_clip=10.0,
        belief_observation=tuple(terms),
        policy_observation=tuple(policy_terms),
        belief_size=BELIEF,
        command_limits={
            "linear_x": (-0.5, 1.0),
            "linear_y": (-0.4, 0.4),
            "angular_z": (-1.0, 1.0),
        },
        gait=Gait(2.0),
        training={"command": "test", "seed": 0, "steps": 0, "commit": "none", "versions": {}},
        scores={},
        **sizes,
    )


def _write(folder: Path, contract: Contract, belief: "_Graph") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    policy = _Graph(belief.seed + 1)
    inputs, outputs = bundle.policy_ports(contract)
    policy.add("Concat", list(inputs), "seen", axis=1)
    policy.dense("seen", sum(inputs.values()), outputs["action"], "action", gain=0.1)
    (folder / "policy.onnx").write_bytes(policy.model(inputs, outputs))
    (folder / "belief.onnx").write_bytes(belief.model(*bundle.belief_ports(contract)))
    bundle.write_contract(folder, contract)
    return folder


class _Graph:
    """An ONNX graph under construction."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._random = np.random.default_rng(seed)
        self._nodes: list[onnx.NodeProto] = []
        self._weights: list[onnx.TensorProto] = []

    def add(self, operator: str, inputs: list[str], output: str, **attributes) -> None:
        self._nodes.append(helper.make_node(operator, inputs, [output], **attributes))

    def constant(self, array: np.ndarray) -> str:
        name = f"constant_{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(array, name))
        return name

    def ints(self, value: int) -> str:
        return self.constant(np.array([value], dtype=np.int64))

    def dense(
        self, source: str, size: int, width: int, output: str, gain: float = 1.0, activation="Tanh"
    ) -> None:
        scale = gain / np.sqrt(size)
        weights = self._random.normal(0, scale, (size, width)).astype(np.float32)
        self.add("MatMul", [source, self.constant(weights)], f"{output}_linear")
        self.add(activation, [f"{output}_linear"], output)

    def model(self, inputs: dict[str, int], outputs: dict[str, int]) -> bytes:
        def ports(sizes: dict[str, int]) -> list[onnx.ValueInfoProto]:
            return [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size])
                for name, size in sizes.items()
            ]

        graph = helper.make_graph(
            self._nodes, "tiny", ports(inputs), ports(outputs), initializer=self._weights
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        return model.SerializeToString()
