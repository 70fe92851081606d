"""The robots of one trial of an evaluation: on what, how they are asked to walk, how they did."""

# mujoco ships no type stubs.
# pyright: reportAttributeAccessIssue=false

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

from ts_locomotion import observation, robot, rotation
from ts_locomotion.contract import Contract
from ts_locomotion.robot import Array
from ts_locomotion.safety import SafetyLimits
from ts_locomotion.simulation import commands, physics, randomization, scene, terrain
from ts_locomotion.simulation.commands import CommandRanges
from ts_locomotion.simulation.physics import Physics
from ts_locomotion.simulation.randomization import Domain
from ts_locomotion.simulation.terrain import Terrain

PUSH_INTERVAL = 5.0
COMMAND_INTERVAL = 10.0


@dataclass(frozen=True)
class Trial:
    """One cell of the table: n robots do the same thing, each on its own terrain seed."""

    name: str
    terrain: str = "flat"
    size: float = 0.0
    """See terrain.KINDS [m]."""
    speed: float | None = 0.6
    """Along the lane [m/s]; None for random commands, which are renewed on the way."""
    time: float = 20.0
    push_speed: float = 0.0
    """Largest change of v_x and of v_y every 5 s [m/s]."""
    domain: Domain = field(default_factory=Domain)
    spread: float = 1.0
    """Of starts and of sensor noise, as a share of the usual; 0: all start alike, feel exactly."""


class Cell(NamedTuple):
    """Result of a trial over n robots. Errors are means over the robots that did not fall."""

    policy: str
    trial: str
    terrain: str
    height_m: float
    """Size of the terrain; see terrain.KINDS."""
    regime: str
    """What it saw; see the perceptions of height_noise.py."""
    n: int
    seeds: tuple[int, int]
    """First and last terrain seed, of the eval stream."""
    success: float
    """Share that reached the end of the lane without leaving it; without a lane, that did not
    fall."""
    ci: tuple[float, float]
    """Wilson's 95 % interval of the success."""
    survival: float
    error_x: float
    """Mean |v_x - commanded| [m/s], both averaged over a gait period."""
    error_y: float
    error_turn: float
    torque: float
    """Root mean square [N m]."""
    jerk: float
    """Root mean square change of the action between control steps."""


class _Moment(NamedTuple):
    """What is noted of B robots after a control step."""

    walked: Array  # (B, 3) v_x, v_y [m/s] and w_z [rad/s] in the base frame
    asked: Array  # (B, 3)
    squared_torque: Array  # (B,) mean over the joints [N2 m2]
    action: Array  # (B, A)
    walking: NDArray[np.bool_]  # (B,) as Course.walking before this step


