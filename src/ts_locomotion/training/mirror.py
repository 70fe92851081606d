"""Left-right symmetry: how each term of an observation looks in the mirror."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from tensordict import TensorDict
from torch import Tensor

from ts_locomotion.errors import ConfigurationError
from ts_locomotion.perception import SCAN_POINTS


class Reflection(NamedTuple):
    """The mirror image of a vector x is `sign * x[order]`."""

    order: list[int]
    sign: list[float]


def _signs(*sign: float) -> Reflection:
    return Reflection(list(range(len(sign))), list(sign))


def _swapped_legs(*sign_of_part: float) -> Reflection:
    """Legs FR FL RR RL trade places with their neighbours; each part of a leg has its sign."""
    parts = len(sign_of_part)
    order = [leg * parts + part for leg in (1, 0, 3, 2) for part in range(parts)]
    return Reflection(order, list(sign_of_part) * 4)


def _joined(*parts: Reflection) -> Reflection:
    """The reflection of vectors one after another."""
    starts = np.cumsum([0, *(len(part.order) for part in parts)])
    order = [
        int(start) + index
        for start, part in zip(starts, parts, strict=False)
        for index in part.order
    ]
    return Reflection(order, [sign for part in parts for sign in part.sign])


def _swapped_grids(points_per_side: int) -> Reflection:
    """Square height grids of the feet, x-major: each foot takes its neighbour's, y reversed."""
    grid = np.arange(points_per_side**2).reshape(points_per_side, points_per_side)[:, ::-1]
    order = [int(leg * grid.size + point) for leg in (1, 0, 3, 2) for point in grid.ravel()]
    return Reflection(order, [1.0] * len(order))


def _swapped_circles(points_of_circle: Sequence[int]) -> Reflection:
    """Foot scans: each foot takes its neighbour's; circles begin ahead and turn the other way."""
    starts = np.cumsum([0, *points_of_circle])
    foot = [
        int(start) + (-index) % count
        for start, count in zip(starts, points_of_circle, strict=False)
        for index in range(count)
    ]
    order = [leg * len(foot) + point for leg in (1, 0, 3, 2) for point in foot]
    return Reflection(order, [1.0] * len(order))


JOINTS = _swapped_legs(-1.0, 1.0, 1.0)
POLAR = _signs(1.0, -1.0, 1.0)
AXIAL = _signs(-1.0, 1.0, -1.0)

REFLECTIONS: Mapping[str, Reflection] = {
    "command": _signs(1.0, -1.0, -1.0),
    "projected_gravity": POLAR,
    "angular_velocity": AXIAL,
    "joint_positions": JOINTS,
    "joint_velocities": JOINTS,
    "last_action": JOINTS,
    # Offsets of the legs' phases: the other leg is as much ahead of its own clock.
    "last_phase_action": _joined(_swapped_legs(1.0), JOINTS),
    # The other diagonal pair swings: half a period later.
    "gait_clock": _signs(-1.0, -1.0),
    "friction": _signs(1.0),
    "added_mass": _signs(1.0),
    "com_shift": POLAR,
    "push": _signs(1.0, -1.0),
    "stiffness_scale": _signs(1.0),
    "damping_scale": _signs(1.0),
    "foot_clearances": _swapped_grids(3),
    "foot_normals": _swapped_legs(1.0, -1.0, 1.0),
    "linear_velocity": POLAR,
    "contacts": _swapped_legs(1.0),
    "scans": _swapped_circles(SCAN_POINTS),
    "foot_forces": _swapped_legs(1.0, -1.0, 1.0),
    "foot_friction": _swapped_legs(1.0),
    "thigh_contacts": _swapped_legs(1.0),
    "shank_contacts": _swapped_legs(1.0),
    "external_wrench": _signs(1.0, -1.0, 1.0, -1.0, 1.0, -1.0),
    "air_time": _swapped_legs(1.0),
}


def reflection(names: Sequence[str]) -> Reflection:
    """Reflection of the concatenated terms `names`."""
    unknown = sorted(set(names) - set(REFLECTIONS))
    if unknown:
        raise ConfigurationError(f"no mirror image of {unknown}; known: {sorted(REFLECTIONS)}")
    return _joined(*(REFLECTIONS[name] for name in names))


class _Map(NamedTuple):
    order: Tensor
    sign: Tensor

    def __call__(self, value: Tensor) -> Tensor:
        # Torch is five times as fast on the columns of a matrix as on the last axis of anything.
        rows = value.reshape(-1, value.shape[-1]).index_select(1, self.order)
        return rows.view(value.shape) * self.sign


def _map(names: Sequence[str]) -> _Map:
    order, sign = reflection(names)
    return _Map(torch.tensor(order), torch.tensor(sign))


class Mirror:
    """Replaces a share of the samples of a batch by their mirror images."""

    def __init__(
        self,
        layout: Mapping[str, Sequence[str]],
        share: float = 0.5,
        last_action: str = "last_action",
    ) -> None:
        """`layout` lists the terms of the groups policy, critic, privileged, history and others.

        Actions look in the mirror as the term `last_action` does.
        """
        self.share = share
        maps = {group: _map(names) for group, names in layout.items()}
        self.history = maps.pop("history")
        self._maps = maps
        self._action = _map([last_action])
        self.groups = tuple(maps)

    def observations(self, obs: TensorDict, mirrored: Tensor) -> TensorDict:
        """The groups of `obs` with the rows `mirrored` (B, 1) replaced by their images."""
        groups = {
            name: torch.where(mirrored, reflect(obs[name]), obs[name])
            for name, reflect in self._maps.items()
        }
        return TensorDict(groups, batch_size=obs.batch_size)

    def reflect(self, group: str, values: Tensor) -> Tensor:
        """The images of all values (..., N) of a group."""
        return self._maps[group](values)

    def actions(self, actions: Tensor, mirrored: Tensor) -> Tensor:
        """Actions (B, A) with the rows `mirrored` (B, 1) replaced by their images."""
        return torch.where(mirrored, self._action(actions), actions)
