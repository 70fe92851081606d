"""The rewards of Miki et al. 2022 (supplement S7), as sums that anyone's environment can use.

Letters: B robots, F legs, P points per leg, J joints. The desired velocity is read as a direction
in the products of S7: only so do they agree with Lee et al. 2020, whose terms they are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import NamedTuple

import torch
from torch import Tensor


class Motion(NamedTuple):
    """One control step. Frame: base."""

    wanted_velocity: Tensor  # (B, 2) [m/s]
    wanted_turn: Tensor  # (B,) [rad/s]
    linear_velocity: Tensor  # (B, 3) [m/s]
    angular_velocity: Tensor  # (B, 3) [rad/s]
    swinging: Tensor  # (B, F) bool
    heights: Tensor  # (B, F, P) of the ground, relative to the foot [m]
    leg_collides: Tensor  # (B,) bool, shank or knee
    joint_velocities: Tensor  # (B, J) [rad/s]
    joint_accelerations: Tensor  # (B, J) [rad/s2]
    knee_positions: Tensor  # (B, F) [rad]
    joint_targets: Tensor  # (3, B, J) these, the last, the ones before [rad]
    torques: Tensor  # (B, J) [N m]
    foot_velocities: Tensor  # (B, F, 3) [m/s]
    contacts: Tensor  # (B, F) bool


@dataclass(frozen=True)
class Weights:
    """Of the terms, as printed."""

    linear_velocity: float = 0.75
    angular_velocity: float = 0.75
    linear_orthogonal: float = 0.75
    body_motion: float = 1.0
    foot_clearance: float = 0.003
    shank_collision: float = 0.1
    joint_motion: float = 0.001
    joint_constraint: float = 0.08
    target_smoothness: float = 0.003
    torque: float = 1e-6
    slip: float = 0.003


@dataclass(frozen=True)
class Shape:
    """Constants inside the terms."""

    factor: float = 1.0
    """c_k, which grows while training goes on; see next_factor."""
    highest_lift: float = 0.2
    """A foot further above all ground around it is lifted too high [m]; ANYmal's."""
    knee_limit: float = 0.0
    """Knees bent less than this are penalised [rad]; the paper gives no number."""


def judge(motion: Motion, weights: Weights, shape: Shape) -> tuple[Tensor, dict[str, Tensor]]:
    """Reward (B,) and its weighted terms."""
    terms = {
        field.name: getattr(weights, field.name) * TERMS[field.name](motion, shape)
        for field in fields(weights)
    }
    return torch.stack(tuple(terms.values())).sum(0), terms


def next_factor(factor: float) -> float:
    """c_k one training episode later; from a start between 0 and 1 it approaches 1 (S4)."""
    return factor**0.98


def _direction(motion: Motion) -> tuple[Tensor, Tensor]:
    """Of the desired velocity (B, 2), zero where none is, and its size (B,)."""
    speed = motion.wanted_velocity.norm(dim=1)
    return motion.wanted_velocity / speed.clamp(min=1e-6)[:, None], speed


def _pursuit(along: Tensor, wanted: Tensor, still: Tensor) -> Tensor:
    """1 from the wanted speed on, less below it; without a command the `still` cost counts."""
    moving = torch.where(along > wanted, 1.0, torch.exp(-(along - wanted).square()))
    return torch.where(wanted > 0.0, moving, torch.exp(-still))


def _linear_velocity(motion: Motion, _: Shape) -> Tensor:
    direction, speed = _direction(motion)
    velocity = motion.linear_velocity[:, :2]
    return _pursuit((direction * velocity).sum(1), speed, velocity.square().sum(1))


def _angular_velocity(motion: Motion, _: Shape) -> Tensor:
    turn, wanted = motion.angular_velocity[:, 2], motion.wanted_turn
    return _pursuit(turn * wanted.sign(), wanted.abs(), turn.square())


def _linear_orthogonal(motion: Motion, _: Shape) -> Tensor:
    direction, _speed = _direction(motion)
    velocity = motion.linear_velocity[:, :2]
    along = (direction * velocity).sum(1, keepdim=True)
    return torch.exp(-3.0 * (velocity - along * direction).square().sum(1))


def _body_motion(motion: Motion, _: Shape) -> Tensor:
    rolling = motion.angular_velocity[:, :2].abs().sum(1)
    return -1.25 * motion.linear_velocity[:, 2].square() - 0.4 * rolling


def _foot_clearance(motion: Motion, shape: Shape) -> Tensor:
    too_high = motion.heights.amax(dim=2) < -shape.highest_lift
    return -(motion.swinging & too_high).float().sum(1)


def _joint_motion(motion: Motion, shape: Shape) -> Tensor:
    speed, acceleration = motion.joint_velocities.square(), motion.joint_accelerations.square()
    return -shape.factor * (0.01 * speed + acceleration).sum(1)


def _joint_constraint(motion: Motion, shape: Shape) -> Tensor:
    return -(motion.knee_positions - shape.knee_limit).clamp(min=0.0).square().sum(1)


def _target_smoothness(motion: Motion, shape: Shape) -> Tensor:
    now, last, before = motion.joint_targets
    change, bend = now - last, now - 2.0 * last + before
    return -shape.factor * (change.square() + bend.square()).sum(1)


def _slip(motion: Motion, shape: Shape) -> Tensor:
    speed = motion.foot_velocities.square().sum(2)
    return -shape.factor * (motion.contacts * speed).sum(1)


TERMS: Mapping[str, Callable[[Motion, Shape], Tensor]] = {
    "linear_velocity": _linear_velocity,
    "angular_velocity": _angular_velocity,
    "linear_orthogonal": _linear_orthogonal,
    "body_motion": _body_motion,
    "foot_clearance": _foot_clearance,
    "shank_collision": lambda motion, shape: -shape.factor * motion.leg_collides.float(),
    "joint_motion": _joint_motion,
    "joint_constraint": _joint_constraint,
    "target_smoothness": _target_smoothness,
    "torque": lambda motion, shape: -shape.factor * motion.torques.square().sum(1),
    "slip": _slip,
}
