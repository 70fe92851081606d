"""From a torch network to an ONNX file that computes the same."""

import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from ts_locomotion.errors import BundleMismatch

PARITY = 1e-5
"""Largest difference of an output between torch and ONNX."""


class Graph(NamedTuple):
    """A network with the names and sizes of its ports, float32 and batched."""

    file: str
    network: nn.Module
    inputs: Mapping[str, int]
    outputs: Sequence[str]


def write(graph: Graph, folder: Path, batch: int | None = None) -> None:
    """Write one ONNX file, with a free batch axis or one of fixed size."""
    free = torch.export.Dim("batch")
    # The exporter tells of packages that it misses and this package does not need.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            graph.network.eval(),
            samples(graph, batch or 2),
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_shapes=None if batch else tuple({0: free} for _ in graph.inputs),
            opset_version=18,
            dynamo=True,
            verbose=False,
        )
    assert program
    for node in program.model.graph.all_nodes():
        # Where on this machine the code lies that it was made from.
        node.metadata_props.clear()
    program.save(folder / graph.file, external_data=False)


def check_parity(graph: Graph, folder: Path, batch: int = 64) -> float:
    """Largest difference between torch and ONNX on random inputs; too much is refused."""
    session = onnxruntime.InferenceSession(
        str(folder / graph.file), providers=["CPUExecutionProvider"]
    )
    given = samples(graph, batch)
    with torch.no_grad():
        expected = graph.network(*given)
    expected = expected if isinstance(expected, tuple) else (expected,)
    feeds = {name: sample.numpy() for name, sample in zip(graph.inputs, given, strict=True)}
    outputs = session.run(list(graph.outputs), feeds)
    pairs = zip(outputs, expected, strict=True)
    error = float(np.max([np.abs(np.asarray(a) - b.numpy()).max() for a, b in pairs]))
    # Not `error > PARITY`, which networks that answer nan would pass.
    if not error <= PARITY:
        raise BundleMismatch(f"{graph.file}: differs from torch by {error:.2g}, limit {PARITY}")
    return error


def samples(graph: Graph, batch: int) -> tuple[Tensor, ...]:
    """Random inputs of a graph, always the same."""
    random = torch.Generator().manual_seed(0)
    return tuple(torch.randn(batch, size, generator=random) for size in graph.inputs.values())
