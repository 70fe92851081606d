"""The end of a training: its bundle, scored, with what is needed to train on."""

import dataclasses
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ts_locomotion import bundle
from ts_locomotion.bundle import Bundle
from ts_locomotion.training import belief_evaluate, checkpoint, run
from ts_locomotion.training.belief_evaluate import REGIMES, SeeingCell
from ts_locomotion.training.cell_file import write
from ts_locomotion.training.countdown import Countdown
from ts_locomotion.training.course import Cell, Trial
from ts_locomotion.training.evaluate import TRIALS, evaluate, summary, table
from ts_locomotion.training.export import SCORES, export
from ts_locomotion.training.walkers import BundleWalker

SCORED = ("nominal", "blank")
"""Perceptions of the scores that travel with a bundle that sees; ts-eval knows more."""
KEPT = (run.RECORD, run.CHECKPOINT, *(f"{stage}/{run.CHECKPOINT}" for stage in run.LATER))


def publish(
    source: Path,
    folder: Path,
    count: int,
    trials: Sequence[Trial] | None = None,
    looks: Sequence[str] = SCORED,
) -> list[Cell] | list[SeeingCell]:
    """Export a run into a bundle folder, score it with `count` robots per cell, print the table.

    A bundle that sees is scored under the perceptions named in `looks`.
    Beside the bundle lie the scores in full and the checkpoints that a training can go on from.
    """
    contract = export(source, folder)
    for name in KEPT:
        _keep(source / name, folder / name)
    if count == 0:
        return []
    cells, scores, told = _score(bundle.load(folder), trials, count, looks)
    scored = bundle.write_contract(folder, dataclasses.replace(contract, scores=scores))
    write(folder / SCORES, {"cells": cells}, scored.files)
    print(told)
    return cells


def _keep(file: Path, kept: Path) -> None:
    """Copy a file that a training goes on from; where this run has none, nor has its bundle."""
    if not file.exists():
        kept.unlink(missing_ok=True)
        return
    kept.parent.mkdir(exist_ok=True)
    copy = shutil.copyfile if file.name == run.RECORD else checkpoint.pack
    copy(file, kept)


def _score(
    model: Bundle, trials: Sequence[Trial] | None, count: int, names: Sequence[str]
) -> tuple[list[Cell] | list[SeeingCell], Mapping[str, Any], str]:
    """Cells, what of them goes into the contract, and the table."""
    if not model.contract.exteroception:
        cells = [evaluate(model, trial, count) for trial in _counted(trials or TRIALS)]
        return cells, summary(cells), table(cells)
    walker, looks = BundleWalker(model), [look for look in REGIMES if look.name in names]
    seen = [
        cell
        for trial in _counted(trials or belief_evaluate.TRIALS)
        for cell in belief_evaluate.evaluate(walker, trial, count, perceptions=looks)
    ]
    return seen, belief_evaluate.summary(seen), belief_evaluate.table(seen)


def _counted(trials: Sequence[Trial]) -> Iterator[Trial]:
    """The trials, with word of each one that is done."""
    countdown = Countdown([trial.time for trial in trials])
    for trial in trials:
        yield trial
        countdown.done(trial.name)
