"""One-stage teacher-student PPO (RLvRL, https://github.com/Improbable-AI/rapid-locomotion-rl).

The policy acts with the privilege encoder's latent and PPO trains actor, critic and privilege
encoder. The history encoder learns the latent by regression, without a gradient into the teacher.
In a share of the environments the student acts: the regression needs the states that its own
errors lead to, reinforcement learning leaves them out.
"""

from collections.abc import Iterable

import torch
from rsl_rl.models import MLPModel
from rsl_rl.storage import RolloutStorage
from tensordict import TensorDict
from torch import Tensor, nn

from ts_locomotion.training.mirrored_ppo import MirroredPPO, Rollout
from ts_locomotion.training.networks import TeacherStudentActor


class TeacherStudentPPO(MirroredPPO):
    """PPO over the teacher's latent, followed by the regression of the student's."""

    def __init__(
        self,
        actor: TeacherStudentActor,
        critic: MLPModel,
        storage: RolloutStorage,
        *,
        encoder_learning_rate: float,
        encoder_epochs: int,
        latent_regularization: float,
        student_share: float,
        **kwargs,
    ) -> None:
        self.student = actor
        super().__init__(actor, critic, storage, **kwargs)
        self.encoder_epochs = encoder_epochs
        self.latent_regularization = latent_regularization
        self.students = interleaved(student_share, storage.num_envs)
        self.encoder_optimizer = torch.optim.Adam(
            actor.history_encoder.parameters(), lr=encoder_learning_rate, fused=True
        )

    def act(self, obs: TensorDict) -> Tensor:
        """Sample actions (B, J), those of the students from the latent they can know."""
        actions = super().act(obs)
        if len(self.students):
            mean = self.student.act_as_student(obs[self.students])
            actions[self.students] = mean + self.actor.output_std[self.students] * torch.randn(
                mean.shape
            )
        return actions

    def policy_parameters(self) -> Iterable[nn.Parameter]:
        """Parameters of the actor that reinforcement learning trains."""
        return self.student.policy_parameters()

    def _learn(self, rollout: Rollout) -> dict[str, float]:
        losses = super()._learn(rollout)
        errors = [
            self._learn_history(rollout, batch)
            for batch in self._batches(self.encoder_epochs, self._all_samples())
        ]
        return losses | {"encoder": sum(errors) / len(errors)}

    def _own_samples(self) -> Tensor:
        own = torch.ones(self.storage.num_transitions_per_env, self.storage.num_envs)
        own[:, self.students] = 0.0
        return own.flatten().nonzero().squeeze(1)

    def _regularization(self, rollout: Rollout, batch: Tensor) -> Tensor:
        """How far the teacher's latent is from what the student can know."""
        if not self.latent_regularization:
            return torch.zeros(())
        with torch.no_grad():
            known = self.student.history_encoder(rollout.observations["history"][batch])
        latent = self.student.privilege_encoder(rollout.observations["privileged"][batch])
        return self.latent_regularization * (latent - known).square().mean()

    def _learn_history(self, rollout: Rollout, batch: Tensor) -> float:
        # No sample needs masking at a reset: a stored history never spans two episodes.
        history = rollout.observations["history"][batch]
        privileged = rollout.observations["privileged"][batch]
        if torch.rand(()) < self.mirror.share:
            history, privileged = self.mirror.history(history), self.mirror.privileged(privileged)
        with torch.no_grad():
            target = self.student.privilege_encoder(privileged)
        error = (self.student.history_encoder(history) - target).square().mean()
        self.encoder_optimizer.zero_grad()
        error.backward()
        self.encoder_optimizer.step()
        return error.item()

    def save(self) -> dict:
        """State of networks (normalisers included) and of both optimisers."""
        return super().save() | {
            "encoder_optimizer_state_dict": self.encoder_optimizer.state_dict()
        }

    def load(self, loaded_dict: dict, load_cfg: dict | None = None, strict: bool = True) -> bool:
        """Restore what `save` returned."""
        self.encoder_optimizer.load_state_dict(loaded_dict["encoder_optimizer_state_dict"])
        return super().load(loaded_dict, load_cfg, strict)


def interleaved(share: float, count: int) -> Tensor:
    """Numbers of the environments that are a `share` of `count`, spread evenly."""
    return torch.arange(count)[
        (torch.arange(1, count + 1) * share).floor().diff(prepend=torch.zeros(1)) > 0
    ]
