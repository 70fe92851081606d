"""The two front ends compared: what ros2 launch would start, against the one description.

Runs where the launch package is importable, which is not on PyPI.
"""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import yaml

from ts_locomotion.bringup import graph

launch = pytest.importorskip("launch.actions", reason="no launch package: no ROS from apt here")
launch_ros = pytest.importorskip("launch_ros.actions", reason="no launch_ros package here")

REPOSITORY = Path(__file__).resolve().parents[2]
FILE = REPOSITORY / "launch" / "go2_bringup.launch.py"
CASES = [
    {},
    {"robot": "go2", "namespace": "a/b"},
    {"terrain": "stairs_up", "difficulty": "0.25", "seed": "9", "pace": "lockstep"},
    {"namespace": "go2", "use_sim_time": "false", "policy": "123", "view": "true"},
    {"namespace": "go2", "rviz": "true", "visualization": "false"},
]


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    spec = importlib.util.spec_from_file_location("go2_bringup", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "get_package_share_directory", lambda _: str(REPOSITORY))
    monkeypatch.setattr(
        "launch_ros.substitutions.executable_in_package.ExecutableInPackage.perform",
        lambda substitution, context: "executable",
    )
    return module


def started(module: Any, arguments: dict[str, str]) -> list[Any]:
    """The actions of launch_ros for the arguments, with their substitutions performed."""
    from launch import LaunchContext

    context = LaunchContext()
    context.launch_configurations.update(arguments)
    nodes: list[Any] = []
    for entity in module.generate_launch_description().entities:
        nodes += entity.execute(context) or []
    for node in nodes:
        node._perform_substitutions(context)
    return nodes


def written(node: Any) -> list[str]:
    """Words of the node's command line, as far as they are plain text."""
    return [part.text for word in node.cmd for part in word if hasattr(part, "text")]


def parameters_of(node: Any) -> tuple[list[str], dict[str, Any]]:
    """Parameter files, and the values that launch_ros has written into one of its own."""
    paths = [Path(path) for path, _ in node._Node__expanded_parameter_arguments]
    # launch_ros writes lists with Python's tag for tuples, which ROS overlooks.
    (section,) = yaml.full_load(paths[-1].read_text()).values()
    values = section["ros__parameters"].items()
    plain = {name: list(v) if isinstance(v, tuple) else v for name, v in values}
    return [str(path) for path in paths[:-1]], plain


def test_the_launch_file_declares_the_arguments_of_the_table(module: Any):
    declared = [
        entity
        for entity in module.generate_launch_description().entities
        if isinstance(entity, launch.DeclareLaunchArgument)
    ]
    assert [(a.name, a.choices or []) for a in declared] == [
        (a.name, list(a.choices)) for a in graph.ARGUMENTS
    ]
    described = [a.description.split(" Valid choices")[0].rstrip(".") for a in declared]
    assert described == [a.description for a in graph.ARGUMENTS]


@pytest.mark.parametrize("arguments", CASES)
def test_both_front_ends_start_the_same_nodes(module: Any, arguments: dict[str, str]):
    nodes = started(module, arguments)
    specs = graph.describe(arguments, REPOSITORY)
    assert len(nodes) == len(specs)
    for node, spec in zip(nodes, specs, strict=True):
        assert node.node_package == spec.package
        assert node.node_executable == spec.executable
        name = spec.name if spec.is_ours else node.UNSPECIFIED_NODE_NAME
        assert node.node_name == f"/{spec.namespace}/{name}".replace("//", "/")
        assert set(spec.arguments) <= set(written(node))
        assert tuple(node.expanded_remapping_rules or ()) == spec.remappings
        files, values = parameters_of(node)
        assert files == [str(path) for path in spec.parameter_files]
        assert values == dict(spec.parameters)
        assert (node._ExecuteLocal__on_exit is not None) == spec.required


def test_a_wrong_argument_is_refused(module: Any):
    with pytest.raises(Exception, match="stairs_up"):
        started(module, {"terrain": "moon"})
