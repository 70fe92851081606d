"""The compiled robot is the robot of the facts, and stands, weighs and senses like it."""

import dataclasses

import mujoco
import numpy as np
import pytest

from ts_locomotion import links, robot, rotation
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.simulation import scene, terrain

FLAT = terrain.make("flat")
PRESETS = {"robot": scene.ROBOT, "training": scene.TRAINING}


@pytest.fixture(params=PRESETS, scope="module")
def model(request) -> mujoco.MjModel:
    return scene.compile_scene(FLAT, PRESETS[request.param])


@pytest.fixture(scope="module")
def node_model() -> mujoco.MjModel:
    return scene.compile_scene(FLAT)


def hold(model: mujoco.MjModel, pose: np.ndarray, height: float, gains, seconds: float = 3.0):
    """Let the robot settle under a PD law on a torque-driven model."""
    data = mujoco.MjData(model)
    data.qpos[2], data.qpos[7:] = height, pose
    for _ in range(round(seconds / model.opt.timestep)):
        data.ctrl[:] = gains[0] * (pose - data.qpos[7:]) - gains[1] * data.qvel[6:]
        mujoco.mj_step(model, data)
    return data


def lowest_foot(model: mujoco.MjModel, data: mujoco.MjData) -> float:
    """Height of the lowest foot sphere's centre [m]."""
    return min(data.geom(foot).xpos[2] for foot in robot.FEET)


def test_robot_weighs_what_the_urdf_without_rotors_weighs(model):
    assert model.body_subtreemass[0] == pytest.approx(15.019, abs=1e-6)


def test_calf_and_foot_join_to_the_inertia_of_the_facts():
    left = 1.0
    calf = links.calf_inertial(left)
    assert calf.mass == pytest.approx(0.194)
    assert np.allclose(calf.centre, [0.0043501, -0.00077397 * left, -0.135206], atol=1e-7)
    facts = [0.00139458, 0.00141551, 4.348e-5, 5.1e-7 * left, 1.5e-7, 1.131e-5 * left]
    assert np.allclose(calf.inertia, facts, atol=2e-8)


def test_principal_inertias_are_those_of_menagerie(node_model):
    for body, expected in {
        "FR_hip": [8.8403e-4, 5.96003e-4, 4.79967e-4],
        "RL_thigh": [5.94973e-3, 5.84149e-3, 8.78787e-4],
    }.items():
        principal = np.sort(node_model.body(body).inertia)[::-1]
        assert np.allclose(principal, expected, rtol=1e-4)


def test_legs_mirror_each_other(node_model):
    right, left = node_model.body("FR_thigh"), node_model.body("FL_thigh")
    assert np.allclose(right.ipos * [1, -1, 1], left.ipos)
    assert np.allclose(right.inertia, left.inertia)


def test_joints_actuators_and_limits_are_in_motor_order(model):
    joints = [model.joint(1 + index) for index in range(12)]
    assert [joint.name for joint in joints] == list(robot.JOINTS)
    assert [model.actuator(index).name for index in range(12)] == list(robot.JOINTS)
    assert np.array_equal(model.actuator_trnid[:, 0], np.arange(1, 13))
    assert np.array_equal(model.jnt_range[1:], np.stack([robot.JOINT_LOWER, robot.JOINT_UPPER], 1))
    assert np.array_equal(model.actuator_forcerange[:, 1], robot.TORQUE_LIMIT)
    assert np.array_equal(model.actuator_forcerange[:, 0], -robot.TORQUE_LIMIT)
    assert list(model.jnt_qposadr) == [0, *range(7, 19)]


