"""PPO whose samples train as themselves or as their mirror images, at two learning rates.

Actor and critic have a rate each: the actor's follows the KL divergence, the critic's is fixed.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import torch
from rsl_rl.algorithms import PPO
from rsl_rl.models import MLPModel
from rsl_rl.storage import RolloutStorage
from tensordict import TensorDict
from torch import Tensor, nn

from ts_locomotion.training.mirror import Mirror
from ts_locomotion.training.side_by_side import SideBySide

POLICY, CRITIC = 0, 1
"""Groups of the optimiser's parameters."""


class Rollout(NamedTuple):
    """Transitions of all environments and steps on one batch axis."""

    observations: TensorDict
    actions: Tensor  # (B, J)
    log_probabilities: Tensor  # (B,)
    distribution: tuple[Tensor, ...]  # mean and std, (B, J) each
    values: Tensor  # (B, 1)
    returns: Tensor  # (B, 1)
    advantages: Tensor  # (B,)


class Lesson(NamedTuple):
    """A mini-batch as policy and critic learn from it."""

    batch: Tensor  # (B,) numbers of its samples in the rollout
    mirrored: Tensor  # (B, 1) whether a sample trains as its mirror image
    observations: TensorDict
    actions: Tensor  # (B, J)


class MirroredPPO(PPO):
    """rsl_rl's PPO with left-right symmetry and normalisers that learn after the update."""

    def __init__(
        self,
        actor: MLPModel,
        critic: MLPModel,
        storage: RolloutStorage,
        *,
        mirror: Mirror,
        critic_learning_rate: float,
        learning_rate_bounds: Sequence[float],
        **kwargs,
    ) -> None:
        super().__init__(actor, critic, storage, **kwargs)
        self.mirror = mirror
        self.cores = SideBySide()
        self.lowest_rate, self.highest_rate = learning_rate_bounds
        self.optimizer = torch.optim.Adam(
            [
                {"params": list(self.policy_parameters()), "lr": self.learning_rate},
                {"params": list(critic.parameters()), "lr": critic_learning_rate},
            ],
            fused=True,
        )

    def policy_parameters(self) -> Iterable[nn.Parameter]:
        """Parameters of the actor that reinforcement learning trains."""
        return self.actor.parameters()

    def update(self) -> dict[str, float]:
        """Train on the stored rollout and forget it; returns mean losses of all mini-batches."""
        rollout = self._rollout()
        losses = self._learn(rollout)
        # Normalising with these samples earlier would shift the ratio and KL of their own update.
        self.cores.run(
            lambda: self.actor.update_normalization(rollout.observations),
            lambda: self.critic.update_normalization(rollout.observations),
        )
        self.storage.clear()
        return losses

    def _learn(self, rollout: Rollout) -> dict[str, float]:
        drawn = self._drawn()
        losses, lesson = [], self._lesson(rollout, next(drawn, None))
        while lesson:
            parts, lesson = self._learn_policy(rollout, lesson, next(drawn, None))
            losses.append(parts)
        names = ("surrogate", "entropy", "kl", "regularization", "value")
        return dict(zip(names, torch.tensor(losses).mean(0).tolist(), strict=True))

    def _rollout(self) -> Rollout:
        stored = self.storage
        assert stored.distribution_params is not None
        return Rollout(
            stored.observations.flatten(0, 1),
            stored.actions.flatten(0, 1),
            stored.actions_log_prob.flatten(),
            tuple(p.flatten(0, 1) for p in stored.distribution_params),
            stored.values.flatten(0, 1),
            stored.returns.flatten(0, 1),
            stored.advantages.flatten(),
        )

    def _all_samples(self) -> Tensor:
        """Indices of all transitions, those of one step together."""
        return torch.arange(self.storage.num_envs * self.storage.num_transitions_per_env)

    def _own_samples(self) -> Tensor:
        """Indices of the transitions that the trained policy acted in."""
        return self._all_samples()

    def _batches(self, epochs: int, samples: Tensor) -> Iterator[Tensor]:
        for _ in range(epochs):
            yield from samples[torch.randperm(len(samples))].chunk(self.num_mini_batches)

    def _drawn(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Samples of each mini-batch (B,) and which of them look in the mirror (B, 1)."""
        for batch in self._batches(self.num_learning_epochs, self._own_samples()):
            yield batch, torch.rand(len(batch), 1) < self.mirror.share

    def _lesson(self, rollout: Rollout, drawn: tuple[Tensor, Tensor] | None) -> Lesson | None:
        if drawn is None:
            return None
        batch, mirrored = drawn
        actions = self.mirror.actions(rollout.actions[batch], mirrored)
        return Lesson(batch, mirrored, self._seen(rollout, batch, mirrored), actions)

    def _learn_policy(
        self, rollout: Rollout, lesson: Lesson, following: tuple[Tensor, Tensor] | None
    ) -> tuple[tuple[float, ...], Lesson | None]:
        """One step of both networks. The critic's core, done first, prepares the next lesson."""
        self.optimizer.zero_grad()
        losses, (value, prepared) = self.cores.run(
            lambda: self._judge_policy(rollout, lesson),
            lambda: (self._judge_values(rollout, lesson), self._lesson(rollout, following)),
        )
        self.optimizer.step()
        return (*losses, value), prepared

    def _judge_policy(self, rollout: Rollout, lesson: Lesson) -> tuple[float, ...]:
        """Gradient of the actor's loss; its parts and the divergence."""
        self._foresee(lesson.observations)
        # Only samples as they were taken tell how far the policy has moved.
        kl = self._kl(rollout, lesson.batch, ~lesson.mirrored[:, 0])
        self._adapt_learning_rate(kl)
        surrogate = self._surrogate(rollout, lesson.batch, lesson.actions)
        entropy = self.actor.output_entropy.mean()
        penalty = self._regularization(lesson.observations)
        (surrogate - self.entropy_coef * entropy + penalty).backward()
        self._clip_gradient(POLICY)
        return surrogate.item(), entropy.item(), kl, penalty.item()

    def _judge_values(self, rollout: Rollout, lesson: Lesson) -> float:
        """Gradient of the critic's loss, and that loss."""
        loss = self._value_loss(rollout, lesson.batch, self.critic(lesson.observations))
        (self.value_loss_coef * loss).backward()
        self._clip_gradient(CRITIC)
        return loss.item()

    def _foresee(self, obs: TensorDict) -> None:
        """Let the actor tell how its actions are distributed; no action is drawn."""
        assert self.actor.distribution is not None
        self.actor.distribution.update(self.actor.mlp(self.actor.get_latent(obs)))

    def _regularization(self, _obs: TensorDict) -> Tensor:
        """A further loss on the policy, which has just acted on these observations."""
        return torch.zeros(())

    def _seen(self, rollout: Rollout, batch: Tensor, mirrored: Tensor) -> TensorDict:
        """What policy and critic learn from, in the mirror where `mirrored` (B, 1)."""
        return self.mirror.observations(self._inputs(rollout, batch), mirrored)

    def _inputs(self, rollout: Rollout, batch: Tensor) -> TensorDict:
        groups = {name: rollout.observations[name][batch] for name in self.mirror.groups}
        return TensorDict(groups, batch_size=[len(batch)])

    def _kl(self, rollout: Rollout, batch: Tensor, kept: Tensor) -> float:
        with torch.no_grad():
            old = tuple(p[batch] for p in rollout.distribution)
            divergence = self.actor.get_kl_divergence(old, self.actor.output_distribution_params)
            return divergence[kept].mean().item() if kept.any() else self.desired_kl

    def _adapt_learning_rate(self, kl: float) -> None:
        if kl > 2.0 * self.desired_kl:
            self.learning_rate = max(self.lowest_rate, self.learning_rate / 1.5)
        elif kl < self.desired_kl / 2.0:
            self.learning_rate *= 1.5
        self.learning_rate = min(self.highest_rate, self.learning_rate)
        self.optimizer.param_groups[POLICY]["lr"] = self.learning_rate

    def _surrogate(self, rollout: Rollout, batch: Tensor, actions: Tensor) -> Tensor:
        return self._surrogates(rollout, batch, actions).mean()

    def _surrogates(self, rollout: Rollout, batch: Tensor, actions: Tensor) -> Tensor:
        """Loss of each sample. Shape (B,)."""
        log_probability = self.actor.get_output_log_prob(actions)
        ratio = torch.exp(log_probability - rollout.log_probabilities[batch])
        clipped = ratio.clamp(1.0 - self.clip_param, 1.0 + self.clip_param)
        advantages = rollout.advantages[batch]
        return -torch.min(ratio * advantages, clipped * advantages)

    def _value_loss(self, rollout: Rollout, batch: Tensor, values: Tensor) -> Tensor:
        old, returns = rollout.values[batch], rollout.returns[batch]
        clipped = old + (values - old).clamp(-self.clip_param, self.clip_param)
        return torch.max((values - returns).square(), (clipped - returns).square()).mean()

    def _clip_gradient(self, group: int) -> None:
        nn.utils.clip_grad_norm_(self.optimizer.param_groups[group]["params"], self.max_grad_norm)
