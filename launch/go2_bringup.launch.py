"""Bring up a Go2, simulated or real: perception, belief, policy, the robot bridge, the supervisor.

Arguments, nodes and parameters are those of ts_locomotion.bringup.graph; `ts-bringup` starts the
same graph without this package of launch.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch.actions import DeclareLaunchArgument, OpaqueFunction, Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchContext, LaunchDescription
from ts_locomotion.bringup import graph


def generate_launch_description() -> LaunchDescription:
    """The arguments of the graph, and its nodes."""
    return LaunchDescription([*map(declaration, graph.ARGUMENTS), OpaqueFunction(function=nodes)])


def declaration(argument: graph.Argument) -> DeclareLaunchArgument:
    """A launch argument as the table has it."""
    return DeclareLaunchArgument(
        argument.name,
        default_value=argument.default,
        description=argument.description,
        choices=list(argument.choices) or None,
    )


def nodes(context: LaunchContext) -> list[Node]:
    """The nodes that the arguments of this launch ask for."""
    given = {a.name: LaunchConfiguration(a.name).perform(context) for a in graph.ARGUMENTS}
    share = Path(get_package_share_directory(graph.PACKAGE))
    return [node(spec) for spec in graph.describe(given, share)]


def node(spec: graph.NodeSpec) -> Node:
    """A node of the graph as an action of launch_ros."""
    return Node(
        package=spec.package,
        executable=spec.executable,
        name=spec.name if spec.is_ours else None,
        namespace=spec.namespace,
        parameters=[*spec.parameter_files, dict(spec.parameters)],
        remappings=list(spec.remappings),
        arguments=list(spec.arguments),
        output="screen",
        on_exit=Shutdown(reason=f"{spec.name} has ended") if spec.required else None,
    )
