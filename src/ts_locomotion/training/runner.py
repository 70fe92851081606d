"""The training loop: collect, update, note, save."""

import contextlib
import io
import math
from collections import defaultdict
from pathlib import Path
from typing import Any, Protocol

import torch
from rsl_rl.runners import OnPolicyRunner
from torch.utils.tensorboard import SummaryWriter

from ts_locomotion.errors import TrainingDiverged
from ts_locomotion.simulation.clock import CpuTime
from ts_locomotion.training import checkpoint, run
from ts_locomotion.training.mirrored_ppo import MirroredPPO
from ts_locomotion.training.progress import Progress
from ts_locomotion.training.vector import VectorEnvironment


class Trained(Protocol):
    """What the loop asks of a task."""

    @property
    def name(self) -> str:
        """For the line of progress."""
        ...

    @property
    def steps_per_iteration(self) -> int:
        """Of each environment between two updates."""
        ...

    @property
    def save_interval(self) -> int:
        """Iterations between checkpoints."""
        ...


class Runner(OnPolicyRunner):
    """rsl_rl's runner with checkpoints that lose nothing and one line of progress."""

    alg: MirroredPPO  # pyright: ignore[reportIncompatibleVariableOverride]
    env: VectorEnvironment

    def __init__(
        self, env: VectorEnvironment, task: Trained, settings: dict[str, Any], folder: Path
    ) -> None:
        """`settings` is the training in the words of rsl_rl."""
        # rsl_rl prints its models and observation sets while constructing them.
        with contextlib.redirect_stdout(io.StringIO()):
            super().__init__(env, settings, None, "cpu")
        self.task, self.folder = task, folder
        self.steps_done = 0

    @property
    def steps_of_iteration(self) -> int:
        """Environment steps between two updates."""
        return self.env.num_envs * self.task.steps_per_iteration

    def learn(self, num_learning_iterations: int, init_at_random_ep_len: bool = False) -> None:
        """Train until `num_learning_iterations` more updates are done."""
        progress = Progress(self.task.name, self.steps_of_iteration, num_learning_iterations)
        # What comes after the checkpoint is trained again; the point at it stays.
        curves = SummaryWriter(str(self.folder), purge_step=self.steps_done + 1)
        last = self.current_learning_iteration + num_learning_iterations
        self.alg.train_mode()
        obs = self.env.get_observations()
        while self.current_learning_iteration < last:
            self._schedule()
            began = self._spent().two_cores
            obs, notes = self._collect(obs)
            collected = self._spent().two_cores
            notes |= {f"loss/{name}": value for name, value in self.alg.update().items()}
            self.current_learning_iteration += 1
            self.steps_done += self.steps_of_iteration
            spent = self._spent()
            notes["time/collection"] = collected - began
            notes["time/learning"] = spent.two_cores - collected
            notes |= self._describe() | progress.advance(spent)
            for name, value in notes.items():
                curves.add_scalar(name, value, self.steps_done)
            progress.show(notes)
            self._check_finite(notes)
            if self.current_learning_iteration % self.task.save_interval == 0:
                self.save(str(self.folder / run.CHECKPOINT))
        self.save(str(self.folder / run.CHECKPOINT))
        curves.close()

    def save(self, path: str, infos: dict | None = None) -> None:
        """Write everything the training continues from."""
        state: dict[str, Any] = self.alg.save() | {
            "iteration": self.current_learning_iteration,
            "steps": self.steps_done,
            "environment": checkpoint.environment_state(self.env.environment),
        }
        checkpoint.save(Path(path), state)

    def load(
        self,
        path: str,
        load_cfg: dict | None = None,
        strict: bool = True,
        map_location: str | None = None,
    ) -> dict:
        """Continue from a checkpoint; `load_cfg` and `map_location` as in rsl_rl."""
        state = checkpoint.load(Path(path))
        self.alg.load(state, load_cfg, strict)
        self.current_learning_iteration, self.steps_done = state["iteration"], state["steps"]
        checkpoint.restore_environment(self.env.environment, state["environment"])
        return {}

    def _schedule(self) -> None:
        """Change what depends on how far the training is, from `steps_done` alone."""

    def _collect(self, obs):
        sums: dict[str, float] = defaultdict(float)
        with torch.inference_mode():
            for _ in range(self.task.steps_per_iteration):
                actions = self.alg.act(obs)
                obs, rewards, dones, extras = self.env.step(actions)
                self.alg.process_env_step(obs, rewards, dones, extras)
                for name, value in extras["log"].items():
                    sums[name] += value
                sums["walk/reward"] += rewards.mean().item()
            self.alg.compute_returns(obs)
        notes = {name: value / self.task.steps_per_iteration for name, value in sums.items()}
        return obs, notes

    def _check_finite(self, notes: dict[str, float]) -> None:
        """Refuse what a good checkpoint must not be overwritten with."""
        learned = {n: v for n, v in notes.items() if n.startswith("loss/") or n == "policy/std"}
        groups = self.alg.optimizer.param_groups
        weights = [weight.detach().sum() for group in groups for weight in group["params"]]
        learned["sum of the weights"] = torch.stack(weights).sum().item()
        for name, value in learned.items():
            if not math.isfinite(value):
                raise TrainingDiverged(
                    f"{self.task.name} has diverged: {name} is {value} after {self.steps_done} "
                    f"steps, expected a finite number. What was saved before in {self.folder} is "
                    "kept, but from there the same command diverges again: --set smaller "
                    "learning rates, with --fresh or another --out"
                )

    def _spent(self) -> CpuTime:
        return self.env.environment.clock.read()._replace(beside=self.alg.cores.saved)

    def _describe(self) -> dict[str, float]:
        return {
            "policy/std": self.alg.actor.output_std.mean().item(),
            "policy/learning_rate": self.alg.learning_rate,
        }
