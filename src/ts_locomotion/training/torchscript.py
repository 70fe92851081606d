"""The networks of a bundle as TorchScript, for deployers that load a .pt file."""

import io
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ts_locomotion.errors import BundleMismatch
from ts_locomotion.training.onnx_graph import PARITY, Graph, samples

BATCHES = (1, 7)
"""Sizes at which a traced network has to compute the same: a trace may have kept its own."""


def write(folder: Path, graphs: Sequence[Graph]) -> list[Path]:
    """Write each network beside its ONNX file, as <name>.pt with the same inputs in order."""
    return [_write(graph, (folder / graph.file).with_suffix(".pt")) for graph in graphs]


def check_parity(graph: Graph, path: Path) -> float:
    """Largest difference between torch and a TorchScript file; too much is refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        loaded = torch.jit.load(str(path))
    errors = []
    for batch in BATCHES:
        given = samples(graph, batch)
        with torch.no_grad():
            pairs = zip(_outputs(loaded, given), _outputs(graph.network, given), strict=True)
            errors += [(a - b).abs().max() for a, b in pairs]
    error = torch.stack(errors).max().item()
    if not error <= PARITY:
        raise BundleMismatch(f"{path.name}: differs from torch by {error:.2g}, limit {PARITY}")
    return error


def _write(graph: Graph, path: Path) -> Path:
    with warnings.catch_warnings(), torch.no_grad():
        # It is deprecated for what it cannot do; there is nothing of that in these networks.
        warnings.simplefilter("ignore")
        traced: Any = torch.jit.trace(graph.network.eval(), samples(graph, 2), check_trace=False)
        saved = io.BytesIO()
        torch.jit.save(torch.jit.freeze(traced), saved)
    _write_placeless(saved, path)
    check_parity(graph, path)
    return path


def _write_placeless(saved: io.BytesIO, path: Path) -> None:
    """Write all of an archive but where on this machine the code lies that it was made from."""
    with zipfile.ZipFile(saved) as whole, zipfile.ZipFile(path, "w") as stripped:
        for entry in whole.infolist():
            if not entry.filename.endswith(".debug_pkl"):
                stripped.writestr(entry, whole.read(entry))


def _outputs(network: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    told = network(*given)
    return told if isinstance(told, tuple) else (told,)
