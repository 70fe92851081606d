"""What PPO and StudentTrainer walk in: one robot, as the original has it, or many at once.

A single environment has `reset()`, which returns the states (proprio (N,), extero (F, P),
privileged (K,)), and `step(action)`, which returns (states, reward, done, info). An environment of
B robots has besides `num_envs`; its states, rewards and dones have a leading axis B, and it begins
new episodes by itself: the states it returns are those of the next episode where one ended.

`info` is None or a dictionary. "time_outs", bool of the shape of done, says which episodes were
cut off rather than finished; "final_states" may give the states such steps led to, without which
the states before are taken for them.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from ts_locomotion.errors import ConfigurationError, InvalidInput


class States(NamedTuple):
    """What there is to sense, for B robots."""

    proprio: Tensor  # (B, N)
    extero: Tensor  # (B, F, P)
    privileged: Tensor  # (B, K)


class Outcome(NamedTuple):
    """What follows an action of each of B robots."""

    states: States  # of the next episode where one ended
    rewards: Tensor  # (B,)
    dones: Tensor  # (B,) bool
    time_outs: Tensor  # (B,) bool, dones that were cut off
    final: States  # what the step led to


class MockEnv:
    """Noise to sense, noise as reward, and no end."""

    def __init__(
        self,
        proprio_dim: int,
        extero_dim: int,
        privileged_dim: int,
        num_legs: int = 4,
        num_envs: int | None = None,
    ) -> None:
        """A single robot, or `num_envs` of them."""
        self.proprio_dim, self.extero_dim = proprio_dim, extero_dim
        self.privileged_dim, self.num_legs, self.num_envs = privileged_dim, num_legs, num_envs
        self._lead = () if num_envs is None else (num_envs,)

    def rand_state(self) -> tuple[Tensor, Tensor, Tensor]:
        """Proprioception, exteroception, privileged state."""
        return (
            torch.randn(*self._lead, self.proprio_dim),
            torch.randn(*self._lead, self.num_legs, self.extero_dim),
            torch.randn(*self._lead, self.privileged_dim),
        )

    def reset(self) -> tuple[Tensor, Tensor, Tensor]:
        """The states at the beginning."""
        return self.rand_state()

    def step(self, action: Tensor) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor, Tensor, None]:
        """States, reward, done, nothing."""
        lead = self._lead or (1,)
        return self.rand_state(), torch.randn(lead), torch.zeros(lead, dtype=torch.bool), None


class Robots:
    """Any of both kinds of environment as one of B robots."""

    def __init__(self, env: Any, device: torch.device) -> None:
        number = getattr(env, "num_envs", None)
        if number is not None and number < 1:
            raise ConfigurationError(f"environment: num_envs {number} given, at least 1 wanted")
        self.env, self.device = env, device
        self.single, self.count = number is None, number or 1

    def reset(self) -> States:
        """States at the beginning."""
        return self._states(self.env.reset())

    def step(self, actions: Tensor, before: States) -> Outcome:
        """What follows actions (B,) or (B, A) taken in the states `before`.

        A single environment gets a vector: its only action's number in shape (1,), or (A,).
        """
        given = actions[0] if self.single and actions.ndim > 1 else actions
        told, reward, done, info = self.env.step(given)
        states, dones = self._states(told), self._row(done).bool()
        note = info if isinstance(info, dict) else {}
        time_outs = self._row(note.get("time_outs", torch.zeros(self.count))).bool() & dones
        if self.single:
            final = states
            states = self.reset() if bool(dones) else states
        else:
            final = self._states(note["final_states"]) if "final_states" in note else before
        return Outcome(states, self._row(reward).float(), dones, time_outs, final)

    def _states(self, told: Any) -> States:
        if len(told) != 3:
            raise InvalidInput(
                f"environment: {len(told)} states given, 3 wanted: {States._fields}"
            )
        tensors = [torch.as_tensor(part, dtype=torch.float32) for part in told]
        return States(*((part[None] if self.single else part).to(self.device) for part in tensors))

    def _row(self, told: Any) -> Tensor:
        row = torch.as_tensor(told, device=self.device).reshape(-1)
        if len(row) != self.count:
            raise InvalidInput(f"environment: {len(row)} rewards or dones for {self.count} robots")
        return row
