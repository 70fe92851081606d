"""The policy stage: observation and belief in, joint targets out."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ts_locomotion import action, observation
from ts_locomotion.bundle import Bundle
from ts_locomotion.errors import InvalidInput
from ts_locomotion.robot import Array


class PolicyOutput(NamedTuple):
    """What the policy wants of B robots."""

    action: NDArray[np.float32]  # (B, A) the network's raw output
    positions: NDArray[np.float32]  # (B, J) joint targets [rad]


class PolicyStage:
    """What the policy node does between receiving a belief and publishing joint targets."""

    def __init__(self, bundle: Bundle) -> None:
        self._contract = contract = bundle.contract
        places = observation.layout(contract.policy_observation)
        # Without a clock there is none that the action could mean.
        self._clock = places.get("gait_clock", slice(0))
        self._network = bundle.policy

    def step(self, policy_observation: Array, belief: Array) -> PolicyOutput:
        """Joint targets for shapes (B, N), (B, D). Raises InvalidInput if not finite."""
        inputs = {"observation": policy_observation, "belief": belief}
        raw = self._network.run(inputs)["action"]
        if not np.isfinite(raw).all():
            raise InvalidInput("policy: the action is not finite")
        clock = np.asarray(policy_observation)[:, self._clock]
        targets = action.joint_targets(self._contract, raw, clock)
        return PolicyOutput(raw, targets.astype(np.float32))
