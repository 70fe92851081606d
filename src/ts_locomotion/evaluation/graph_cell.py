"""`ts-eval --graph`: one cell of a table through the real nodes in lockstep, beside the pipeline.

Each run of the graph walks one terrain seed of the cell; the pipeline walks the same seeds and
more, with the robot, the start and the physics of the simulator node. They agree when Fisher's
exact test does not tell their shares of success apart. Both judge a fall by course.down; no topic
tells what the base has touched, so its poses are put together again. What a tick computes is
compared elsewhere, number for number: test/ros/test_pipeline_parity.py. The simulator's map and
senses have no noise here, nor have the pipeline's: `delayed` and `frozen` are those of ts-eval
less their noise.
"""

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml

from ts_locomotion import bundle, shipped
from ts_locomotion.bringup import graph
from ts_locomotion.bringup.graph import NodeSpec
from ts_locomotion.demo.course import Outcome
from ts_locomotion.demo.main import walk
from ts_locomotion.demo.recording import Recording
from ts_locomotion.errors import ConfigurationError, LocomotionError
from ts_locomotion.evaluation import replay
from ts_locomotion.evaluation.agreement import SIGNIFICANCE, fisher
from ts_locomotion.modes import Mode
from ts_locomotion.robot import Array
from ts_locomotion.simulation import scene, terrain
from ts_locomotion.simulation.height_noise import PERCEPTIONS
from ts_locomotion.simulation.randomization import Domain
from ts_locomotion.simulation.robot_simulator import RobotOptions, make_ground
from ts_locomotion.simulation.terrain import Terrain
from ts_locomotion.training import belief_evaluate, cell_file
from ts_locomotion.training.belief_evaluate import TRIALS, Perception, SeeingCell
from ts_locomotion.training.course import (
    Trial,
    beside,
    down,
    gait_period,
    lane_end,
    velocity_errors,
    wilson,
)
from ts_locomotion.training.walkers import BundleWalker

SET_OFF, FOREVER = 0.1, 1000.0
"""A robot whose map is frozen gets none from the first of these x on [m]."""
LONGEST = max(trial.time for trial in TRIALS)
"""To walk a lane in that is in no table [s]."""
MAPS: Mapping[str, Mapping[str, float]] = {
    "clean": {},
    "delayed": {"map_rate": 1 / 0.3},
    "frozen": {"map_cut_from": SET_OFF, "map_cut_to": FOREVER},
    "blank": {"map_rate": 0.0},
}
"""Perceptions that the simulator node can make: its parameters."""
UNMADE = (
    "not nominal, drifting, offset, noisy and half-missing, whose errors belong to feet and not to"
    " places of a map, and not killed: the last map of the simulator stays in use"
)
NOMINAL_ROBOT = Domain(
    friction=(scene.FOOT_FRICTION, scene.FOOT_FRICTION),
    added_mass=(0.0, 0.0),
    com_shift=0.0,
    stiffness_scale=(1.0, 1.0),
    damping_scale=(1.0, 1.0),
    friction_loss=(0.0, 0.0),
    armature=(scene.ARMATURE, scene.ARMATURE),
)
COLUMNS = ("how", "n", "success", "95 % interval", "survival")


class Lane(NamedTuple):
    """A terrain of a cell."""

    terrain: str
    height: float

    def ground(self, seed: int) -> Terrain:
        """What the simulator node makes of it."""
        return make_ground(RobotOptions(self.terrain, seed=seed, size=self.height or None))


class Walked(NamedTuple):
    """How one run of the graph ended, and how well it kept its velocity."""

    arrived: bool
    fell: bool
    errors: Array
    """|v_x - commanded| as course.velocity_errors has it. Shape (N,) [m/s]."""


