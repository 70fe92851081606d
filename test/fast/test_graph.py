"""The description of the graph: arguments, nodes, and what each node is told."""

from pathlib import Path

import pytest

from ts_locomotion.bringup import graph
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.simulation.courses import COURSES
from ts_locomotion.simulation.terrain import KINDS

SHARE = Path("share")


def described(**arguments: str) -> dict[str, graph.NodeSpec]:
    return {spec.name: spec for spec in graph.describe(arguments, SHARE)}


def test_the_simulated_graph_has_the_simulator_and_the_real_one_does_not():
    assert list(described()) == [
        "simulator",
        "go2_bridge",
        "perception",
        "belief",
        "policy",
        "supervisor",
        "robot_description",
        "belief_view",
    ]
    assert "simulator" not in described(robot="go2")


def test_what_is_only_for_the_eye_can_be_left_out():
    left_out = {"robot_description", "belief_view"}
    assert set(described()) - set(described(visualization="false")) == left_out
    assert not any(spec.required for name, spec in described().items() if name in left_out)


def test_rviz_comes_when_asked_for_with_our_displays_and_ends_nothing_when_closed():
    assert "rviz" not in described()
    rviz = described(rviz="true", namespace="a")["rviz"]
    assert (rviz.package, rviz.executable) == ("rviz2", "rviz2")
    assert rviz.arguments == ("-d", str(SHARE / "config" / "rviz" / "belief.rviz"))
    assert rviz.parameters == {"use_sim_time": True}
    assert ("/tf", "tf") in rviz.remappings
    assert not rviz.required
    assert (Path(__file__).parents[2] / "config" / "rviz" / "belief.rviz").is_file()


def test_rviz_keeps_its_own_name_since_it_makes_several_nodes():
    words = described(rviz="true", namespace="a")["rviz"].ros_arguments()
    assert "__ns:=/a" in words
    assert not [word for word in words if word.startswith("__node:=")]


def test_every_node_of_ours_has_its_file_of_settings():
    for spec in described().values():
        assert [path.name for path in spec.parameter_files] == [f"{spec.name}.yaml"]
        assert (Path(__file__).parents[2] / "config" / f"{spec.name}.yaml").is_file()


def test_commands_are_kept_from_a_real_robot_unless_asked_for():
    assert described(robot="go2")["go2_bridge"].parameters["dry_run"] is True
    assert described(robot="go2", dry_run="false")["go2_bridge"].parameters["dry_run"] is False
    assert described()["go2_bridge"].parameters["dry_run"] is False


def test_nodes_follow_the_simulated_clock_only_in_simulation():
    assert all(spec.parameters["use_sim_time"] is True for spec in described().values())
    real = described(robot="go2").values()
    assert all(spec.parameters["use_sim_time"] is False for spec in real)


def test_a_real_robot_with_the_simulated_clock_is_refused():
    with pytest.raises(ConfigurationError, match="use_sim_time:=true with robot:=go2, expected"):
        described(robot="go2", use_sim_time="true")
    assert described(use_sim_time="true")["go2_bridge"].parameters["use_sim_time"] is True


def test_lockstep_is_told_to_every_node_that_waits():
    nodes = described(pace="lockstep")
    assert nodes["simulator"].parameters["pace"] == "lockstep"
    assert nodes["go2_bridge"].parameters["lockstep"] is True
    assert nodes["belief"].parameters["lockstep"] is True
    assert nodes["perception"].parameters["lockstep"] is True
    assert described(pace="fast")["belief"].parameters["lockstep"] is False


def test_a_patient_simulators_silence_does_not_alarm_the_bridge():
    assert described(pace="patient")["go2_bridge"].parameters["silence"] > 1.0
    assert "silence" not in described()["go2_bridge"].parameters
    assert "silence" not in described(robot="go2", pace="patient")["go2_bridge"].parameters


def test_belief_policy_and_belief_view_load_the_same_bundle():
    nodes = described(policy="some/folder")
    assert nodes["belief"].parameters["bundle"] == "some/folder"
    assert nodes["policy"].parameters["bundle"] == "some/folder"
    assert nodes["belief_view"].parameters["bundle"] == "some/folder"


def test_the_stages_are_started_in_order_and_the_supervisor_knows_them():
    nodes = described()
    stages = [name for name in nodes if name in graph.STAGES]
    assert stages == ["perception", "belief", "policy"]
    assert nodes["supervisor"].parameters["managed_nodes"] == stages
    assert nodes["supervisor"].parameters["watched_nodes"] == ["go2_bridge", "simulator"]


def test_the_supervisor_of_a_real_robot_expects_no_simulator():
    assert described(robot="go2")["supervisor"].parameters["watched_nodes"] == ["go2_bridge"]


def test_the_graph_ends_with_the_robot_side_only():
    assert [n for n, spec in described().items() if spec.required] == ["simulator"]
    assert [n for n, spec in described(robot="go2").items() if spec.required] == ["go2_bridge"]


def test_a_namespace_moves_every_node_and_the_topics_of_its_robot():
    nodes = described(namespace="/team/a/")
    assert {spec.namespace for spec in nodes.values()} == {"team/a"}
    assert ("/lowcmd", "lowcmd") in nodes["go2_bridge"].remappings
    assert "__ns:=/team/a" in nodes["policy"].ros_arguments()


def test_a_real_robots_own_topics_stay_where_its_firmware_has_them():
    moved = dict(described(robot="go2", namespace="a")["go2_bridge"].remappings)
    assert "/lowcmd" not in moved
    assert moved["/tf"] == "tf"


def test_the_users_parameter_file_comes_after_the_nodes_own(tmp_path: Path):
    own = tmp_path / "mine.yaml"
    own.write_text("{}")
    files = described(parameters=str(own))["belief"].parameter_files
    assert files == (SHARE / "config" / "belief.yaml", own)


def test_the_command_line_of_a_node_quotes_its_values_as_yaml():
    words = described(policy="0123")["policy"].ros_arguments()
    assert 'bundle:="0123"' in words
    assert "use_sim_time:=true" in words


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("terain", "flat", "did you mean 'terrain'"),
        ("robot", "spot", r"\['mujoco', 'go2'\]"),
        ("terrain", "moon", "stairs_up"),
        ("difficulty", "2", "from 0 to 1"),
        ("difficulty", "nan", "from 0 to 1"),
        ("seed", "-1", "whole number"),
        ("namespace", "a b", "no ROS name"),
        ("parameters", "missing.yaml", "no file"),
    ],
)
def test_a_wrong_argument_is_refused_with_what_is_expected(name: str, value: str, complaint: str):
    with pytest.raises(ConfigurationError, match=complaint):
        graph.describe({name: value}, SHARE)


def test_the_terrains_are_those_that_the_simulation_knows():
    assert set(graph.TERRAINS) == {*KINDS, *COURSES}


def test_every_default_is_valid():
    values = graph.resolve({})
    assert values == {argument.name: argument.default for argument in graph.ARGUMENTS}
    graph.describe({}, SHARE)
