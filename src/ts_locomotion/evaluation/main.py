"""Entry point of `ts-eval`: the tables of training/evaluate.py, or with --graph a cell of them
through the real nodes (graph_cell.py).
"""

import sys

from ts_locomotion.evaluation import graph_cell
from ts_locomotion.training import evaluate


def main(arguments: list[str] | None = None) -> int:
    """Command line; see `ts-eval --help` and `ts-eval --graph --help`."""
    words = sys.argv[1:] if arguments is None else arguments
    if "--graph" in words:
        return graph_cell.main([word for word in words if word != "--graph"])
    return evaluate.main(words)


if __name__ == "__main__":
    sys.exit(main())
