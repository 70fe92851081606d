"""The end of a training: its bundle, scored, with what is needed to train on."""

import dataclasses
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from ts_locomotion import bundle
from ts_locomotion.training import run
from ts_locomotion.training.course import Cell, Trial
from ts_locomotion.training.evaluate import TRIALS, evaluate, summary, table
from ts_locomotion.training.export import export

SCORES = "scores.json"


def publish(
    source: Path, folder: Path, count: int, trials: Sequence[Trial] = TRIALS, seed: int = 0
) -> list[Cell]:
    """Export a run into a bundle folder, score it with `count` robots per trial, print the table.

    Beside the bundle lie the scores in full and the checkpoint that a training can go on from.
    """
    contract = export(source, folder)
    for name in (run.CHECKPOINT, run.RECORD):
        shutil.copyfile(source / name, folder / name)
    if count == 0:
        return []
    model = bundle.load(folder)
    cells = [evaluate(model, trial, count, seed) for trial in trials]
    bundle.write_contract(folder, dataclasses.replace(contract, scores=summary(cells)))
    told = {"cells": [cell._asdict() for cell in cells]}
    (folder / SCORES).write_text(json.dumps(told, indent=1) + "\n")
    print(table(cells))
    return cells
