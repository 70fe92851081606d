"""Where the nodes find model bundles."""

from ts_locomotion import bundle, shipped
from ts_locomotion.bundle import Bundle
from ts_locomotion.contract import Contract


def load(name: str) -> Bundle:
    """Load a bundle given by its folder or by its name among the shipped ones."""
    return bundle.load(bundle.find(name, shipped.models()))


def contract(name: str) -> Contract:
    """The contract alone of a bundle, for who does not run it."""
    return bundle.read_contract(bundle.find(name, shipped.models()))
