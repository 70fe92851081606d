"""Go2s in MuJoCo in the place of the mock environment, with the rewards of the paper."""

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from ts_locomotion import observation, robot
from ts_locomotion.simulation import rewards as walking_rewards
from ts_locomotion.simulation.curriculum import Ground
from ts_locomotion.simulation.sighted_environment import (
    PRIVILEGED,
    SightedConfig,
    SightedEnvironment,
)
from ts_locomotion.training.anymal import rewards
from ts_locomotion.training.anymal.rewards import Motion, Shape, Weights

GO2_LIFT = 0.2 * robot.STAND_HEIGHT / 0.5
"""The paper's highest lift of a foot, by the ratio of how high the robots stand [m]: ANYmal's legs
reach about 0.5 down."""
GO2_KNEE_LIMIT = -1.0
"""Knees bent less are nearly stretched: the joint ends at -0.84 [rad]. Our choice."""
FIRST_FACTOR = 0.003
"""c_0 of the curriculum, which the paper does not give. At 1 a Go2 with the untrained policy's
jerks loses a hundred times by its joints' accelerations what it can earn by walking."""


@dataclass(frozen=True)
class PaperRewards:
    """What the paper rewards, sized for a Go2."""

    weights: Weights = field(default_factory=Weights)
    shape: Shape = field(default_factory=lambda: Shape(FIRST_FACTOR, GO2_LIFT, GO2_KNEE_LIMIT))


class Judged(SightedEnvironment):
    """The sighted walking task, its steps judged by the paper's rewards beside its own."""

    def __init__(self, config: SightedConfig, seed: int, paper: PaperRewards) -> None:
        self.paper_weights, self.paper_shape = paper.weights, paper.shape
        self.paper_reward = torch.zeros(config.environments)
        super().__init__(config, seed)

    def _account(self, motion: walking_rewards.Motion) -> None:
        super()._account(motion)
        # Here, as robots that fell begin anew before the step is over.
        told = self._paper_motion(motion)
        self.paper_reward, _ = rewards.judge(told, self.paper_weights, self.paper_shape)

    def _paper_motion(self, motion: walking_rewards.Motion) -> Motion:
        legs = (self.physics.thigh_contacts > 0) | (self.physics.calf_contacts > 0)
        targets = robot.STAND_POSE + self.config.action_scale * motion.actions
        return Motion(
            wanted_velocity=_tensor(motion.command[:, :2]),
            wanted_turn=_tensor(motion.command[:, 2]),
            linear_velocity=_tensor(motion.linear_velocity),
            angular_velocity=_tensor(motion.angular_velocity),
            swinging=torch.from_numpy((motion.leg_phases < 0.5) & motion.moving[:, None]),
            heights=_tensor(self.scans).unflatten(1, (4, -1)),
            leg_collides=torch.from_numpy(legs.any(axis=1)),
            joint_velocities=_tensor(motion.joint_velocities),
            joint_accelerations=_tensor(motion.joint_accelerations),
            knee_positions=_tensor(motion.joint_positions[:, 2::3]),
            joint_targets=_tensor(targets),
            torques=_tensor(motion.torques),
            foot_velocities=_tensor(motion.foot_velocities_in_world),
            contacts=torch.from_numpy(motion.contacts),
        )


class MujocoEnv:
    """B Go2s as PPO and StudentTrainer see them: 12 joint targets, for `actions="gaussian"`."""

    num_actions, num_legs, extero_dim = 12, 4, 52
    privileged_dim = sum(PRIVILEGED.values())

    def __init__(
        self,
        num_envs: int = 64,
        seed: int = 0,
        grounds: tuple[Ground, ...] = (Ground("flat", variants=4),),
        paper: PaperRewards | None = None,
    ) -> None:
        """On some grounds; without `paper` the rewards are those of the package's own tasks."""
        config = SightedConfig(environments=num_envs, grounds=grounds, history_frames=1, threads=1)
        self._judged = paper is not None
        self._environment = Judged(config, seed, paper or PaperRewards())
        self.num_envs = num_envs
        self.proprio_dim = observation.size(config.policy_terms)

    def reset(self) -> tuple[Tensor, Tensor, Tensor]:
        """The states of this moment; episodes begin out of step with each other."""
        return self._states(self._environment.observe())

    def step(
        self, actions: Tensor
    ) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor, Tensor, dict[str, Tensor]]:
        """States, rewards (B,), dones (B,) and time_outs after actions (B, 12)."""
        step = self._environment.step(actions.double().numpy(force=True))
        reward = torch.from_numpy(step.rewards).float()
        if self._judged:
            reward = self._environment.paper_reward * self._environment.step_time
        dones = torch.from_numpy(step.terminated | step.timed_out)
        note = {"time_outs": torch.from_numpy(step.timed_out)}
        return self._states(step.observations), reward, dones, note

    def grow(self) -> float:
        """Take the curriculum of the paper's rewards one training episode on; returns c_k."""
        shape = self._environment.paper_shape
        shape = replace(shape, factor=rewards.next_factor(shape.factor))
        self._environment.paper_shape = shape
        return shape.factor

    def _states(self, groups: dict[str, np.ndarray]) -> tuple[Tensor, Tensor, Tensor]:
        """Copies, as the simulation writes into its arrays."""
        names = ("policy", "scans", "privileged")
        proprio, extero, privileged = (_tensor(groups[name]) for name in names)
        return proprio, extero.unflatten(1, (self.num_legs, self.extero_dim)), privileged


def _tensor(array: np.ndarray) -> Tensor:
    return torch.tensor(array, dtype=torch.float32)
