"""The part of a bundle's contract that does not depend on the method of its training."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ts_locomotion.contract import Gait
from ts_locomotion.simulation.environment import EnvironmentConfig


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
