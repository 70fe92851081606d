"""Stage 1 of the belief task: the teacher, by PPO."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from rsl_rl.modules import GaussianDistribution
from tensordict import TensorDict

from ts_locomotion import observation, perception
from ts_locomotion.simulation.sighted_environment import (
    PRIVILEGED,
    TOLD,
    SightedConfig,
    SightedEnvironment,
    observation_layout,
)
from ts_locomotion.training import checkpoint, run
from ts_locomotion.training.belief_networks import BeliefTeacher
from ts_locomotion.training.belief_tasks import BeliefTask
from ts_locomotion.training.mirror import Mirror
from ts_locomotion.training.mirrored_ppo import MirroredPPO
from ts_locomotion.training.ppo_settings import check_batches
from ts_locomotion.training.runner import Runner
from ts_locomotion.training.vector import VectorEnvironment


class TeacherRunner(Runner):
    """The training loop whose policy wanders ever less, and once more when it is misled."""

    task: BeliefTask  # pyright: ignore[reportIncompatibleVariableOverride]

    def __init__(self, environment: SightedEnvironment, task: BeliefTask, folder: Path) -> None:
        super().__init__(VectorEnvironment(environment), task, settings(task), folder)
        self.environment = environment

    def explore(self, std: float) -> None:
        """Draw every action with this standard deviation from now on."""
        distribution = self.alg.actor.distribution
        assert isinstance(distribution, GaussianDistribution)
        with torch.no_grad():
            distribution.std_param.fill_(std)

    def _schedule(self) -> None:
        task, done = self.task, self.steps_done / self.task.steps
        lowest, highest = task.algorithm.learning_rate_bounds
        begins, ends = task.settling * task.misled.begins, task.misled.begins
        if done >= ends:
            self.environment.mislead()
            highest, begins, ends = task.misled.learning_rate, ends, 1.0
        settled = max(0.0, (done - begins) / (ends - begins))
        self.alg.highest_rate = highest * (lowest / highest) ** settled


def build(task: BeliefTask, seed: int, folder: Path) -> TeacherRunner:
    """Environment, networks and algorithm of the teacher, untrained."""
    return TeacherRunner(SightedEnvironment(world(task), seed), task, folder)


def world(task: BeliefTask) -> SightedConfig:
    """The teacher's environment, which can mislead one that sees."""
    told_noise = task.misled.noise if task.exteroception else None
    return replace(
        task.environment, told_noise=told_noise, told_velocity_error=task.misled.velocity
    )


def settings(task: BeliefTask) -> dict[str, Any]:
    """The teacher's training in the words of rsl_rl."""
    check_batches(task.algorithm, task.environment.environments * task.steps_per_iteration)
    return {
        "num_steps_per_env": task.steps_per_iteration,
        "obs_groups": {"actor": ["policy"], "critic": ["critic", "privileged"]},
        "actor": {"class_name": BeliefTeacher, **actor_settings(task, TOLD)},
        "critic": run.critic_settings(task.networks, task.exteroception),
        "algorithm": {
            "class_name": MirroredPPO,
            "mirror": Mirror(
                observation_layout(world(task), task.exteroception),
                task.mirror_share,
                task.environment.action.observed,
            ),
            "schedule": "adaptive",
            **asdict(task.algorithm),
        },
    }


def actor_settings(task: BeliefTask, scan_group: str) -> dict[str, Any]:
    """Arguments of BeliefTeacher."""
    networks = task.networks
    return {
        "trunk": networks.trunk,
        "distribution_cfg": run.distribution_settings(networks),
        "exteroception": task.exteroception,
        "scan_group": scan_group,
        "scan_encoding": networks.scan_encoding,
        "scan_encoder": networks.scan_encoder,
        "privileged_encoding": networks.privileged_encoding,
        "privileged_encoder": networks.privileged_encoder,
        "last_layer_gain": networks.last_layer_gain,
    }


def blank(task: BeliefTask, scan_group: str = "scans") -> BeliefTeacher:
    """The teacher's network before training, told the scans of an observation group."""
    sizes = {
        "policy": observation.size(task.environment.policy_terms),
        scan_group: perception.SCAN_SIZE,
        "privileged": sum(PRIVILEGED.values()),
    }
    obs = TensorDict({n: torch.zeros(1, size) for n, size in sizes.items()}, batch_size=[1])
    actions, networks = task.environment.action.size, actor_settings(task, scan_group)
    return BeliefTeacher(obs, {"actor": ["policy"]}, "actor", actions, **networks)


def load(task: BeliefTask, folder: Path, scan_group: str = "scans") -> tuple[BeliefTeacher, int]:
    """The trained teacher in a folder, see `blank`, and the environment steps it took."""
    state = checkpoint.load(folder / run.CHECKPOINT)
    teacher = blank(task, scan_group)
    teacher.load_state_dict(state["actor_state_dict"])
    return teacher.eval(), state["steps"]
