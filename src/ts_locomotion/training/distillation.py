"""Imitation of the belief teachers along the student's own walks (DAgger), through time."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from ts_locomotion.simulation.sighted_environment import TOLD
from ts_locomotion.training.belief_encoder import BeliefStudent, Senses
from ts_locomotion.training.belief_networks import BeliefTeacher, sees_hole
from ts_locomotion.training.belief_tasks import Student
from ts_locomotion.training.side_by_side import SideBySide

SENSED = ("policy", *Senses._fields[1:])
"""Observation groups that are its Senses."""
GROUPS = (*SENSED, "scans", TOLD, "privileged")
BLIND_GROUPS = ("policy", "privileged")


class Targets(NamedTuple):
    """What the student should have done and believed, (T, B, ...); beliefs normalised.

    It should do what its teacher would have done with a map as good as the student's, and believe
    the truth: who asks for steps that only the truth could tell of gets the mean of all of them.
    """

    actions: Tensor
    heights: Tensor
    privileged: Tensor


class Elsewhere(NamedTuple):
    """Robots on whose ground another teaches, where there is a hole to cross."""

    teacher: BeliefTeacher
    robots: Tensor
    """Whether each of them (B,) is one."""


class Distillation:
    """Behaviour cloning and reconstruction through time, on sequences that the student walked.

    Speaks to the runner as rsl_rl's algorithms do.
    """

    def __init__(
        self,
        teacher: BeliefTeacher,
        student: BeliefStudent,
        config: Student,
        robots: int,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self.teacher, self.student, self.config = teacher.eval(), student, config
        self.elsewhere = elsewhere
        self.groups = GROUPS if student.sight else BLIND_GROUPS
        self.cores = SideBySide()
        self.learning_rate = config.learning_rate
        self.parameters = tuple(student.parameters())
        self.optimizer = torch.optim.Adam(self.parameters, lr=self.learning_rate, fused=True)
        self.state = torch.zeros(robots, student.state_size)
        self.first_state = torch.zeros(robots, student.state_size)
        self.ended = torch.zeros(config.steps_per_iteration, robots, dtype=torch.bool)
        self.stored: dict[str, Tensor] = {}
        self.step = 0

    def train_mode(self) -> None:
        """Nothing here behaves differently while training."""

    def act(self, obs: TensorDict) -> Tensor:
        """Deterministic actions (B, A) of the student; remembers what they answer."""
        if self.step == 0:
            self.first_state.copy_(self.state)
        for name in self.groups:
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
        names = ("behaviour", *self.student.decoded, *(("gate",) if self.student.sight else ()))
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

    def _targets(self) -> Targets:
        stored = self.stored
        walked = TensorDict(stored, batch_size=stored["policy"].shape[:2])
        with torch.no_grad():
            actions = self.teacher(walked)
            if self.elsewhere:
                other, robots = self.elsewhere
                # Who sees no hole cannot know whose ground it is on.
                sees = sees_hole(stored["heights"][:, robots])
                own = other(walked[:, robots])
                actions[:, robots] = torch.where(sees, own, actions[:, robots])
            heights = stored["policy"][..., :0]
            if self.teacher.scan_encoder is not None:
                heights = self.teacher.scan_encoder.normalize(stored["scans"]).flatten(-2)
            privileged = self.student.privileged_normalizer(stored["privileged"])
        return Targets(actions, heights, privileged)

    def _batches(self) -> Iterator[Tensor]:
        for _ in range(self.config.epochs):
            yield from torch.randperm(self.state.shape[0]).chunk(self.config.mini_batches)

    def _learn(self, targets: Targets, robots: Tensor) -> tuple[float, ...]:
        """One step on the sequences of some robots, half of them on each core."""
        parts = self.cores.descend(
            self.parameters, robots, lambda half: self._gradient(targets, half, len(robots))
        )
        nn.utils.clip_grad_norm_(self.parameters, self.config.max_grad_norm)
        self.optimizer.step()
        return tuple(parts.tolist())

    def _gradient(
        self, targets: Targets, robots: Tensor, total: int
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """What some of `total` robots add to the means of the losses and to their gradient."""
        felt = {name: self.stored[name][:, robots] for name in SENSED if name in self.stored}
        actions, believed = self.student.sequence(
            _senses(felt), self.first_state[robots], self.ended[:, robots]
        )
        share = 1.0 / (len(actions) * total)
        losses = {"behaviour": (actions - targets.actions[:, robots]).square().sum() * share}
        for name in self.student.decoded:
            wrong = getattr(believed, name) - getattr(targets, name)[:, robots]
            losses[name] = wrong.square().mean(-1).sum() * share
        reconstruction = sum(losses[name] for name in self.student.decoded)
        loss = losses["behaviour"] + self.config.reconstruction * reconstruction
        gradient = torch.autograd.grad(loss, self.parameters)
        if self.student.sight:
            losses["gate"] = believed.gate.mean(-1).sum() * share
        return torch.stack(list(losses.values())).detach(), gradient


def _senses(obs: Any) -> Senses:
    return Senses(obs["policy"], *(obs.get(name, None) for name in SENSED[1:]))
