"""The MuJoCo Go2 as a plain object: it takes the robot's commands and answers with its state."""

# MuJoCo's names are made at run time, where pyright does not see them.
# pyright: reportAttributeAccessIssue=false

from dataclasses import dataclass
from typing import NamedTuple

import mujoco
import numpy as np

from ts_locomotion import robot, rotation, unitree
from ts_locomotion.robot import Array
from ts_locomotion.simulation import scene, terrain
from ts_locomotion.simulation.courses import COURSES
from ts_locomotion.simulation.gantry import Gantry
from ts_locomotion.simulation.terrain import Terrain
from ts_locomotion.unitree import LowCmd, LowState

STEP_MS = unitree.STATE_PERIOD_MS
WATCHDOG_COMMAND = unitree.damping_command(3.0)
GRAVITY = 9.81
START_POSE = robot.STAND_POSE


@dataclass(frozen=True)
class RobotOptions:
    """Where the robot stands, and how it protects itself."""

    terrain: str = "flat"
    """A name of `terrain.KINDS` or of `courses.COURSES`."""
    difficulty: float = 0.5
    seed: int = 0
    gantry: bool = True
    """Whether the robot starts hanging; otherwise it starts lying on the ground."""
    low_cmd_timeout: float = 0.1
    """Without a valid command for longer the motors only damp [s]."""
    size: float | None = None
    """Of the terrain [m], instead of a difficulty; see `terrain.KINDS`."""


class BaseMotion(NamedTuple):
    """True motion of the base."""

    position: Array  # (3,) in world [m]
    orientation: Array  # (4,) base to world, w x y z
    linear_velocity: Array  # (3,) in base [m/s]
    angular_velocity: Array  # (3,) in base [rad/s]


def make_ground(options: RobotOptions) -> Terrain:
    """The terrain of that name; raises ConfigurationError for one that does not exist."""
    if options.terrain in COURSES:
        return terrain.course(COURSES[options.terrain], options.seed)
    if options.size is not None:
        return terrain.make(options.terrain, options.size, seed=options.seed)
    return terrain.make(options.terrain, difficulty=options.difficulty, seed=options.seed)


class RobotSimulator:
    """Steps of 2 ms. Between two steps `command` may be called; nothing depends on wall time."""

    def __init__(self, options: RobotOptions):
        self.options = options
        self.ground = make_ground(options)
        self.model = scene.compile_scene(self.ground)
        self.data = mujoco.MjData(self.model)
        self.tick = 0
        self._sensors = scene.sensor_slices(self.model)
        self._base = self.model.body(scene.BASE_BODY).id
        self.reset()

    def reset(self) -> None:
        """Back to the start. The tick goes on, as time does."""
        mujoco.mj_resetData(self.model, self.data)
        weight = float(self.model.body_subtreemass[self._base]) * GRAVITY
        self._gantry = Gantry(self.ground.start_height, weight)
        self._command = WATCHDOG_COMMAND
        self._commanded_at: int | None = None
        if self.options.gantry:
            self._place(self._gantry.height, START_POSE)
        else:
            self._gantry.release(-np.inf)
            lying = robot.foot_position_in_base(robot.FOLDED_POSE)[:, 2].min() - robot.FOOT_RADIUS
            self._place(self.ground.start_height - float(lying), robot.FOLDED_POSE)
        mujoco.mj_forward(self.model, self.data)

    def command(self, command: LowCmd) -> None:
        """What the motors do from the next step on."""
        self._command = command
        self._commanded_at = self.tick

    def release_gantry(self) -> None:
        """Lower the robot and let go; a robot already released stays so."""
        self._gantry.release(self.time)

    def step(self) -> None:
        """Advance by 2 ms; `tick` is then the time of the new state."""
        pose, velocity = self.data.qpos[:7], self.data.qvel[:6]
        self.data.xfrc_applied[self._base] = self._gantry.wrench(self.time, pose, velocity)
        command = WATCHDOG_COMMAND if self.watchdog_fired else self._command
        joint_positions, joint_velocities = self.data.qpos[7:], self.data.qvel[6:]
        torques = unitree.motor_torques(command, joint_positions, joint_velocities)
        np.clip(torques, -robot.TORQUE_LIMIT, robot.TORQUE_LIMIT, out=self.data.ctrl)
        mujoco.mj_step(self.model, self.data)
        self.tick += STEP_MS

    @property
    def time(self) -> float:
        """Simulated time since construction [s]."""
        return self.tick * 1e-3

    @property
    def watchdog_fired(self) -> bool:
        """Whether the last valid command is too old, so that the motors only damp."""
        if self._commanded_at is None:
            return True
        return self.tick - self._commanded_at > 1e3 * self.options.low_cmd_timeout

    @property
    def gantry_state(self) -> str:
        """`holding`, `lowering` or `free`."""
        return self._gantry.state(self.time)

    @property
    def base_position(self) -> Array:
        """In the world [m]; a view, valid until the next step. Shape (3,)."""
        return self.data.qpos[:3]

    @property
    def tilt(self) -> float:
        """Angle between the base's z axis and the vertical [rad]."""
        return float(rotation.tilt(self.data.qpos[3:7]))

    def low_state(self) -> LowState:
        """What the robot's own sensors say of the present state.

        Acceleration and foot forces are those of the step that led here.
        """
        forces = self.data.sensordata[self._sensors["foot_force"]].reshape(4, 3)
        return LowState(
            tick=self.tick,
            orientation=self.data.qpos[3:7],
            angular_velocity=self.data.qvel[3:6],
            linear_acceleration=self.data.sensordata[self._sensors["accelerometer"]],
            joint_positions=self.data.qpos[7:],
            joint_velocities=self.data.qvel[6:],
            joint_torques=self.data.ctrl,
            foot_forces=np.linalg.norm(forces, axis=1),
        )

    def base_motion(self) -> BaseMotion:
        """Where the base truly is and how it moves, as an ideal estimator would say."""
        orientation = self.data.qpos[3:7].copy()
        velocity = rotation.rotate_inverse(orientation, self.data.qvel[:3])
        return BaseMotion(
            self.data.qpos[:3].copy(), orientation, velocity, self.data.qvel[3:6].copy()
        )

    def _place(self, height: float, joint_positions: Array) -> None:
        self.data.qpos[:7] = [0.0, 0.0, height, 1.0, 0.0, 0.0, 0.0]
        self.data.qpos[7:] = joint_positions
