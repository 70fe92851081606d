"""`ts-eval`: how well a bundle walks, on terrain that no training has seen.

Runs the bundle as the nodes do (pipeline.py on onnxruntime) on many simulated robots at once, with
sensor noise and varied robots.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ts_locomotion import bundle
from ts_locomotion.bundle import Bundle
from ts_locomotion.errors import ConfigurationError, LocomotionError
from ts_locomotion.pipeline import Pipeline
from ts_locomotion.simulation import scene
from ts_locomotion.training.course import Cell, Course, Trial

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


def evaluate(
    model: Bundle,
    trial: Trial,
    count: int,
    seed: int = 0,
    options: scene.SceneOptions | None = None,
) -> Cell:
    """Run one trial with `count` robots on terrain seeds `seed`, `seed` + 1, ..."""
    if count < 1:
        raise ConfigurationError(f"robots: {count} given, at least 1")
    course = Course(model.contract, trial, count, seed, options or scene.TRAINING)
    pipeline = Pipeline(model)
    state = pipeline.initial_state(count)
    while course.runs():
        output, state = pipeline.step(state, course.sense(), course.command())
        course.advance(output.policy.positions, output.policy.action)
    return course.result(model.contract.name)


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
    chosen = scene.ROBOT if options.robot_scene else scene.TRAINING
    try:
        model = bundle.load(options.bundle)
        trials = [t for t in TRIALS if not options.trial or options.trial in t.name]
        if not trials:
            names = ", ".join(t.name for t in TRIALS)
            raise ConfigurationError(f"no trial {options.trial!r}; valid: {names}")
        cells = [evaluate(model, trial, options.n, options.seed, chosen) for trial in trials]
    except LocomotionError as error:
        print(f"ts-eval: {error}", file=sys.stderr)
        return 2
    print(table(cells))
    out = options.out or Path("out/eval") / f"{model.contract.name}.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"cells": [cell._asdict() for cell in cells]}, indent=1))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ts-eval", description=__doc__)
    parser.add_argument("bundle", type=Path, help="as models/go2_ts")
    parser.add_argument("--n", type=int, default=100, help="robots per trial")
    parser.add_argument("--seed", type=int, default=0, help="first terrain seed (eval stream)")
    parser.add_argument("--trial", help="only trials whose name contains this")
    parser.add_argument("--out", type=Path, help="default: out/eval/<name>.json")
    parser.add_argument(
        "--robot-scene",
        action="store_true",
        help="2 ms and full collisions, as the simulator node",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
