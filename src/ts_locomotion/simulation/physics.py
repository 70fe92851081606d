"""Many robots stepped together: answers what is where, knows nothing of rewards or episodes."""

# mujoco ships no type stubs.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
from mujoco.batch import Batch
from numpy.typing import NDArray

from ts_locomotion import robot
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.robot import Array
from ts_locomotion.simulation import scene

Indices = NDArray[np.integer]
BAD_STATE = (
    mujoco.mjtWarning.mjWARN_BADQPOS,
    mujoco.mjtWarning.mjWARN_BADQVEL,
    mujoco.mjtWarning.mjWARN_BADQACC,
)


@dataclass(frozen=True)
class Variation:
    """How one model differs from the nominal robot."""

    foot_friction: float = scene.FOOT_FRICTION
    base_mass: float = 0.0
    """Added to the trunk [kg]."""
    base_centre: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Shift of the trunk's centre of mass [m]."""
    stiffness_scale: float = 1.0
    damping_scale: float = 1.0
    """Of `position` actuators."""
    friction_loss: float = 0.0
    """Dry friction of every joint [N m]. Zero keeps the scene's own."""
    armature: float = scene.ARMATURE


def vary(model: mujoco.MjModel, variation: Variation) -> None:
    """Edit a compiled training model in place."""
    base = model.body(scene.BASE_BODY).id
    model.geom_friction[[model.geom(foot).id for foot in robot.FEET], 0] = variation.foot_friction
    model.body_inertia[base] *= 1.0 + variation.base_mass / model.body_mass[base]
    model.body_mass[base] += variation.base_mass
    model.body_ipos[base] += variation.base_centre
    model.actuator_gainprm[:, 0] *= variation.stiffness_scale
    model.actuator_biasprm[:, 1] *= variation.stiffness_scale
    model.actuator_biasprm[:, 2] *= variation.damping_scale
    model.dof_armature[6:] = variation.armature
    if variation.friction_loss > 0.0:
        model.dof_frictionloss[6:] = variation.friction_loss
    mujoco.mj_setConst(model, mujoco.MjData(model))


class Physics:
    """B robots, each on a model of a bank, stepped on a thread pool without the GIL.

    Its arrays are live views, float64: reading them gives the state after the last step, writing
    them (a push on `base_velocity`) changes it. `state` is all of it, solver warm start included:
    restoring it and the assignment continues identically. Quantities computed by a step -
    contacts, torques - describe its last substep and are read-only. Deterministic at any thread
    count.
    """

    def __init__(
        self,
        bank: Sequence[mujoco.MjModel],
        assignment: Sequence[int] | Indices,
        substeps: int = 4,
        threads: int = 2,
    ):
        """Model i of the bank simulates each robot b with assignment[b] == i. Shape (B,).

        All models need equal sizes: compile them with one `SceneOptions.box_count`.
        """
        self._check_bank(bank)
        _silence_mujoco()
        self._bank, self._substeps = list(bank), substeps
        self._batch = Batch(self._bank[0], len(assignment), threads)
        self.step_time = substeps * float(self._bank[0].opt.timestep)
        self._bind(scene.sensor_slices(self._bank[0]))
        self.assignment = np.asarray(assignment, dtype=np.int64).copy()
        self.assign(np.arange(self.count), self.assignment)

    @property
    def count(self) -> int:
        """Number of robots B."""
        return self._batch.nsim

    def assign(self, robots: Indices, models: Indices) -> None:
        """Move robots to other models of the bank; reset them afterwards."""
        models = np.asarray(models)
        if models.size and (models.min() < 0 or models.max() >= len(self._bank)):
            raise ConfigurationError(
                f"model indices {models.min()}..{models.max()} given, bank has {len(self._bank)}"
            )
        self.assignment[robots] = models
        self._batch.set_models([self._bank[index] for index in self.assignment])

    def reset(
        self,
        robots: Indices,
        base_position: Array,
        orientation: Array,
        joint_positions: Array,
        base_velocity: Array | float = 0.0,
    ) -> None:
        """Place robots at rest but for the base velocity [m/s, world], joints held where placed.

        Base position (n, 3), orientation (n, 4) and joint positions (n, J) may broadcast.
        """
        self.base_position[robots] = base_position
        self.orientation[robots] = orientation
        self.joint_positions[robots] = joint_positions
        self._qvel[robots] = 0.0
        self.base_velocity[robots] = base_velocity
        self._warm_start[robots] = 0.0
        self.targets[robots] = joint_positions
        self.base_wrench[robots] = 0.0
        self._counted_warnings[robots] = self._warning_counts()[robots]

    def step(self, targets: Array) -> None:
        """Advance one control step towards joint targets [rad]. Shape (B, J)."""
        self.targets[:] = targets
        self._batch.step(nstep=self._substeps)

    def diverged(self) -> NDArray[np.bool_]:
        """Robots whose simulation blew up (and was restarted by MuJoCo) since their reset. (B,)"""
        return self._warning_counts() > self._counted_warnings

    def _bind(self, sensors: dict[str, slice]) -> None:
        batch = self._batch
        self.state = batch.state
        self._qpos, self._qvel = batch.bind("qpos"), batch.bind("qvel")
        self._warm_start = batch.bind("qacc_warmstart")
        self.base_position = self._qpos[:, :3]
        self.orientation = self._qpos[:, 3:7]
        self.joint_positions = self._qpos[:, 7:]
        self.base_velocity = self._qvel[:, :3]
        self.angular_velocity = self._qvel[:, 3:6]
        self.joint_velocities = self._qvel[:, 6:]
        self.targets = batch.bind("ctrl")
        base = self._bank[0].body(scene.BASE_BODY).id
        self.base_wrench = batch.bind("xfrc_applied")[:, base]
        self.joint_torques = batch.bind("actuator_force")
        data = batch.bind("sensordata")
        self.foot_forces = data[:, sensors["foot_force"]].reshape(self.count, 4, 3)
        self.base_contacts = data[:, sensors["base_contact"]][:, 0]
        self.thigh_contacts = data[:, sensors["thigh_contact"]]
        self.calf_contacts = data[:, sensors["calf_contact"]]
        self._counted_warnings = self._warning_counts()

    def _warning_counts(self) -> NDArray[np.integer]:
        return self._batch.warning[:, [int(kind) for kind in BAD_STATE], 1].sum(axis=1)

    @staticmethod
    def _check_bank(bank: Sequence[mujoco.MjModel]) -> None:
        if not bank:
            raise ConfigurationError("the bank of models is empty; give at least one")
        sizes = {(m.nq, m.nv, m.nu, m.ngeom, m.nsensordata) for m in bank}
        if len(sizes) > 1:
            raise ConfigurationError(
                f"models of one bank need equal sizes (nq, nv, nu, ngeom, nsensordata), given "
                f"{sorted(sizes)}; compile them with one box_count"
            )


def _silence_mujoco() -> None:
    # It would write MUJOCO_LOG.TXT into the working folder for each robot that `diverged` reports.
    config = mujoco.MjLogConfig.get()
    config.logto_file = config.logto_console = False
    config.set()
