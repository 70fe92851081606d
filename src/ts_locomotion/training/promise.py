"""The part of a bundle that does not depend on the method of its training."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import nn

from ts_locomotion import bundle
from ts_locomotion.contract import Contract, Gait
from ts_locomotion.simulation.environment import EnvironmentConfig
from ts_locomotion.training.onnx_graph import Graph


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


def graphs(contract: Contract, belief: nn.Module, policy: nn.Module) -> tuple[Graph, Graph]:
    """The two networks of a bundle, with the ports that its contract promises."""
    sensed, believed = bundle.belief_ports(contract)
    observed, acted = bundle.policy_ports(contract)
    return (
        Graph("belief.onnx", belief, sensed, tuple(believed)),
        Graph("policy.onnx", policy, observed, tuple(acted)),
    )
