"""The part of a bundle that does not depend on the method of its training."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import nn

from ts_locomotion import bundle
from ts_locomotion.contract import Contract, Gait
from ts_locomotion.errors import BundleMismatch, ConfigurationError
from ts_locomotion.simulation.environment import EnvironmentConfig
from ts_locomotion.simulation.height_noise import HeightNoise
from ts_locomotion.training.belief_tasks import BeliefTask
from ts_locomotion.training.onnx_graph import Graph
from ts_locomotion.training.ppo_settings import check_batches
from ts_locomotion.training.tasks import AnyTask


def promised(config: EnvironmentConfig, training: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of the contract that the environment decides, and the record of the training."""
    ranges = config.commands
    return {
        "action": config.action,
        "stiffness": np.full(12, config.stiffness),
        "damping": np.full(12, config.damping),
        "action_scale": np.full(12, config.action_scale),
        "action_clip": config.action_clip,
        "policy_observation": config.policy_terms,
        "command_limits": {
            "linear_x": ranges.linear_x,
            "linear_y": ranges.linear_y,
            "angular_z": ranges.angular_z,
        },
        "gait": Gait(config.gait_frequency_hz),
        "training": dict(training),
    }


def check(task: AnyTask) -> None:
    """Raises ConfigurationError for what only a later stage or the bundle would refuse."""
    _check_terms(task.environment)
    terms = task.environment.frame_terms
    sizes = {"state_size": 0, "belief_size": 1}
    try:
        told = promised(task.environment, {})
        Contract(name=task.name, task=task.name, belief_observation=terms, **sizes, **told)
    except BundleMismatch as error:
        raise ConfigurationError(f"environment: no bundle could promise {error}") from error
    if task.exteroception:
        HeightNoise(task.height_noise, 1)
    if isinstance(task, BeliefTask):
        _check_teachers(task)


def _check_terms(config: EnvironmentConfig) -> None:
    absent = [term for term in config.frame_terms if term not in config.policy_terms]
    if absent:
        raise ConfigurationError(
            f"environment.policy_terms: {list(config.policy_terms)} given, expected all of"
            f" environment.frame_terms, but {absent} are absent"
        )


def _check_teachers(task: BeliefTask) -> None:
    HeightNoise(task.misled.noise, 1)
    special = task.second_teacher
    if special:
        HeightNoise(special.misled.noise, 1)
        samples = task.environment.environments * special.steps_per_iteration
        check_batches(task.algorithm, samples)


def graphs(contract: Contract, belief: nn.Module, policy: nn.Module) -> tuple[Graph, Graph]:
    """The two networks of a bundle, with the ports that its contract promises."""
    sensed, believed = bundle.belief_ports(contract)
    observed, acted = bundle.policy_ports(contract)
    return (
        Graph("belief.onnx", belief, sensed, tuple(believed)),
        Graph("policy.onnx", policy, observed, tuple(acted)),
    )
