"""The graph as ts-bringup starts it: names, parameters, namespace, and its end."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bundles
import psutil
import pytest
import yaml
from probe import PATIENCE, Probe, free_domains
from rcl_interfaces.srv import GetParameters
from rclpy.parameter import parameter_value_to_python
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from ts_locomotion import robot, shipped
from ts_locomotion.bringup import graph, process

(DOMAIN,) = free_domains(1)
STARTER = "from ts_locomotion.bringup.process import main; main()"


class Bringup:
    """ts-bringup in a process of its own."""

    def __init__(self, words: list[str], log: Path) -> None:
        self.arguments = process.parse(words)
        self.log = log
        environment = os.environ | {
            "ROS_DOMAIN_ID": str(DOMAIN),
            "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        }
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", STARTER, *words],
                env=environment,
                stdout=output,
                stderr=output,
            )

    @property
    def specs(self) -> tuple[graph.NodeSpec, ...]:
        return graph.describe(self.arguments, shipped.folder())

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture(scope="module")
def bringup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bringup]:
    folder = tmp_path_factory.mktemp("bringup")
    bundle = bundles.write_blind(folder / "tiny")
    words = [f"policy:={bundle}", "namespace:=team/a", "terrain:=rough", "seed:=7"]
    running = Bringup(words, folder / "log")
    yield running
    if running.process.poll() is None:
        running.process.terminate()
    try:
        running.process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        running.process.kill()


@pytest.fixture(scope="module")
def probe(bringup: Bringup) -> Iterator[Probe]:
    probe = Probe(DOMAIN)
    yield probe
    probe.close()


def values_of(probe: Probe, spec: graph.NodeSpec, names: list[str]) -> dict[str, Any]:
    service = f"/{spec.namespace}/{spec.name}/get_parameters"
    answer = probe.call(GetParameters, service, GetParameters.Request(names=names))
    values = [parameter_value_to_python(value) for value in answer.values]
    return dict(zip(names, values, strict=True))


def test_every_node_comes_up_and_the_graph_says_it_is_healthy(bringup: Bringup, probe: Probe):
    health: list[Any] = []

    def healthy() -> bool:
        health.append(probe.status("/team/a/health"))
        return "unconfigured" not in health[-1].message and "heard" not in health[-1].message

    assert probe.until(healthy), health[-1].message
    told = {item.key for item in health[-1].values}
    unwatched = {"supervisor", "robot_description", "belief_view"}
    assert {spec.name for spec in bringup.specs} - unwatched == told


def test_each_node_has_the_parameters_that_the_description_gives(bringup: Bringup, probe: Probe):
    for spec in bringup.specs:
        expected = {
            name: list(value) if isinstance(value, list) else value
            for name, value in spec.parameters.items()
        }
        assert values_of(probe, spec, list(expected)) == expected, spec.name


def test_each_node_knows_every_setting_of_its_file(bringup: Bringup, probe: Probe):
    for spec in bringup.specs:
        file = yaml.safe_load(spec.parameter_files[0].read_text())
        settings = file["/**"]["ros__parameters"]
        if settings:
            assert values_of(probe, spec, list(settings)) == settings, spec.name


def test_topics_of_the_robot_are_below_its_namespace(bringup: Bringup, probe: Probe):
    expected = {"lowstate", "lowcmd", "robot_state", "joint_targets", "odom", "tf", "clock"}

    def found() -> set[str]:
        return {name for name, _ in probe.node.get_topic_names_and_types()}

    assert probe.until(lambda: {f"/team/a/{name}" for name in expected} <= found())
    assert found() & {"/lowstate", "/lowcmd", "/tf"} == set()


def test_rviz_can_be_shown_the_links_and_the_belief_below_the_namespace(
    bringup: Bringup, probe: Probe
):
    moving = probe.record(TFMessage, "/team/a/tf", 100)
    markers = probe.record(MarkerArray, "/team/a/belief_markers")

    def links() -> set[str]:
        return {item.child_frame_id for message in moving for item in message.transforms}

    assert probe.until(lambda: markers and links() >= {robot.BASE_LINK, *robot.LINKS})
    assert {marker.header.frame_id for marker in markers[0].markers} == {"odom"}


# The last test of this file: it ends the graph.
def test_sigterm_ends_the_graph_with_status_0_and_leaves_nothing_behind(bringup: Bringup):
    family = bringup.children()
    assert len(family) == len(bringup.specs)
    bringup.process.send_signal(signal.SIGTERM)
    assert bringup.process.wait(PATIENCE) == 0, bringup.log.read_text()
    _, alive = psutil.wait_procs(family, timeout=PATIENCE)
    assert not alive
    assert "Traceback" not in bringup.log.read_text()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [(["terrain:=moon"], "is not one of"), (["terrain"], "name:=value")],
)
def test_a_wrong_argument_ends_with_status_2_and_one_sentence(words: list[str], complaint: str):
    ended = subprocess.run(
        [sys.executable, "-c", STARTER, *words], capture_output=True, text=True, timeout=PATIENCE
    )
    assert ended.returncode == 2
    assert complaint in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
