"""One small trained belief for all tests, and as few threads as the training uses."""

from pathlib import Path

import belief
import pytest
import torch

from ts_locomotion import bundle
from ts_locomotion.bundle import Bundle
from ts_locomotion.training.publish import publish
from ts_locomotion.training.train import train

# More threads of torch only wait for each other.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def belief_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training of both stages, two iterations each."""
    folder = tmp_path_factory.mktemp("run")
    train(belief.task(2, 2), [], 7, folder)
    return folder


@pytest.fixture(scope="session")
def belief_bundle(belief_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Its bundle, checkpoints beside it, without scores."""
    folder = tmp_path_factory.mktemp("bundle") / "seeing"
    assert publish(belief_run, folder, 0) == []
    return bundle.load(folder)
