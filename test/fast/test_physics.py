"""Batched physics is plain MuJoCo, many times, and nothing leaks between robots."""

import dataclasses

import mujoco
import numpy as np
import pytest

from ts_locomotion import gait, robot, rotation
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.simulation import scene, terrain
from ts_locomotion.simulation.physics import Physics, Variation, vary
from ts_locomotion.simulation.terrain import BOX_LIMIT, HeightGrids, make

PADDED = dataclasses.replace(scene.TRAINING, box_count=BOX_LIMIT)
UPRIGHT = np.array([1.0, 0.0, 0.0, 0.0])


def compiled(ground: terrain.Terrain, variation: Variation | None = None) -> mujoco.MjModel:
    model = scene.compile_scene(ground, PADDED)
    if variation is not None:
        vary(model, variation)
    return model


def place(physics: Physics, grounds: list[terrain.Terrain], x: float = 0.0) -> None:
    robots = np.arange(physics.count)
    level = np.array([grounds[index].start_height for index in physics.assignment])
    position = np.stack([np.full_like(level, x), 0 * level, level + robot.STAND_HEIGHT], axis=1)
    physics.reset(robots, position, UPRIGHT, robot.STAND_POSE)


def standing(bank: list[mujoco.MjModel], count: int, threads: int = 1) -> Physics:
    physics = Physics(bank, np.arange(count) % len(bank), threads=threads)
    place(physics, [make("flat")] * len(bank))
    return physics


def trot(step: int, count: int, lift: float = 0.35) -> np.ndarray:
    """Joint targets of a trot on the spot. Shape (count, J)."""
    phases = gait.leg_phases((0.04 * step + np.arange(count) / count) % 1.0)
    swing = lift * np.where(phases < 0.5, np.sin(2 * np.pi * phases), 0.0)
    targets = np.tile(robot.STAND_POSE, (count, 1)).reshape(count, 4, 3)
    targets[:, :, 1] += swing
    targets[:, :, 2] -= 2.0 * swing
    return targets.reshape(count, 12)


def test_a_batch_equals_a_plain_loop_bit_for_bit():
    model = compiled(make("flat"))
    physics, data = standing([model], 3), mujoco.MjData(model)
    data.qpos[:] = [0, 0, robot.STAND_HEIGHT, *UPRIGHT, *robot.STAND_POSE]
    for step in range(30):
        targets = trot(step, 3)
        physics.step(targets)
        data.ctrl[:] = targets[1]
        for _ in range(4):
            mujoco.mj_step(model, data)
    assert np.array_equal(physics.joint_positions[1], data.qpos[7:])
    assert np.array_equal(physics.base_velocity[1], data.qvel[:3])
    assert np.array_equal(physics.joint_torques[1], data.actuator_force)
    assert not np.array_equal(physics.joint_positions[0], physics.joint_positions[1])


def test_the_number_of_threads_changes_nothing():
    grounds = [make("stairs_up", 0.1), make("blocks", 0.1), make("slope", 0.2)]
    results = []
    for threads in (1, 2):
        physics = Physics([compiled(g) for g in grounds], np.arange(12) % 3, threads=threads)
        place(physics, grounds)
        for step in range(25):
            physics.step(trot(step, 12))
        results.append(physics.state.copy())
    assert np.array_equal(*results)


def test_restoring_the_state_continues_identically():
    physics = standing([compiled(make("rough", 0.05))], 4)
    for step in range(20):
        physics.step(trot(step, 4))
    saved = physics.state.copy()
    futures = []
    for _ in range(2):
        physics.state[:] = saved
        for step in range(20, 40):
            physics.step(trot(step, 4))
        futures.append(physics.state.copy())
    assert np.array_equal(*futures)
    assert not np.array_equal(saved, futures[0])


def test_one_control_step_is_twenty_milliseconds():
    physics = standing([compiled(make("flat"))], 1)
    assert physics.step_time == pytest.approx(0.02)
    before = physics.state[0, 0]
    physics.step(robot.STAND_POSE)
    assert physics.state[0, 0] - before == pytest.approx(0.02)


def test_a_push_on_the_velocity_view_moves_only_that_robot():
    physics = standing([compiled(make("flat"))], 3)
    physics.base_velocity[1, 1] += 1.0
    physics.step(robot.STAND_POSE)
    assert physics.base_position[1, 1] > 0.01
    assert np.abs(physics.base_position[[0, 2], 1]).max() < 1e-3


