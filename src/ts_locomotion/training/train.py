"""`ts-train <task>`: from nothing to a bundle."""

import argparse
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ts_locomotion.errors import ConfigurationError, LocomotionError
from ts_locomotion.simulation.environment import Environment
from ts_locomotion.simulation.sighted_environment import SightedConfig, SightedEnvironment
from ts_locomotion.training import (
    belief_student,
    belief_teacher,
    checkpoint,
    run,
    tasks,
    wandb_mirror,
)
from ts_locomotion.training.belief_tasks import BeliefTask, Specialist, specialised
from ts_locomotion.training.overrides import as_plain, override
from ts_locomotion.training.promise import check
from ts_locomotion.training.publish import publish
from ts_locomotion.training.runner import Runner
from ts_locomotion.training.settling import SettlingRunner
from ts_locomotion.training.tasks import AnyTask, world
from ts_locomotion.training.vector import VectorEnvironment

ROOM = 8
"""Free disk that a training needs, in sizes of its checkpoint."""
STUDENT_SETTINGS = ("student", "height_noise")
"""Of a belief task: what its teachers have nothing to do with."""
LATER_SETTINGS = ("specialist", *STUDENT_SETTINGS)
"""What its first teacher has nothing to do with."""


def main(arguments: list[str] | None = None) -> int:
    """Command line; see `ts-train --help`."""
    options = _parser().parse_args(arguments)
    if options.list:
        for name in tasks.TASKS:
            print(f"{name:22} {tasks.make(name).purpose}")
        return 0
    try:
        task = resolve(options.task, options.set, options.steps)
        folder = options.out or Path("out/train") / task.name
        goal = options.bundle or folder / "bundle"
        if goal.resolve() == folder.resolve():
            raise ConfigurationError(f"--bundle {goal} is --out, expected a folder of its own")
        for place in (folder, goal):
            # Now: after hours of training it would be too late.
            place.mkdir(parents=True, exist_ok=True)
        with wandb_mirror.mirrored(options.wandb, folder, as_plain(task)):
            train(task, options.set, options.seed, folder, resume=not options.fresh)
        publish(folder, goal, options.robots)
    except (LocomotionError, OSError) as error:
        print(f"ts-train: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nts-train: interrupted: the same command goes on", file=sys.stderr)
        return 130
    return 0


def resolve(name: str | None, edits: list[str], steps: int | None) -> AnyTask:
    """The task of a command line."""
    if name is None:
        raise ConfigurationError(f"name a task: {', '.join(tasks.TASKS)}")
    task = override(tasks.make(name), edits)
    return replace(task, steps=steps) if steps else task


def train(
    task: AnyTask, edits: Sequence[str], seed: int, folder: Path, resume: bool = True
) -> Runner:
    """Train a task into a folder, continuing what an interrupted run left there."""
    check(task)
    prepare(seed)
    folder.mkdir(parents=True, exist_ok=True)
    runner = build(task, seed, folder)
    interrupted = folder / run.CHECKPOINT
    if not resume:
        # At once: a run killed before its first checkpoint must not go on from the old one.
        interrupted.unlink(missing_ok=True)
        for stage in run.LATER:
            shutil.rmtree(folder / stage, ignore_errors=True)
    elif interrupted.exists():
        _check_same(task, seed, folder)
        _continue(runner, folder)
    _check_room(runner, folder)
    run.write_record(folder, task, edits, seed)
    _finish(runner, task.steps, f"1 of {stages(task)}")
    if not isinstance(task, BeliefTask):
        return runner
    if task.second_teacher:
        specialise(task, task.second_teacher, seed, folder)
    return teach(task, seed, folder)


def prepare(seed: int) -> None:
    """Settings of torch for the whole process."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)


def specialise(task: BeliefTask, special: Specialist, seed: int, folder: Path) -> None:
    """The second teacher of a belief task, who begins as the first in the folder ended."""
    place = folder / run.SPECIALIST
    place.mkdir(exist_ok=True)
    runner = belief_teacher.build(specialised(task, special), seed, place)
    runner.alg.load(checkpoint.load(folder / run.CHECKPOINT), None, True)
    runner.explore(special.initial_std)
    _go_on(runner, place, special.steps, f"2 of {stages(task)}")


def teach(task: BeliefTask, seed: int, folder: Path) -> Runner:
    """The last stage of a belief task: a student beside its teachers' folders."""
    place = folder / run.STUDENT
    place.mkdir(exist_ok=True)
    student = belief_student.build(task, seed, folder, place)
    _go_on(student, place, task.student.steps, f"{stages(task)} of {stages(task)}")
    return student


