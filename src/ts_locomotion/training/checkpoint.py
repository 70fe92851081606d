"""The file that a training continues from, written whole or not at all."""

import gzip
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ts_locomotion.errors import ConfigurationError
from ts_locomotion.simulation.environment import Environment

GZIP = b"\x1f\x8b"
"""How files of gzip begin."""


def save(path: Path, state: dict[str, Any]) -> None:
    """Write atomically: a kill or a full disk at any moment leaves the previous file.

    Raises ConfigurationError when it cannot be written.
    """
    partial = path.with_suffix(".partial")
    try:
        torch.save(state, partial)
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except (OSError, RuntimeError) as error:  # the latter is torch's for a full disk
        partial.unlink(missing_ok=True)
        before = "; the one before is whole, the same command goes on from it"
        raise ConfigurationError(
            f"cannot write checkpoint {path}, is the disk full?{before if path.exists() else ''}"
        ) from error


def load(path: Path) -> dict[str, Any]:
    """Read without running code, packed or not. Raises ConfigurationError when it is damaged."""
    try:
        content = io.BytesIO(_unpacked(path))
        return torch.load(content, weights_only=True, map_location="cpu")
    except ConfigurationError:
        raise
    except Exception as error:
        raise ConfigurationError(f"cannot read checkpoint {path}: it is damaged") from error


def pack(path: Path, packed: Path) -> None:
    """Write a copy that takes less room, for a repository; what is packed stays as it is."""
    packed.write_bytes(gzip.compress(_unpacked(path), mtime=0))


def _unpacked(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"cannot read checkpoint {path}: {error.strerror}") from error
    return gzip.decompress(content) if content.startswith(GZIP) else content


def environment_state(environment: Environment) -> dict[str, Any]:
    """State of robots, curriculum and random generators."""
    arrays = {name: torch.from_numpy(value) for name, value in environment.state().items()}
    return {
        "arrays": arrays,
        "numpy_random": json.dumps(environment.rng.bit_generator.state),
        "torch_random": torch.get_rng_state(),
    }


def restore_environment(environment: Environment, state: dict[str, Any]) -> None:
    """Inverse of `environment_state`."""
    arrays = {name: np.asarray(value.numpy()) for name, value in state["arrays"].items()}
    environment.restore(arrays)
    environment.rng.bit_generator.state = json.loads(state["numpy_random"])
    torch.set_rng_state(state["torch_random"])
