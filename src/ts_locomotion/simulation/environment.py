"""The walking task for B robots: orders the calls of physics, rewards, commands and curriculum."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ts_locomotion import action, gait, observation, robot, rotation, safety, ticks
from ts_locomotion.action import ActionForm
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.robot import Array
from ts_locomotion.simulation import commands, curriculum, measurement, rewards, scene, walk_log
from ts_locomotion.simulation.clock import CpuClock
from ts_locomotion.simulation.commands import CommandRanges
from ts_locomotion.simulation.curriculum import Bank, Ground
from ts_locomotion.simulation.measurement import Body
from ts_locomotion.simulation.physics import Physics
from ts_locomotion.simulation.randomization import PRIVILEGED, Domain
from ts_locomotion.simulation.ranges import check_above_zero, check_not_negative
from ts_locomotion.simulation.rewards import Motion
from ts_locomotion.simulation.terrain import BOX_LIMIT

Robots = NDArray[np.integer]

FRAME_TERMS = (
    "command",
    "projected_gravity",
    "angular_velocity",
    "joint_positions",
    "joint_velocities",
    "last_action",
)
MEASURED = ("push", "foot_clearances", "foot_normals", "linear_velocity", "contacts")
"""Privileged terms that change while walking; those of randomization.PRIVILEGED come first."""


@dataclass(frozen=True)
class EnvironmentConfig:
    """One walking task."""

    environments: int = 256
    physics_steps: int = 4
    """Of each control period."""
    stiffness: float = 40.0
    damping: float = 1.0
    action: ActionForm = field(default_factory=ActionForm)
    action_scale: float = 0.25
    action_clip: float = 8.0
    gait_frequency_hz: float = 2.0
    policy_terms: tuple[str, ...] = (*FRAME_TERMS, "gait_clock")
    frame_terms: tuple[str, ...] = FRAME_TERMS
    history_frames: int = 20
    observation_noise: float = 1.0
    """Factor on the noise of the observation table."""
    episode_time: float = 20.0
    highest_tilt: float = safety.FALLEN_TILT
    """Beyond it the robot has fallen [rad]."""
    runaway_speed: float = np.inf
    """Who is faster than the command, along it, by more than this has fallen, too [m/s]."""
    levels: int = 8
    grounds: tuple[Ground, ...] = (Ground("flat", variants=32),)
    commands: CommandRanges = field(default_factory=CommandRanges)
    domain: Domain = field(default_factory=Domain)
    weights: rewards.Weights = field(default_factory=rewards.Weights)
    shape: rewards.Shape = field(default_factory=rewards.Shape)
    threads: int = 2
    """Of the physics."""

    def __post_init__(self) -> None:
        check_above_zero(self, "environment.", "gait_frequency_hz", "action_clip", "episode_time")
        check_not_negative(self, "environment.", "stiffness", "damping", "action_scale")


class Step(NamedTuple):
    """What follows an action. Observations are those of the next episode where one ended."""

    observations: dict[str, Array]
    rewards: Array  # (B,)
    terminated: NDArray[np.bool_]  # (B,) fell
    timed_out: NDArray[np.bool_]  # (B,) ended without falling: the value goes on
    log: dict[str, float]


class Environment:
    """B robots that walk, fall and start again. Deterministic under a seed.

    `shape` (the constants inside the rewards), `push_speed` and `promote` may be changed.
    """

    def __init__(self, config: EnvironmentConfig, seed: int) -> None:
        if config.environments < 1:
            raise ConfigurationError(f"environments: {config.environments} given, at least 1")
        self.config, self.count = config, config.environments
        self.shape, self.push_speed = config.shape, config.domain.push_speed
        self.rng = np.random.default_rng(seed)
        self.bank = _bank(config, seed)
        self.ground = curriculum.interleave(config.grounds, self.count)
        self.on_lane = self.bank.on_lane[self.ground]
        self.level = np.zeros(self.count, dtype=np.int64)
        self.promote: curriculum.Promotion = curriculum.next_levels
        first = [self.bank.pick(ground, 0, self.rng) for ground in self.ground]
        models = [cell.model for cell in self.bank.cells]
        self.physics = Physics(models, first, config.physics_steps, config.threads)
        self.step_time = self.physics.step_time
        self.clock = CpuClock()
        self._everyone = np.arange(self.count)
        self._allocate()
        self._begin(self._everyone)
        # Episodes out of step with each other from the start.
        self.steps[:] = self.rng.integers(0, self._episode_steps, self.count)
        self._body = self._measure(self._everyone)
        self._look()

    def step(self, actions: Array) -> Step:
        """Act for one control period. Actions (B, A), raw outputs of the policy."""
        self._remember(actions)
        self._push()
        targets = action.joint_targets(self.config, self.actions[0], self._gait_clock())
        with self.clock.physics():
            self.physics.step(targets)
        self._body = self._measure(self._everyone)
        motion = self._motion()
        reward, terms = rewards.judge(motion, self.config.weights, self.shape)
        self._account(motion)
        fell = self._fell()
        timed_out = ~fell & ((self.steps >= self._episode_steps) | self._left())
        log = walk_log.step(motion, terms, fell, timed_out)
        log |= walk_log.levels(self.config.grounds, self.ground, self.level)
        self._advance_clock()
        self._renew(np.flatnonzero(fell | timed_out), fell)
        self._advance_commands()
        self._look()
        return Step(self.observe(), reward * self.step_time, fell, timed_out, log)

    def observe(self) -> dict[str, Array]:
        """Observation groups: policy, critic (B, N_p), privileged (B, K), history (B, H, N_b).

        The newest frame of the history is the noisy observation the policy sees now.
        """
        return {
            "policy": self.seen,
            "critic": self.true,
            "privileged": self._privileged(),
            "history": self.history.copy(),
        }

    def state(self) -> dict[str, Array]:
        """Everything that changes, as arrays, but the random generator."""
        changing = {name: np.array(getattr(self, name)) for name in _CHANGING}
        return changing | {
            "assignment": self.physics.assignment.copy(),
            "physics": self.physics.state.copy(),
            "contacts": self._body.contacts.copy(),
        }

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from the `state()` of an equal environment."""
        for name in _CHANGING:
            setattr(self, name, np.array(state[name]))
        self.physics.assign(self._everyone, state["assignment"].astype(np.int64))
        self.physics.state[:] = state["physics"]
        self._body = self._measure(self._everyone)
        self._body.contacts[:] = state["contacts"]

    def _allocate(self) -> None:
        count, config = self.count, self.config
        frame = observation.size(config.frame_terms)
        self._frame = observation.columns(config.policy_terms, config.frame_terms)
        self._episode_steps = max(1, round(config.episode_time / self.step_time))
        self._noise = config.observation_noise * observation.noise_half_widths(config.policy_terms)
        self.steps, self.phase = np.zeros(count, dtype=np.int64), np.zeros(count)
        self.command, self.command_time = np.zeros((count, 3)), np.zeros(count)
        self.push, self.push_time = np.zeros((count, 2)), np.zeros(count)
        config.action.check_terms(config.policy_terms, acts=True)
        self.actions = np.zeros((3, count, config.action.size))
        self.history = np.zeros((count, config.history_frames, frame), dtype=np.float32)
        self.walked, self.asked = np.zeros(count), np.zeros(count)
        self.last_joint_velocities = np.zeros((count, 12))

    # Episodes

    def _begin(self, robots: Robots) -> None:
        """Start new episodes: a model of the earned level, a place, a command."""
        number = len(robots)
        cells = zip(self.ground[robots], self.level[robots], strict=True)
        picks = [self.bank.pick(int(ground), int(level), self.rng) for ground, level in cells]
        self.physics.assign(robots, np.array(picks, dtype=np.int64))
        position, quaternion = self._places(robots)
        joints = robot.STAND_POSE * self.rng.uniform(0.8, 1.2, (number, 12))
        joints[:, ::3] = self.rng.uniform(-0.15, 0.15, (number, 4))
        speed = self.rng.uniform(-0.4, 0.4, (number, 3)) * [1.0, 1.0, 0.3]
        self.physics.reset(robots, position, quaternion, joints, speed)
        for array in (self.steps, self.phase, self.push, self.walked, self.asked):
            array[robots] = 0
        self.actions[:, robots] = 0.0
        self.history[robots] = 0.0
        self.last_joint_velocities[robots] = 0.0
        self.push_time[robots] = self.rng.uniform(*self.config.domain.push_interval, number)
        self._new_commands(robots)

    def _places(self, robots: Robots) -> tuple[Array, Array]:
        """Base positions (n, 3) and orientations (n, 4) on the ground of the robots' models."""
        number, model = len(robots), self.physics.assignment[robots]
        in_open = ~self.on_lane[robots]
        x_min, x_max = self.bank.bounds[model, :2].T
        x = np.where(
            in_open,
            self.rng.uniform(x_min + 1.0, x_max - 1.0),
            self.rng.uniform(-0.5, 0.6, number),
        )
        y = self.rng.uniform(-1.0, 1.0, number)
        yaw = self.rng.uniform(-0.4, 0.4, number) + np.where(
            in_open, self.rng.uniform(-np.pi, np.pi, number), 0.0
        )
        around = x[:, None] + np.array([-0.25, -0.1, 0.1, 0.25])
        ground = self.bank.heights.at(model[:, None], around, y[:, None]).max(axis=1)
        position = np.stack([x, y, ground + robot.STAND_HEIGHT + 0.02], axis=1)
        return position, rotation.from_yaw(yaw)

    def _renew(self, ended: Robots, fell: NDArray[np.bool_]) -> None:
        if not len(ended):
            return
        x = self.physics.base_position[ended, 0]
        outcome = curriculum.Outcome(
            ended,
            self.level[ended],
            fell[ended],
            self.walked[ended],
            self.asked[ended],
            self.on_lane[ended] & (x > self.bank.bounds[self.physics.assignment[ended], 1] - 1.5),
        )
        self.level[ended] = self.promote(outcome, self.config.levels, self.rng)
        self._begin(ended)
        fresh = self._measure(ended)
        fresh.contacts[:] = False
        for whole, part in zip(self._body, fresh, strict=True):
            whole[ended] = part

    def _fell(self) -> NDArray[np.bool_]:
        tilted = self._body.gravity[:, 2] > -np.cos(self.config.highest_tilt)
        touched = self.physics.base_contacts > 0
        return tilted | touched | self._runs_away() | self.physics.diverged()

    def _runs_away(self) -> NDArray[np.bool_]:
        wanted, velocity = self.command[:, :2], self._body.linear_velocity[:, :2]
        speed = np.linalg.norm(wanted, axis=1)
        along = (wanted * velocity).sum(axis=1) / np.maximum(speed, 1e-6)
        return along > speed + self.config.runaway_speed

    def _left(self) -> NDArray[np.bool_]:
        x_min, x_max, y_min, y_max = self.bank.bounds[self.physics.assignment].T
        x, y = self.physics.base_position[:, 0], self.physics.base_position[:, 1]
        inside = (x > x_min) & (x < x_max - 0.4) & (y > y_min + 0.2) & (y < y_max - 0.2)
        return ~(inside | self.bank.unbounded[self.ground])

    # What acts on the robots

    def _remember(self, actions: Array) -> None:
        clipped = np.clip(actions, -self.config.action_clip, self.config.action_clip)
        self.actions = np.stack([clipped, *self.actions[:2]])

    def _push(self) -> None:
        self.push_time -= self.step_time
        robots = np.flatnonzero(self.push_time <= 0.0)
        if len(robots):
            speed, interval = self.push_speed, self.config.domain.push_interval
            self.push[robots] = self.rng.uniform(-speed, speed, (len(robots), 2))
            self.physics.base_velocity[robots, :2] += self.push[robots]
            self.push_time[robots] = self.rng.uniform(*interval, len(robots))

    def _new_commands(self, robots: Robots) -> None:
        self.command[robots], self.command_time[robots] = commands.sample(
            self.config.commands, self.on_lane[robots], self.rng
        )

    def _advance_clock(self) -> None:
        moving = gait.is_moving(self.command)
        frequency = self.config.gait_frequency_hz
        self.phase = gait.advance(self.phase, moving, frequency, self.step_time)
        self.command_time -= self.step_time
        self.steps += 1

    def _advance_commands(self) -> None:
        due = np.flatnonzero(self.command_time <= 0.0)
        if len(due):
            self._new_commands(due)
        held = commands.hold_heading(self.config.commands, self.command, self._body.yaw)
        self.command[:, 2] = np.where(self.on_lane, held, self.command[:, 2])

    # What is known of the robots

    def _measure(self, robots: Robots) -> Body:
        return measurement.measure(self.physics, self.bank.heights, robots)

    def _look(self) -> None:
        """Take the observation of this moment into the history."""
        sensed = observation.Proprioception(
            self.physics.orientation,
            self.physics.angular_velocity,
            self.physics.joint_positions,
            self.physics.joint_velocities,
        )
        terms, clock = self.config.policy_terms, self._gait_clock()
        self.true = observation.observe(terms, sensed, self.command, self.actions[0], clock)
        noise = self.rng.random(self.true.shape) * (2.0 * self._noise) - self._noise
        self.seen = (self.true + noise).astype(np.float32)
        self.history[:, :-1] = self.history[:, 1:]
        self.history[:, -1] = self.seen[:, self._frame]

    def _gait_clock(self) -> Array:
        return gait.clock(self.phase, gait.is_moving(self.command))

    def _privileged(self) -> Array:
        """What only simulation knows. Shape (B, K)."""
        body, model = self._body, self.physics.assignment
        terms = {name: values[model] for name, values in self.bank.privileged.items()} | {
            "push": self.push,
            "foot_clearances": body.grids.clip(-1.0, 1.0).reshape(self.count, -1) * 5.0,
            "foot_normals": measurement.ground_normals(body.grids).reshape(self.count, -1),
            "linear_velocity": body.linear_velocity,
            "contacts": body.contacts,
        }
        columns = [terms[name] for name in (*PRIVILEGED, *MEASURED)]
        return np.concatenate(columns, axis=1).astype(np.float32)

    def _motion(self) -> Motion:
        physics, body = self.physics, self._body
        velocities = physics.joint_velocities.copy()
        accelerations = (velocities - self.last_joint_velocities) / self.step_time
        self.last_joint_velocities = velocities
        touching = (physics.thigh_contacts > 0).sum(1) + (physics.calf_contacts > 0).sum(1)
        return Motion(
            command=self.command,
            moving=gait.is_moving(self.command).astype(bool),
            leg_phases=gait.leg_phases(self.phase),
            linear_velocity=body.linear_velocity,
            angular_velocity=physics.angular_velocity,
            gravity=body.gravity,
            height=body.height,
            joint_positions=physics.joint_positions,
            joint_velocities=velocities,
            joint_accelerations=accelerations,
            torques=physics.joint_torques,
            actions=self.actions,
            foot_clearances=body.clearances,
            foot_overhangs=body.overhangs,
            foot_velocities_in_world=body.foot_velocities_in_world,
            contacts=body.contacts,
            collisions=touching,
        )

    def _account(self, motion: Motion) -> None:
        """Distance walked along the command and distance asked for."""
        wanted = motion.command[:, :2]
        speed = np.linalg.norm(wanted, axis=1)
        direction = wanted / np.maximum(speed, 1e-6)[:, None]
        along = (direction * motion.linear_velocity[:, :2]).sum(axis=1)
        self.walked += along * self.step_time
        self.asked += speed * self.step_time


_CHANGING = (
    *("level", "steps", "command", "command_time", "push", "push_time", "phase", "actions"),
    *("history", "seen", "true", "walked", "asked", "last_joint_velocities"),
)


def observation_layout(config: EnvironmentConfig) -> dict[str, tuple[str, ...]]:
    """Names of the terms in each observation group."""
    return {
        "policy": config.policy_terms,
        "critic": config.policy_terms,
        "privileged": (*PRIVILEGED, *MEASURED),
        "history": config.frame_terms,
    }


def _bank(config: EnvironmentConfig, seed: int) -> Bank:
    uneven = any(ground.kind != "flat" for ground in config.grounds)
    options = replace(
        scene.TRAINING,
        time_step=ticks.CONTROL_PERIOD / config.physics_steps,
        stiffness=config.stiffness,
        damping=config.damping,
        box_count=BOX_LIMIT if uneven else None,
    )
    return Bank(config.grounds, config.levels, config.domain, options, seed)