def test_a_wrench_on_the_base_lifts_it_until_reset():
    physics = standing([compiled(make("flat"))], 2)
    physics.base_wrench[0, 2] = 250.0
    for _ in range(20):
        physics.step(robot.STAND_POSE)
    assert physics.base_position[0, 2] - physics.base_position[1, 2] > 0.2
    physics.reset(np.array([0]), np.array([0, 0, 0.335]), UPRIGHT, robot.STAND_POSE)
    assert np.array_equal(physics.base_wrench[0], np.zeros(6))


def test_reset_and_reassignment_touch_only_the_robots_named():
    grounds = [make("flat"), make("stairs_down", 0.1)]
    physics = Physics([compiled(ground) for ground in grounds], np.zeros(4, int))
    place(physics, grounds)
    for step in range(10):
        physics.step(trot(step, 4))
    others = physics.state[[0, 2]].copy()
    named = np.array([1, 3])
    physics.assign(named, np.array([1, 1]))
    physics.reset(named, np.array([0.0, 0.0, 1.135]), UPRIGHT, robot.STAND_POSE)
    assert np.array_equal(physics.state[[0, 2]], others)
    for _ in range(50):
        physics.step(robot.STAND_POSE)
    assert np.all(physics.base_position[named, 2] > 1.05)
    assert np.all(physics.base_position[[0, 2], 2] < 0.4)


def test_feet_carry_the_weight_and_payload_adds_to_it():
    bank = [compiled(make("flat")), compiled(make("flat"), Variation(base_mass=3.0))]
    physics = standing(bank, 2)
    for _ in range(150):
        physics.step(robot.STAND_POSE)
    carried = physics.foot_forces[:, :, 2].sum(axis=1) / 9.81
    assert np.allclose(carried, [15.019, 18.019], atol=0.1)
    assert not physics.base_contacts.any()
    assert not physics.thigh_contacts.any()


def test_variations_change_what_they_name():
    nominal = compiled(make("flat"))
    variation = Variation(
        foot_friction=0.3,
        base_centre=(0.02, 0.01, 0.0),
        stiffness_scale=1.1,
        damping_scale=0.9,
        friction_loss=0.3,
        armature=0.02,
    )
    varied = compiled(make("flat"), variation)
    assert np.allclose(varied.actuator_gainprm[:, 0], 1.1 * nominal.actuator_gainprm[:, 0])
    assert np.allclose(varied.actuator_biasprm[:, 1], 1.1 * nominal.actuator_biasprm[:, 1])
    assert np.allclose(varied.actuator_biasprm[:, 2], 0.9 * nominal.actuator_biasprm[:, 2])
    assert np.allclose(varied.dof_armature[6:], 0.02)
    assert np.allclose(varied.dof_frictionloss, [0.0] * 6 + [0.3] * 12)
    base = nominal.body(scene.BASE_BODY).id
    assert np.allclose(varied.body_ipos[base] - nominal.body_ipos[base], [0.02, 0.01, 0.0])
    assert varied.geom("RR_foot").friction[0] == 0.3
    assert not np.allclose(varied.dof_invweight0, nominal.dof_invweight0)


def test_slippery_feet_slip():
    bank = [compiled(make("flat"), Variation(foot_friction=mu)) for mu in (0.05, 1.0)]
    physics = standing(bank, 2)
    for _ in range(50):
        physics.step(robot.STAND_POSE)
    physics.base_velocity[:, 1] += 0.8
    for _ in range(15):
        physics.step(robot.STAND_POSE)
    feet = physics.base_position[:, 1]
    assert feet[0] > 1.3 * feet[1]


@pytest.mark.parametrize(
    "name", ["rough", "stairs_up", "stairs_down", "stairs_open_down", "blocks", "slope", "gaps"]
)
def test_feet_do_not_tunnel_into_boxes(name):
    grounds = [make(name, difficulty=1.0, seed=seed) for seed in range(4)]
    physics = Physics([compiled(ground) for ground in grounds], np.arange(16) % 4)
    start = np.linspace(0.6, 4.0, 16)
    footprint = np.linspace(-0.4, 0.4, 40)
    along, across = start[:, None, None] + footprint[:, None], footprint[None, None, :]
    level = HeightGrids(grounds).at(physics.assignment[:, None, None], along, across)
    position = np.stack([start, 0 * start, level.max(axis=(1, 2)) + 0.35], axis=1)
    physics.reset(np.arange(16), position, UPRIGHT, robot.STAND_POSE)
    depths = []
    for step in range(100):
        physics.step(trot(step, 16))
        depths.append(foot_depths(physics, grounds))
    assert (np.array(depths) > 0.0).mean() > 0.05
    assert (np.array(depths) > 0.02).mean() < 0.002
    assert np.max(depths) < 2 * robot.FOOT_RADIUS


