"""ts-bench: measures the core, the executors and the graph; prints a table, writes bench.json."""

import argparse
import json
import sys
from pathlib import Path

from ts_locomotion import bundle, shipped
from ts_locomotion.bench import anymal, core, hop, latency
from ts_locomotion.bench.figures import Figure, table
from ts_locomotion.contract import DEFAULT_BUNDLE

PARTS = ("core", "executors", "graph", "anymal")


def main() -> None:
    """Entry point of ts-bench."""
    options = _options(sys.argv[1:])
    folder = bundle.find(options.policy, shipped.models())
    figures: list[Figure] = []
    for name, measure in (
        ("core", lambda: core.measure(folder)),
        ("executors", lambda: hop.measure(options.duration / 5)),
        ("graph", lambda: latency.measure(folder, options.duration)),
        ("anymal", anymal.measure),
    ):
        if name in options.parts:
            print(f"measuring: {name}", flush=True)
            figures += measure()
    output = Path(options.output)
    output.mkdir(parents=True, exist_ok=True)
    entries = [figure.entry() for figure in figures]
    (output / "bench.json").write_text(json.dumps(entries, indent=1) + "\n")
    print(f"\n{table(figures)}\n\nwritten: {output / 'bench.json'}")


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("ts-bench", description=__doc__)
    parser.add_argument(
        "--policy", default=DEFAULT_BUNDLE, help="bundle below models/, or a folder"
    )
    parser.add_argument("--duration", type=float, default=40.0, help="of the graph's walk [s]")
    parser.add_argument("--output", default="out/bench", help="folder of bench.json")
    parser.add_argument(
        "--parts",
        nargs="+",
        choices=PARTS,
        default=PARTS,
        help="what to measure",
    )
    return parser.parse_args(words)
