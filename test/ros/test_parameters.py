"""Parameters are declared from a dataclass, checked, and match the files in config/."""

from dataclasses import dataclass, fields
from pathlib import Path

import pytest
import rclpy
import yaml
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node
from rclpy.parameter import Parameter

from ts_locomotion.nodes import parameters
from ts_locomotion.nodes.belief_settings import BeliefSettings
from ts_locomotion.nodes.belief_view_node import BeliefViewSettings
from ts_locomotion.nodes.bridge_settings import BridgeSettings
from ts_locomotion.nodes.course_node import CourseSettings
from ts_locomotion.nodes.parameters import setting
from ts_locomotion.nodes.perception_node import PerceptionSettings
from ts_locomotion.nodes.policy_node import PolicySettings
from ts_locomotion.nodes.simulator_settings import SimulatorSettings
from ts_locomotion.nodes.supervisor_node import SupervisorSettings

CONFIG = Path(__file__).parents[2] / "config"
SETTINGS = {
    "perception": PerceptionSettings,
    "belief": BeliefSettings,
    "policy": PolicySettings,
    "supervisor": SupervisorSettings,
    "go2_bridge": BridgeSettings,
    "simulator": SimulatorSettings,
    "belief_view": BeliefViewSettings,
}


@dataclass(frozen=True)
class Example:
    speed: float = setting(0.5, "How fast", unit="m/s", minimum=0.0, maximum=1.0, live=True)
    count: int = setting(3, "How often", minimum=1, maximum=9)
    gait: str = setting("trot", "Which one", choices=("trot", "pace"), live=True)
    names: tuple[str, ...] = setting(("a", "b"), "Who")
    serial: str = setting("x", "Never changes")


@pytest.fixture(scope="module")
def context():
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=99)
    yield context
    rclpy.shutdown(context=context)


@pytest.fixture
def make(context):
    nodes = []

    def make(locked=None, **overrides):
        given = [Parameter(name, value=value) for name, value in overrides.items()]
        node = Node("example", context=context, parameter_overrides=given)
        nodes.append(node)
        parameters.declare(node, Example, locked)
        return node

    yield make
    for node in nodes:
        node.destroy_node()


def refusal(node: Node, name: str, value) -> str:
    return node.set_parameters([Parameter(name, value=value)])[0].reason


def test_settings_come_back_as_they_were_declared_or_given(make):
    assert parameters.read(make(), Example) == Example()
    given = parameters.read(make(speed=0.25, gait="pace", names=["c"]), Example)
    assert given == Example(speed=0.25, gait="pace", names=("c",))


def test_each_parameter_is_described_with_unit_and_range(make):
    descriptor = make().describe_parameter("speed")
    assert descriptor.description == "How fast [m/s]"
    assert descriptor.floating_point_range[0].to_value == 1.0
    assert make().describe_parameter("count").integer_range[0].to_value == 9
    assert "['trot', 'pace']" in make().describe_parameter("gait").additional_constraints


@pytest.mark.parametrize(
    "bad", [{"speed": 1.5}, {"count": 0}, {"gait": "gallop"}, {"speed": float("nan")}]
)
def test_a_value_out_of_range_is_refused_at_the_start(make, bad):
    with pytest.raises(InvalidParameterValueException, match=next(iter(bad))):
        make(**bad)


def test_a_value_of_another_type_is_refused_at_the_start(make):
    with pytest.raises(InvalidParameterTypeException, match="speed"):
        make(speed="fast")


def test_a_later_change_is_checked_as_well(make):
    node = make()
    assert refusal(node, "speed", 0.75) == ""
    assert "gallop" in refusal(node, "gait", "gallop")
    assert refusal(node, "serial", "y") != ""
    assert parameters.read(node, Example).speed == 0.75


def test_a_locked_node_says_why_it_refuses_and_unlocked_it_takes_every_change(make):
    assert refusal(make(locked=lambda: "busy"), "speed", 0.75) == "speed: busy"
    assert refusal(make(locked=lambda: ""), "serial", "y") == ""


@pytest.mark.parametrize("settings", [*SETTINGS.values(), CourseSettings])
def test_every_parameter_of_a_node_is_described_and_every_number_has_a_range(settings):
    for item in fields(settings):
        about = item.metadata["setting"]
        assert about.description, item.name
        if type(item.default) in (int, float):
            assert about.minimum is not None and about.maximum is not None, item.name
            assert about.minimum <= item.default <= about.maximum, item.name


@pytest.mark.parametrize("name", SETTINGS)
def test_the_file_in_config_sets_only_parameters_that_exist(name):
    values = yaml.safe_load((CONFIG / f"{name}.yaml").read_text())["/**"]["ros__parameters"]
    known = {item.name: item for item in fields(SETTINGS[name])}
    assert set(values) <= set(known)
    for key, value in values.items():
        assert type(value) is type(known[key].default)
