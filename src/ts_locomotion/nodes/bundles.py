"""Where the nodes find model bundles."""

from pathlib import Path

from ament_index_python import PackageNotFoundError, get_package_share_directory

from ts_locomotion import bundle
from ts_locomotion.bundle import Bundle
from ts_locomotion.contract import Contract


def load(name: str) -> Bundle:
    """Load a bundle given by its folder or by its name among the shipped ones."""
    return bundle.load(bundle_folder(name))


def contract(name: str) -> Contract:
    """The contract alone of a bundle, for who does not run it."""
    return bundle.read_contract(bundle_folder(name))


def bundle_folder(name: str) -> Path:
    """The folder of a model bundle, given its path or its name among the shipped ones."""
    return bundle.find(name, _share() / "models")


def _share() -> Path:
    try:
        return Path(get_package_share_directory("ts_locomotion"))
    except (PackageNotFoundError, OSError):
        # Run from the sources, without an installation that ament knows.
        return Path(__file__).resolve().parents[3]
