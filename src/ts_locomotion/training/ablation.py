"""`ts-ablation`: variants of a training under equal steps, over seeds, judged by one evaluation.

A cell is a variant under a seed: a folder with its training, its bundle and `result.json`. A call
that was interrupted goes on with the cell, and within it with the checkpoint, that it had reached.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ts_locomotion import shipped
from ts_locomotion.errors import ConfigurationError, LocomotionError
from ts_locomotion.training import (
    ablation_belief,
    ablation_curves,
    ablation_table,
    run,
    whole_file,
)
from ts_locomotion.training.ablation_belief import Belief
from ts_locomotion.training.ablation_blind import Blind
from ts_locomotion.training.ablation_plan import Group, Plan, Variant
from ts_locomotion.training.ablation_table import Result
from ts_locomotion.training.learning_curves import Curves
from ts_locomotion.training.overrides import as_plain, override
from ts_locomotion.training.tasks import AnyTask

RESULT = "result.json"


def compare(group: Group, variants: Sequence[Variant], plan: Plan, folder: Path) -> list[Result]:
    """Train and judge every cell that is not done, and write the table anew after each.

    Seeds are the outer loop: a comparison of all variants comes before a second opinion.
    """
    plan = replace(plan, trials=plan.trials or group.trials)
    _check(group, variants, plan)
    about = _about(group, plan)
    results: list[Result] = []
    trained: dict[str, list[Curves]] = {}
    for seed in plan.seeds:
        for variant in variants:
            place = folder / _folder_name(variant.name) / f"seed{seed}"
            results.append(_cell(group, variant, plan, seed, place))
            ablation_table.write(results, folder, about)
            trained.setdefault(variant.name, []).append(group.curves(place))
            ablation_curves.draw(trained, group.curve, folder / ablation_table.CURVES)
    return results


def _cell(group: Group, variant: Variant, plan: Plan, seed: int, place: Path) -> Result:
    task = resolve(group, variant, plan)
    _check_same(task, place)
    group.check(place)
    judged = {"robots": plan.robots, "trials": [trial.name for trial in plan.trials]}
    done = _read(place / RESULT)
    if done is None or any(done[name] != value for name, value in judged.items()):
        print(f"ts-ablation: {variant.name}, seed {seed}", flush=True)
        group.train(task, plan.edits, seed, place)
        about = {"variant": variant.name, "seed": seed}
        measures = group.measure(place, plan)
        known = {name: None if value != value else value for name, value in measures.items()}
        done = about | judged | {"measures": known}
        whole_file.write(place / RESULT, json.dumps(done, indent=1) + "\n")
    return Result(variant.name, seed, done["measures"])


def _check_same(task: AnyTask, place: Path) -> None:
    """Also a training of other length is another one: how it settles depends on its end."""
    if not (place / run.RECORD).exists():
        return
    before, now = as_plain(run.task_of(run.read_record(place))), as_plain(task)
    changed = [name for name, value in now.items() if before.get(name) != value]
    if changed:
        raise ConfigurationError(
            f"{place} holds a training with another {', '.join(changed)}: choose another --out"
        )


def resolve(group: Group, variant: Variant, plan: Plan) -> AnyTask:
    """The task that a variant trains."""
    return group.lasting(variant.edit(override(variant.task(), plan.edits)), plan.steps)


def _read(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_text()) if path.exists() else None


def _folder_name(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name.lower())


def _about(group: Group, plan: Plan) -> Mapping[str, Any]:
    return {
        "group": group.name,
        **group.about(),
        "steps": plan.steps,
        "seeds": list(plan.seeds),
        "robots per trial": plan.robots,
        "edits of all": list(plan.edits),
    }


def _check(group: Group, variants: Sequence[Variant], plan: Plan) -> None:
    folders = [_folder_name(variant.name) for variant in variants]
    if not variants or len(set(folders)) < len(folders):
        raise ConfigurationError(f"variants need different names, given {folders}")
    if plan.robots < 1 or plan.steps < 1:
        raise ConfigurationError(
            f"at least 1 robot and 1 step, given {plan.robots} and {plan.steps}"
        )
    if not plan.seeds or len(set(plan.seeds)) < len(plan.seeds):
        raise ConfigurationError(f"seeds: {plan.seeds} given, expected different ones")
    if min(plan.seeds) < 0:
        raise ConfigurationError(f"seeds: {plan.seeds} given, expected none below 0")
    if len(plan.seeds) > ablation_table.MOST_SEEDS:
        raise ConfigurationError(f"seeds: at most {ablation_table.MOST_SEEDS}")
    for variant in variants:
        resolve(group, variant, plan)


def main(arguments: list[str] | None = None) -> int:
    """Command line; see `ts-ablation --help`."""
    options = _parser().parse_args(arguments)
    try:
        groups = _groups(options)
        if options.list:
            for group in groups:
                for variant in group.variants:
                    print(f"{group.name:8} {variant.name}")
            return 0
        chosen = _chosen(groups, options.variant)
        jobs = [(group, named, _plan(group, options)) for group, named in chosen]
        for group, named, plan in jobs:
            compare(group, named, plan, options.out / group.name)
            print((options.out / group.name / ablation_table.PAGE).read_text())
    except (LocomotionError, OSError) as error:
        print(f"ts-ablation: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nts-ablation: interrupted: the same command goes on", file=sys.stderr)
        return 130
    return 0


def _groups(options: argparse.Namespace) -> list[Group]:
    belief = Belief(shipped.find(options.teacher)) if options.teacher else Belief()
    return [group for group in (Blind(), belief) if options.group in (None, group.name)]


def _chosen(
    groups: Sequence[Group], names: Sequence[str]
) -> list[tuple[Group, Sequence[Variant]]]:
    """The groups that have some of the variants named, with those; all where none is named."""
    known = {variant.name for group in groups for variant in group.variants}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigurationError(f"unknown variants {unknown}; valid: {'; '.join(sorted(known))}")
    wanted = [(g, [v for v in g.variants if not names or v.name in names]) for g in groups]
    return [(group, variants) for group, variants in wanted if variants]


def _plan(group: Group, options: argparse.Namespace) -> Plan:
    trials = tuple(t for t in group.trials if not options.trial or options.trial in t.name)
    if not trials:
        names = ", ".join(trial.name for trial in group.trials)
        raise ConfigurationError(f"{group.name}: no trial is left of: {names}")
    return Plan(tuple(options.seeds), options.steps, options.robots, trials, tuple(options.set))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ts-ablation", description=__doc__)
    parser.add_argument("group", nargs="?", choices=("blind", "belief"), help="default: both")
    parser.add_argument("--list", action="store_true", help="list the variants")
    parser.add_argument(
        "--variant", action="append", default=[], metavar="NAME", help="only this; may be repeated"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=list(Plan.seeds))
    parser.add_argument(
        "--steps", type=int, default=Plan.steps, help="of every training, or of every student"
    )
    parser.add_argument("--robots", type=int, default=Plan.robots, help="per trial")
    parser.add_argument("--trial", help="only trials whose name contains this")
    parser.add_argument(
        "--set", action="append", default=[], metavar="PATH=VALUE", help="change every task"
    )
    parser.add_argument(
        "--teacher",
        default="",
        help="of all belief variants, trained: a bundle by name, its folder, or one of ts-train;"
        f" default: {ablation_belief.TEACHER}",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("out/ablation"), help="each group in a folder of its own"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
