"""Training of the student: it walks, the teacher says what it would have done (DAgger).

Gradients flow back through a few steps of parallel trajectories (truncated backpropagation
through time, Miki et al. 2022, S3). Letters: T time, B robots, S trajectories, L layers, H width.
"""

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ts_locomotion.errors import ConfigurationError
from ts_locomotion.training.anymal.environments import Robots, States
from ts_locomotion.training.anymal.memory import Memory
from ts_locomotion.training.anymal.noise import HeightNoise, NoiseSchedule
from ts_locomotion.training.anymal.walk import Walk
from ts_locomotion.training.anymal.wrapper import Anymal, seen

__all__ = ["NoiseSchedule", "StudentTrainer"]


class Trajectories(NamedTuple):
    """Stretches of memory: where each begins and whose it is. Shapes (S,)."""

    starts: Tensor
    robots: Tensor


class StudentTrainer(nn.Module):
    """Call it for one episode of a single robot, or `max_timesteps` of many, and their learning.

    Steps are remembered from call to call, so that short episodes teach as long ones do.
    """

    def __init__(
        self,
        *,
        anymal: Anymal,
        env: Any,
        epochs: int = 2,
        lr: float = 5e-4,
        max_timesteps: int = 10000,
        update_timesteps: int = 5000,
        minibatch_size: int = 16,
        truncate_tpbtt: int = 10,
        noise_schedule: NoiseSchedule | None = None,
        max_grad_norm: float = 1.0,
    ) -> None:
        """A minibatch is so many trajectories, cut into `truncate_tpbtt` steps one after another.

        `update_timesteps` counts the steps of all robots. The noise of the heights grows with the
        updates as the schedule says.
        """
        super().__init__()
        counts = ("epochs", "max_timesteps", "update_timesteps", "minibatch_size")
        for name in (*counts, "truncate_tpbtt"):
            if (value := locals()[name]) < 1:
                raise ConfigurationError(f"{name}: {value} given, at least 1 wanted")
        self.anymal, self.epochs, self.max_grad_norm = anymal, epochs, max_grad_norm
        self.minibatch_size, self.truncate_tpbtt = minibatch_size, truncate_tpbtt
        self.optimizer = torch.optim.Adam(anymal.student.parameters(), lr=lr, fused=True)
        self.noise_schedule = noise_schedule or NoiseSchedule()
        device = next(anymal.parameters()).device
        self.robots = Robots(env, device)
        self.memory = Memory(math.ceil(update_timesteps / self.robots.count))
        self.walk = Walk(self.robots, max_timesteps)
        self.noise = HeightNoise(self.robots.count, anymal.num_legs, device=device)
        past = anymal.student.get_gru_hiddens()
        self.hiddens = past.expand(self.robots.count, *past.shape)  # (B, L, H)
        self.register_buffer("updates", torch.zeros((), dtype=torch.long))

    updates: Tensor

    @property
    def noise_strength(self) -> float:
        """What the schedule says for the update to come."""
        return self.noise_schedule.factor(int(self.updates) + 1)

    def forward(self, noise_strength: float | None = None) -> dict[str, float]:
        """Means of this call: reward per step, and the losses if there was an update.

        Without a strength of the noise the schedule's is taken.
        """
        told: dict[str, list[float]] = defaultdict(list)
        self._strength = noise_strength
        for outcome in self.walk(self._act):
            told["reward"].append(float(outcome.rewards.mean()))
            self.memory.append(**self._acted, dones=outcome.dones)
            if self.memory.full:
                for name, loss in self.learn().items():
                    told[name].append(loss)
                self.memory.clear()
        return {name: sum(values) / len(values) for name, values in told.items()}

    def learn(self) -> dict[str, float]:
        """Learn from what is remembered; returns mean losses."""
        targets = self._targets()
        losses = [
            loss
            for _ in range(self.epochs)
            for trajectories in self._batches()
            for loss in self._learn_along(trajectories, targets)
        ]
        self.updates += 1
        behaviour, privileged, extero = torch.stack(losses).mean(0).tolist()
        return {"behaviour_loss": behaviour, "privileged_loss": privileged, "extero_loss": extero}

    def _learn_along(self, trajectories: Trajectories, targets: Tensor) -> Iterator[Tensor]:
        """A step of the optimiser per stretch; what is remembered goes on, its gradient not."""
        student, length = self.anymal.student, self._length
        hiddens = self.memory["hiddens"][trajectories]
        for first in range(0, length, self.truncate_tpbtt):
            steps = torch.arange(first, min(first + self.truncate_tpbtt, length))
            place = trajectories.starts + steps[:, None].to(hiddens.device), trajectories.robots
            memory = {name: rows[place] for name, rows in self.memory.all().items()}
            found = student.sequence(memory["proprio"], memory["noisy"], hiddens, memory["dones"])
            true = States(memory["proprio"], memory["extero"], memory["privileged"])
            losses = self.anymal.losses(found, targets[place], true)
            self.optimizer.zero_grad()
            self.anymal.loss(losses).backward()
            nn.utils.clip_grad_norm_(student.parameters(), self.max_grad_norm)
            self.optimizer.step()
            hiddens = found.hiddens.detach()
            yield torch.stack(losses).detach()

    @property
    def _length(self) -> int:
        """Steps of a trajectory: few robots' walks are cut, so that there is a minibatch."""
        pieces = max(self.minibatch_size // self.robots.count, 1)
        whole = math.ceil(self.memory.filled / pieces / self.truncate_tpbtt) * self.truncate_tpbtt
        return min(whole, self.memory.filled)

    def _batches(self) -> Iterator[Trajectories]:
        """All that is remembered, in random minibatches; pieces of a walk may overlap."""
        last = self.memory.filled - self._length
        pieces = math.ceil(self.memory.filled / self._length)
        starts = torch.linspace(0, last, pieces).long()
        starts, robots = torch.meshgrid(starts, torch.arange(self.robots.count), indexing="ij")
        order = torch.randperm(starts.numel())
        for rows in order.split(self.minibatch_size):
            chosen = starts.flatten()[rows], robots.flatten()[rows]
            yield Trajectories(*(part.to(self.robots.device) for part in chosen))

    @torch.no_grad()
    def _targets(self) -> Tensor:
        """What the teacher would have done. Shape (T, B, A)."""
        memory = self.memory
        return self.anymal.teacher(memory["proprio"], memory["extero"], memory["privileged"])

    @torch.no_grad()
    def _act(self, states: States) -> Tensor:
        """Actions of the student, kept beside what led to them."""
        strength = self.noise_strength if self._strength is None else self._strength
        begins = self.walk.begins
        if bool(begins.any()):
            self.noise.begin(begins)
            self.hiddens = self.hiddens * (~begins)[:, None, None]
        true = self.anymal.normalize(states)
        noisy = seen(self.anymal.running_extero, self.noise(states.extero, strength))
        self._acted = true._asdict() | {"noisy": noisy, "hiddens": self.hiddens}
        student = self.anymal.student
        outputs, self.hiddens = student.step(true.proprio, noisy, self.hiddens)
        return student.actions.act(outputs)
