"""The belief stage: senses, command and foot scans in, belief and policy observation out."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ts_locomotion import command, gait, observation, perception
from ts_locomotion.bundle import Bundle
from ts_locomotion.command import CommandLimits
from ts_locomotion.errors import InvalidInput
from ts_locomotion.observation import Proprioception
from ts_locomotion.robot import Array

MAP_AGE_CEILING = 2.0
"""Ages beyond this look alike to the network, and so does having no map at all [s]."""

Floats = NDArray[np.float32]


class Scans(NamedTuple):
    """Foot scans of B robots, feet then points flattened."""

    heights: Array  # (B, F * P) terrain minus foot height [m]
    valid: NDArray[np.bool_]  # (B, F * P) whether the map knew the height
    map_age: Array  # (B,) [s]


class BeliefOutput(NamedTuple):
    """One step of the belief network; parts the bundle does not compute have size 0."""

    belief: Floats  # (B, D)
    state: Floats  # (B, S)
    gate: Floats  # (B, G) in [0, 1]
    heights: Floats  # (B, F * P) reconstructed, or (B, 0) [m]
    privileged: Floats  # (B, K) reconstructed, or (B, 0)


class BeliefRuntime:
    """The belief network of a bundle, its recurrent state passed in and handed back."""

    def __init__(self, bundle: Bundle) -> None:
        self._network = bundle.belief
        self._sees = bundle.contract.exteroception
        self._state_size = bundle.contract.state_size

    def initial_state(self, batch: int = 1) -> Floats:
        """The recurrent state on entering control. Shape (B, S)."""
        return np.zeros((batch, self._state_size), dtype=np.float32)

    def step(self, belief_observation: Array, scans: Scans | None, state: Array) -> BeliefOutput:
        """The belief after one control period. Shapes (B, N) and (B, S); no scans means blind.

        Raises InvalidInput when what comes out is not finite; `state` stays the one to use.
        """
        inputs = {"observation": belief_observation, "state": state}
        if self._sees:
            inputs |= network_scans(scans, len(belief_observation))
        outputs = self._network.run(inputs)
        absent = np.empty((len(belief_observation), 0), dtype=np.float32)
        if not np.isfinite(np.concatenate(list(outputs.values()), axis=1)).all():
            raise InvalidInput("belief: what the network believes is not finite")
        return BeliefOutput(
            outputs["belief"],
            outputs.get("state_out", absent),
            outputs.get("gate", absent),
            outputs.get("heights_out", absent),
            outputs.get("privileged", absent),
        )


def network_scans(scans: Scans | None, batch: int) -> dict[str, Floats]:
    """Scans as the networks see them: heights 0 where not valid, ages at most MAP_AGE_CEILING."""
    if scans is None:
        blank = np.zeros((batch, perception.SCAN_SIZE), dtype=np.float32)
        age = np.full((batch, 1), MAP_AGE_CEILING, dtype=np.float32)
        return {"heights": blank, "valid": blank, "map_age": age}
    valid = np.asarray(scans.valid, dtype=bool) & np.isfinite(scans.heights)
    # fmin takes the ceiling for an age that is not a number.
    age = np.maximum(np.fmin(scans.map_age, MAP_AGE_CEILING), 0.0)
    return {
        "heights": np.where(valid, scans.heights, 0.0).astype(np.float32),
        "valid": valid.astype(np.float32),
        "map_age": age.astype(np.float32)[:, None],
    }


class BeliefState(NamedTuple):
    """What the belief stage of B robots remembers from one control tick to the next."""

    recurrent: Floats  # (B, S)
    phase: Array  # (B,) of the gait, in [0, 1)
    velocity_command: Array  # (B, 3) conditioned


class BeliefTick(NamedTuple):
    """What the belief stage hands to the policy."""

    output: BeliefOutput
    observation: Floats  # (B, N) the policy's
    velocity_command: Array  # (B, 3) conditioned: v_x, v_y [m/s] and w_z [rad/s] in the base frame


class BeliefStage:
    """What the belief node does in one control tick."""

    def __init__(self, bundle: Bundle, limits: CommandLimits | None = None) -> None:
        self._contract = contract = bundle.contract
        self._limits = limits or command.limits_of(contract.command_limits)
        self._runtime = BeliefRuntime(bundle)
        # Every term is observed once, though both networks may ask for it.
        self._terms = tuple(
            dict.fromkeys(contract.policy_observation + contract.belief_observation)
        )
        self._for_belief = observation.columns(self._terms, contract.belief_observation)
        self._for_policy = observation.columns(self._terms, contract.policy_observation)

    def initial_state(self, batch: int = 1) -> BeliefState:
        """The state on entering control: nothing seen, phase 0, no motion commanded."""
        return BeliefState(
            self._runtime.initial_state(batch), np.zeros(batch), np.zeros((batch, 3))
        )

    def step(
        self,
        sensed: Proprioception,
        velocity_command: Array,
        command_age: Array | float,
        last_action: Array,
        scans: Scans | None,
        state: BeliefState,
    ) -> tuple[BeliefTick, BeliefState]:
        """One control tick of B robots.

        Velocity command (B, 3) as received and its age (B,) [s] at the robot state, infinite when
        there was none; last_action (B, A) the policy's raw answer to the tick before, zero at
        first, observed as clipped. Raises InvalidInput when anything is not finite; `state` then
        stays the one to use.
        """
        request = command.checked(velocity_command)
        conditioned = command.approach(
            state.velocity_command,
            command.wanted(request, command_age, self._limits),
            self._limits,
            self._contract.step_time,
        )
        moving = gait.is_moving(conditioned)
        clipped = np.clip(last_action, -self._contract.action_clip, self._contract.action_clip)
        observed = _observe(
            self._terms, (sensed, conditioned, clipped, gait.clock(state.phase, moving))
        )
        output = self._runtime.step(observed[:, self._for_belief], scans, state.recurrent)
        phase = gait.advance(
            state.phase, moving, self._contract.gait.frequency_hz, self._contract.step_time
        )
        return (
            BeliefTick(output, observed[:, self._for_policy], conditioned),
            BeliefState(output.state, phase, conditioned),
        )


def _observe(names: tuple[str, ...], terms: tuple[Proprioception, Array, Array, Array]) -> Floats:
    observed = observation.observe(names, *terms)
    if not np.isfinite(observed).all():
        finite = np.all(np.isfinite(observed), axis=0)
        bad = [n for n, part in observation.layout(names).items() if not finite[part].all()]
        raise InvalidInput(f"observation: {', '.join(bad)} not finite")
    return observed
