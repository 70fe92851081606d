"""The trot clock: a phase the policy can see, which stops when no motion is commanded."""

import numpy as np

from ts_locomotion.robot import Array

# Legs FR, FL, RR, RL: the diagonal pairs FR+RL and FL+RR swing in turn.
LEG_PHASE = np.array([0.0, 0.5, 0.5, 0.0])
MOVING = 0.1
"""Norm of a velocity command above which it asks for motion."""


def advance(phase: Array, moving: Array, frequency_hz: float, step_time: float) -> Array:
    """The phase one control step later, in [0, 1); at rest 0 while not `moving`. Shape (...)."""
    return np.where(moving, (phase + frequency_hz * step_time) % 1.0, 0.0)


def clock(phase: Array, moving: Array) -> Array:
    """Sine and cosine of the phase; (0, 0) tells the policy to stand. Shape (..., 2)."""
    angle = 2 * np.pi * np.asarray(phase)
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1) * np.asarray(moving)[..., None]


def read(clock: Array) -> tuple[Array, Array]:
    """Phase and moving that a `clock` (..., 2) tells. Shapes (...) and (...)."""
    sine, cosine = np.moveaxis(np.asarray(clock), -1, 0)
    return np.arctan2(sine, cosine) / (2 * np.pi) % 1.0, np.hypot(sine, cosine) > 0.5


def leg_phases(phase: Array) -> Array:
    """Phase of each leg in [0, 1): swing in the first half, then stance. Shape (..., F)."""
    return (np.asarray(phase)[..., None] + LEG_PHASE) % 1.0


def is_moving(command: Array) -> Array:
    """Whether a command (..., 3) asks for motion. Shape (...)."""
    return np.linalg.norm(command, axis=-1) > MOVING
