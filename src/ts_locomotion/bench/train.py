"""`ts-bench-train`: how fast trainings are, where their time goes, and what memory they take.

Prints a table, writes train.json and train.png. Rates are environment steps per second of CPU
time on the busier of two cores, so that other work on this machine does not count.
"""

import argparse
import json
import multiprocessing
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from ts_locomotion.bench import train_plot
from ts_locomotion.bench.throughput import LABELS, PARTS, Row, measure, save
from ts_locomotion.errors import LocomotionError
from ts_locomotion.training import belief_student, tasks
from ts_locomotion.training.belief_tasks import BeliefTask
from ts_locomotion.training.train import build, prepare

TASKS = ("go2_ts_flat", "go2_ts", "go2_belief")
COUNTS = (64, 128, 256, 512, 1024, 2048)
BASE = 256
"""Costs of other numbers of environments are compared with those of this one."""


def main(arguments: list[str] | None = None) -> int:
    """Command line; see `ts-bench-train --help`."""
    options = _parser().parse_args(arguments)
    whole: list[Row] = []
    scaling: list[Row] = []
    try:
        print(HEAD)
        for name in options.tasks:
            whole += _alone(tasks.make(name), options)
        for count in options.counts:
            scaling += _alone(_scaled(count, options), options, stages=1)
        tell(whole, scaling, options.output)
    except (LocomotionError, OSError) as error:
        print(f"ts-bench-train: {error}", file=sys.stderr)
        return 2
    return 0


def tell(whole: Sequence[Row], scaling: Sequence[Row], output: Path) -> None:
    """Write the tasks as they are, and one of them by its number of environments."""
    output.mkdir(parents=True, exist_ok=True)
    entries = [entry for row in (*whole, *scaling) for entry in row.entries()]
    entries += costs(scaling)
    (output / "train.json").write_text(json.dumps(entries, indent=1) + "\n")
    train_plot.draw(whole, scaling, output / "train.png")
    for entry in costs(scaling):
        print(f"{entry['name']}: {entry['value']:.2f}")
    print(f"written: {output / 'train.json'}, {output / 'train.png'}")


def costs(scaling: Sequence[Row]) -> list[dict[str, Any]]:
    """Time per step, learning included, over that of BASE environments."""
    base = [row.cost for row in scaling if row.environments == BASE]
    return [
        {
            "name": f"{row.task} x {row.environments}, cost per step over that of x {BASE}",
            "value": row.cost / base[0],
            "unit": "1",
            "task": row.task,
            "environments": row.environments,
            "n": row.steps,
        }
        for row in scaling
        if base
    ]


HEAD = (
    f"{'task':20}{'envs':>6}{'raw rollout':>13}"
    + "".join(f"{label:>18}" for label in LABELS)
    + "".join(f"{part:>13}" for part in PARTS)
    + f"{'MB':>7}"
)


def line(row: Row) -> str:
    """A row as a person reads it: rates, shares of the time, memory."""
    shares = [spent / row.cost for spent in row.parts]
    return (
        f"{row.task:20}{row.environments:6}{1.0 / row.raw:13.0f}"
        + "".join(f"{rate:18.0f}" for rate in row.rates)
        + "".join(f"{100 * share:11.0f} %" for share in shares)
        + f"{row.memory / 1e6:7.0f}"
    )


def _alone(
    task: tasks.AnyTask, options: argparse.Namespace, stages: int | None = None
) -> list[Row]:
    """The rows of a training, in a process of its own: one keeps the memory that others took."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        rows = process.submit(_rows, task, options, stages).result()
    for row in rows:
        print(line(row), flush=True)
    return rows


def _rows(task: tasks.AnyTask, options: argparse.Namespace, stages: int | None) -> list[Row]:
    prepare(options.seed)
    return list(islice(_stages(task, options), stages))


def _scaled(count: int, options: argparse.Namespace) -> tasks.AnyTask:
    task = tasks.make(options.scaled)
    return replace(task, environment=replace(task.environment, environments=count))


def _stages(task: tasks.AnyTask, options: argparse.Namespace) -> Iterator[Row]:
    """The training of a task, and its second stage if it has one."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runner = build(task, options.seed, folder)
        yield measure(runner, task.name, options.iterations)
        if isinstance(task, BeliefTask):
            save(runner, folder)
            del runner
            # What the specialist's steps cost is what the first teacher's do.
            task = replace(task, specialist=None)
            place = folder / "student"
            place.mkdir()
            student = belief_student.build(task, options.seed, folder, place)
            yield measure(student, f"{task.name} student", options.iterations)


def _counts(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"{count} given, at least 1")
    return count


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ts-bench-train", description=__doc__)
    parser.add_argument("--iterations", type=_counts, default=4, help="measured per row")
    parser.add_argument("--tasks", nargs="*", default=TASKS, help="each with its own number")
    parser.add_argument(
        "--scaled", default=TASKS[0], help="task whose number of environments grows"
    )
    parser.add_argument(
        "--counts", nargs="*", type=_counts, default=COUNTS, help="those numbers of environments"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the trainings")
    parser.add_argument("--output", type=Path, default=Path("out/bench"), help="folder")
    return parser


if __name__ == "__main__":
    sys.exit(main())
