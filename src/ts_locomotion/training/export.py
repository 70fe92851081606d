"""`ts-export`: from a training run to a model bundle that needs no torch."""

import argparse
import logging
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from ts_locomotion import bundle, observation
from ts_locomotion.contract import Contract, Gait
from ts_locomotion.errors import BundleMismatch, LocomotionError
from ts_locomotion.training.networks import BeliefGraph, PolicyGraph, TeacherStudentActor
from ts_locomotion.training.run import load_actor, read_record
from ts_locomotion.training.tasks import Task

PARITY = 1e-5
"""Largest difference of an output between torch and ONNX."""


class Graph(NamedTuple):
    """A network with the names and sizes of its ports, float32 and batched."""

    file: str
    network: nn.Module
    inputs: Mapping[str, int]
    outputs: Sequence[str]


def export(
    run: Path, folder: Path, name: str | None = None, scores: Mapping[str, Any] | None = None
) -> Contract:
    """Write the bundle of a run. Raises BundleMismatch if ONNX differs from torch."""
    record = read_record(run)
    task, actor, steps = load_actor(run)
    folder.mkdir(parents=True, exist_ok=True)
    graphs = graphs_of(task, actor)
    for graph in graphs:
        write(graph, folder)
        check_parity(graph, folder)
    told = {key: record[key] for key in ("command", "seed", "commit", "versions")}
    training = told | {"steps": steps}
    contract = contract_of(task, name or folder.name, training, scores or {})
    written = bundle.write_contract(folder, contract)
    bundle.load(folder)
    return written


def contract_of(
    task: Task, name: str, training: Mapping[str, Any], scores: Mapping[str, Any]
) -> Contract:
    """The promise that travels with the weights."""
    config, ranges = task.environment, task.environment.commands
    return Contract(
        name=name,
        task=task.name,
        stiffness=np.full(12, config.stiffness),
        damping=np.full(12, config.damping),
        action_scale=np.full(12, config.action_scale),
        action_clip=config.action_clip,
        belief_observation=config.frame_terms,
        policy_observation=config.policy_terms,
        state_size=config.history_frames * observation.size(config.frame_terms),
        belief_size=task.networks.latent,
        command_limits={
            "linear_x": ranges.linear_x,
            "linear_y": ranges.linear_y,
            "angular_z": ranges.angular_z,
        },
        gait=Gait(config.gait_frequency_hz),
        training=dict(training),
        scores=dict(scores),
    )


def graphs_of(task: Task, actor: TeacherStudentActor) -> tuple[Graph, Graph]:
    """The two networks of a bundle."""
    config = task.environment
    frame = observation.size(config.frame_terms)
    belief_inputs = {"observation": frame, "state": config.history_frames * frame}
    policy_inputs = {
        "observation": observation.size(config.policy_terms),
        "belief": task.networks.latent,
    }
    return (
        Graph(
            "belief.onnx",
            BeliefGraph(actor, config.history_frames),
            belief_inputs,
            ("belief", "state_out"),
        ),
        Graph("policy.onnx", PolicyGraph(actor), policy_inputs, ("action",)),
    )


def write(graph: Graph, folder: Path) -> None:
    """Write one ONNX file with a free batch axis."""
    batch = torch.export.Dim("batch")
    # The exporter tells of packages that it misses and this package does not need.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph.network.eval(),
            _samples(graph, 2),
            str(folder / graph.file),
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_shapes=tuple({0: batch} for _ in graph.inputs),
            opset_version=18,
            dynamo=True,
            external_data=False,
            verbose=False,
        )


def check_parity(graph: Graph, folder: Path, batch: int = 64) -> float:
    """Largest difference between torch and ONNX on random inputs; too much is refused."""
    session = onnxruntime.InferenceSession(
        str(folder / graph.file), providers=["CPUExecutionProvider"]
    )
    samples = _samples(graph, batch)
    with torch.no_grad():
        expected = graph.network(*samples)
    expected = expected if isinstance(expected, tuple) else (expected,)
    feeds = {name: sample.numpy() for name, sample in zip(graph.inputs, samples, strict=True)}
    outputs = session.run(list(graph.outputs), feeds)
    pairs = zip(outputs, expected, strict=True)
    error = max(float(np.abs(np.asarray(a) - b.numpy()).max()) for a, b in pairs)
    if error > PARITY:
        raise BundleMismatch(f"{graph.file}: differs from torch by {error:.2g}, limit {PARITY}")
    return error


def _samples(graph: Graph, batch: int) -> tuple[Tensor, ...]:
    random = torch.Generator().manual_seed(0)
    return tuple(torch.randn(batch, size, generator=random) for size in graph.inputs.values())


def main(arguments: list[str] | None = None) -> int:
    """Command line; see `ts-export --help`."""
    parser = argparse.ArgumentParser("ts-export", description=__doc__)
    parser.add_argument("run", type=Path, help="a folder of ts-train, as out/train/go2_ts")
    parser.add_argument("--out", type=Path, required=True, help="as models/go2_ts")
    options = parser.parse_args(arguments)
    try:
        contract = export(options.run, options.out)
    except LocomotionError as error:
        print(f"ts-export: {error}", file=sys.stderr)
        return 2
    print(f"{options.out}: {contract.task} after {contract.training['steps']} steps")
    return 0


if __name__ == "__main__":
    sys.exit(main())
