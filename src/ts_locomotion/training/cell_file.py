"""The file of an evaluation: what a run judges joins what earlier runs left there."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ts_locomotion.training.belief_evaluate import SeeingCell
from ts_locomotion.training.course import Cell

AnyCell = TypeVar("AnyCell", Cell, SeeingCell)


def write(path: Path, parts: Mapping[str, Sequence[Cell | SeeingCell]]) -> None:
    """Cells as JSON; what is not a number is null."""
    told = {
        name: [{key: _plain(value) for key, value in c._asdict().items()} for c in cells]
        for name, cells in parts.items()
    }
    path.write_text(json.dumps(told, indent=1) + "\n")


def join(path: Path, part: str, cells: Sequence[AnyCell]) -> list[AnyCell]:
    """Put cells into a part of a file in place of their like; returns all of that part.

    A file that is damaged, or knows nothing of the policy of the first cell, is replaced.
    """
    parts = _read(path, type(cells[0]))
    if cells[0].policy not in {cell.policy for kept in parts.values() for cell in kept}:
        parts = {}
    before = {_place(cell): cell for cell in parts.get(part, [])}
    now = {_place(cell): cell for cell in cells}
    # A whole table keeps its own order, a few cells that of the table which they enter.
    joined = list((before | now if before.keys() - now.keys() else now).values())
    write(path, {"cells": [], **parts, part: joined})
    return joined


def _read(path: Path, kind: type[AnyCell]) -> dict[str, list[AnyCell]]:
    try:
        told = json.loads(path.read_text())
        return {name: [_cell(kind, cell) for cell in cells] for name, cells in told.items()}
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return {}


def _cell(kind: type[AnyCell], told: Mapping[str, Any]) -> AnyCell:
    return kind(**{name: _value(value) for name, value in told.items()})


def _place(cell: Cell | SeeingCell) -> tuple:
    """Which cell of a table it is, however many robots it counts."""
    if isinstance(cell, Cell):
        return cell.policy, cell.trial
    return cell.policy, cell.terrain, cell.height_m, cell.regime


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _value(plain: Any) -> Any:
    if plain is None:
        return math.nan
    return tuple(plain) if isinstance(plain, list) else plain