def foot_depths(physics: Physics, grounds: list[terrain.Terrain]) -> np.ndarray:
    """How deep each foot sphere is in the nearest box [m]. Shape (B, F)."""
    legs = physics.joint_positions.reshape(-1, 4, 3)
    pitch = (legs[:, :, 1] + legs[:, :, 2])[:, :, None]
    across, along = np.sin(legs[:, :, :1]), np.cos(legs[:, :, :1])
    offset = robot.FOOT_SPHERE_X * np.concatenate(
        [np.cos(pitch), across * np.sin(pitch), -along * np.sin(pitch)], axis=2
    )
    feet = robot.foot_position_in_base(physics.joint_positions) + offset
    centres = physics.base_position[:, None] + rotation.rotate(physics.orientation[:, None], feet)
    return np.stack(
        [sphere_depths(centres[i], grounds[model]) for i, model in enumerate(physics.assignment)]
    )


def sphere_depths(centres: np.ndarray, ground: terrain.Terrain) -> np.ndarray:
    """Signed depth of spheres (n, 3) in the boxes of a terrain [m]. Shape (n,)."""
    in_box = rotation.rotate_inverse(ground.quaternions, centres[:, None] - ground.centres)
    beyond = np.abs(in_box) - ground.half_sizes
    outside = np.linalg.norm(np.maximum(beyond, 0.0), axis=2)
    distance = outside + np.minimum(beyond.max(axis=2), 0.0)
    return robot.FOOT_RADIUS - distance.min(axis=1)


def test_abuse_on_the_hardest_terrains_does_not_blow_up():
    names = ("rough", "stairs_up", "stairs_down", "blocks", "stepping_stones", "gaps")
    grounds = [make(name, difficulty=1.0, seed=1) for name in names]
    physics = Physics([compiled(ground) for ground in grounds], np.arange(36) % 6)
    place(physics, grounds)
    rng = np.random.default_rng(0)
    fastest = 0.0
    for step in range(120):
        physics.step(trot(step, 36) + rng.normal(0.0, 0.5, (36, 12)))
        if step % 30 == 0:
            physics.base_velocity[:] += rng.uniform(-1.0, 1.0, (36, 3))
        fastest = max(fastest, np.abs(physics.base_velocity).max())
    assert not physics.diverged().any()
    assert fastest < 8.0


def test_a_gait_covers_the_ground_it_covers_on_the_nodes_robot():
    trained, node = forward_trot(scene.TRAINING), forward_trot(scene.ROBOT)
    assert abs(node) > 0.5
    assert trained == pytest.approx(node, rel=0.1)


def forward_trot(options: scene.SceneOptions) -> float:
    """Distance covered in 5 s by open-loop joint targets under the same PD law [m]."""
    model = scene.compile_scene(make("flat"), options)
    data = mujoco.MjData(model)
    data.qpos[7:] = robot.STAND_POSE
    for step in range(250):
        stride = np.cos(2 * np.pi * gait.leg_phases(np.array(0.04 * step)))
        targets = trot(step, 1, 0.3)[0]
        targets[1::3] += 0.15 * stride
        for _ in range(round(0.02 / options.time_step)):
            law = 40.0 * (targets - data.qpos[7:]) - data.qvel[6:]
            data.ctrl[:] = targets if options.actuators == "position" else law
            mujoco.mj_step(model, data)
    return data.qpos[0]


def test_a_simulation_that_blows_up_is_reported_and_others_go_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    physics = standing([compiled(make("flat"))], 3)
    physics.base_velocity[1] = np.nan
    physics.step(robot.STAND_POSE)
    assert list(physics.diverged()) == [False, True, False]
    assert np.isfinite(physics.state).all()
    physics.reset(np.array([1]), np.array([0, 0, 0.335]), UPRIGHT, robot.STAND_POSE)
    physics.step(robot.STAND_POSE)
    assert not physics.diverged().any()
    assert not list(tmp_path.iterdir())


def test_banks_that_cannot_work_are_refused():
    flat = scene.compile_scene(make("flat"), scene.TRAINING)
    with pytest.raises(ConfigurationError, match="empty"):
        Physics([], np.zeros(2, int))
    with pytest.raises(ConfigurationError, match="equal sizes"):
        Physics([flat, compiled(make("flat"))], np.zeros(2, int))
    with pytest.raises(ConfigurationError, match=r"0\.\.1 given, bank has 1"):
        Physics([flat], np.array([0, 1]))
