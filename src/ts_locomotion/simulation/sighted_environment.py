"""The walking task with eyes: foot scans, true and as a robot would see them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ts_locomotion import perception
from ts_locomotion.belief import network_scans
from ts_locomotion.perception import ScanPoints
from ts_locomotion.robot import Array
from ts_locomotion.simulation import environment, measurement
from ts_locomotion.simulation.environment import Environment, EnvironmentConfig, Robots
from ts_locomotion.simulation.height_noise import HeightNoise, HeightNoiseConfig, View
from ts_locomotion.simulation.measurement import Body
from ts_locomotion.simulation.physics import Physics
from ts_locomotion.simulation.ranges import check_not_negative, check_order
from ts_locomotion.simulation.rewards import Motion
from ts_locomotion.simulation.terrain import HeightGrids

Range = tuple[float, float]

PRIVILEGED: Mapping[str, int] = {
    "contacts": 4,
    "foot_forces": 12,
    "foot_normals": 12,
    "foot_friction": 4,
    "thigh_contacts": 4,
    "shank_contacts": 4,
    "external_wrench": 6,
    "air_time": 4,
    "linear_velocity": 3,
}
"""What the belief teacher is told: the 50 entries of Miki et al. 2022, table S3, and the base
velocity, which their robot estimates and a Go2 does not."""
VELOCITY = slice(-3, None)
"""Where the velocity lies in it."""

FORCE_SCALE = 100.0
"""Of foot forces [N]."""
WRENCH_SCALE = np.array([[25.0], [4.0]])
"""Of force [N] and torque [N m] on the base."""
VELOCITY_ERROR_TIME = 0.3
"""In which an error of the velocity told is forgotten [s]."""
NOWHERE = np.zeros((1, 1, 1), dtype=np.float32)
"""No displacement of scan points."""
TOLD = "told_scans"
"""Observation group of what a good map says of the ground, else of the truth."""
HOLE = 0.2
"""Ground that lies further below a sole is a hole to step over and counts as this deep [m]."""


@dataclass(frozen=True)
class Wrenches:
    """Forces and torques that push on the trunk for a while."""

    force: float = 25.0
    """Largest along each axis [N]."""
    torque: float = 4.0
    """Largest about each axis [N m]."""
    time: Range = (0.5, 2.0)
    """[s]"""
    pause: Range = (2.0, 6.0)
    """[s]"""

    def __post_init__(self) -> None:
        check_not_negative(self, "wrenches.", "force", "torque")
        check_order(self, "wrenches.", "time", "pause")


@dataclass(frozen=True)
class SightedConfig(EnvironmentConfig):
    """A walking task of a robot that sees."""

    wrenches: Wrenches = field(default_factory=Wrenches)
    height_noise: HeightNoiseConfig | None = None
    """None: no scans as a robot would see them, only true ones."""
    told_noise: HeightNoiseConfig | None = None
    """Of the map that the group told_scans tells of: at once where it is the height noise as well,
    else from `mislead` on; None: no such group."""
    told_velocity_error: float = 0.0
    """Of the privileged velocity from `mislead` on: standard deviation along each axis [m/s]."""


class SightedEnvironment(Environment):
    """Adds the observation group scans (B, F * P): the true heights around the feet [m].

    With height noise also heights, valid (B, F * P) and map_age (B, 1), as networks get them; with
    told noise also told_scans (B, F * P): what a good map says, else the truth.
    """

    config: SightedConfig

    def __init__(self, config: SightedConfig, seed: int) -> None:
        noise = config.height_noise
        self.noise = HeightNoise(noise, config.environments) if noise else None
        super().__init__(config, seed)

    def observe(self) -> dict[str, Array]:
        """Observation groups: those of Environment, and what is seen."""
        groups = super().observe() | {"scans": self.scans}
        if self.config.told_noise:
            groups[TOLD] = self.told_scans
        if self.noise and self.config.height_noise:
            groups |= network_scans(self.noise.scans(), self.count)
        return groups

    def mislead(self) -> None:
        """From now on told_scans and the velocity of the privileged state are wrong."""
        self.misled = True
        if self.config.told_noise and not self.noise:
            self.noise = HeightNoise(self.config.told_noise, self.count)
            self.noise.begin(np.arange(self.count), self.rng)
            self._see()

    def state(self) -> dict[str, Array]:
        """Everything that changes, as arrays, but the random generator."""
        state = super().state() | {name: np.array(getattr(self, name)) for name in _CHANGING}
        # Forces and contacts in it are of a physics step that a restored physics has not made.
        state |= {"told": self.told.copy(), "misled": np.array(self.misled)}
        if self.noise:
            state |= {f"noise.{name}": value for name, value in self.noise.state().items()}
        return state

    def restore(self, state: Mapping[str, Array]) -> None:
        """Continue from the `state()` of an equal environment."""
        super().restore(state)
        if state["misled"]:
            self.mislead()
        for name in _CHANGING:
            setattr(self, name, np.array(state[name]))
        self.physics.base_wrench[:] = self.wrench
        self.told = np.array(state["told"])
        if self.noise:
            prefix = "noise."
            self.noise.restore(
                {n.removeprefix(prefix): v for n, v in state.items() if n.startswith(prefix)}
            )
        self.told_scans = self._hear(view(self.physics, self.bank.heights))

    def _allocate(self) -> None:
        super()._allocate()
        self.misled = False
        self.velocity_error = np.zeros((self.count, 3))
        self.air_time = np.zeros((self.count, 4))
        self.wrench = np.zeros((self.count, 6))
        self.wrench_time = np.zeros(self.count)
        self.scans = np.zeros((self.count, perception.SCAN_SIZE), dtype=np.float32)
        self.told_scans = self.scans

    def _begin(self, robots: Robots) -> None:
        super()._begin(robots)
        self.air_time[robots] = 0.0
        self.wrench[robots] = 0.0
        self.wrench_time[robots] = self.rng.uniform(*self.config.wrenches.pause, len(robots))
        if self.noise:
            self.noise.begin(robots, self.rng)

    def _push(self) -> None:
        super()._push()
        self.wrench_time -= self.step_time
        due = np.flatnonzero(self.wrench_time <= 0.0)
        if len(due):
            self._change_wrench(due)
        self.physics.base_wrench[:] = self.wrench

    def _change_wrench(self, robots: Robots) -> None:
        """End a wrench or begin one."""
        wrenches, number = self.config.wrenches, len(robots)
        begins = np.abs(self.wrench[robots]).sum(axis=1) == 0.0
        drawn = self.rng.uniform(-1.0, 1.0, (number, 6))
        drawn *= np.repeat([wrenches.force, wrenches.torque], 3)
        self.wrench[robots] = np.where(begins[:, None], drawn, 0.0)
        lasting = self.rng.uniform(*wrenches.time, number)
        self.wrench_time[robots] = np.where(
            begins, lasting, self.rng.uniform(*wrenches.pause, number)
        )

    def _account(self, motion: Motion) -> None:
        super()._account(motion)
        self.air_time = np.where(motion.contacts, 0.0, self.air_time + self.step_time)

    def _look(self) -> None:
        super()._look()
        self._see()
        if self.misled:
            self._misjudge()
        self.told = self._tell()

    def _misjudge(self) -> None:
        """Let the errors of the velocity told wander, each about zero."""
        kept = np.exp(-self.step_time / VELOCITY_ERROR_TIME)
        fresh = self.config.told_velocity_error * self.rng.standard_normal((self.count, 3))
        self.velocity_error = kept * self.velocity_error + np.sqrt(1.0 - kept**2) * fresh

    def _see(self) -> None:
        """Take the scans of this moment, true and as a robot would see them."""
        seen = view(self.physics, self.bank.heights)
        self.scans = seen.scans(NOWHERE, NOWHERE).reshape(self.count, -1)
        if self.noise:
            step = self.noise.look if self.config.height_noise else self.noise.advance
            step(seen, self.step_time, self.rng)
        self.told_scans = self._hear(seen)

    def _hear(self, seen: View) -> Array:
        """What a teacher is told of this moment's ground. Shape (B, F * P)."""
        if self.noise and self.config.told_noise:
            return self.noise.told(seen, self.scans)
        return self.scans

    def _motion(self) -> Motion:
        """A hole beneath a foot is neither a height to keep nor one to lift the foot from."""
        motion, grids = super()._motion(), self._body.grids
        deep = np.maximum(grids - HOLE, 0.0)
        return motion._replace(
            foot_clearances=motion.foot_clearances - deep.mean(axis=2),
            height=motion.height - deep[:, :, 4].mean(axis=1),
        )

    def _privileged(self) -> Array:
        return self.told

    def _tell(self) -> Array:
        friction = self.bank.privileged["friction"][self.physics.assignment]
        told = privileged(self.physics, self._body, friction, self.air_time)
        told[:, VELOCITY] += self.velocity_error
        return told


