"""One-stage teacher-student PPO (RLvRL, https://github.com/Improbable-AI/rapid-locomotion-rl).

The policy acts with the privilege encoder's latent and PPO trains actor, critic and privilege
encoder. The history encoder learns the latent by regression, without a gradient into the teacher;
with exteroception from the noisy scans of the moment besides, where the teacher is told the true
ones. In a share of the environments the student acts: the regression needs the states that its own
errors lead to, reinforcement learning leaves them out.
"""

from collections.abc import Iterable, Iterator

import torch
from rsl_rl.models import MLPModel
from rsl_rl.storage import RolloutStorage
from tensordict import TensorDict
from torch import Tensor, nn

from ts_locomotion.training.mirrored_ppo import MirroredPPO, Rollout
from ts_locomotion.training.networks import Sights, TeacherStudentActor, sights
from ts_locomotion.training.recollection import recollection

AT_ONCE = 512
"""Items that are guessed at once: fresh memory for all of them costs more than the networks."""


class TeacherStudentPPO(MirroredPPO):
    """PPO over the teacher's latent, followed by the regression of the student's."""

    def __init__(
        self,
        actor: TeacherStudentActor,
        critic: MLPModel,
        storage: RolloutStorage,
        *,
        students: Tensor,
        encoder_learning_rate: float,
        encoder_epochs: int,
        latent_regularization: float,
        **kwargs,
    ) -> None:
        """`students` are the environments, in rising order, in which the student acts."""
        self.student = actor
        super().__init__(actor, critic, storage, **kwargs)
        self.encoder_epochs = encoder_epochs
        self.latent_regularization = latent_regularization
        self.students = students
        self.told = ("privileged", "scans") if actor.sight else ("privileged",)
        self.guided = torch.zeros(storage.num_envs, 1, dtype=torch.bool)
        self.guided[students] = True
        self.recollection = recollection(
            actor.history_encoder, self.mirror, storage, self._remembered(), students
        )
        # The recollection holds the past; of what was observed, the newest frame is enough.
        frame = storage.observations.pop("history")[:, :, -1]
        storage.observations["frame"] = frame.clone()
        self.encoder_optimizer = torch.optim.Adam(
            actor.student_parameters(), lr=encoder_learning_rate, fused=True
        )

    def act(self, obs: TensorDict) -> Tensor:
        """Sample actions (B, J), those of the students from the latent they can know."""
        felt = TensorDict(
            {**obs, "frame": obs["history"][:, -1], "student": self.guided}, obs.batch_size
        )
        known = torch.zeros(self.storage.num_envs, self.student.latent_size)
        guessed = self.recollection.guess(felt)
        if self.student.sight is not None:
            guessed = self.student.sight(guessed, sights(felt, self.students))
        known[self.students] = guessed
        felt["known"] = known
        actions = super().act(felt)
        self.transition.observations = felt.select(*self.storage.observations.keys())
        return actions

    def process_env_step(
        self, obs: TensorDict, rewards: Tensor, dones: Tensor, extras: dict[str, Tensor]
    ) -> None:
        """Record what an action led to."""
        super().process_env_step(obs, rewards, dones, extras)
        self.recollection.forget(dones)

    def compute_returns(self, obs: TensorDict) -> None:
        """Returns of all, advantages with mean 0 and deviation 1 in each group that is judged."""
        super().compute_returns(obs)
        stored = self.storage.advantages  # (T, B, 1)
        for group in self._judged():
            advantages = stored[:, group]
            stored[:, group] = (advantages - advantages.mean()) / (advantages.std() + 1e-8)

    def policy_parameters(self) -> Iterable[nn.Parameter]:
        """Parameters of the actor that reinforcement learning trains."""
        return self.student.policy_parameters()

    def save(self) -> dict:
        """State of networks (normalisers included), of both optimisers and of the past."""
        return super().save() | {
            "encoder_optimizer_state_dict": self.encoder_optimizer.state_dict(),
            "recollection": self.recollection.state(),
        }

    def load(self, loaded_dict: dict, load_cfg: dict | None = None, strict: bool = True) -> bool:
        """Restore what `save` returned."""
        self.encoder_optimizer.load_state_dict(loaded_dict["encoder_optimizer_state_dict"])
        self.recollection.restore(loaded_dict.get("recollection", {}))
        return super().load(loaded_dict, load_cfg, strict)

    def _judged(self) -> tuple[Tensor, ...]:
        """Masks (B,) of the environments that are judged among themselves: teachers alone."""
        return (~self.guided[:, 0],)

    def _remembered(self) -> Tensor:
        """Robots whose past the history encoder learns from."""
        return torch.arange(self.storage.num_envs)

    def _own_samples(self) -> Tensor:
        teachers = ~self.guided[:, 0].expand(self.storage.num_transitions_per_env, -1)
        return teachers.flatten().nonzero().squeeze(1)

    def _rollout(self) -> Rollout:
        rollout = super()._rollout()
        if self._needs_known():
            rollout.observations["known"] = self._known()
        return rollout

    def _needs_known(self) -> bool:
        """Whether reinforcement learning asks for the student's latents."""
        return self.latent_regularization > 0.0

    def _known(self) -> Tensor:
        """Latents of the student at all samples, as felt and in the mirror. Shape (B, 2, L).

        They stay what they are while the policy learns: the history encoder learns afterwards.
        """
        known = torch.zeros(len(self._all_samples()), 2, self.student.latent_size)
        self.cores.run(
            lambda: self._guess(known[:, 0], mirrored=False),
            lambda: self._guess(known[:, 1], mirrored=True),
        )
        return known

    def _guess(self, known: Tensor, mirrored: bool) -> None:
        """Fill in the latents (B, L) of the samples that are remembered."""
        with torch.no_grad():
            for items in self.recollection.items().split(AT_ONCE):
                latents = self._latents(items, mirrored)
                known[self.recollection.samples(items)] = latents

    def _latents(self, items: Tensor, mirrored: bool) -> Tensor:
        """The student's latents (M, L) at the samples of some items, as felt or in the mirror."""
        felt = self.recollection.latents(items, mirrored)
        if self.student.sight is None:
            return felt
        seen = sights(self.storage.observations.flatten(0, 1), self.recollection.samples(items))
        return self.student.sight(felt, self._reflected(seen) if mirrored else seen)

    def _reflected(self, seen: Sights) -> Sights:
        heights, valid = (self.mirror.reflect("scans", part) for part in seen[:2])
        return Sights(heights, valid, seen.map_age)

    def _seen(self, rollout: Rollout, batch: Tensor, mirrored: Tensor) -> TensorDict:
        obs = super()._seen(rollout, batch, mirrored)
        if self._needs_known():
            known = rollout.observations["known"][batch]
            obs["known"] = torch.where(mirrored, known[:, 1], known[:, 0])
        return obs

    def _regularization(self, obs: TensorDict) -> Tensor:
        """How far the teacher's latent is from what the student can know."""
        if not self.latent_regularization:
            return torch.zeros(())
        apart = (self.student.latent - obs["known"]).square()
        return self.latent_regularization * apart.mean()

    def _learn(self, rollout: Rollout) -> dict[str, float]:
        losses = super()._learn(rollout)
        errors = [self._learn_history(rollout, items) for items in self._lessons()]
        return losses | {"encoder": sum(errors) / len(errors)}

    def _lessons(self) -> Iterator[Tensor]:
        items = self.recollection.items()
        for _ in range(self.encoder_epochs):
            yield from items[torch.randperm(len(items))].chunk(self.num_mini_batches)

    def _learn_history(self, rollout: Rollout, items: Tensor) -> float:
        """One step of the history encoder on some items, half of them on each core."""
        # No sample needs masking at a reset: a recollection never spans two episodes.
        mirrored = bool(torch.rand(()) < self.mirror.share)
        total = len(self.recollection.samples(items))
        error = self.cores.descend(
            self.student.student_parameters(),
            items,
            lambda half: self._miss(rollout, half, mirrored, total),
        )
        self.encoder_optimizer.step()
        return error

    def _miss(
        self, rollout: Rollout, items: Tensor, mirrored: bool, total: int
    ) -> tuple[float, tuple[Tensor, ...]]:
        """What some items add to the mean error of `total` samples, and to its gradient."""
        samples = self.recollection.samples(items)
        told = [rollout.observations[name][samples] for name in self.told]
        if mirrored:
            told = [self.mirror.reflect(*part) for part in zip(self.told, told, strict=True)]
        with torch.no_grad():
            target = self.student.privilege_encoder(*told)
        guess = self._latents(items, mirrored)
        error = (guess - target).square().sum() / (total * target.shape[1])
        parameters = tuple(self.student.student_parameters())
        return error.item(), torch.autograd.grad(error, parameters)


def interleaved(share: float, count: int) -> Tensor:
    """Numbers of the environments that are a `share` of `count`, spread evenly."""
    return torch.arange(count)[
        (torch.arange(1, count + 1) * share).floor().diff(prepend=torch.zeros(1)) > 0
    ]
