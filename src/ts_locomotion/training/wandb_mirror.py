"""The curves of tensorboard in Weights & Biases as well, where that is installed."""

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ts_locomotion.errors import ConfigurationError


def check(project: str | None) -> None:
    """Raises ConfigurationError for a project without the package."""
    if project is not None and find_spec("wandb") is None:
        raise ConfigurationError("--wandb: wandb is not installed; .venv/bin/pip install wandb")


@contextmanager
def mirrored(project: str | None, folder: Path, config: Mapping[str, Any]) -> Iterator[None]:
    """What is written to tensorboard inside goes to a run of this project, if there is one.

    A training that is continued begins another run, in the group of its folder. Account and
    mode are wandb's own affair: `wandb login`, or WANDB_MODE=offline.
    """
    check(project)
    if project is None:
        yield
        return
    wandb = importlib.import_module("wandb")
    run = wandb.init(
        project=project,
        group=folder.resolve().name,
        dir=str(folder),
        config=dict(config),
        sync_tensorboard=True,
    )
    try:
        yield
    finally:
        run.finish()
