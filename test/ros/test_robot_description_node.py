"""The robot description through DDS: the URDF for who comes late, and the tf of every link."""

import numpy as np
import pytest
from probe import Probe, free_domains, running
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage

from ts_locomotion import description, robot, rotation
from ts_locomotion.nodes import conversions

(DOMAIN,) = free_domains(1)
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
NODE = "/robot_description"


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    log = tmp_path_factory.mktemp("description") / "log"
    with running("robot_description_node", DOMAIN, log) as process:
        yield process


@pytest.fixture
def probe(node):
    probe = Probe(DOMAIN)
    yield probe
    probe.close()


def joint_state(stamp: int, positions: np.ndarray) -> JointState:
    return conversions.joint_state_message(stamp, positions, np.zeros(12), np.zeros(12))


def feet_in_base(transforms) -> list[np.ndarray]:
    """Where tf would put the feet."""
    frames = {robot.BASE_LINK: (np.zeros(3), np.eye(3))}
    waiting = {item.child_frame_id: item for item in transforms}
    assert len(waiting) == len(transforms)
    while waiting:
        name = next(n for n, item in waiting.items() if item.header.frame_id in frames)
        item = waiting.pop(name)
        origin, turn = frames[item.header.frame_id]
        shift, q = item.transform.translation, item.transform.rotation
        frames[name] = (
            origin + turn @ [shift.x, shift.y, shift.z],
            turn @ rotation.to_matrix(np.array([q.w, q.x, q.y, q.z])),
        )
    return [frames[foot][0] for foot in robot.FEET]


def test_who_comes_late_is_told_the_urdf(probe):
    told = probe.record(String, "robot_description", LATCHED)
    assert probe.until(lambda: told)
    assert told[0].data == description.urdf()


def test_with_every_joint_state_tf_puts_the_feet_where_the_kinematics_does(probe):
    fixed = probe.record(TFMessage, "/tf_static", LATCHED)
    moving = probe.record(TFMessage, "/tf", 100)
    assert probe.until(lambda: fixed)
    publisher = probe.publisher(JointState, "joint_states")
    probe.meet(NODE)
    random = np.random.default_rng(0)
    for stamp in (20_000_000, 40_000_000):
        positions = random.uniform(robot.JOINT_LOWER, robot.JOINT_UPPER)
        moving.clear()
        publisher.publish(joint_state(stamp, positions))
        assert probe.until(lambda: moving)
        stamps = [conversions.nanoseconds(t.header.stamp) for t in moving[-1].transforms]
        assert set(stamps) == {stamp}
        feet = feet_in_base([*moving[-1].transforms, *fixed[-1].transforms])
        np.testing.assert_allclose(feet, robot.foot_position_in_base(positions), atol=1e-9)


def test_the_tree_has_the_links_of_the_urdf_and_no_other(probe):
    fixed = probe.record(TFMessage, "/tf_static", LATCHED)
    moving = probe.record(TFMessage, "/tf", 100)
    publisher = probe.publisher(JointState, "joint_states")
    probe.meet(NODE)
    publisher.publish(joint_state(0, robot.STAND_POSE))
    assert probe.until(lambda: fixed and moving)
    children = [t.child_frame_id for m in (fixed[-1], moving[-1]) for t in m.transforms]
    named = description.urdf().split('<link name="')[1:]
    assert sorted([robot.BASE_LINK, *children]) == sorted(part.split('"')[0] for part in named)


def test_malformed_joint_states_are_ignored(probe, node):
    moving = probe.record(TFMessage, "/tf", 100)
    publisher = probe.publisher(JointState, "joint_states")
    probe.meet(NODE)
    lacking = joint_state(0, robot.STAND_POSE)
    lacking.name[3] = "elbow"
    for bad, reason in (
        (lacking, "joint_states lacks ['FL_hip_joint']"),
        (joint_state(0, np.full(12, np.nan)), "joint positions is not finite"),
    ):
        node.forget()
        assert reason in probe.refuses(
            NODE, node, "joint_states", lambda bad=bad: publisher.publish(bad)
        )
    assert not moving
    publisher.publish(joint_state(0, robot.STAND_POSE))
    assert probe.until(lambda: moving)
