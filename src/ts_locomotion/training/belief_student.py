"""Stage 2 of the belief task: the student imitates the teacher along its own walks (DAgger)."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from rsl_rl.env import VecEnv
from tensordict import TensorDict
from torch import Tensor, nn

from ts_locomotion.training.belief_encoder import Believed, BeliefStudent, Senses
from ts_locomotion.training.belief_networks import BeliefTeacher
from ts_locomotion.training.belief_tasks import BeliefTask, Student

GROUPS = ("policy", "heights", "valid", "map_age", "scans", "privileged")


class Distillation:
    """Behaviour cloning and reconstruction through time, on sequences that the student walked.

    Speaks to the runner as rsl_rl's algorithms do.
    """

    def __init__(
        self, teacher: BeliefTeacher, student: BeliefStudent, config: Student, robots: int
    ) -> None:
        self.teacher, self.student, self.config = teacher.eval(), student, config
        self.learning_rate = config.learning_rate
        self.optimizer = torch.optim.Adam(
            student.parameters(), lr=self.learning_rate, fused=True
        )
        self.state = torch.zeros(robots, student.state_size)
        self.first_state = torch.zeros(robots, student.state_size)
        self.ended = torch.zeros(config.steps_per_iteration, robots, dtype=torch.bool)
        self.stored: dict[str, Tensor] = {}
        self.step = 0

    def train_mode(self) -> None:
        """Nothing here behaves differently while training."""

    def act(self, obs: TensorDict) -> Tensor:
        """Deterministic actions (B, J) of the student; remembers what they answer."""
        if self.step == 0:
            self.first_state.copy_(self.state)
        for name in GROUPS:
            if name not in self.stored:
                shape = (self.config.steps_per_iteration, *obs[name].shape)
                self.stored[name] = torch.zeros(shape)
            self.stored[name][self.step].copy_(obs[name])
        actions, self.state, _ = self.student.step(_senses(obs), self.state)
        return actions

    def process_env_step(
        self, _obs: TensorDict, _rewards: Tensor, dones: Tensor, _extras: dict
    ) -> None:
        """Forget the past of episodes that ended."""
        self.ended[self.step].copy_(dones)
        self.state = self.state * (~dones)[:, None]
        self.step += 1

    def compute_returns(self, _obs: TensorDict) -> None:
        """Imitation needs none."""

    def update(self) -> dict[str, float]:
        """Train on the stored sequences and forget them; returns mean losses."""
        targets = self._targets()
        losses = [self._learn(targets, robots) for robots in self._batches()]
        self.step = 0
        names = ("behaviour", "heights", "privileged", "gate")
        return dict(zip(names, torch.tensor(losses).mean(0).tolist(), strict=True))

    def decay(self, progress: float) -> None:
        """Set the learning rate for a share of the training done."""
        config = self.config
        falls = config.final_learning_rate / config.learning_rate
        self.learning_rate = config.learning_rate * falls**progress
        self.optimizer.param_groups[0]["lr"] = self.learning_rate

    def save(self) -> dict[str, Any]:
        """State of network (normalisers included), recurrent state and optimiser."""
        return {
            "student_state_dict": self.student.state_dict(),
            "optimizer_state_dict": self.optimizer.state_dict(),
            "recurrent": self.state.clone(),
        }

    def load(self, state: dict[str, Any], _cfg: dict | None = None, strict: bool = True) -> bool:
        """Restore what `save` returned."""
        self.student.load_state_dict(state["student_state_dict"], strict)
        self.optimizer.load_state_dict(state["optimizer_state_dict"])
        self.state = state["recurrent"]
        return True

    def _targets(self) -> Believed:
        """What the student should have done and believed: actions stand in for the belief."""
        stored = self.stored
        obs = TensorDict(
            {name: stored[name] for name in ("policy", "scans", "privileged")},
            batch_size=stored["policy"].shape[:2],
        )
        with torch.no_grad():
            actions = self.teacher(obs)
            heights = self.teacher.scan_encoder.normalize(stored["scans"]).flatten(-2)
            privileged = self.student.privileged_normalizer(stored["privileged"])
        return Believed(actions, torch.zeros(()), heights, privileged)

    def _batches(self) -> Iterator[Tensor]:
        for _ in range(self.config.epochs):
            yield from torch.randperm(self.state.shape[0]).chunk(self.config.mini_batches)

    def _learn(self, targets: Believed, robots: Tensor) -> tuple[float, ...]:
        stored = {name: values[:, robots] for name, values in self.stored.items()}
        actions, believed = self.student.sequence(
            _senses(stored), self.first_state[robots], self.ended[:, robots]
        )
        behaviour = (actions - targets.belief[:, robots]).square().sum(-1).mean()
        heights = (believed.heights - targets.heights[:, robots]).square().mean()
        privileged = (believed.privileged - targets.privileged[:, robots]).square().mean()
        loss = behaviour + self.config.reconstruction * (heights + privileged)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.student.parameters(), self.config.max_grad_norm)
        self.optimizer.step()
        parts = (behaviour, heights, privileged, believed.gate.mean())
        return tuple(part.item() for part in parts)


def student_settings(task: BeliefTask) -> dict[str, Any]:
    """Arguments of BeliefStudent."""
    networks, student = task.networks, task.student
    return {
        "scan_encoding": networks.scan_encoding,
        "scan_encoder": networks.scan_encoder,
        "hidden": student.hidden,
        "layers": student.layers,
        "head": student.head,
        "decoder": student.decoder,
    }


def _senses(obs: Any) -> Senses:
    return Senses(obs["policy"], obs["heights"], obs["valid"], obs["map_age"])