_CHANGING = ("velocity_error", "air_time", "wrench", "wrench_time", "scans")


def observation_layout(config: SightedConfig, sees: bool) -> dict[str, tuple[str, ...]]:
    """Names of the terms in each observation group that learners use; scans if they see."""
    layout = environment.observation_layout(config) | {"privileged": tuple(PRIVILEGED)}
    seen = ("scans", TOLD) if config.told_noise else ("scans",)
    return layout | dict.fromkeys(seen, ("scans",)) if sees else layout


def view(physics: Physics, heights: HeightGrids, robots: slice = slice(None)) -> View:
    """The ground around the feet of the robots at this moment."""
    position = physics.base_position[robots]
    points = perception.scan_points(
        position, physics.orientation[robots], physics.joint_positions[robots]
    )
    return view_at(position, points, heights, physics.assignment[robots, None, None])


def view_at(
    base: Array, points: ScanPoints, heights: HeightGrids, terrain: NDArray[np.integer]
) -> View:
    """The ground at scan points (B, F, P); base (B, 3), terrain (B, 1, 1) of each robot."""
    x, y = points.x.astype(np.float32), points.y.astype(np.float32)
    foot = points.foot_height.astype(np.float32)[..., None]

    def scans(displaced_x: Array, displaced_y: Array) -> Array:
        return heights.at(terrain, x + displaced_x, y + displaced_y) - foot

    return View(base[:, :2], x, y, scans)


