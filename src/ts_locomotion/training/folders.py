"""Where bundles are that a command names: shipped ones, and folders of one's own."""

from importlib.util import find_spec
from pathlib import Path

from ts_locomotion import bundle


def shipped() -> Path:
    """The models of the installation that ament knows, or else of the repository."""
    if find_spec("ament_index_python") is not None:
        from ament_index_python import PackageNotFoundError, get_package_share_directory

        try:
            return Path(get_package_share_directory("ts_locomotion")) / "models"
        except (PackageNotFoundError, OSError):
            pass
    return Path(__file__).resolve().parents[3] / "models"


def find(name: str) -> Path:
    """A folder of a bundle or of a training, by its path or by its name among the shipped ones.

    Raises ConfigurationError where there is none.
    """
    given = Path(name).expanduser()
    return given if given.is_dir() else bundle.find(name, shipped())
