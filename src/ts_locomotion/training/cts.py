"""Concurrent teacher-student PPO (CTS, Wang et al., arXiv 2405.10830).

Teachers and students walk beside each other on every kind of terrain and share policy, critic and
action noise. Teachers act with the privilege encoder's latent, students with the history
encoder's, and reinforcement learning takes the samples of both. From those of students its
gradient reaches policy and critic but no encoder: the history encoder, and with exteroception what
encodes the student's scans, learn by reconstruction alone. A departure: where the paper shares out
the terrains, here each kind of ground is shared out, but every robot earns its own level on it, so
that teachers may come to walk higher levels than students.
"""

import torch
from rsl_rl.models import MLPModel
from rsl_rl.storage import RolloutStorage
from tensordict import TensorDict
from torch import Tensor

from ts_locomotion.errors import ConfigurationError
from ts_locomotion.simulation.curriculum import Indices
from ts_locomotion.training.mirrored_ppo import Rollout
from ts_locomotion.training.networks import TeacherStudentActor
from ts_locomotion.training.teacher_student import TeacherStudentPPO, interleaved


class ConcurrentPPO(TeacherStudentPPO):
    """PPO of teachers and students, each judged within its group."""

    def __init__(
        self,
        actor: TeacherStudentActor,
        critic: MLPModel,
        storage: RolloutStorage,
        *,
        student_weight: float,
        **kwargs,
    ) -> None:
        """A student's sample counts `student_weight` times a teacher's in the surrogate."""
        super().__init__(actor, critic, storage, **kwargs)
        steps = storage.num_transitions_per_env
        self.from_student = self.guided.expand(steps, -1, -1).flatten(0, 1)  # (T * B, 1)
        self.weights = torch.where(self.from_student[:, 0], student_weight, 1.0)

    def _judged(self) -> tuple[Tensor, ...]:
        return self.guided[:, 0], ~self.guided[:, 0]

    def _remembered(self) -> Tensor:
        return self.students

    def _own_samples(self) -> Tensor:
        return self._all_samples()

    def _batches(self, epochs: int, samples: Tensor):
        """Mini-batches that hold the same share of each group."""
        students = self.from_student[samples, 0]
        for _ in range(epochs):
            parts = [
                group[torch.randperm(len(group))].tensor_split(self.num_mini_batches)
                for group in (samples[~students], samples[students])
            ]
            yield from (torch.cat(pair) for pair in zip(*parts, strict=True))

    def _needs_known(self) -> bool:
        return True

    def _seen(self, rollout: Rollout, batch: Tensor, mirrored: Tensor) -> TensorDict:
        obs = super()._seen(rollout, batch, mirrored)
        obs["student"] = self.from_student[batch]
        return obs

    def _surrogate(self, rollout: Rollout, batch: Tensor, actions: Tensor) -> Tensor:
        weights = self.weights[batch]
        return (weights * self._surrogates(rollout, batch, actions)).sum() / weights.sum()

    def _regularization(self, obs: TensorDict) -> Tensor:
        """How far the teacher's latent is from what the student knows, where a student walks."""
        if not self.latent_regularization:
            return torch.zeros(())
        apart = torch.where(obs["student"], self.student.latent - obs["known"], 0.0).square()
        share = obs["student"].float().mean()
        return self.latent_regularization * apart.mean() / share


def stratified(share: float, ground: Indices) -> Tensor:
    """Numbers of the environments that are a `share` of those of each kind of `ground` (B,).

    Raises ConfigurationError where teachers or students are missing on a kind.
    """
    kinds = torch.as_tensor(ground)
    # Neighbours in this order are of one kind: every kind has its share, but for one robot.
    order = torch.argsort(kinds, stable=True)
    students = order[interleaved(share, len(order))].sort().values
    for kind in kinds.unique():
        robots, taught = int((kinds == kind).sum()), int((kinds[students] == kind).sum())
        if not 0 < taught < robots:
            raise ConfigurationError(
                f"algorithm.student_share: {share} given makes {taught} of the {robots} robots on "
                f"ground {kind} students, expected teachers and students on every ground"
            )
    return students
