"""From the policy's raw output to joint targets."""

import numpy as np
from numpy.typing import NDArray

from ts_locomotion import robot
from ts_locomotion.contract import Contract
from ts_locomotion.errors import InvalidInput
from ts_locomotion.robot import Array


def joint_targets(contract: Contract, action: Array) -> NDArray[np.float32]:
    """Joint target positions [rad], within the joint limits. Shape (..., J).

    The action (..., J) is clipped to ±action_clip, scaled and added to the stand pose. Raises
    InvalidInput on another shape or a number that is not finite.
    """
    action = np.asarray(action)
    if action.shape[-1:] != (len(robot.JOINTS),):
        raise InvalidInput(f"action has shape {action.shape}, expected (..., {len(robot.JOINTS)})")
    if not np.isfinite(action).all():
        raise InvalidInput("action has values that are not finite")
    clipped = np.clip(action, -contract.action_clip, contract.action_clip)
    targets = contract.stand_pose + contract.action_scale * clipped
    return robot.within_limits(targets).astype(np.float32)
