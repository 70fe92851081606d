"""From the policy's raw output to joint targets: the one way, in training and on the robot."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ts_locomotion import foot_trajectory, gait, robot
from ts_locomotion.errors import ConfigurationError, InvalidInput
from ts_locomotion.robot import Array

PARTS: Mapping[str, Mapping[str, int]] = {
    "joint_targets": {"joints": 12},
    "phase_residual": {"phase_offsets": 4, "joints": 12},
}
"""Names and sizes of the parts of an action, in order, by its kind."""
SETTINGS: Mapping[str, tuple[str, ...]] = {
    "joint_targets": (),
    "phase_residual": ("lift_height", "phase_scale"),
}
"""What else of an ActionForm its kind needs."""
OBSERVED: Mapping[str, str] = {
    "joint_targets": "last_action",
    "phase_residual": "last_phase_action",
}
"""The observation term that tells a policy its last action."""


@dataclass(frozen=True)
class ActionForm:
    """What the entries of an action mean. Raises ConfigurationError where they mean nothing."""

    kind: str = "joint_targets"
    """joint_targets: J offsets from the stand pose. phase_residual: F phase offsets of the legs
    and J offsets from the trot of foot_trajectory.py (Miki et al. 2022, supplement S5)."""
    lift_height: float = foot_trajectory.LIFT_HEIGHT
    """Of that trot [m]."""
    phase_scale: float = 0.25
    """Phase offset [rad] per unit of action. A control period at 2 Hz is 0.25 rad."""

    def __post_init__(self) -> None:
        if self.kind not in PARTS:
            raise ConfigurationError(
                f"action.kind: given {self.kind!r}, expected one of {sorted(PARTS)}"
            )
        for name in self.settings:
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise ConfigurationError(
                    f"action.{name}: given {value}, expected a finite number > 0"
                )

    @property
    def parts(self) -> Mapping[str, int]:
        """Names and sizes of the parts, in order."""
        return PARTS[self.kind]

    @property
    def size(self) -> int:
        """Length A of the action."""
        return sum(self.parts.values())

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of the numbers that matter."""
        return SETTINGS[self.kind]

    @property
    def observed(self) -> str:
        """The observation term that is the last action."""
        return OBSERVED[self.kind]

    def check_terms(self, terms: Sequence[str], acts: bool) -> None:
        """Raise ConfigurationError if these observation terms are for another kind of action.

        `acts`: they are all that a policy is told.
        """
        foreign = sorted(set(terms) & (set(OBSERVED.values()) - {self.observed}))
        if foreign:
            raise ConfigurationError(
                f"observed: given {foreign}, expected {self.observed} for {self.kind}"
            )
        if acts and self.kind == "phase_residual" and "gait_clock" not in terms:
            raise ConfigurationError(
                f"observed: given {list(terms)}, expected gait_clock too for {self.kind}"
            )


class Acting(Protocol):
    """What a contract and a training environment alike say of their actions."""

    @property
    def action(self) -> ActionForm:
        """What the entries mean."""
        ...

    @property
    def action_scale(self) -> Array | float:
        """Offset of a joint [rad] per unit of action."""
        ...

    @property
    def action_clip(self) -> float:
        """Actions beyond this magnitude are clipped."""
        ...


def joint_targets(acting: Acting, action: Array, clock: Array) -> Array:
    """Joint target positions [rad], within the joint limits. Shape (..., J).

    The action (..., A) is the policy's answer to an observation with this gait clock (..., 2); see
    gait.clock. Raises InvalidInput on another shape or a number that is not finite.
    """
    action = np.asarray(action)
    form = acting.action
    if action.shape[-1:] != (form.size,):
        raise InvalidInput(f"action has shape {action.shape}, expected (..., {form.size})")
    if not np.isfinite(action).all():
        raise InvalidInput("action has values that are not finite")
    clipped = np.clip(action, -acting.action_clip, acting.action_clip)
    offsets = acting.action_scale * clipped[..., -len(robot.JOINTS) :]
    return robot.within_limits(_CENTRES[form.kind](form, clipped, clock) + offsets)


def _stand_pose(form: ActionForm, action: Array, clock: Array) -> Array:
    del form, action, clock
    return robot.STAND_POSE


def _trot(form: ActionForm, action: Array, clock: Array) -> Array:
    """Joint positions of the trot; feet that are not told to move stand."""
    phase, moving = gait.read(clock)
    offsets = form.phase_scale / (2 * np.pi) * action[..., : len(robot.LEGS)]
    height = form.lift_height * moving[..., None]
    feet = foot_trajectory.feet_in_base(gait.leg_phases(phase) + offsets, height)
    return robot.joint_positions_at(feet)


# What the joint offsets are added to.
_CENTRES: Mapping[str, Callable[[ActionForm, Array, Array], Array]] = {
    "joint_targets": _stand_pose,
    "phase_residual": _trot,
}
