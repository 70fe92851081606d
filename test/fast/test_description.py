"""The URDF is the robot of the MJCF, and its links are where the core's kinematics puts them."""

from xml.etree import ElementTree

import mujoco
import numpy as np
import pytest

from ts_locomotion import description, links, robot, rotation
from ts_locomotion.simulation import scene, terrain

BODIES = (robot.BASE_LINK, *robot.LINKS)
# MuJoCo else melts the base into the world, and drops what is only seen.
KEEP_ALL = '<mujoco><compiler fusestatic="false" discardvisual="false"/></mujoco>'


@pytest.fixture(scope="module")
def tree() -> ElementTree.Element:
    return ElementTree.fromstring(description.urdf())


@pytest.fixture(scope="module")
def urdf() -> mujoco.MjModel:
    text = description.urdf().replace("<material", KEEP_ALL + "<material", 1)
    return mujoco.MjModel.from_xml_string(text)


@pytest.fixture(scope="module")
def mjcf() -> mujoco.MjModel:
    return scene.compile_scene(terrain.make("flat"))


def inertia(model: mujoco.MjModel, body: str) -> np.ndarray:
    """Tensor about the centre of mass in the body's frame. Shape (3, 3)."""
    turn = rotation.to_matrix(model.body(body).iquat)
    return turn @ np.diag(model.body(body).inertia) @ turn.T


def posed(model: mujoco.MjModel, joints: np.ndarray, base: int) -> mujoco.MjData:
    """Kinematics with the base at the world's origin; `base` numbers of qpos come first."""
    data = mujoco.MjData(model)
    data.qpos[:base] = [0, 0, 0, 1, 0, 0, 0][:base]
    data.qpos[base:] = joints
    mujoco.mj_kinematics(model, data)
    return data


def random_joints(count: int) -> np.ndarray:
    random = np.random.default_rng(5)
    return random.uniform(robot.JOINT_LOWER, robot.JOINT_UPPER, (count, 12))


@pytest.mark.parametrize("body", BODIES)
def test_each_link_has_the_mass_and_inertia_of_the_simulated_one(urdf, mjcf, body):
    given, wanted = urdf.body(body), mjcf.body(body)
    assert given.mass == pytest.approx(wanted.mass, rel=1e-12)
    np.testing.assert_allclose(given.ipos, wanted.ipos, atol=1e-12)
    np.testing.assert_allclose(inertia(urdf, body), inertia(mjcf, body), atol=1e-10)


def test_joints_have_the_axes_and_ranges_of_the_simulated_ones(urdf, mjcf):
    assert urdf.njnt == len(robot.JOINTS)
    for joint in robot.JOINTS:
        given, wanted = urdf.joint(joint), mjcf.joint(joint)
        np.testing.assert_array_equal(given.axis, wanted.axis)
        np.testing.assert_array_equal(given.range, wanted.range)


def test_joints_have_the_torque_and_velocity_limits_of_the_facts(tree, mjcf):
    for index, joint in enumerate(robot.JOINTS):
        limit = tree.find(f"joint[@name='{joint}']/limit").attrib
        assert float(limit["effort"]) == mjcf.actuator(joint).forcerange[1]
        assert float(limit["velocity"]) == robot.VELOCITY_LIMIT[index]


def test_links_are_where_the_simulated_ones_are_at_any_joint_angles(urdf, mjcf):
    for joints in random_joints(20):
        by_name = dict(zip(robot.JOINTS, joints, strict=True))
        order = [by_name[urdf.joint(index).name] for index in range(urdf.njnt)]
        given, wanted = posed(urdf, np.array(order), 0), posed(mjcf, joints, 7)
        for body in BODIES:
            np.testing.assert_allclose(given.body(body).xpos, wanted.body(body).xpos, atol=1e-12)
            np.testing.assert_allclose(given.body(body).xmat, wanted.body(body).xmat, atol=1e-12)
        feet = [given.body(foot).xpos for foot in robot.FEET]
        np.testing.assert_allclose(feet, robot.foot_position_in_base(joints), atol=1e-12)
        np.testing.assert_allclose(given.body(description.IMU_LINK).xpos, robot.IMU_POSITION)


def test_placements_lead_from_the_base_to_the_simulated_links(mjcf):
    for joints in random_joints(20):
        data = posed(mjcf, joints, 7)
        frames = {robot.BASE_LINK: (np.zeros(3), np.eye(3))}
        for parent, child, position, orientation in (
            *description.moving_links(joints),
            *description.fixed_links(),
        ):
            origin, turn = frames[parent]
            frames[child] = (origin + turn @ position, turn @ rotation.to_matrix(orientation))
        for body in robot.LINKS:
            position, turn = frames[body]
            np.testing.assert_allclose(position, data.body(body).xpos, atol=1e-12)
            np.testing.assert_allclose(turn.ravel(), data.body(body).xmat, atol=1e-12)
        feet = [frames[foot][0] for foot in robot.FEET]
        np.testing.assert_allclose(feet, robot.foot_position_in_base(joints), atol=1e-12)


def numbers(element: ElementTree.Element | None, name: str) -> list[float]:
    assert element is not None
    return [float(word) for word in element.attrib[name].split()]


@pytest.mark.parametrize("use", ["visual", "collision"])
def test_shapes_are_those_that_collide_in_the_simulation(tree, mjcf, use):
    capsules = 0
    for link in BODIES:
        body = mjcf.body(link)
        geoms = [mjcf.geom(body.geomadr[0] + index) for index in range(body.geomnum[0])]
        shapes = tree.findall(f"link[@name='{link}']/{use}")
        for shape, geom in zip(shapes, geoms, strict=True):
            (solid,) = shape.find("geometry")
            kind = mujoco.mjtGeom(geom.type[0]).name.removeprefix("mjGEOM_").lower()
            assert solid.tag == kind.replace("capsule", "cylinder")
            np.testing.assert_allclose(numbers(shape.find("origin"), "xyz"), geom.pos)
            if kind == "box":
                np.testing.assert_allclose(numbers(solid, "size"), 2 * geom.size)
            else:
                assert numbers(solid, "radius") == [geom.size[0]]
            if kind in ("cylinder", "capsule"):
                assert numbers(solid, "length") == [2 * geom.size[1]]
            capsules += kind == "capsule"
    assert capsules == 8


def test_shapes_are_turned_as_in_the_simulation(urdf, mjcf):
    for link in BODIES:
        body, other = mjcf.body(link), urdf.body(link)
        for index in range(body.geomnum[0]):
            # Found by its place: once seen, once touched.
            wanted = mjcf.geom(body.geomadr[0] + index)
            turns = [
                urdf.geom(other.geomadr[0] + place).quat
                for place in range(other.geomnum[0])
                if np.allclose(urdf.geom(other.geomadr[0] + place).pos, wanted.pos)
            ]
            assert len(turns) == 2
            for turn in turns:
                np.testing.assert_allclose(
                    rotation.to_matrix(turn), rotation.to_matrix(wanted.quat), atol=1e-9
                )


def test_every_colour_is_defined(tree):
    defined = {material.attrib["name"] for material in tree.findall("material")}
    used = {material.attrib["name"] for material in tree.findall("link/visual/material")}
    assert used == defined == set(links.COLOURS)
