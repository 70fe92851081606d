"""The file of an evaluation: what a run judges joins what earlier runs left there."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ts_locomotion.training import whole_file
from ts_locomotion.training.belief_evaluate import SeeingCell
from ts_locomotion.training.course import Cell

AnyCell = TypeVar("AnyCell", Cell, SeeingCell)


NETWORKS = "networks"
"""What a file knows of the policy besides its cells: the hashes of its networks, by file."""


def write(
    path: Path, parts: Mapping[str, Sequence[Cell | SeeingCell]], networks: Mapping[str, str]
) -> None:
    """Cells as JSON, and the hashes of the networks they are of; what is not a number is null."""
    cells = {
        name: [{key: plain(value) for key, value in c._asdict().items()} for c in part]
        for name, part in parts.items()
    }
    told = {NETWORKS: dict(networks), **cells}
    whole_file.write(path, json.dumps(told, indent=1) + "\n")


def read(path: Path, kind: type[AnyCell], networks: Mapping[str, str]) -> dict[str, list[AnyCell]]:
    """The parts of a file; none when it is damaged or of other networks."""
    try:
        told = json.loads(path.read_text())
        if told.pop(NETWORKS) != networks:
            return {}
        return {name: [_cell(kind, cell) for cell in cells] for name, cells in told.items()}
    except (FileNotFoundError, ValueError, TypeError, AttributeError, KeyError):
        return {}


def join(
    path: Path, part: str, cells: Sequence[AnyCell], networks: Mapping[str, str]
) -> list[AnyCell]:
    """Put cells into a part of a file in place of their like; returns all of that part.

    A file that is damaged, of other networks, or knows nothing of the policy of the first cell is
    replaced.
    """
    parts = read(path, type(cells[0]), networks)
    if cells[0].policy not in {cell.policy for kept in parts.values() for cell in kept}:
        parts = {}
    before = {_place(cell): cell for cell in parts.get(part, [])}
    now = {_place(cell): cell for cell in cells}
    # A whole table keeps its own order, a few cells that of the table which they enter.
    joined = list((before | now if before.keys() - now.keys() else now).values())
    write(path, {"cells": [], **parts, part: joined}, networks)
    return joined


def _cell(kind: type[AnyCell], told: Mapping[str, Any]) -> AnyCell:
    return kind(**{name: _value(value) for name, value in told.items()})


def _place(cell: Cell | SeeingCell) -> tuple:
    """Which cell of a table it is, however many robots it counts."""
    if isinstance(cell, Cell):
        return cell.policy, cell.trial
    return cell.policy, cell.terrain, cell.height_m, cell.regime


def plain(value: Any) -> Any:
    """A value as JSON knows it: null for what is not a number."""
    return None if isinstance(value, float) and math.isnan(value) else value


def _value(told: Any) -> Any:
    if told is None:
        return math.nan
    return tuple(told) if isinstance(told, list) else told