class Course:
    """The robots of a trial, and what is noted of them while they walk."""

    def __init__(
        self,
        contract: Contract,
        trial: Trial,
        count: int,
        seed: int,
        options: scene.SceneOptions,
        repeats: int = 1,
    ) -> None:
        """`count` robots on as many terrains, and each of them `repeats` times: one after all."""
        self.trial, self.seed, self.terrain_count = trial, seed, count
        self.rng = np.random.default_rng([seed, 77])
        kind = trial.terrain
        same = kind == "flat"
        self.terrains = [
            terrain.make(kind, trial.size, seed=seed + (0 if same else i), stream="eval")
            for i in range(count)
        ]
        self.variations = [randomization.draw(trial.domain, self.rng) for _ in self.terrains]
        models = [
            self._model(place, variation, contract, options)
            for place, variation in zip(self.terrains, self.variations, strict=True)
        ]
        self.count = count * repeats
        substeps = round(contract.step_time / options.time_step)
        limits = contract.command_limits
        self.physics = Physics(models, np.arange(self.count) % count, substeps=substeps, threads=2)
        self.ends = np.tile([lane_end(place) for place in self.terrains], repeats)
        self.bounds = np.tile([place.bounds for place in self.terrains], (repeats, 1))
        count = self.count
        self.ranges = CommandRanges(limits["linear_x"], limits["linear_y"], limits["angular_z"])
        self.step, self.steps = 0, round(trial.time / contract.step_time)
        self.step_time = contract.step_time
        self.period = gait_period(contract)
        self.fell = np.zeros(count, dtype=bool)
        self.arrived = np.zeros(count, dtype=bool)
        self.strayed = np.zeros(count, dtype=bool)
        self.requested = np.zeros((count, 3))
        self.left = np.zeros(count)
        self.on_lane = kind != "flat"
        self._moments: list[_Moment] = []
        self._place()

    @staticmethod
    def _model(
        place: Terrain,
        variation: physics.Variation,
        contract: Contract,
        options: scene.SceneOptions,
    ) -> mujoco.MjModel:
        options = replace(
            options,
            actuators="position",
            stiffness=float(contract.stiffness[0]),
            damping=float(contract.damping[0]),
            box_count=None if place.name == "flat" else terrain.BOX_LIMIT,
            visual=False,
        )
        model = scene.compile_scene(place, options)
        physics.vary(model, variation)
        return model

    def _place(self) -> None:
        count = self.terrain_count
        level = np.array([place.start_height for place in self.terrains])
        furthest = self.trial.spread * np.array([0.3, 0.7, 0.2])[:, None]
        x, y, yaw = self.rng.uniform(-furthest, furthest, (3, count))
        base = np.stack([x, y, level + robot.STAND_HEIGHT + 0.005], axis=1)
        repeats = (self.count // count, 1)
        self.physics.reset(
            np.arange(self.count),
            np.tile(base, repeats),
            np.tile(rotation.from_yaw(yaw), repeats),
            robot.STAND_POSE,
        )

    def runs(self) -> bool:
        """Whether time is left and a robot still on its way."""
        return self.step < self.steps and bool(self.walking().any())

    def walking(self) -> NDArray[np.bool_]:
        """Robots that have neither fallen nor arrived nor left their lane. Shape (B,)."""
        return ~(self.fell | self.arrived | self.strayed)

    def sense(self) -> observation.Proprioception:
        """What the robots feel, with the noise of the observation table."""
        terms = observation.TERMS

        def noisy(name: str, value: Array) -> Array:
            width = self.trial.spread * terms[name].noise
            return value + self.rng.uniform(-width, width, value.shape)

        # A small turn of the base moves projected gravity by its noise.
        width = self.trial.spread * terms["projected_gravity"].noise / 2
        turn = self.rng.uniform(-width, width, (self.count, 3))
        orientation = _multiply(self.physics.orientation, turn)
        return observation.Proprioception(
            orientation,
            noisy("angular_velocity", self.physics.angular_velocity),
            noisy("joint_positions", self.physics.joint_positions),
            noisy("joint_velocities", self.physics.joint_velocities),
        )

    def command(self) -> Array:
        """Velocity commands (B, 3)."""
        if self.trial.speed is None:
            due = np.flatnonzero(self.left <= 0.0)
            open_ground = np.zeros(len(due), dtype=bool)
            self.requested[due], _ = commands.sample(self.ranges, open_ground, self.rng)
            self.left[due] = COMMAND_INTERVAL
            self.left -= self.step_time
        else:
            self.requested[:, 0] = self.trial.speed
            yaw = rotation.yaw(self.physics.orientation)
            self.requested[:, 2] = commands.hold_heading(self.ranges, self.requested, yaw)
        return self.requested

    def advance(self, targets: Array, action: Array) -> None:
        """One control period, and what it shows."""
        speed = self.trial.push_speed
        if speed and self.step % round(PUSH_INTERVAL / self.step_time) == 100:
            self.physics.base_velocity[:, :2] += self.rng.uniform(-speed, speed, (self.count, 2))
        walking = self.walking()
        self.physics.step(targets)
        self.step += 1
        fell = down(self.physics.orientation, self.physics.base_contacts)
        self.fell |= (fell | self.physics.diverged()) & walking
        if self.on_lane:
            upright, position = walking & ~self.fell, self.physics.base_position
            self.strayed |= upright & beside(position, self.bounds)
            self.arrived |= upright & ~self.strayed & (position[:, 0] > self.ends)
        velocity = rotation.rotate_inverse(self.physics.orientation, self.physics.base_velocity)
        turning = self.physics.angular_velocity[:, 2:]
        self._moments.append(
            _Moment(
                np.concatenate([velocity[:, :2], turning], axis=1),
                self.requested.copy(),
                np.square(self.physics.joint_torques).mean(axis=1),
                action,
                walking,
            )
        )

    def result(self, policy: str, regime: str = "blind", repeat: int = 0) -> Cell:
        """The cell of the table for one of the repeats."""
        chosen = np.arange(self.count) // self.terrain_count == repeat
        succeeded = (self.arrived if self.on_lane else ~self.fell)[chosen]
        fell = self.fell[chosen]
        kept = chosen & ~self.fell if not fell.all() else chosen
        noted = _Moment(*(np.array(part)[:, kept] for part in zip(*self._moments, strict=True)))
        errors = velocity_errors(noted.walked, noted.asked, self.period)
        error = _mean(errors, noted.walking[len(noted.walking) - len(errors) :, :, None])
        change = np.square(np.diff(noted.action, axis=0)).mean(axis=2)
        wins = int(succeeded.sum())
        return Cell(
            policy=policy,
            trial=self.trial.name,
            terrain=self.trial.terrain,
            height_m=self.trial.size,
            regime=regime,
            n=len(fell),
            seeds=(self.seed, self.seed + len(fell) - 1),
            success=wins / len(fell),
            ci=wilson(wins, len(fell)),
            survival=float(1.0 - fell.mean()),
            error_x=float(error[0]),
            error_y=float(error[1]),
            error_turn=float(error[2]),
            torque=float(np.sqrt(_mean(noted.squared_torque, noted.walking))),
            jerk=float(np.sqrt(_mean(change, noted.walking[1:]))),
        )


def down(orientation: Array, base_contacts: Array) -> NDArray[np.bool_]:
    """Whether robots (B,) touch something with their base, or tilt so far that they are damped.

    Orientations (B, 4) are base to world.
    """
    return (rotation.tilt(orientation) > SafetyLimits.tilt) | (base_contacts > 0)


def beside(positions: Array, bounds: Array) -> NDArray[np.bool_]:
    """Whether robots at (B, 3) are beside or behind their lanes, whose bounds are (B, 4) or (4,).

    Nothing is built there: who walks there does not cross a lane.
    """
    x, y = positions[:, 0], positions[:, 1]
    x_min, _, y_min, y_max = np.asarray(bounds).T
    return (x < x_min) | (y < y_min) | (y > y_max)


def gait_period(contract: Contract) -> int:
    """Control steps in which each foot treads once."""
    return round(1.0 / contract.gait.frequency_hz / contract.step_time)


def velocity_errors(walked: Array, asked: Array, period: int) -> Array:
    """Absolute errors, averaged over a gait period, after the period in which robots set off.

    (T, ...) gives (T - 2 period + 1, ...).
    """
    return np.abs(_running_mean(walked - asked, period))[period:]


def _running_mean(samples: Array, length: int) -> Array:
    """(T, ...) gives (T - length + 1, ...)."""
    sums = np.cumsum(np.concatenate([np.zeros_like(samples[:1]), samples]), axis=0)
    return (sums[length:] - sums[:-length]) / length


def lane_end(place: Terrain) -> float:
    """Where a robot has crossed a lane: 0.3 m into the 2 m of flat ground that end it [m]."""
    return place.bounds[1] - 2.0 + 0.3


def _mean(values: Array, counted: NDArray[np.bool_]) -> Array:
    """Mean over the first two axes where `counted`; nan where nothing is."""
    number = counted.sum(axis=(0, 1))
    return (values * counted).sum(axis=(0, 1)) / np.where(number > 0, number, np.nan)


def wilson(wins: int, count: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    share, z = wins / count, 1.96
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = (
        z
        / (1 + z * z / count)
        * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    )
    return max(0.0, float(centre - half)), min(1.0, float(centre + half))


def _multiply(quaternion: Array, turn: Array) -> Array:
    """Quaternions (B, 4) turned by small half-angle vectors (B, 3) in the base frame."""
    w, vector = quaternion[:, :1], quaternion[:, 1:]
    scalar = w - (vector * turn).sum(axis=1, keepdims=True)
    turned = np.concatenate([scalar, vector + w * turn + np.cross(vector, turn)], axis=1)
    return turned / np.linalg.norm(turned, axis=1, keepdims=True)
