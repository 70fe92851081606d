"""ts-demo: the Go2 walks a course through the real graph, and the run is told, plotted and filmed.

Brings the graph up as processes, lets the course node drive it, and writes report.json, run.png,
walk.gif, recording.npz and graph.log, and belief.png for a policy that sees. Exit status 0: walked
without a fall, the graph healthy, the course crossed unless --duration is too short for that.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import psutil

from ts_locomotion import bundle, shipped
from ts_locomotion.bringup import graph
from ts_locomotion.bringup.graph import NodeSpec
from ts_locomotion.bringup.process import ProcessGraph
from ts_locomotion.contract import Contract
from ts_locomotion.demo import belief_plot, picture, plot, report
from ts_locomotion.demo.recording import Recording
from ts_locomotion.errors import BundleMismatch, ConfigurationError

COURSE = "course"
SEEN_TERRAIN, FELT_TERRAIN = "obstacle_course", "course"
CLEAR_LINE = "\r\x1b[K"


class Progress:
    """Shows the course's lines in place, and keeps what the nodes write in a file."""

    def __init__(self, log: IO[str]) -> None:
        self._log = log
        self._in_place = sys.stdout.isatty()
        self._leg = ""

    def __call__(self, name: str, line: str) -> None:
        """A line of a node's output."""
        self._log.write(f"[{name}] {line}\n")
        if name != COURSE or not line.startswith(("[", "course:")):
            return
        leg = line.partition(":")[0]
        if self._in_place:
            print(f"{CLEAR_LINE}{line}", end="", flush=True)
        elif leg != self._leg:
            print(line, flush=True)
        self._leg = leg

    @property
    def started(self) -> bool:
        """Whether the course has said anything yet."""
        return bool(self._leg)

    def done(self) -> None:
        """What is printed next starts on a line of its own."""
        if self._in_place:
            print()


class Meter:
    """CPU time that each node uses from now on."""

    def __init__(self, processes: ProcessGraph) -> None:
        self._began = time.monotonic()
        self._nodes = {name: psutil.Process(node.pid) for name, node in processes.nodes.items()}
        self._before = {name: _cpu_time(node) for name, node in self._nodes.items()}
        self.percent: dict[str, float] = {}

    def look(self) -> None:
        """Note the share of a core that each living node has used so far."""
        duration = max(time.monotonic() - self._began, 1e-3)
        for name, node in self._nodes.items():
            if node.is_running() and node.status() != psutil.STATUS_ZOMBIE:
                used = _cpu_time(node) - self._before[name]
                self.percent[name] = round(100 * used / duration, 1)


