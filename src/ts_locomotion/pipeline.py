"""The stages as one object: the reference that the ROS graph must match number for number."""

from typing import NamedTuple

import numpy as np

from ts_locomotion.belief import BeliefStage, BeliefState, BeliefTick, Scans
from ts_locomotion.bundle import Bundle
from ts_locomotion.observation import Proprioception
from ts_locomotion.policy import PolicyOutput, PolicyStage
from ts_locomotion.robot import Array


class PipelineState(NamedTuple):
    """What B robots remember from one control tick to the next."""

    belief: BeliefState
    last_action: Array  # (B, A) the policy's raw output


class PipelineOutput(NamedTuple):
    """What one control tick computed for B robots."""

    believed: BeliefTick
    policy: PolicyOutput


class Pipeline:
    """Belief and policy of one bundle; perception gives the scans (see perception.foot_scans)."""

    def __init__(self, bundle: Bundle) -> None:
        self._action_size = bundle.contract.action.size
        self._belief = BeliefStage(bundle)
        self._policy = PolicyStage(bundle)

    def initial_state(self, batch: int = 1) -> PipelineState:
        """The state on entering control."""
        still = np.zeros((batch, self._action_size), dtype=np.float32)
        return PipelineState(self._belief.initial_state(batch), still)

    def step(
        self,
        state: PipelineState,
        sensed: Proprioception,
        velocity_command: Array,
        scans: Scans | None = None,
        command_age: Array | float = 0.0,
    ) -> tuple[PipelineOutput, PipelineState]:
        """One control tick of B robots; arguments as of BeliefStage.step.

        Raises InvalidInput when anything is not finite; `state` then stays the one to use.
        """
        believed, belief_state = self._belief.step(
            sensed, velocity_command, command_age, state.last_action, scans, state.belief
        )
        wanted = self._policy.step(believed.observation, believed.output.belief)
        return PipelineOutput(believed, wanted), PipelineState(belief_state, wanted.action)
