"""What the course node writes down and the report is made of, as plain arrays."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ts_locomotion.robot import Array


@dataclass(frozen=True, eq=False)
class Recording:
    """N samples of a run at 50 Hz, and what the graph said of itself."""

    time: Array
    """Robot's time [s]. Shape (N,)."""
    position: Array
    """Base in world [m]. Shape (N, 3)."""
    orientation: Array
    """Base to world, w x y z. Shape (N, 4)."""
    velocity: Array
    """v_x, v_y [m/s] and w_z [rad/s] of the base, in base. Shape (N, 3)."""
    command: Array
    """The velocity asked for, likewise. Shape (N, 3)."""
    joint_positions: Array
    """[rad]. Shape (N, J)."""
    mode: Array
    """Numbers as in Mode.msg. Shape (N,)."""
    leg: Array
    """Index of the course's leg. Shape (N,)."""
    leg_names: tuple[str, ...]
    measured: Array
    """Ground minus foot height as the map had it [m], 0 where it did not. Shape (N, F, P).

    This and the next four have N = 0 when the robot did not look.
    """
    valid: NDArray[np.bool_]
    """Whether the map had it. Shape (N, F, P)."""
    believed: Array
    """Ground minus foot height as reconstructed [m]; NaN when it was not. Shape (N, F, P)."""
    gate: Array
    """How open the gate was for each foot, in [0, 1]; NaN without one. Shape (N, F)."""
    map_age: Array
    """Time since the map was measured [s], infinite without one. Shape (N,)."""
    box_centres: Array
    """Boxes of the ground, as far as the graph tells of them [m]. Shape (M, 3)."""
    box_half_sizes: Array
    """Shape (M, 3)."""
    box_quaternions: Array
    """Shape (M, 4)."""
    outcome: str
    """Why the course ended; `finished` when it went through."""
    complaints: tuple[str, ...]
    """What the supervisor said when the graph was not healthy during the course."""
    diagnostics: dict[str, dict[str, str]]
    """The last figures of each node by name."""

    @property
    def looked(self) -> bool:
        """Whether it tells what the robot saw and believed."""
        return len(self.map_age) > 0

    def save(self, path: Path) -> None:
        """Write to a .npz file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {name: _plain(value) for name, value in vars(self).items()}
        np.savez_compressed(path, **arrays)

    @staticmethod
    def load(path: Path) -> "Recording":
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            values: dict[str, Any] = {field.name: file[field.name] for field in fields(Recording)}
        for name in ("leg_names", "complaints"):
            values[name] = tuple(str(text) for text in values[name])
        values["outcome"] = str(values["outcome"])
        rows = values["diagnostics"]
        values["diagnostics"] = {str(node): {} for node, _, _ in rows}
        for node, key, value in rows:
            values["diagnostics"][str(node)][str(key)] = str(value)
        return Recording(**values)


def _plain(value: Any) -> NDArray[Any]:
    if isinstance(value, dict):
        rows = [(node, key, text) for node, items in value.items() for key, text in items.items()]
        return np.array(rows, dtype=np.str_).reshape(-1, 3)
    if isinstance(value, tuple):
        return np.array(value, dtype=np.str_)
    return np.asarray(value)