def main(arguments: list[str] | None = None) -> int:
    """Command line; exit status 1 when graph and pipeline do not agree."""
    options = _parser().parse_args(arguments)
    try:
        _check(options)
        place = lane_of(options.terrain, options.height)
        options.bundle = shipped.find(options.bundle)
        out = options.out or Path("out/eval") / f"{options.bundle.resolve().name}_graph.json"
        out.parent.mkdir(parents=True, exist_ok=True)
        told = _judged(options, place)
        print(told.pop("table"))
        out.write_text(json.dumps(told, indent=1) + "\n")
    except (LocomotionError, OSError) as error:
        print(f"ts-eval: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("ts-eval: interrupted", file=sys.stderr)
        return 130
    return 0 if told["agrees"] else 1


def lane_of(name: str, height: float) -> Lane:
    """The lane of a terrain and its height; raises ConfigurationError for what cannot be made."""
    if name not in terrain.KINDS:
        raise ConfigurationError(f"unknown terrain {name!r}; valid: {', '.join(terrain.KINDS)}")
    if name != "flat" and not 0.0 < height <= 1.0:
        raise ConfigurationError(f"{name} of {height} m, expected above 0 and at most 1 m")
    return Lane(name, 0.0 if name == "flat" else height)


def lane_time(terrain: str) -> float:
    """Time to walk the lane of a terrain in: that of the table [s]."""
    return max((trial.time for trial in TRIALS if trial.terrain == terrain), default=LONGEST)


def judge(recording: Recording, base_contacts: Array, ground: Terrain, period: int) -> Walked:
    """What a recording of a run tells; what happens beyond or beside the lane does not count.

    `base_contacts` (N,) as replay.py finds them; `period` is that of the gait, in control steps.
    """
    beyond = recording.position[:, 0] > lane_end(ground)
    off = beyond | beside(recording.position, np.array(ground.bounds))
    begins = recording.mode == Mode.WALK
    first = int(begins.argmax()) if begins.any() else len(begins)
    last = int(off.argmax()) if off.any() else len(off)
    on_lane = slice(first, last)
    fallen = down(recording.orientation[on_lane], base_contacts[on_lane])
    fallen |= recording.mode[on_lane] == Mode.DAMP
    fell = bool(fallen.any())
    upright = slice(first, first + int(fallen.argmax()) if fell else last)
    errors = velocity_errors(recording.velocity[upright, 0], recording.command[upright, 0], period)
    arrived = last < len(off) and bool(beyond[last])
    return Walked(arrived and not fell, fell, errors)


def compare(walked: list[Walked], expected: SeeingCell) -> dict:
    """Both shares of success, and whether they agree."""
    wins, count = sum(run.arrived for run in walked), len(walked)
    kept = [run for run in walked if not run.fell] or walked
    errors = np.concatenate([run.errors for run in kept])
    p = fisher(wins, count, round(expected.success * expected.n), expected.n)
    seen = {
        "policy": expected.policy,
        "terrain": expected.terrain,
        "height_m": expected.height_m,
        "regime": expected.regime,
        "n": count,
        "seeds": (expected.seeds[0], expected.seeds[0] + count - 1),
        "success": wins / count,
        "ci": wilson(wins, count),
        "survival": 1.0 - sum(run.fell for run in walked) / count,
        "velocity_error": float(errors.mean()) if errors.size else float("nan"),
    }
    rule = f"Fisher's exact test, p >= {SIGNIFICANCE}"
    pipeline = {name: getattr(expected, name) for name in seen}
    cells = [{"how": "graph"} | seen, {"how": "pipeline"} | pipeline]
    cells = [{name: cell_file.plain(value) for name, value in cell.items()} for cell in cells]
    agrees = p >= SIGNIFICANCE
    verdict = "agree" if agrees else "DO NOT AGREE"
    if wins + expected.success == 0.0:
        verdict += ", but nobody arrived, which tells little"
    lines = ["".join(f"{name:>16}" for name in COLUMNS)]
    lines += [
        f"{c['how']:>16}{c['n']:>16}{c['success']:>16.3f}"
        f"{'{:.3f}..{:.3f}'.format(*c['ci']):>16}{c['survival']:>16.3f}"
        for c in cells
    ]
    lines.append(f"{verdict}: p = {p:.3f} ({rule})")
    return {"cells": cells, "p": p, "rule": rule, "agrees": agrees, "table": "\n".join(lines)}


def _check(options: argparse.Namespace) -> None:
    """Refuse numbers that make no evaluation."""
    for name in ("n", "pipeline_n"):
        if getattr(options, name) < 1:
            given = f"--{name.replace('_', '-')} {getattr(options, name)}"
            raise ConfigurationError(f"{given}: expected at least 1")
    if options.seed < 0:
        raise ConfigurationError(f"--seed {options.seed}: expected at least 0")
    if options.time is None:
        options.time = lane_time(options.terrain)
    if not 1.0 <= options.time < math.inf:
        raise ConfigurationError(f"--time {options.time}: expected at least 1 s")


def _judged(options: argparse.Namespace, place: Lane) -> dict:
    """The lane as the graph and the pipeline walk it, compared."""
    model = bundle.load(options.bundle)
    period = gait_period(model.contract)
    seeds = range(options.seed, options.seed + options.n)
    walked = [_run(options, place, seed, period) for seed in seeds]
    return compare(walked, _pipeline(BundleWalker(model), place, options))


def _run(options: argparse.Namespace, place: Lane, seed: int, period: int) -> Walked:
    """Bring the graph up, walk the lane of a seed, and take it down again."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulation = {"size": place.height, **MAPS[options.regime]}
        parameters = {"/simulator": {"ros__parameters": simulation}}
        (folder / "cell.yaml").write_text(yaml.safe_dump(parameters))
        given = {
            "policy": str(options.bundle.resolve()),
            "terrain": place.terrain,
            "seed": str(seed),
            "pace": "lockstep",
            "paused": "true",
            "visualization": "false",
            "parameters": str(folder / "cell.yaml"),
        }
        file = folder / "recording.npz"
        specs = graph.describe(given, shipped.folder())
        walk((*specs, _driver(options.time, file)), folder / "graph.log")
        recording, ground = Recording.load(file) if file.is_file() else None, place.ground(seed)
        if recording is None or recording.outcome not in {how.value for how in Outcome}:
            told = (folder / "graph.log").read_text()[-1000:]
            raise ConfigurationError(f"the lane of seed {seed} was not walked:\n{told}")
        contacts = replay.base_contacts(recording, ground)
        walked = judge(recording, contacts, ground, period)
    how = "arrived" if walked.arrived else "fell" if walked.fell else "did not arrive"
    print(f"graph, seed {seed}: {how}", file=sys.stderr, flush=True)
    return walked


def _regime(name: str) -> str:
    if name not in MAPS:
        raise argparse.ArgumentTypeError(f"{name!r}, expected one of {', '.join(MAPS)}; {UNMADE}")
    return name


def _driver(time: float, output: Path) -> NodeSpec:
    settings = {"duration": time, "lockstep": True, "output": str(output), "use_sim_time": True}
    return NodeSpec("lane_node", "course", parameters=settings, required=True)


def _pipeline(walker: BundleWalker, place: Lane, options: argparse.Namespace) -> SeeingCell:
    name, height, time = place.terrain, place.height, options.time
    trial = Trial(name, name, height, time=time, domain=NOMINAL_ROBOT, spread=0.0)
    noiseless = replace(
        PERCEPTIONS[options.regime], regimes=PERCEPTIONS["clean"].regimes, drift=0.0
    )
    look = Perception(options.regime, noiseless)
    count = max(options.n, options.pipeline_n)
    (cell,) = belief_evaluate.evaluate(walker, trial, count, options.seed, [look], scene.ROBOT)
    return cell


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ts-eval --graph", description=__doc__)
    parser.add_argument("bundle", help="by name, as go2_belief, or its folder")
    parser.add_argument("--terrain", default="stairs_up", help="of the cell")
    parser.add_argument("--height", type=float, default=0.15, help="its size [m]")
    parser.add_argument(
        "--regime", default="clean", type=_regime, help=f"one of {', '.join(MAPS)}; {UNMADE}"
    )
    parser.add_argument("--n", type=int, default=5, help="runs of the graph")
    parser.add_argument("--pipeline-n", type=int, default=50, help="robots of the pipeline")
    parser.add_argument("--seed", type=int, default=0, help="first terrain seed")
    parser.add_argument("--time", type=float, help="to walk the lane in [s]; default: the table's")
    parser.add_argument("--out", type=Path, help="default: out/eval/<name>_graph.json")
    return parser