def test_core_kinematics_agree_with_the_compiled_model(model):
    rng = np.random.default_rng(1)
    joints = rng.uniform(robot.JOINT_LOWER, robot.JOINT_UPPER, (200, 12))
    rates = rng.uniform(-5.0, 5.0, (200, 12))
    expected = robot.foot_position_in_base(joints)
    expected_velocity = robot.foot_velocity_in_base(joints, rates)
    data, jacobian = mujoco.MjData(model), np.zeros((3, model.nv))
    for sample in range(200):
        data.qpos[:] = [0, 0, 0, 1, 0, 0, 0, *joints[sample]]
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        for foot, name in enumerate(robot.FEET):
            site = model.site(name).id
            mujoco.mj_jacSite(model, data, jacobian, None, site)
            assert np.allclose(data.site_xpos[site], expected[sample, foot], atol=1e-12)
            velocity = jacobian[:, 6:] @ rates[sample]
            assert np.allclose(velocity, expected_velocity[sample, foot], atol=1e-12)


@pytest.mark.parametrize("pose", [robot.STAND_POSE, robot.FOLDED_POSE])
def test_poses_start_without_penetration_and_without_touching_themselves(node_model, pose):
    data = mujoco.MjData(node_model)
    data.qpos[2], data.qpos[7:] = 0.0, pose
    mujoco.mj_kinematics(node_model, data)
    data.qpos[2] = robot.FOOT_RADIUS - lowest_foot(node_model, data) + 1e-6
    mujoco.mj_forward(node_model, data)
    assert data.ncon == 0


def test_stand_height_is_where_the_feet_touch(node_model):
    data = mujoco.MjData(node_model)
    data.qpos[7:] = robot.STAND_POSE
    mujoco.mj_kinematics(node_model, data)
    assert data.qpos[2] == robot.STAND_HEIGHT
    assert lowest_foot(node_model, data) == pytest.approx(robot.FOOT_RADIUS, abs=1e-3)


@pytest.mark.parametrize(
    ("leg", "gains", "start", "settled", "knee_torque"),
    [
        ((0.0, 0.9, -1.8), (50, 1), 0.288, 0.262, 5.9),
        ((0.0, 0.8, -1.5), (40, 1), 0.335, 0.312, 5.5),
        ((0.0, 0.8, -1.5), (60, 5), 0.335, 0.322, 5.4),
        ((0.0, 0.67, -1.3), (60, 5), 0.362, 0.351, 4.8),
    ],
)
def test_robot_settles_where_the_vendors_model_settles(
    node_model, leg, gains, start, settled, knee_torque
):
    data = hold(node_model, np.tile(leg, 4), start, gains)
    assert data.qpos[2] == pytest.approx(settled, abs=0.003)
    assert data.actuator_force[2] == pytest.approx(knee_torque, abs=0.15)


@pytest.mark.parametrize("gains", [(30, 1), (40, 1), (60, 5)])
@pytest.mark.parametrize("drop", [0.0, 0.001, 0.02])
def test_a_standing_robot_stands_still(node_model, gains, drop):
    data = hold(node_model, robot.STAND_POSE, robot.STAND_HEIGHT + drop, gains, seconds=4.0)
    assert np.abs(data.qpos[:2]).max() < 0.08
    assert np.abs(data.qvel).max() < 0.005


def test_robot_at_rest_feels_gravity_upwards_and_its_weight_in_the_feet(node_model):
    data = hold(node_model, robot.STAND_POSE, robot.STAND_HEIGHT, (60, 5))
    slices = scene.sensor_slices(node_model)
    assert np.allclose(data.sensordata[slices["accelerometer"]], [0, 0, 9.81], atol=0.05)
    forces = data.sensordata[slices["foot_force"]].reshape(4, 3)
    assert forces[:, 2].min() > 20.0
    assert np.allclose(forces.sum(axis=0), [0, 0, 15.019 * 9.81], atol=0.5)


