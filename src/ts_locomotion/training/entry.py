"""Entries of the commands that train: where torch is missing they say so in a line."""

import sys
from importlib import import_module
from pathlib import Path


def train() -> int:
    """`ts-train`."""
    return run("ts_locomotion.training.train")


def export() -> int:
    """`ts-export`."""
    return run("ts_locomotion.training.export")


def ablation() -> int:
    """`ts-ablation`."""
    return run("ts_locomotion.training.ablation")


def run(module: str) -> int:
    """The main function of a module, if what it imports is installed."""
    try:
        main = import_module(module).main
    except ModuleNotFoundError as missing:
        if not missing.name or missing.name.startswith("ts_locomotion"):
            raise
        print(
            f"{Path(sys.argv[0]).name}: {missing.name} is not installed: in the repository "
            "`make train` installs it, elsewhere `pip install -r requirements/train.txt`",
            file=sys.stderr,
        )
        return 2
    return main()
