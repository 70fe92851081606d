"""Where the time of a training goes, beside the physics alone of the same robots.

Times are CPU times on the busier of two cores (simulation/clock.py): physics works on both,
everything else on one, learning on both where it says so. They tell what a training would take
if two cores were idle, whatever else this machine is doing.
"""

# mujoco ships no type stubs.
# pyright: reportAttributeAccessIssue=false

import contextlib
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import mujoco
import numpy as np
import psutil
from mujoco.rollout import Rollout
from numpy.typing import NDArray

from ts_locomotion.robot import Array
from ts_locomotion.simulation.environment import Environment
from ts_locomotion.training import run
from ts_locomotion.training.runner import Runner

PARTS = ("physics", "environment", "inference", "learning")
LABELS = ("physics only", "with environment", "with inference", "with learning")
RAW = "raw mujoco.rollout"
FULL = mujoco.mjtState.mjSTATE_FULLPHYSICS


class Row(NamedTuple):
    """What was measured of one task with one number of environments."""

    task: str
    environments: int
    steps: int
    """Environment steps that were measured."""
    parts: tuple[float, ...]
    """Time of each of PARTS per environment step [s]."""
    raw: float
    """Time per control step of the same robots and targets in mujoco.rollout alone [s]."""
    memory: float
    """Of the process meanwhile [bytes]."""

    @property
    def rates(self) -> tuple[float, ...]:
        """Environment steps per second as each of LABELS."""
        return tuple(float(1.0 / spent) for spent in np.cumsum(self.parts))

    @property
    def cost(self) -> float:
        """Time of an environment step, learning included [s]."""
        return sum(self.parts)

    def entries(self) -> list[dict[str, Any]]:
        """The row as train.json has it; `ratio` is to the raw physics of the row."""
        about = {"task": self.task, "environments": self.environments, "n": self.steps}
        name, raw = f"{self.task} x {self.environments}", 1.0 / self.raw
        rates = {RAW: raw, **dict(zip(LABELS, self.rates, strict=True))}
        told = [
            {"name": f"{name}, {label}", "value": rate, "unit": "env-steps/s", **about}
            | {"ratio": rate / raw}
            for label, rate in rates.items()
        ]
        told += [
            {"name": f"{name}, {part}", "value": 1e6 * spent, "unit": "us/env-step", **about}
            | {"ratio": spent / self.cost}
            for part, spent in zip(PARTS, self.parts, strict=True)
        ]
        memory = {"name": f"{name}, memory", "value": self.memory / 1e6, "unit": "MB", **about}
        return [*told, memory | {"ratio": None}]


class _Watch:
    """CPU time within the calls that it has been put around."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}

    def time(self, owner: object, method: str, part: str) -> None:
        """From now on count each call of a method of this object."""
        call: Callable[..., Any] = getattr(owner, method)
        self.spent[part] = 0.0

        def timed(*args: Any, **kwargs: Any) -> Any:
            began = time.process_time()
            result = call(*args, **kwargs)
            self.spent[part] += time.process_time() - began
            return result

        setattr(owner, method, timed)


def measure(runner: Runner, name: str, iterations: int) -> Row:
    """Train for a few iterations, after one that warms up, and tell where the time went.

    Inference is all that is not another part. Checkpoints do not count: so short a training
    writes more of them than a long one.
    """
    environment = runner.env.environment
    _train(runner, 1)
    states, targets = full_states(environment), _recorded(environment)
    watch = _Watch()
    watch.time(runner.env, "step", "step")
    watch.time(runner.alg, "update", "update")
    watch.time(runner, "save", "save")
    before, began = _clocks(runner), time.process_time()
    _train(runner, iterations)
    total = time.process_time() - began
    physics, saved = _clocks(runner) - before
    stepping, updating = watch.spent["step"], watch.spent["update"]
    rest = total - stepping - updating - watch.spent["save"]
    spent = (physics / 2, stepping - physics, rest, updating - saved)
    steps = iterations * runner.steps_of_iteration
    window = np.stack(targets[: runner.task.steps_per_iteration], axis=1)
    return Row(
        name,
        environment.count,
        steps,
        tuple(part / steps for part in spent),
        raw_time(environment, states, window),
        float(psutil.Process().memory_info().rss),
    )


def raw_time(environment: Environment, states: Array, targets: Array) -> float:
    """Time per control step of `replay` [s]."""
    began = time.process_time()
    replay(environment, states, targets)
    spent = time.process_time() - began
    return spent / 2 / (targets.shape[0] * targets.shape[1])


def replay(environment: Environment, states: Array, targets: Array) -> Array:
    """States after each physics step of mujoco.rollout alone. Shape (B, T * physics steps, S).

    From states (B, S), with targets (B, T, J) [rad], on the robots' present models.
    """
    config = environment.config
    bank = [cell.model for cell in environment.bank.cells]
    models = [bank[index] for index in environment.physics.assignment]
    control = np.repeat(targets, config.physics_steps, axis=1)
    data = [mujoco.MjData(bank[0]) for _ in range(config.threads)]
    with Rollout(nthread=config.threads) as rollout:
        reached, _ = rollout.rollout(models, data, states, control)
    return np.asarray(reached)


def _train(runner: Runner, iterations: int) -> None:
    with contextlib.redirect_stdout(io.StringIO()):
        runner.learn(iterations)


def _clocks(runner: Runner) -> Array:
    """CPU time of physics, and what a second core has taken off the learner [s]."""
    return np.array([runner.env.environment.clock.read().physics, runner.alg.cores.saved])


def _recorded(environment: Environment) -> list[NDArray]:
    """The joint targets of each control step from now on, (B, J) each."""
    step, targets = environment.physics.step, []

    def noted(wanted: Array) -> None:
        targets.append(np.array(wanted))
        step(wanted)

    environment.physics.step = noted
    return targets


def full_states(environment: Environment) -> Array:
    """Full states of all robots as mujoco.rollout takes them. Shape (B, S)."""
    physics = environment.physics
    model = environment.bank.cells[0].model
    data = mujoco.MjData(model)
    states = np.zeros((physics.count, mujoco.mj_stateSize(model, FULL)))
    for robot in range(physics.count):
        data.qpos[:7] = [*physics.base_position[robot], *physics.orientation[robot]]
        data.qpos[7:] = physics.joint_positions[robot]
        data.qvel[:3] = physics.base_velocity[robot]
        data.qvel[3:6] = physics.angular_velocity[robot]
        data.qvel[6:] = physics.joint_velocities[robot]
        mujoco.mj_getState(model, data, states[robot], FULL)
    return states


def save(runner: Runner, folder: Path) -> None:
    """Leave a checkpoint, from which a student can begin."""
    runner.save(str(folder / run.CHECKPOINT))