def test_the_state_names_what_the_sensors_of_the_robot_measure(node_model):
    rng = np.random.default_rng(2)
    data = mujoco.MjData(node_model)
    data.qpos[:3] = [1.0, 2.0, 3.0]
    data.qpos[3:7] = np.array([0.5, 0.5, -0.5, 0.5])
    data.qpos[7:] = robot.STAND_POSE
    data.qvel[:] = rng.normal(size=18)
    data.ctrl[:] = np.linspace(-30.0, 30.0, 12)
    mujoco.mj_forward(node_model, data)
    imu = node_model.site("imu").id
    motion = np.zeros(6)
    mujoco.mj_objectVelocity(node_model, data, mujoco.mjtObj.mjOBJ_SITE, imu, motion, 1)
    assert np.allclose(data.site(imu).xmat.reshape(3, 3), rotation.to_matrix(data.qpos[3:7]))
    assert np.allclose(motion[:3], data.qvel[3:6])
    base = node_model.body(scene.BASE_BODY).id
    mujoco.mj_objectVelocity(node_model, data, mujoco.mjtObj.mjOBJ_XBODY, base, motion, 0)
    assert np.allclose(data.body(base).xpos, data.qpos[:3])
    assert np.allclose(motion[3:], data.qvel[:3])
    limited = np.clip(data.ctrl, -robot.TORQUE_LIMIT, robot.TORQUE_LIMIT)
    assert np.allclose(data.actuator_force, limited)


def test_only_what_is_read_is_sensed(node_model):
    contacts = {"foot_force", "base_contact", "thigh_contact", "calf_contact"}
    assert set(scene.sensor_slices(node_model)) == contacts | {"accelerometer"}
    training = scene.compile_scene(FLAT, scene.TRAINING)
    assert set(scene.sensor_slices(training)) == contacts


def test_a_robot_on_its_belly_reports_the_trunk_and_no_feet(model):
    data = mujoco.MjData(model)
    data.qpos[2] = 0.05
    data.qpos[7:] = np.tile([0.0, 3.0, -2.0], 4)
    mujoco.mj_forward(model, data)
    sensed = {name: data.sensordata[s] for name, s in scene.sensor_slices(model).items()}
    assert sensed["base_contact"] > 0
    assert np.allclose(sensed["foot_force"], 0.0)


def test_position_actuators_are_the_pd_law_within_torque_limits():
    options = dataclasses.replace(scene.TRAINING, stiffness=30.0, damping=0.7)
    model = scene.compile_scene(FLAT, options)
    data = mujoco.MjData(model)
    data.qpos[7:], data.qvel[6:] = robot.STAND_POSE, np.linspace(-2.0, 2.0, 12)
    data.ctrl[:] = robot.STAND_POSE + np.linspace(-2.0, 2.0, 12)
    mujoco.mj_forward(model, data)
    law = 30.0 * (data.ctrl - data.qpos[7:]) - 0.7 * data.qvel[6:]
    limited = np.clip(law, -robot.TORQUE_LIMIT, robot.TORQUE_LIMIT)
    assert np.allclose(data.actuator_force, limited)
    assert not np.allclose(law, limited)


@pytest.mark.parametrize("name", terrain.KINDS)
def test_exact_heights_are_what_a_ray_from_above_hits(name):
    ground = terrain.make(name, difficulty=1.0, seed=4)
    model = scene.compile_scene(ground, scene.TRAINING)
    data = mujoco.MjData(model)
    data.qpos[0] = -50.0
    mujoco.mj_kinematics(model, data)
    rng = np.random.default_rng(3)
    x, y = rng.uniform(-0.9, 6.0, 300), rng.uniform(-1.9, 1.9, 300)
    hit = np.zeros(1, dtype=np.int32)
    down, above = np.array([0.0, 0.0, -1.0]), 5.0
    distances = [
        mujoco.mj_ray(model, data, np.array([a, b, above]), down, None, 1, -1, hit, None)
        for a, b in zip(x, y, strict=True)
    ]
    assert np.allclose(above - np.array(distances), ground.height(x, y), atol=1e-6)


def test_padding_makes_models_of_equal_size_and_too_many_boxes_are_refused():
    options = dataclasses.replace(scene.TRAINING, box_count=terrain.BOX_LIMIT)
    sizes = {scene.compile_scene(terrain.make(name), options).ngeom for name in terrain.KINDS}
    assert len(sizes) == 1
    with pytest.raises(ConfigurationError, match="'gaps' has 6 boxes, box_count allows 2"):
        scene.mjcf(terrain.make("gaps", 0.2), dataclasses.replace(options, box_count=2))
