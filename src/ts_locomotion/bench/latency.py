"""From a state to the command it leads to: the real graph beside the bare chain, in one run."""

import tempfile
from pathlib import Path

from ts_locomotion import bundle, observation, shipped
from ts_locomotion.bench import chain
from ts_locomotion.bench.chain import Sizes
from ts_locomotion.bench.figures import Figure, percentiles
from ts_locomotion.bringup import graph
from ts_locomotion.bringup.process import ProcessGraph
from ts_locomotion.demo import main as demo
from ts_locomotion.demo.recording import Recording

SHARES = ("p50", "p99", "p999", "max")
GOAL = 1.5


def measure(bundle_folder: Path, duration: float) -> list[Figure]:
    """Ages of the commands; anchor of the graph's: the bare chain, measured before and after."""
    contract = bundle.load(bundle_folder).contract
    sizes = Sizes(observation.size(contract.belief_observation), contract.belief_size)
    before = _bare(duration / 2, sizes)
    real = _real(bundle_folder, duration)
    after = _bare(duration / 2, sizes)
    bare = percentiles([*before, *after])
    figures = []
    for share in SHARES:
        figures.append(Figure(f"state to command, bare rclpy chain, {share}", bare[share], "ms"))
        figures.append(Figure(f"state to command, graph, {share}", real[share], "ms", bare[share]))
    ratio = real["p99"] / bare["p99"]
    return [*figures, Figure("graph / bare chain at p99", ratio, "", GOAL)]


def _bare(duration: float, sizes: Sizes) -> list[float]:
    commands = chain.commands(duration, sizes)
    lines: list[str] = []
    with ProcessGraph(
        chain.specs(), lambda _, line: lines.append(line), lambda spec: commands[spec.name]
    ) as processes:
        while "robot" not in [ended.name for ended in processes.listen(0.5)]:
            pass
    return chain.ages_told(lines)


def _real(bundle_folder: Path, duration: float) -> dict[str, float]:
    words = ["--terrain", "flat", "--policy", str(bundle_folder), "--duration", str(duration)]
    options = demo.parse(words)
    specs = graph.describe(demo.graph_arguments(options), shipped.folder())
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "recording.npz"
        demo.walk((*specs, demo.course_spec(options, file)), Path(folder) / "log")
        told = Recording.load(file).diagnostics.get("simulator", {})
    return {share: float(told[f"age_ms_{share}"]) for share in SHARES}
