"""Where the shipped config/ and models/ are, and what a command names of them."""

import os
from pathlib import Path

from ts_locomotion import bundle

MARKER = "share/ament_index/resource_index/packages/ts_locomotion"


def folder() -> Path:
    """The package's share folder as ament's index has it, or the repository.

    The index is looked up by hand, since models are run where ament_index_python is not, too.
    """
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        if prefix and Path(prefix, MARKER).is_file():
            return Path(prefix, "share/ts_locomotion")
    return Path(__file__).resolve().parents[2]


def models() -> Path:
    """The folder of the model bundles."""
    return folder() / "models"


def find(name: Path | str) -> Path:
    """A folder of a bundle or of a training, by its path or by its name among the shipped ones.

    Raises ConfigurationError where there is none.
    """
    given = Path(name).expanduser()
    return given if given.is_dir() else bundle.find(str(name), models())