def stages(task: AnyTask) -> int:
    """How many trainings a task consists of, one after the other."""
    if not isinstance(task, BeliefTask):
        return 1
    return 3 if task.second_teacher else 2


def _go_on(runner: Runner, place: Path, steps: int, stage: str) -> None:
    """A later stage in its folder, from the beginning or from its checkpoint."""
    if (place / run.CHECKPOINT).exists():
        _continue(runner, place)
    _check_room(runner, place)
    _finish(runner, steps, stage)


def _finish(runner: Runner, steps: int, stage: str) -> None:
    """Learn what is left of so many environment steps of a stage, as "2 of 3"."""
    print(f"stage {stage}: {runner.task.name}, {steps} steps")
    steps_left = max(0, steps - runner.steps_done)
    runner.learn(-(-steps_left // runner.steps_of_iteration))


def build(task: AnyTask, seed: int, folder: Path) -> Runner:
    """Environment, networks and algorithm, untrained."""
    if isinstance(task, BeliefTask):
        return belief_teacher.build(task, seed, folder)
    config = world(task)
    sees = isinstance(config, SightedConfig)
    environment = SightedEnvironment(config, seed) if sees else Environment(config, seed)
    return SettlingRunner(VectorEnvironment(environment), task, run.settings(task), folder)


def _continue(runner: Runner, folder: Path) -> None:
    """Go on from the checkpoint in a folder."""
    path = folder / run.CHECKPOINT
    try:
        runner.load(str(path))
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{path} is not of this task, or of another version: --fresh begins anew"
        ) from error
    print(f"continuing {folder} after {runner.steps_done} steps")


def _check_room(runner: Runner, folder: Path) -> None:
    """Refuse a disk that the checkpoints would fill, before there is work to lose."""
    trial = folder / "trial.pt"
    runner.save(str(trial))
    size = trial.stat().st_size
    trial.unlink()
    free = shutil.disk_usage(folder).free
    # Both stages, each with the next checkpoint beside the last; bundle and curves.
    if free < ROOM * size:
        raise ConfigurationError(
            f"{folder}: {free / 1e6:.0f} MB are free, a training needs {ROOM * size / 1e6:.0f} MB"
        )


def _check_same(task: AnyTask, seed: int, folder: Path) -> None:
    """A run continues only as what it was begun, but for its length and for stages to come."""
    record = run.read_record(folder)
    before, now = _binding(as_plain(run.task_of(record))), _binding(as_plain(task))
    free: tuple[str, ...] = LATER_SETTINGS
    if (folder / run.SPECIALIST / run.CHECKPOINT).exists():
        free = STUDENT_SETTINGS
    if (folder / run.STUDENT / run.CHECKPOINT).exists():
        free = ()
    changed = [name for name in now if name not in free and now[name] != before.get(name)]
    changed += ["seed"] if record["seed"] != seed else []
    if changed:
        raise ConfigurationError(
            f"{folder} holds a run with another {', '.join(changed)}: --fresh discards it"
        )


def _binding(task: Mapping[str, Any]) -> dict[str, Any]:
    """What of a task's plain form cannot be changed once it is being trained."""
    return {
        name: _binding(value) if name == "student" else value
        for name, value in task.items()
        if name not in ("purpose", "steps", "save_interval")
    }


def _at_least(lowest: int) -> Callable[[str], int]:
    def whole(text: str) -> int:
        number = int(text)
        if number < lowest:
            raise argparse.ArgumentTypeError(f"{number} given, at least {lowest}")
        return number

    return whole


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ts-train", description=__doc__)
    parser.add_argument("task", nargs="?", help="see --list")
    parser.add_argument("--list", action="store_true", help="list the tasks")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help="change the task, as algorithm.clip_param=0.1; may be given again",
    )
    parser.add_argument("--seed", type=_at_least(0), default=1, help="of everything random")
    parser.add_argument(
        "--steps",
        type=_at_least(1),
        help="environment steps; of a task in stages those of the first, the others have"
        " --set specialist.steps=... and student.steps=...",
    )
    parser.add_argument("--out", type=Path, help="default: out/train/<task>")
    parser.add_argument("--bundle", type=Path, help="default: bundle/ in the folder of the run")
    parser.add_argument(
        "--robots", type=_at_least(0), default=100, help="per trial of the score table"
    )
    parser.add_argument("--wandb", metavar="PROJECT", help="curves to Weights & Biases as well")
    parser.add_argument("--fresh", action="store_true", help="discard an interrupted run")
    return parser


if __name__ == "__main__":
    sys.exit(main())
