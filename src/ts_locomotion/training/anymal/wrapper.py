"""Teacher and student under one roof, with the statistics that both see the world through."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from ts_locomotion.training.anymal.environments import States
from ts_locomotion.training.anymal.networks import Steps, Student, Teacher
from ts_locomotion.training.anymal.noise import HeightNoise
from ts_locomotion.training.anymal.running import RunningStats

CLIP = 10.0
"""Normalised observations further out look alike: an entry that never changed before may jump."""


class Losses(NamedTuple):
    """Of a student, means over steps and robots."""

    behaviour: Tensor
    privileged: Tensor
    extero: Tensor


class Anymal(nn.Module):
    """Takes observations as they are and normalises them; the statistics are saved with it.

    PPO gathers the statistics while it trains the teacher; for the student they are frozen.
    """

    def __init__(
        self,
        num_actions: int,
        proprio_dim: int = 133,
        extero_dim: int = 52,
        privileged_dim: int = 50,
        num_legs: int = 4,
        latent_extero_dim: int = 24,
        latent_privileged_dim: int = 24,
        teacher_extero_encoder_hidden: Sequence[int] = (80, 60),
        teacher_privileged_encoder_hidden: Sequence[int] = (64, 32),
        student_extero_gate_encoder_hiddens: Sequence[int] = (64, 64),
        student_belief_state_encoder_hiddens: Sequence[int] = (64, 64),
        student_belief_state_dim: int = 120,
        student_gru_num_layers: int = 2,
        student_gru_hidden_size: int = 50,
        student_privileged_decoder_hiddens: Sequence[int] = (64, 64),
        student_extero_decoder_hiddens: Sequence[int] = (64, 64),
        student_extero_encoder_hidden: Sequence[int] = (80, 60),
        mlp_hidden: Sequence[int] = (256, 160, 128),
        recon_loss_weight: float = 0.5,
        actions: str = "categorical",
        hiddens_layout: str | None = None,
    ) -> None:
        super().__init__()
        self.num_legs, self.proprio_dim, self.extero_dim = num_legs, proprio_dim, extero_dim
        self.recon_loss_weight = recon_loss_weight
        shared: dict[str, Any] = {
            "num_actions": num_actions,
            "proprio_dim": proprio_dim,
            "extero_dim": extero_dim,
            "latent_extero_dim": latent_extero_dim,
            "privileged_dim": privileged_dim,
            "mlp_hidden": mlp_hidden,
            "num_legs": num_legs,
            "actions": actions,
        }
        self.student = Student(
            **shared,
            extero_encoder_hidden=student_extero_encoder_hidden,
            belief_state_encoder_hiddens=student_belief_state_encoder_hiddens,
            extero_gate_encoder_hiddens=student_extero_gate_encoder_hiddens,
            belief_state_dim=student_belief_state_dim,
            gru_num_layers=student_gru_num_layers,
            gru_hidden_size=student_gru_hidden_size,
            privileged_decoder_hiddens=student_privileged_decoder_hiddens,
            extero_decoder_hiddens=student_extero_decoder_hiddens,
            hiddens_layout=hiddens_layout,
        )
        self.teacher = Teacher(
            **shared,
            extero_encoder_hidden=teacher_extero_encoder_hidden,
            latent_privileged_dim=latent_privileged_dim,
            privileged_encoder_hidden=teacher_privileged_encoder_hidden,
        )
        # Nothing is forgotten: they are frozen for the student, and the last hundred samples, two
        # steps of 64 robots, are not what it will meet.
        self.running_proprio = RunningStats(proprio_dim, beta=1.0)
        self.running_extero = RunningStats((num_legs, extero_dim), beta=1.0)
        self.running_privileged = RunningStats(privileged_dim, beta=1.0)

    def get_observation_running_stats(self) -> tuple[RunningStats, RunningStats]:
        """Those of proprioception and exteroception, which this module uses and saves."""
        return self.running_proprio, self.running_extero

    def init_student_with_teacher(self) -> None:
        """Begin as the teacher does, wherever it has the same part."""
        for name in ("extero_encoder", "to_logits", "to_action_head", "actions"):
            part = getattr(self.teacher, name).state_dict()
            getattr(self.student, name).load_state_dict(part)

    def push(self, states: States) -> None:
        """Take states into the statistics."""
        for stats, part in zip(self._stats(), states, strict=True):
            stats.push(part)

    def normalize(self, states: States) -> States:
        """States as both networks see them."""
        pairs = zip(self._stats(), states, strict=True)
        return States(*(seen(stats, part) for stats, part in pairs))

    def forward_teacher(
        self, proprio: Tensor, extero: Tensor, privileged: Tensor, *args: Any, **kwargs: Any
    ) -> Any:
        """Teacher.forward on observations as they are."""
        states = self.normalize(States(proprio, extero, privileged))
        return self.teacher(*states, *args, **kwargs)

    def forward_student(self, proprio: Tensor, extero: Tensor, *args: Any, **kwargs: Any) -> Any:
        """Student.forward on observations as they are; reconstructions are in their units, too."""
        felt, heights = seen(self.running_proprio, proprio), seen(self.running_extero, extero)
        found = self.student(felt, heights, *args, **kwargs)
        if len(found) == 2:
            return found
        answer, hiddens, (privileged, ground) = found
        told = self.running_privileged.inverse(privileged), self.running_extero.inverse(ground)
        return answer, hiddens, told

    def forward(
        self,
        proprio: Tensor,
        extero: Tensor,
        privileged: Tensor,
        teacher_states: tuple[Tensor, Tensor] | None = None,
        hiddens: Tensor | None = None,
        noise_strength: float = 0.1,
    ) -> tuple[Tensor, Tensor]:
        """Loss of the student, and its hidden states (B, L, H) after this step.

        `teacher_states` are proprioception and exteroception of the teacher where they differ.
        """
        noise = HeightNoise(len(extero), self.num_legs, device=extero.device)
        noisy = seen(self.running_extero, noise(extero, noise_strength))
        true = self.normalize(States(proprio, extero, privileged))
        told = true
        if teacher_states is not None:
            told = self.normalize(States(*teacher_states, privileged))
        with torch.no_grad():
            targets = self.teacher(*told)
        outputs, last, reconstructed = self.student(
            true.proprio, noisy, hiddens, return_estimated_info=True
        )
        steps = Steps(outputs, last, *reconstructed)
        return self.loss(self.losses(steps, targets, true)), last

    def losses(self, steps: Steps, targets: Tensor, true: States) -> Losses:
        """How far the student is from the teacher's outputs and from the normalised truth."""
        return Losses(
            self.student.actions.distance(steps.outputs, targets).mean(),
            mse_loss(steps.privileged, true.privileged),
            mse_loss(steps.extero, true.extero),
        )

    def loss(self, losses: Losses) -> Tensor:
        """Behaviour and weighted reconstruction (Miki et al. 2022, Methods)."""
        return losses.behaviour + self.recon_loss_weight * (losses.privileged + losses.extero)

    def _stats(self) -> tuple[RunningStats, RunningStats, RunningStats]:
        return self.running_proprio, self.running_extero, self.running_privileged


def seen(stats: RunningStats, observation: Tensor) -> Tensor:
    """An observation as the networks get it; as it is, while there are no statistics."""
    return normalized(stats, observation) if stats.count else observation


def normalized(stats: RunningStats, observation: Tensor) -> Tensor:
    """An observation with mean 0 and variance 1, and within reach."""
    return stats.norm(observation).clamp(-CLIP, CLIP)
