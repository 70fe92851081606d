"""A folder for other people's controllers: one network, and a deploy.yaml as Unitree's.

The layout and the names are those that Unitree's controller reads (unitree_rl_lab, folder deploy/:
https://github.com/unitreerobotics/unitree_rl_lab): exported/policy.onnx with inputs of fixed size
and the actions as its first output, params/deploy.yaml beside it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ts_locomotion import observation, perception, robot
from ts_locomotion.belief import MAP_AGE_CEILING
from ts_locomotion.contract import Contract
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.training import onnx_graph, torchscript
from ts_locomotion.training.deploy_graph import frames_of, fuse, terms_of
from ts_locomotion.training.onnx_graph import Graph

FOLDER, KNOWN_ACTION = "deploy", "joint_targets"
NAMES: Mapping[str, str] = {
    "command": "velocity_commands",
    "projected_gravity": "projected_gravity",
    "angular_velocity": "base_ang_vel",
    "joint_positions": "joint_pos_rel",
    "joint_velocities": "joint_vel_rel",
    "last_action": "last_action",
    "gait_clock": "gait_phase",
}
"""Our observation terms in the words of Unitree's controller."""


def write(folder: Path, contract: Contract, graphs: Sequence[Graph]) -> None:
    """Write deploy/ into a bundle's folder, both files of the network checked against torch.

    Raises ConfigurationError for actions that those controllers do not know.
    """
    if contract.action.kind != KNOWN_ACTION:
        raise ConfigurationError(
            f"deploy: {contract.name} acts by {contract.action.kind}, and Unitree's controller"
            f" knows only {KNOWN_ACTION}"
        )
    belief, policy = graphs
    exported, params = folder / FOLDER / "exported", folder / FOLDER / "params"
    for place in (exported, params):
        place.mkdir(parents=True, exist_ok=True)
    graph = fuse(contract, belief, policy)
    onnx_graph.write(graph, exported, batch=1)
    onnx_graph.check_parity(graph, exported, batch=1)
    torchscript.write(exported, [graph])
    told = describe(contract, belief, graph)
    text = yaml.safe_dump(told, sort_keys=False, default_flow_style=None, width=99)
    (params / "deploy.yaml").write_text(text)
    (folder / FOLDER / "README.md").write_text(_readme(contract, graph))


def describe(contract: Contract, belief: Graph, graph: Graph) -> dict[str, Any]:
    """What deploy.yaml says; joints in the order of the SDK's motors, which is that of the robot.

    Beyond Unitree's: `scans` and `recurrent`, for networks with inputs that they do not know.
    """
    low, high = robot.JOINT_LOWER.tolist(), robot.JOINT_UPPER.tolist()
    limits = contract.command_limits
    ranges = {
        "lin_vel_x": list(limits["linear_x"]),
        "lin_vel_y": list(limits["linear_y"]),
        "ang_vel_z": list(limits["angular_z"]),
        "heading": None,
    }
    action = {
        "clip": [list(pair) for pair in zip(low, high, strict=True)],
        "joint_names": list(contract.joints),
        "scale": contract.action_scale.tolist(),
        "offset": contract.stand_pose.tolist(),
        "joint_ids": None,
    }
    frames = frames_of(contract, belief)
    told = {
        "joint_ids_map": list(range(len(contract.joints))),
        "step_dt": contract.step_time,
        "stiffness": contract.stiffness.tolist(),
        "damping": contract.damping.tolist(),
        "default_joint_pos": contract.stand_pose.tolist(),
        "commands": {"base_velocity": {"ranges": ranges}},
        "actions": {"JointPositionAction": action},
        "observations": {NAMES[n]: _term(contract, n, frames) for n in terms_of(contract)},
    }
    return told | _scans(graph) | _recurrent(graph)


def _term(contract: Contract, name: str, frames: int) -> dict[str, Any]:
    term = observation.TERMS[name]
    params: dict[str, Any] = {}
    if name == "command":
        params = {"command_name": "base_velocity"}
    elif name == "gait_clock":
        params = {"period": 1.0 / contract.gait.frequency_hz}
    return {
        "params": params,
        "clip": None,
        "scale": [term.scale] * term.size,
        "history_length": frames if frames and name in contract.belief_observation else 1,
    }


def _scans(graph: Graph) -> dict[str, Any]:
    if "heights" not in graph.inputs:
        return {}
    told = {
        "feet": list(robot.LEGS),
        "radii": list(perception.SCAN_RADII),
        "points": list(perception.SCAN_POINTS),
        "inputs": ["heights", "valid", "map_age"],
        "oldest_map": MAP_AGE_CEILING,
    }
    return {"scans": told}


def _recurrent(graph: Graph) -> dict[str, Any]:
    if "state" not in graph.inputs:
        return {}
    return {"recurrent": {"state": {"size": graph.inputs["state"], "output": "state_out"}}}


def _readme(contract: Contract, graph: Graph) -> str:
    inputs = "\n".join(f"- `{name}` (1, {size})" for name, size in graph.inputs.items())
    seen = _SCANS if "heights" in graph.inputs else ""
    kept = _STATE if "state" in graph.inputs else _HISTORY
    return f"""# {contract.name} for other controllers

`exported/policy.onnx`, and the same as `policy.pt`; first output `actions` (1, 12), clipped.
`params/deploy.yaml` in the words of unitree_rl_lab's controller. Inputs of the network, float32:

{inputs}

`obs` holds the terms of `observations` in their order, each raw value times its `scale`.
{kept}{seen}
- Joints: {", ".join(robot.LEGS)} with hip, thigh, calf each: the order of the SDK's motors.
- Joint target = action * scale + offset, then within `clip`; gains as given.
- A step takes {contract.step_time} s.
- `last_action` is the newest output of the network, zero at first.
- `gait_phase` is the sine and cosine of a clock of that `period`; the network itself ignores it
  while no motion is commanded.
- Velocity commands are v_x, v_y [m/s] and w_z [rad/s] within `ranges`; let them grow by at most
  2 m/s and 4 rad/s per second, and send zero for less than 0.05.
"""


_HISTORY = """Of a term with a history the frames stand together, the oldest first, one term
after the other (`use_gym_history: false`); at the start all frames are zero or the first one.
"""
_STATE = """`state` is zero at first, and then the output `state_out` of the step before: a
controller that does not feed it back cannot run this network.
"""
_SCANS = """`heights` are those of the ground minus that of the foot [m], around each foot in the
order of `scans`, on circles that turn with the base's heading but stay level, counter-clockwise
from ahead; 0 where unknown, and `valid` then 0 instead of 1. `map_age` [s] is at most
`oldest_map`, which also means that there is no map.
"""
