"""The one description of the graph: which nodes, with which names, parameters and remappings.

`process.py` starts it as processes, `launch/go2_bringup.launch.py` translates it for ros2 launch.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from ts_locomotion.contract import DEFAULT_BUNDLE
from ts_locomotion.errors import ConfigurationError

Value = bool | int | float | str | list[str]

PACKAGE = "ts_locomotion"
STAGES = ("perception", "belief", "policy")
TERRAINS = (
    *("flat", "rough", "slope", "stairs_up", "stairs_down", "stairs_open_up", "stairs_open_down"),
    *("stairs_ledged_up", "stairs_ledged_down", "stairs_random_up", "stairs_random_down"),
    *("grid_steps", "discrete_rough", "blocks", "stepping_stones", "planks", "gaps"),
    *("course", "obstacle_course"),
)
PATIENT_SILENCE = 2.0
SWITCH = ("true", "false")
AUTO = ("auto", *SWITCH)


@dataclass(frozen=True)
class Argument:
    """One argument of the bring-up, given as name:=value."""

    name: str
    default: str
    description: str
    choices: tuple[str, ...] = ()


ARGUMENTS = (
    Argument("robot", "mujoco", "the robot: simulated here, or a Go2", ("mujoco", "go2")),
    Argument("policy", DEFAULT_BUNDLE, "model bundle: a name below models/, or a folder"),
    Argument("terrain", "flat", "ground of the simulation", TERRAINS),
    Argument("difficulty", "0.5", "of the terrain, from 0 to 1"),
    Argument("seed", "0", "of everything random in the simulation, a whole number >= 0"),
    Argument(
        "pace",
        "realtime",
        "of the simulation: with the clock, the same but waiting for a late policy, as fast as it"
        " can, or waiting for each command",
        ("realtime", "patient", "fast", "lockstep"),
    ),
    Argument("paused", "false", "whether the simulation waits for ~/advance", SWITCH),
    Argument("view", "false", "whether to open the MuJoCo viewer", SWITCH),
    Argument("rviz", "false", "whether to open RViz, with config/rviz/belief.rviz", SWITCH),
    Argument(
        "visualization",
        "true",
        "whether to publish the robot's URDF, the tf of its links and what it believes, for RViz",
        SWITCH,
    ),
    Argument("namespace", "", "of every node and of every topic that belongs to one robot"),
    Argument("use_sim_time", "auto", "whether nodes follow /clock; only in simulation", AUTO),
    Argument("dry_run", "auto", "whether to keep commands from the robot; auto: if real", AUTO),
    Argument("parameters", "", "a YAML file of ROS parameters, applied last to every node"),
)


@dataclass(frozen=True)
class NodeSpec:
    """One node of the graph. `required`: the graph ends when this node does.

    A node of another package keeps the name it has; here it is called `name`.
    """

    executable: str
    name: str
    namespace: str = ""
    parameter_files: tuple[Path, ...] = ()
    parameters: Mapping[str, Value] = field(default_factory=dict)
    remappings: tuple[tuple[str, str], ...] = ()
    required: bool = False
    package: str = PACKAGE
    arguments: tuple[str, ...] = ()

    @property
    def is_ours(self) -> bool:
        """Whether it is a node of this package."""
        return self.package == PACKAGE

    def ros_arguments(self) -> list[str]:
        """What follows the executable and its own arguments on its command line."""
        words = ["--ros-args"]
        if self.is_ours:
            words += ["-r", f"__node:={self.name}"]
        if self.namespace:
            words += ["-r", f"__ns:=/{self.namespace}"]
        for given, used in self.remappings:
            words += ["-r", f"{given}:={used}"]
        for path in self.parameter_files:
            words += ["--params-file", str(path)]
        for name, value in self.parameters.items():
            words += ["-p", f"{name}:={json.dumps(value)}"]
        return words


def describe(given: Mapping[str, str], share: Path) -> tuple[NodeSpec, ...]:
    """The nodes that the arguments ask for, in the order in which they start.

    `share` is the package's share folder, or the repository: it holds config/. Raises
    ConfigurationError for an argument that does not exist or does not fit.
    """
    values = resolve(given)
    simulated = values["robot"] == "mujoco"
    clock = {"use_sim_time": _follows_clock(values, simulated)}
    lockstep = {"lockstep": simulated and values["pace"] == "lockstep"}
    # While the simulator waits for a late policy, its silence means nothing.
    patience = {"silence": PATIENT_SILENCE} if simulated and values["pace"] == "patient" else {}
    bundle = {"bundle": values["policy"]}
    watched = ["go2_bridge", *(["simulator"] if simulated else [])]

    def node(executable: str, name: str, parameters: Mapping[str, Value]) -> NodeSpec:
        return NodeSpec(
            executable=executable,
            name=name,
            namespace=values["namespace"],
            parameter_files=_parameter_files(share, name, values["parameters"]),
            parameters={**parameters, **clock},
            remappings=_remappings(values["namespace"], simulated),
            required=name == ("simulator" if simulated else "go2_bridge"),
        )

    bridge = {
        "robot": values["robot"],
        "dry_run": _auto(values["dry_run"], not simulated),
        **lockstep,
        **patience,
    }
    supervisor = {"managed_nodes": list(STAGES), "watched_nodes": watched}
    graph = [
        node("go2_bridge_node", "go2_bridge", bridge),
        node("perception_node", "perception", lockstep),
        node("belief_node", "belief", {**bundle, **lockstep}),
        node("policy_node", "policy", bundle),
        node("supervisor_node", "supervisor", supervisor),
    ]
    if simulated:
        graph.insert(0, node("simulator_node", "simulator", _simulation(values)))
    if values["visualization"] == "true":
        graph.append(node("robot_description_node", "robot_description", {}))
        graph.append(node("belief_view_node", "belief_view", bundle))
    if values["rviz"] == "true":
        graph.append(_rviz(share, values["namespace"], clock))
    return tuple(graph)


def resolve(given: Mapping[str, str]) -> dict[str, str]:
    """Every argument with its value; raises ConfigurationError for an unknown name or value."""
    known = {argument.name: argument for argument in ARGUMENTS}
    for name in given:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean '{near[0]}'?" if near else ""
            raise ConfigurationError(f"no argument '{name}', expected one of {list(known)}{hint}")
    values = {name: given.get(name, argument.default) for name, argument in known.items()}
    for name, argument in known.items():
        if argument.choices and values[name] not in argument.choices:
            raise ConfigurationError(
                f"{name}:={values[name]} is not one of {list(argument.choices)}"
            )
    values["namespace"] = _namespace(values["namespace"])
    return values


def _simulation(values: Mapping[str, str]) -> dict[str, Value]:
    return {
        "terrain": values["terrain"],
        "difficulty": _difficulty(values["difficulty"]),
        "seed": _seed(values["seed"]),
        "pace": values["pace"],
        "paused": values["paused"] == "true",
        "view": values["view"] == "true",
    }


def _rviz(share: Path, namespace: str, clock: Mapping[str, Value]) -> NodeSpec:
    """RViz; the topics of its displays are relative, so that its namespace moves them all.

    It makes several nodes, which a name given on the command line would make namesakes
    (https://github.com/ros2/rviz/issues/671).
    """
    return NodeSpec(
        package="rviz2",
        executable="rviz2",
        name="rviz",
        namespace=namespace,
        arguments=("-d", str(share / "config" / "rviz" / "belief.rviz")),
        parameters=clock,
        remappings=_remappings(namespace, simulated=False),
    )


def _remappings(namespace: str, simulated: bool) -> tuple[tuple[str, str], ...]:
    """Topics that are absolute on a lone robot move below its namespace, for several in one graph.

    A real robot's own topics stay where its firmware has them.
    """
    if not namespace:
        return ()
    topics = ["/tf", "/tf_static"]
    if simulated:
        topics += ["/lowstate", "/lowcmd", "/clock"]
    return tuple((topic, topic.lstrip("/")) for topic in topics)


def _parameter_files(share: Path, name: str, override: str) -> tuple[Path, ...]:
    files = (share / "config" / f"{name}.yaml",)
    if not override:
        return files
    path = Path(override).expanduser().absolute()
    if not path.is_file():
        raise ConfigurationError(f"parameters:={override} is no file")
    return (*files, path)


def _follows_clock(values: Mapping[str, str], simulated: bool) -> bool:
    follows = _auto(values["use_sim_time"], simulated)
    if follows and not simulated:
        raise ConfigurationError(
            f"use_sim_time:=true with robot:={values['robot']}, expected false or auto: a clock"
            " that stands still would hide the pauses of a real robot"
        )
    return follows


def _auto(value: str, meaning: bool) -> bool:
    return meaning if value == "auto" else value == "true"


def _namespace(value: str) -> str:
    name = value.strip("/")
    if name and not re.fullmatch(r"[A-Za-z_]\w*(/[A-Za-z_]\w*)*", name, re.ASCII):
        raise ConfigurationError(f"namespace:={value} is no ROS name, such as 'go2' or 'team/go2'")
    return name


def _difficulty(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not 0.0 <= number <= 1.0:
        raise ConfigurationError(f"difficulty:={value} is no number from 0 to 1")
    return number


def _seed(value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise ConfigurationError(f"seed:={value} is no whole number from 0 to 999999999")
    return int(value)
