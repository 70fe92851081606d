"""`ts-ablation`: variants of a training under equal steps, over seeds, judged by one evaluation.

A cell is a variant under a seed: a folder with its training, its bundle and `result.json`. A call
that was interrupted goes on with the cell, and within it with the checkpoint, that it had reached.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from ts_locomotion.errors import ConfigurationError, LocomotionError
from ts_locomotion.training import ablation_table, checkpoint, run, tasks
from ts_locomotion.training.ablation_table import Result
from ts_locomotion.training.course import Cell, Trial
from ts_locomotion.training.evaluate import TRIALS
from ts_locomotion.training.learning_curves import Curves
from ts_locomotion.training.overrides import as_plain, override
from ts_locomotion.training.publish import publish
from ts_locomotion.training.tasks import Task
from ts_locomotion.training.train import train

RESULT = "result.json"
WALKS = 0.15
"""Mean |v_x error| of the training robots [m/s] below which a policy counts as walking."""


class Variant(NamedTuple):
    """A task and what an ablation changes of it."""

    name: str
    task: Callable[[], Task]
    edit: Callable[[Task], Task] = lambda task: task


@dataclass(frozen=True)
class Plan:
    """What all variants have in common."""

    seeds: tuple[int, ...] = (1, 2, 3)
    steps: int = 4_000_000
    robots: int = 100
    """Of each trial of the evaluation."""
    trials: tuple[Trial, ...] = TRIALS
    edits: tuple[str, ...] = ()
    """Of every task, as for ts-train --set; before those of the variants."""


def encoder(kind: str) -> Callable[[Task], Task]:
    """The edit that chooses a history encoder."""
    return lambda task: replace(task, networks=replace(task.networks, encoder=kind))


VARIANTS = (
    Variant("TS-MLP", tasks.go2_ts),
    Variant("TS-TCN (legacy, flat)", tasks.go2_ts, encoder("tcn_flat")),
    Variant("TS-TCN", tasks.go2_ts, encoder("tcn")),
    Variant("TS-GRU", tasks.go2_ts, encoder("gru")),
    Variant("CTS-MLP", tasks.go2_cts),
    Variant("CTS-TCN", tasks.go2_cts, encoder("tcn")),
    Variant("CTS-GRU", tasks.go2_cts, encoder("gru")),
)


def compare(variants: Sequence[Variant], plan: Plan, folder: Path) -> list[Result]:
    """Train and judge every cell that is not done, and write the table anew after each.

    Seeds are the outer loop: a comparison of all variants comes before a second opinion.
    """
    _check(variants, plan)
    results: list[Result] = []
    for seed in plan.seeds:
        for variant in variants:
            results.append(_cell(variant, plan, seed, folder / _folder_name(variant.name)))
            ablation_table.write(results, folder, _about(plan))
    return results


def _cell(variant: Variant, plan: Plan, seed: int, folder: Path) -> Result:
    task, place = resolve(variant, plan), folder / f"seed{seed}"
    _check_same(task, place)
    judged = {"robots": plan.robots, "trials": [trial.name for trial in plan.trials]}
    done = _read(place / RESULT)
    if done is None or any(done[name] != value for name, value in judged.items()):
        print(f"ts-ablation: {variant.name}, seed {seed}", flush=True)
        train(task, plan.edits, seed, place)
        about = {"variant": variant.name, "seed": seed}
        done = about | judged | {"measures": _measure(place, plan)}
        checkpoint.write_text(place / RESULT, json.dumps(done, indent=1) + "\n")
    return Result(variant.name, seed, done["measures"])


def _check_same(task: Task, place: Path) -> None:
    """Also a training of other length is another one: how it settles depends on its end."""
    if not (place / run.RECORD).exists():
        return
    before, now = as_plain(run.task_of(run.read_record(place))), as_plain(task)
    changed = [name for name, value in now.items() if before.get(name) != value]
    if changed:
        raise ConfigurationError(
            f"{place} holds a training with another {', '.join(changed)}: choose another --out"
        )


def resolve(variant: Variant, plan: Plan) -> Task:
    """The task that a variant trains."""
    edited = variant.edit(override(variant.task(), plan.edits))
    return replace(edited, steps=plan.steps)


def _measure(place: Path, plan: Plan) -> dict[str, float | None]:
    """Everything the table tells of a finished training, by name; None where there is nothing."""
    judged = publish(place, place / "bundle", plan.robots, plan.trials)
    cells = [cell for cell in judged if isinstance(cell, Cell)]
    curves = Curves(place)
    measures = {
        "velocity error [m/s]": _mean([cell.error_x for cell in cells]),
        **{f"success, {cell.trial}": cell.success for cell in cells},
        "encoder loss": curves.last("loss/encoder"),
        "collection [CPU ms/iteration]": curves.mean("time/collection", 1e3),
        "learning [CPU ms/iteration]": curves.mean("time/learning", 1e3),
        "CPU minutes to walk": curves.spent_until("walk/error_x", WALKS),
    }
    return {name: None if value != value else value for name, value in measures.items()}


def _mean(values: Sequence[float]) -> float:
    finite = [value for value in values if value == value]
    return sum(finite) / len(finite) if finite else float("nan")


def _read(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text()) if path.exists() else None


def _folder_name(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name.lower())


def _about(plan: Plan) -> Mapping[str, Any]:
    return {
        "steps": plan.steps,
        "seeds": list(plan.seeds),
        "robots per trial": plan.robots,
        "edits of all": list(plan.edits),
    }


def _check(variants: Sequence[Variant], plan: Plan) -> None:
    folders = [_folder_name(variant.name) for variant in variants]
    if not variants or len(set(folders)) < len(folders):
        raise ConfigurationError(f"variants need different names, given {folders}")
    if plan.robots < 1 or plan.steps < 1:
        raise ConfigurationError(
            f"at least 1 robot and 1 step, given {plan.robots} and {plan.steps}"
        )
    if not plan.seeds or len(set(plan.seeds)) < len(plan.seeds):
        raise ConfigurationError(f"seeds: {plan.seeds} given, expected different ones")
    if len(plan.seeds) > ablation_table.MOST_SEEDS:
        raise ConfigurationError(f"seeds: at most {ablation_table.MOST_SEEDS}")
    for variant in variants:
        resolve(variant, plan)


def main(arguments: list[str] | None = None, variants: Sequence[Variant] = VARIANTS) -> int:
    """Command line; see `ts-ablation --help`."""
    options = _parser().parse_args(arguments)
    if options.list:
        for variant in variants:
            print(f"{variant.name:24} {variant.task().name}")
        return 0
    try:
        trials = tuple(t for t in TRIALS if not options.trial or options.trial in t.name)
        plan = Plan(
            tuple(options.seeds), options.steps, options.robots, trials, tuple(options.set)
        )
        compare(_named(options.variant, variants), plan, options.out)
    except LocomotionError as error:
        print(f"ts-ablation: {error}", file=sys.stderr)
        return 2
    print((options.out / ablation_table.PAGE).read_text())
    return 0


def _named(names: Sequence[str], variants: Sequence[Variant]) -> list[Variant]:
    known = {variant.name: variant for variant in variants}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigurationError(f"unknown variants {unknown}; valid: {', '.join(known)}")
    return [known[name] for name in names] or list(variants)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ts-ablation", description=__doc__)
    parser.add_argument("--list", action="store_true", help="list the variants")
    parser.add_argument(
        "--variant", action="append", default=[], metavar="NAME", help="only this; may be repeated"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=list(Plan.seeds))
    parser.add_argument("--steps", type=int, default=Plan.steps, help="of every training")
    parser.add_argument("--robots", type=int, default=Plan.robots, help="per trial")
    parser.add_argument("--trial", help="only trials whose name contains this")
    parser.add_argument(
        "--set", action="append", default=[], metavar="PATH=VALUE", help="change every task"
    )
    parser.add_argument("--out", type=Path, default=Path("out/ablation"))
    return parser


if __name__ == "__main__":
    sys.exit(main())
