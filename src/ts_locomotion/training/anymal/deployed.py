"""The student without torch: one ONNX graph, stepped at the rate of the control loop."""

from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from ts_locomotion.training.anymal.networks import Student
from ts_locomotion.training.anymal.wrapper import Anymal, normalized
from ts_locomotion.training.onnx_graph import Graph, check_parity, write

FILE = "student.onnx"


class StudentGraph(nn.Module):
    """One step on flat observations as they are; hidden states are flat, too."""

    def __init__(self, anymal: Anymal) -> None:
        super().__init__()
        self.student = anymal.student
        self.proprio_stats, self.extero_stats = anymal.get_observation_running_stats()
        # Decided once, as a graph has no branches.
        self.normalizes = bool(anymal.running_proprio.count)
        self.heads = _side_by_side(self.student)

    def forward(self, proprio: Tensor, extero: Tensor, hiddens: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs (B, A) and hidden states (B, L * H) for (B, N), (B, F * P), (B, L * H)."""
        student, gru = self.student, self.student.gru
        heights = extero.reshape(-1, student.num_legs, student.extero_dim)
        if self.normalizes:
            proprio = normalized(self.proprio_stats, proprio)
            heights = normalized(self.extero_stats, heights)
        encoded = student.extero_encoder(heights.reshape(-1, student.extero_dim))
        encoded = encoded.reshape(-1, student.gate_size)  # (B, F * E)
        past = hiddens.reshape(-1, gru.num_layers, gru.hidden_size).transpose(0, 1)
        _, now = gru(torch.cat((proprio, encoded), dim=-1)[None], past)  # (L, B, H)
        size = student.gate_size
        seen, gate, unseen = self.heads(now[-1]).tensor_split((size, 2 * size), dim=-1)
        belief = torch.cat((proprio, seen + torch.sigmoid(gate) * encoded, unseen), dim=-1)
        outputs = student.to_action_head(student.to_logits(belief))
        return outputs, torch.cat(tuple(now), dim=-1)


class DeployedStudent:
    """Steps robots through the graph, and remembers their past."""

    def __init__(self, file: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = {
            port.name: np.zeros(port.shape, np.float32) for port in session.get_inputs()
        }
        outputs = np.zeros(session.get_outputs()[0].shape, np.float32)
        self._outputs = {"outputs": outputs, "next_hiddens": self._inputs["hiddens"].copy()}
        # Bound once: handing arrays over at every call costs as much as the step.
        self._binding = session.io_binding()
        self._session = session
        _bind(self._binding, self._inputs, self._outputs)

    def reset(self) -> None:
        """Forget the past."""
        self._inputs["hiddens"].fill(0.0)

    def step(self, proprio: np.ndarray, extero: np.ndarray) -> np.ndarray:
        """Outputs (B, A) for (B, N) and (B, F * P); they are overwritten by the next step."""
        self._inputs["proprio"][...] = proprio
        self._inputs["extero"][...] = extero
        self._session.run_with_iobinding(self._binding)
        self._inputs["hiddens"][...] = self._outputs["next_hiddens"]
        return self._outputs["outputs"]


def export(anymal: Anymal, folder: Path, robots: int = 1) -> Path:
    """Write the student's graph for so many robots, and check that it computes what torch does."""
    student = anymal.student
    sizes = {
        "proprio": student.proprio_dim,
        "extero": student.num_legs * student.extero_dim,
        "hiddens": student.gru.num_layers * student.gru.hidden_size,
    }
    graph = Graph(FILE, StudentGraph(anymal), sizes, ("outputs", "next_hiddens"))
    write(graph, folder, robots)
    check_parity(graph, folder, robots)
    return folder / FILE


def _bind(
    binding: onnxruntime.IOBinding, inputs: dict[str, np.ndarray], outputs: dict[str, np.ndarray]
) -> None:
    for name, array in inputs.items():
        binding.bind_input(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
    for name, array in outputs.items():
        binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)


def _side_by_side(student: Student) -> nn.Sequential:
    """Belief head and gate as one network, half as many steps: entries seen, gate, unseen."""
    layers: list[nn.Module] = []
    heads = student.belief_state_encoder.net, student.to_latent_extero_attn_gate.net
    for belief, gate in zip(*heads, strict=True):
        if isinstance(belief, nn.Linear) and isinstance(gate, nn.Linear):
            layers.append(_joined(belief, gate, shared=not layers))
        else:
            layers.append(belief)
    size = student.gate_size
    last = layers[-1]
    assert isinstance(last, nn.Linear)
    total = last.out_features
    order = torch.cat((torch.arange(size), torch.arange(total - size, total)))
    order = torch.cat((order, torch.arange(size, total - size)))
    with torch.no_grad():
        last.weight.copy_(last.weight[order].clone())
        last.bias.copy_(last.bias[order].clone())
    return nn.Sequential(*layers)


def _joined(one: nn.Linear, other: nn.Linear, shared: bool) -> nn.Linear:
    """Two layers as one, of the same input or each of its own."""
    weights = (one.weight, other.weight)
    weight = torch.cat(weights) if shared else torch.block_diag(*weights)
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(torch.cat((one.bias, other.bias)))
    return layer
