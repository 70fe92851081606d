"""The environment as rsl_rl sees it: tensors in, tensors out."""

from dataclasses import asdict

import torch
from rsl_rl.env import VecEnv
from tensordict import TensorDict
from torch import Tensor

from ts_locomotion.robot import Array
from ts_locomotion.simulation.environment import Environment


class VectorEnvironment(VecEnv):
    """Wraps an Environment; arrays and tensors share their memory."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.num_envs = environment.count
        self.num_actions = environment.config.action.size
        self.max_episode_length = round(environment.config.episode_time / environment.step_time)
        self.device = "cpu"
        self.cfg = asdict(environment.config)

    @property
    def episode_length_buf(self) -> Tensor:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Steps since each episode began. Shape (B,)."""
        return torch.from_numpy(self.environment.steps)

    def get_observations(self) -> TensorDict:
        """Observation groups of this moment, batch shape (B,)."""
        return self._tensors(self.environment.observe())

    def step(self, actions: Tensor) -> tuple[TensorDict, Tensor, Tensor, dict]:
        """Observations, rewards (B,), dones (B,) and extras after actions (B, A)."""
        step = self.environment.step(actions.numpy())
        extras = {"time_outs": torch.from_numpy(step.timed_out), "log": step.log}
        dones = torch.from_numpy(step.terminated | step.timed_out)
        rewards = torch.from_numpy(step.rewards).float()
        return self._tensors(step.observations), rewards, dones, extras

    def _tensors(self, groups: dict[str, Array]) -> TensorDict:
        tensors = {name: torch.from_numpy(array) for name, array in groups.items()}
        return TensorDict(tensors, batch_size=[self.num_envs])
