"""The steps of one call of a trainer: an episode of one robot, or a stretch of many robots'."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ts_locomotion.training.anymal.environments import Outcome, Robots, States


class Walk:
    """A single robot begins anew at each call; many walk on where they were."""

    def __init__(self, robots: Robots, max_timesteps: int) -> None:
        self.robots, self.max_timesteps = robots, max_timesteps
        self.states: States | None = None
        self.begins = torch.ones(robots.count, dtype=torch.bool, device=robots.device)
        """Robots whose next step is the first of an episode. Shape (B,)."""

    def __call__(self, act: Callable[[States], Tensor]) -> Iterator[Outcome]:
        """What follows each action."""
        if self.states is None:
            self.states = self.robots.reset()
        for step in range(1, self.max_timesteps + 1):
            outcome = self.robots.step(act(self.states), self.states)
            if self.robots.single and step == self.max_timesteps:
                outcome = self._cut(outcome)
            self.states, self.begins = outcome.states, outcome.dones
            yield outcome
            if self.robots.single and bool(outcome.dones):
                return

    def _cut(self, outcome: Outcome) -> Outcome:
        """End the robot's episode here, if it has not ended by itself."""
        if bool(outcome.dones):
            return outcome
        everyone = torch.ones_like(outcome.dones)
        return outcome._replace(states=self.robots.reset(), dones=everyone, time_outs=everyone)
