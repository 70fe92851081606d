"""Proximal policy optimisation of the teacher (Schulman et al. 2017; Miki et al. 2022, S3)."""

import math
from collections import defaultdict
from typing import Any

import torch
from torch import Tensor, nn

from ts_locomotion.errors import ConfigurationError
from ts_locomotion.training.anymal.advantage import (
    calc_generalized_advantage_estimate,
    clipped_surrogate,
    clipped_value_loss,
    normalize,
)
from ts_locomotion.training.anymal.environments import MockEnv, Outcome, Robots, States
from ts_locomotion.training.anymal.memory import Memory
from ts_locomotion.training.anymal.walk import Walk
from ts_locomotion.training.anymal.wrapper import Anymal

__all__ = ["PPO", "MockEnv", "calc_generalized_advantage_estimate", "clipped_value_loss"]

CACHED_ROWS = 1250
"""A gradient is summed over pieces that fit into the cache: a quarter faster than all at once."""


class PPO(nn.Module):
    """Call it for one episode of a single robot, or `max_timesteps` of many, and their learning.

    Steps are remembered from call to call, so that short episodes teach as long ones do.
    """

    def __init__(
        self,
        *,
        env: Any,
        anymal: Anymal,
        epochs: int = 2,
        lr: float = 5e-4,
        betas: tuple[float, float] = (0.9, 0.999),
        eps_clip: float = 0.2,
        beta_s: float = 0.005,
        value_clip: float = 0.4,
        max_timesteps: int = 10000,
        update_timesteps: int = 5000,
        lam: float = 0.95,
        gamma: float = 0.996,
        minibatch_size: int = 8300,
        lr_decay: float = 0.9999,
        max_grad_norm: float = 1.0,
    ) -> None:
        """`update_timesteps` counts the steps of all robots; the rate decays at each update."""
        super().__init__()
        _positive(epochs=epochs, max_timesteps=max_timesteps, minibatch_size=minibatch_size)
        _positive(update_timesteps=update_timesteps)
        self.anymal, self.epochs, self.minibatch_size = anymal, epochs, minibatch_size
        self.lam, self.gamma, self.max_grad_norm = lam, gamma, max_grad_norm
        self.beta_s, self.eps_clip, self.value_clip = beta_s, eps_clip, value_clip
        self.optimizer = torch.optim.Adam(
            anymal.teacher.parameters(), lr=lr, betas=betas, fused=True
        )
        self.schedule = torch.optim.lr_scheduler.ExponentialLR(self.optimizer, lr_decay)
        self.robots = Robots(env, next(anymal.parameters()).device)
        self.memory = Memory(math.ceil(update_timesteps / self.robots.count))
        self.walk = Walk(self.robots, max_timesteps)

    def forward(self) -> dict[str, float]:
        """Means of this call: reward per step, and the losses if there was an update."""
        told: dict[str, list[float]] = defaultdict(list)
        for outcome in self.walk(self._act):
            told["reward"].append(float(outcome.rewards.mean()))
            self._remember(outcome)
            if self.memory.full:
                for name, loss in self.learn(self._value(outcome.states)).items():
                    told[name].append(loss)
                self.memory.clear()
        return {name: sum(values) / len(values) for name, values in told.items()}

    def learn(self, next_values: Tensor) -> dict[str, float]:
        """Learn from what is remembered, which went on with values (B,); returns mean losses."""
        memory = self.memory
        values = torch.cat((memory["values"], next_values[None]))
        masks = 1.0 - memory["dones"].float()
        returns = calc_generalized_advantage_estimate(
            memory["rewards"], values, masks, self.gamma, self.lam
        )
        batch = {name: tensor.flatten(0, 1) for name, tensor in memory.all().items()}
        batch["returns"] = returns.flatten()
        batch["advantages"] = normalize(batch["returns"] - batch["values"])
        losses = []
        for _ in range(self.epochs):
            order = torch.randperm(len(batch["returns"]), device=returns.device)
            for rows in order.split(self.minibatch_size):
                losses.append(self._step(batch, rows))
        self.schedule.step()
        policy, value, entropy = torch.stack(losses).mean(0).tolist()
        return {"policy_loss": policy, "value_loss": value, "entropy": entropy}

    def _step(self, batch: dict[str, Tensor], rows: Tensor) -> Tensor:
        """One step of the optimiser on some rows of a batch; returns the losses."""
        self.optimizer.zero_grad()
        total = torch.zeros(3, device=rows.device)
        for piece in rows.split(CACHED_ROWS):
            losses = self._losses({name: part[piece] for name, part in batch.items()})
            losses = torch.stack(losses) * len(piece) / len(rows)
            policy, value, entropy = losses
            (policy + value - self.beta_s * entropy).backward()
            total += losses.detach()
        nn.utils.clip_grad_norm_(self.anymal.teacher.parameters(), self.max_grad_norm)
        self.optimizer.step()
        return total

    def _losses(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Of policy and value, and the entropy."""
        distribution, values = self.anymal.teacher(
            batch["proprio"],
            batch["extero"],
            batch["privileged"],
            return_value_head=True,
            return_action_dist=True,
        )
        log_probs = distribution.log_prob(batch["actions"])
        policy = clipped_surrogate(
            log_probs, batch["log_probs"], batch["advantages"], self.eps_clip
        )
        value = clipped_value_loss(values, batch["returns"], batch["values"], self.value_clip)
        return policy, value, distribution.entropy().mean()

    @torch.no_grad()
    def _act(self, states: States) -> Tensor:
        """Actions for states, kept beside what led to them."""
        self.anymal.push(states)
        # The networks learn from what they saw: statistics go on changing.
        seen = self.anymal.normalize(states)
        distribution, values = self.anymal.teacher(
            *seen, return_value_head=True, return_action_dist=True
        )
        actions = distribution.sample()
        self._acted = seen._asdict() | {
            "actions": actions,
            "log_probs": distribution.log_prob(actions),
            "values": values,
        }
        return actions

    def _remember(self, outcome: Outcome) -> None:
        """Episodes that were cut off would have gone on: their last reward holds the rest."""
        rewards = outcome.rewards
        if bool(outcome.time_outs.any()):
            rewards = rewards + self.gamma * outcome.time_outs * self._value(outcome.final)
        self.memory.append(**self._acted, rewards=rewards, dones=outcome.dones)

    @torch.no_grad()
    def _value(self, states: States) -> Tensor:
        """Of states (B,)."""
        return self.anymal.forward_teacher(*states, return_value_head=True)[1]


def _positive(**settings: int) -> None:
    for name, value in settings.items():
        if value < 1:
            raise ConfigurationError(f"{name}: {value} given, at least 1 wanted")
