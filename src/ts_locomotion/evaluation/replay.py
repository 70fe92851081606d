"""What a recording does not tell, found by putting the robot into its poses once more."""

# mujoco ships no type stubs.
# pyright: reportAttributeAccessIssue=false

import mujoco
import numpy as np

from ts_locomotion.demo.recording import Recording
from ts_locomotion.robot import Array
from ts_locomotion.simulation import scene
from ts_locomotion.simulation.terrain import Terrain


def base_contacts(recording: Recording, ground: Terrain) -> Array:
    """Number of contacts of the base with the ground or the legs in each pose. Shape (N,)."""
    model = scene.compile_scene(ground)
    data, sensor = mujoco.MjData(model), scene.sensor_slices(model)["base_contact"]
    poses = (recording.position, recording.orientation, recording.joint_positions)
    counts = np.zeros(len(recording.time))
    for step, pose in enumerate(np.concatenate(poses, axis=1)):
        data.qpos[:] = pose
        mujoco.mj_forward(model, data)
        counts[step] = data.sensordata[sensor][0]
    return counts