def true_scans(physics: Physics, heights: HeightGrids) -> Array:
    """The foot scans of all robots without any noise [m]. Shape (B, F * P)."""
    return view(physics, heights).scans(NOWHERE, NOWHERE).reshape(physics.count, -1)


def privileged(physics: Physics, body: Body, friction: Array, air_time: Array) -> Array:
    """What only simulation knows, of order one, in the order of PRIVILEGED. Shape (B, K).

    Friction (B, 1) as of randomization.privileged, air time of the feet (B, F) [s].
    """
    wrench = physics.base_wrench.reshape(-1, 2, 3) / WRENCH_SCALE
    terms = {
        "contacts": body.contacts,
        "foot_forces": _levelled(physics.foot_forces / FORCE_SCALE, body.yaw),
        "foot_normals": measurement.ground_normals(body.grids),
        "foot_friction": np.repeat(friction, 4, axis=1),
        "thigh_contacts": physics.thigh_contacts > 0,
        "shank_contacts": physics.calf_contacts > 0,
        "external_wrench": _levelled(wrench, body.yaw),
        "air_time": np.minimum(air_time, 1.0),
        "linear_velocity": body.linear_velocity,
    }
    columns = [terms[name].reshape(physics.count, -1) for name in PRIVILEGED]
    return np.concatenate(columns, axis=1).astype(np.float32)


def _levelled(vectors: Array, yaw: Array) -> Array:
    """World vectors (B, N, 3) turned into the heading of the base."""
    cos, sin = np.cos(yaw)[:, None], np.sin(yaw)[:, None]
    x, y, z = np.moveaxis(vectors, -1, 0)
    return np.stack([cos * x + sin * y, cos * y - sin * x, z], axis=-1)
