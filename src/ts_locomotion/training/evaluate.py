"""`ts-eval`: how well a bundle walks, on terrain that no training has seen.

Runs the bundle as the nodes do (pipeline.py on onnxruntime) on many simulated robots at once, with
sensor noise and varied robots. A bundle that sees is judged under each perception, beside its
teacher and a blind bundle.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ts_locomotion import bundle, shipped
from ts_locomotion.bundle import Bundle
from ts_locomotion.errors import ConfigurationError, LocomotionError
from ts_locomotion.simulation import scene
from ts_locomotion.training import (
    belief_evaluate,
    cell_file,
    entrants,
    gate_sweep,
    heat_map,
)
from ts_locomotion.training.belief_evaluate import REGIMES, SeeingCell
from ts_locomotion.training.countdown import Countdown
from ts_locomotion.training.course import Cell, Course, Trial
from ts_locomotion.training.entrants import Entrants
from ts_locomotion.training.walkers import BundleWalker, Walker

TRIALS = (
    Trial("stand", speed=0.0, time=10.0),
    Trial("flat, pushed", speed=None, push_speed=0.5),
    Trial("flat, pushed hard", speed=None, push_speed=0.8),
    Trial("flat 0.6 m/s"),
    Trial("flat -0.5 m/s", speed=-0.5),
    Trial("rough 5 cm", "rough", 0.05, time=14.0),
    Trial("slope 0.25", "slope", 0.25, time=26.0),
    Trial("stairs up 8 cm", "stairs_up", 0.08, time=10.0),
    Trial("stairs down 8 cm", "stairs_down", 0.08, time=10.0),
    Trial("stairs up 10 cm", "stairs_up", 0.10, time=10.0),
    Trial("stairs down 10 cm", "stairs_down", 0.10, time=10.0),
    Trial("stairs up 12 cm", "stairs_up", 0.12, time=10.0),
    Trial("blocks 8 cm", "blocks", 0.08, time=18.0),
)


BASELINE = "go2_ts"
"""Shipped bundle that one which sees is compared with."""


def evaluate(
    model: Bundle,
    trial: Trial,
    count: int,
    seed: int = 0,
    options: scene.SceneOptions | None = None,
) -> Cell:
    """Run one trial blind with `count` robots on terrain seeds `seed`, `seed` + 1, ..."""
    return _walk(BundleWalker(model), trial, count, seed, options or scene.TRAINING)


def _walk(
    walker: BundleWalker, trial: Trial, count: int, seed: int, options: scene.SceneOptions
) -> Cell:
    if count < 1:
        raise ConfigurationError(f"robots: {count} given, at least 1")
    course = Course(walker.contract, trial, count, seed, options)
    walker.forget(count)
    while course.runs():
        answer = walker.act(course.sense(), course.command(), None)
        course.advance(answer.targets, answer.action)
    return course.result(walker.name)


def table(cells: Sequence[Cell]) -> str:
    """The cells as text."""
    lines = [
        f"{'trial':20}{'n':>5}{'success':>9}{'95 % interval':>16}{'survival':>10}"
        f"{'err x':>8}{'err y':>8}{'turn':>8}{'torque':>8}{'jerk':>7}"
    ]
    lines += [
        f"{c.trial:20}{c.n:5}{c.success:9.3f}{f'{c.ci[0]:.3f}..{c.ci[1]:.3f}':>16}"
        f"{c.survival:10.3f}{c.error_x:8.3f}{c.error_y:8.3f}{c.error_turn:8.3f}"
        f"{c.torque:8.2f}{c.jerk:7.3f}"
        for c in cells
    ]
    return "\n".join(lines)


def summary(cells: Sequence[Cell]) -> dict[str, Any]:
    """The cells for contract.yaml."""
    return {
        cell.trial: {
            "n": cell.n,
            "success": cell.success,
            "survival": cell.survival,
            "error_x": cell.error_x,
        }
        for cell in cells
    }


def main(arguments: list[str] | None = None) -> int:
    """Command line; see `ts-eval --help`."""
    options = _parser().parse_args(arguments)
    try:
        found = entrants.gather(options.bundle, None if options.alone else _beside(options))
        _check(options, found.walkers[0])
        for sentence in found.absent:
            print(f"ts-eval: {sentence}", file=sys.stderr)
        scene_name = "_robot_scene" if options.robot_scene else ""
        out = options.out or Path("out/eval") / f"{found.name}{scene_name}.json"
        out.parent.mkdir(parents=True, exist_ok=True)
        if found.walkers[0].sight == "blind":
            _judge_blind(found, options, out)
        else:
            _judge_seeing(found, options, out)
    except (LocomotionError, OSError) as error:
        print(f"ts-eval: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nts-eval: interrupted", file=sys.stderr)
        return 130
    return 0


def chosen(trials: Sequence[Trial], options: argparse.Namespace) -> list[Trial]:
    """The trials of a command line. Raises ConfigurationError where none is left."""
    left = [
        trial
        for trial in trials
        if (not options.trial or options.trial in trial.name)
        and (not options.terrain or trial.terrain in options.terrain)
        and (not options.height or any(math.isclose(trial.size, h) for h in options.height))
    ]
    if not left:
        names = ", ".join(trial.name for trial in trials)
        raise ConfigurationError(f"no trial is left of: {names}")
    return left


def _beside(options: argparse.Namespace) -> Path:
    """The folder of the blind bundle to compare with."""
    if not options.beside:
        return shipped.models() / BASELINE
    folder = shipped.find(options.beside)
    if bundle.load(folder).contract.exteroception:
        raise ConfigurationError(f"--beside {options.beside}: it sees, expected a blind bundle")
    return folder


def _check(options: argparse.Namespace, first: Walker) -> None:
    """Refuse what no evaluation knows, or would have no effect."""
    if options.seed < 0:
        raise ConfigurationError(f"--seed {options.seed}: expected at least 0")
    if first.sight == "blind":
        where, idle = f"{first.name}, which is blind", ("gate", "regime", "beside")
    elif options.gate:
        where, idle = "--gate", ("trial", "terrain", "height", "regime", "beside", "robot_scene")
    else:
        return
    given = [f"--{name.replace('_', '-')}" for name in idle if getattr(options, name)]
    if given:
        raise ConfigurationError(f"{', '.join(given)} given, but without effect on {where}")
    if options.gate and not _has_gate(first):
        raise ConfigurationError(f"{first.name} has no gate to sweep")


def _has_gate(walker: Walker) -> bool:
    return walker.sight is None and bool(walker.contract.gate_size)


def _judge_blind(found: Entrants, options: argparse.Namespace, out: Path) -> None:
    (walker,) = found.walkers
    assert isinstance(walker, BundleWalker)
    trials = chosen(TRIALS, options)
    countdown = Countdown([trial.time for trial in trials])
    cells = []
    for trial in trials:
        place = scene.ROBOT if options.robot_scene else scene.TRAINING
        cells.append(_walk(walker, trial, options.n, options.seed, place))
        countdown.done(trial.name)
    print(table(cells))
    cell_file.join(out, "cells", cells, walker.contract.files)


def _judge_seeing(found: Entrants, options: argparse.Namespace, out: Path) -> None:
    walker = found.walkers[0]
    if not options.gate:
        cells = _cells(found, options, out)
        print(belief_evaluate.table(cells))
        whole = cell_file.join(out, "cells", cells, walker.contract.files)
        heat_map.draw(whole, out.with_suffix(".png"))
    some = options.trial or options.terrain or options.height or options.regime
    if _has_gate(walker) and (options.gate or not some):
        gates = gate_sweep.sweep(walker, options.n, options.seed)
        print(belief_evaluate.table(gates))
        cell_file.join(out, "gate", gates, walker.contract.files)
        heat_map.draw_gate(gate_sweep.LEVELS, gates, out.with_name(f"{out.stem}_gate.png"))
    print(f"written: {', '.join(sorted(str(p) for p in out.parent.glob(f'{out.stem}*')))}")


def _cells(found: Entrants, options: argparse.Namespace, out: Path) -> list[SeeingCell]:
    trials = chosen(belief_evaluate.TRIALS, options)
    looks = [look for look in REGIMES if not options.regime or look.name in options.regime]
    jobs = [(trial, walker) for trial in trials for walker in found.walkers]
    countdown = Countdown([_effort(trial, walker, len(looks)) for trial, walker in jobs])
    place = scene.ROBOT if options.robot_scene else scene.TRAINING
    cells: list[SeeingCell] = []
    for trial, walker in jobs:
        seed = options.seed
        cells += belief_evaluate.evaluate(walker, trial, options.n, seed, looks, place)
        cell_file.join(out, "cells", cells, found.walkers[0].contract.files)
        countdown.done(f"{trial.name}, {walker.name}")
    return cells


def _effort(trial: Trial, walker: Walker, looks: int) -> float:
    return trial.time * (looks if walker.sight is None else 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "ts-eval",
        description=__doc__,
        epilog="with --graph: one cell through the real nodes; see ts-eval --graph --help",
    )
    parser.add_argument("bundle", help="by name, as go2_ts, its folder, or one of ts-train")
    parser.add_argument("--n", type=int, default=100, help="robots per cell")
    parser.add_argument("--seed", type=int, default=0, help="first terrain seed (eval stream)")
    parser.add_argument("--trial", help="only trials whose name contains this")
    some = {"action": "append", "default": []}
    parser.add_argument("--terrain", **some, help="only this terrain; may be given again")
    parser.add_argument("--height", type=float, **some, help="only of this size [m]")
    parser.add_argument(
        "--regime", choices=[look.name for look in REGIMES], **some, help="only this perception"
    )
    parser.add_argument("--gate", action="store_true", help="only the gate over rising noise")
    company = parser.add_mutually_exclusive_group()
    company.add_argument("--beside", help=f"blind bundle to compare, not {BASELINE}")
    company.add_argument("--alone", action="store_true", help="neither teacher nor blind bundle")
    parser.add_argument(
        "--out",
        type=Path,
        help="cells enter the table that is there; default: out/eval/<name>[_robot_scene].json",
    )
    parser.add_argument(
        "--robot-scene",
        action="store_true",
        help="2 ms and full collisions, as the simulator node",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
