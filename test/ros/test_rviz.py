"""Every display of config/rviz/belief.rviz against what the graph really publishes."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import bundles
import pytest
import yaml
from probe import Probe, free_domains, running
from rclpy.qos import (
    DurabilityPolicy,
    LivelinessPolicy,
    QoSCompatibility,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage

from ts_locomotion import description, robot
from ts_locomotion_msgs.srv import Advance

(DOMAIN,) = free_domains(1)
CONFIG = Path(__file__).parents[2] / "config" / "rviz" / "belief.rviz"
PREFIX = "/team/a"
TYPES = {
    "MarkerArray": "visualization_msgs/msg/MarkerArray",
    "PointCloud2": "sensor_msgs/msg/PointCloud2",
    "RobotModel": "std_msgs/msg/String",
}
WITHOUT_TOPIC = {"Grid", "TF"}
PUBLISHERS = ("simulator_node", "robot_description_node", "belief_view_node")


def manager() -> dict:
    return yaml.safe_load(CONFIG.read_text())["Visualization Manager"]


def kind(display: dict) -> str:
    plugin, _, name = display["Class"].partition("/")
    assert plugin == "rviz_default_plugins", "every RViz has these, and only these"
    return name


def shown() -> list[tuple[str, str, dict]]:
    """Name, kind and topic properties of each display that has a topic."""
    return [
        (display["Name"], kind(display), display.get("Topic") or display["Description Topic"])
        for display in manager()["Displays"]
        if kind(display) not in WITHOUT_TOPIC
    ]


def requested(topic: dict) -> QoSProfile:
    def policy(name: str) -> str:
        return topic[name].upper().replace(" ", "_")

    assert topic["History Policy"] == "Keep Last"
    return QoSProfile(
        depth=topic["Depth"],
        reliability=ReliabilityPolicy[policy("Reliability Policy")],
        durability=DurabilityPolicy[policy("Durability Policy")],
        liveliness=LivelinessPolicy.AUTOMATIC,
    )


@pytest.fixture(scope="module")
def probe(tmp_path_factory) -> Iterator[Probe]:
    """The nodes that RViz listens to, in a namespace."""
    folder = tmp_path_factory.mktemp("rviz")
    bundle = bundles.write_seeing(folder / "bundle")
    parameters = {"simulator_node": {"paused": True}, "belief_view_node": {"bundle": bundle}}
    probe = Probe(DOMAIN)
    with ExitStack() as stack:
        for node in PUBLISHERS:
            log, given = folder / node, parameters.get(node, {})
            stack.enter_context(running(node, DOMAIN, log, namespace=PREFIX, **given))
        yield probe
    probe.close()


@pytest.mark.parametrize(("name", "display", "topic"), shown())
def test_each_display_can_hear_what_the_graph_publishes(probe, name, display, topic):
    assert not topic["Value"].startswith("/"), "an absolute topic would ignore the namespace"
    full = f"{PREFIX}/{topic['Value']}"
    found = probe.node.get_publishers_info_by_topic
    assert probe.until(lambda: found(full)), f"nobody publishes {full} for {name}"
    for publisher in found(full):
        assert publisher.topic_type == TYPES[display]
        compatibility, reason = qos_check_compatible(publisher.qos_profile, requested(topic))
        assert compatibility == QoSCompatibility.OK, f"{name}: {reason}"
        # What is said once must be heard by an RViz that is opened later.
        assert publisher.qos_profile.durability == requested(topic).durability


def test_every_visualization_topic_of_the_graph_has_a_display(probe):
    topics = {topic["Value"] for _, _, topic in shown()}
    assert topics == {
        "robot_description",
        "terrain",
        "belief_markers",
        "measured_samples",
        "reconstructed_samples",
    }


def test_the_fixed_frame_and_the_followed_one_are_those_of_the_robots_tf(probe):
    assert manager()["Global Options"]["Fixed Frame"] == "odom"
    assert manager()["Views"]["Current"]["Target Frame"] == robot.BASE_LINK
    moving = probe.record(TFMessage, "/tf", 100)
    assert probe.until(lambda: probe.node.count_publishers("/tf") >= 2)
    request = Advance.Request(duration=0.1)
    assert probe.call(Advance, f"{PREFIX}/simulator/advance", request).success
    assert probe.until(lambda: moving)
    frames = [(t.header.frame_id, t.child_frame_id) for t in moving[0].transforms]
    assert frames == [("odom", robot.BASE_LINK)]
    assert f'<link name="{robot.BASE_LINK}">' in description.urdf()


def test_the_robot_model_hears_the_urdf_with_the_qos_it_asks_for(probe):
    ((_, _, topic),) = [entry for entry in shown() if entry[1] == "RobotModel"]
    told = probe.record(String, f"{PREFIX}/{topic['Value']}", requested(topic))
    assert probe.until(lambda: told)
    assert told[0].data == description.urdf()