def main() -> None:
    """Entry point of ts-demo."""
    options = parse(sys.argv[1:])
    output = Path(options.output)
    try:
        suit(options, bundle.read_contract(bundle.find(options.policy, shipped.models())))
        specs = graph.describe(graph_arguments(options), shipped.folder())
    except (ConfigurationError, BundleMismatch) as problem:
        print(f"ts-demo: {problem}", file=sys.stderr)
        sys.exit(2)
    output.mkdir(parents=True, exist_ok=True)
    file = output / "recording.npz"
    file.unlink(missing_ok=True)
    try:
        cpu = walk((*specs, course_spec(options, file)), output / "graph.log")
    except KeyboardInterrupt:
        print("ts-demo: interrupted", file=sys.stderr)
        sys.exit(130)
    if not file.is_file():
        print(f"ts-demo: the course was not driven; see {output / 'graph.log'}", file=sys.stderr)
        sys.exit(1)
    recording = Recording.load(file)
    if not len(recording.time):
        print(f"ts-demo: {recording.outcome}", file=sys.stderr)
        sys.exit(1)
    sys.exit(tell(recording, options, cpu, output))


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The options, all of which have defaults."""
    parser = argparse.ArgumentParser("ts-demo", description=__doc__)
    parser.add_argument("--duration", type=float, default=60.0, help="of walking, at most [s]")
    parser.add_argument(
        "--terrain",
        default="",
        help=f"by default {SEEN_TERRAIN} for a policy that sees, {FELT_TERRAIN} for one that does"
        f" not; one of {', '.join(graph.TERRAINS)}",
    )
    parser.add_argument("--difficulty", default="0.5", help="of the terrain, from 0 to 1")
    parser.add_argument("--policy", default=graph.resolve({})["policy"], help="bundle or folder")
    parser.add_argument("--seed", type=int, default=0, help="of everything random")
    parser.add_argument("--view", action="store_true", help="open the MuJoCo viewer")
    parser.add_argument("--output", default="out/demo", help="folder of the results")
    parser.add_argument("--no-film", action="store_true", help="draw no GIF")
    parser.add_argument("--lockstep", action="store_true", help="reproducible, not in real time")
    parser.set_defaults(sees=False)
    return parser.parse_args(words)


def suit(options: argparse.Namespace, contract: Contract) -> None:
    """Complete the options by what fits the policy."""
    options.sees = contract.exteroception
    options.terrain = options.terrain or (SEEN_TERRAIN if options.sees else FELT_TERRAIN)


def graph_arguments(options: argparse.Namespace) -> dict[str, str]:
    """What the bring-up is told."""
    return {
        "robot": "mujoco",
        "policy": options.policy,
        "terrain": options.terrain,
        "difficulty": options.difficulty,
        "seed": str(options.seed),
        "pace": "lockstep" if options.lockstep else "patient",
        "paused": "true" if options.lockstep else "false",
        "view": "true" if options.view else "false",
        "visualization": "false",
    }


def course_spec(options: argparse.Namespace, recording: Path) -> NodeSpec:
    """The node that drives the course; the graph ends with it."""
    return NodeSpec(
        "course_node",
        COURSE,
        parameters={
            "terrain": options.terrain,
            "duration": options.duration,
            "lockstep": options.lockstep,
            "sees": options.sees,
            "output": str(recording),
            "use_sim_time": True,
        },
        required=True,
    )


def walk(specs: Sequence[NodeSpec], log: Path) -> dict[str, float]:
    """Run the graph until the course ends; returns the CPU use by node, in % of a core."""
    meter = None
    with log.open("w") as file:
        progress = Progress(file)
        with ProcessGraph(specs, progress) as processes:
            over = False
            while not over:
                ended = processes.listen(0.5)
                over = any(processes.nodes[node.name].spec.required for node in ended)
                if meter is None and progress.started:
                    meter = Meter(processes)
                if meter is not None:
                    meter.look()
        progress.done()
    return {} if meter is None else meter.percent


def tell(
    recording: Recording, options: argparse.Namespace, cpu: dict[str, float], output: Path
) -> int:
    """Write everything about the run and print the table; returns the exit status."""
    settings = {
        name: getattr(options, name)
        for name in ("policy", "terrain", "seed", "duration", "lockstep")
    }
    summary = report.summarise(recording, settings, cpu)
    (output / "report.json").write_text(json.dumps(summary, indent=1) + "\n")
    print(report.table(summary))
    title = f"{options.policy} on {options.terrain}, seed {options.seed}"
    plot.draw(recording, title, output / "run.png")
    if recording.looked:
        belief_plot.draw(recording, title, output / "belief.png")
    if not options.no_film:
        picture.film(recording, output / "walk.gif")
    print(f"\nwritten: {', '.join(sorted(str(path) for path in output.iterdir()))}")
    shortfall = report.shortfall(summary)
    if shortfall:
        print(f"ts-demo: {shortfall}", file=sys.stderr)
    return 0 if summary["healthy"] and summary["falls"] == 0 and not shortfall else 1


def _cpu_time(process_of_node: psutil.Process) -> float:
    try:
        spent = process_of_node.cpu_times()
    except psutil.Error:
        return 0.0
    return spent.user + spent.system
