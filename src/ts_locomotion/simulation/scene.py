"""The Go2 and its ground as MJCF text, made from facts alone: no mesh, no foreign model."""

# mujoco ships no type stubs.
# pyright: reportAttributeAccessIssue=false

from dataclasses import dataclass
from typing import Literal

import mujoco
import numpy as np

from ts_locomotion import links, robot, unitree
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.links import Collisions, Inertial, Solid
from ts_locomotion.robot import Array
from ts_locomotion.simulation.terrain import Terrain

BASE_BODY = robot.BASE_LINK
ARMATURE = 0.01
"""Reflected rotor inertia [kg m2], the value of every public Go2 model."""
JOINT_DAMPING = 0.1
"""Viscous joint friction [N m s/rad], as unitree_mujoco; the URDF states none."""
FOOT_FRICTION = 0.8
"""Sliding friction of foot on ground, as MuJoCo menagerie. The foot's value has priority."""


@dataclass(frozen=True)
class SceneOptions:
    """What distinguishes the simulated robot of the node from that of batched training."""

    time_step: float = 1e-3 * unitree.STATE_PERIOD_MS
    actuators: Literal["torque", "position"] = "torque"
    """`torque`: ctrl is N m. `position`: ctrl is a joint target [rad]. Both keep torque limits."""
    stiffness: float = 40.0
    """Of `position` actuators [N m/rad]."""
    damping: float = 1.0
    """Of `position` actuators [N m s/rad]."""
    collisions: Collisions = "full"
    """`simple`: trunk, knees, shins and feet against the ground, no self-collision."""
    friction_loss: float = 0.2
    """Dry joint friction [N m], as unitree_mujoco."""
    impedance_ratio: float = 100.0
    """Of friction to normal force. High: a standing robot does not creep. (With elliptic cones
    such a ratio makes some standing robots chatter away, hence pyramidal ones.)"""
    iterations: int = 20
    line_search_iterations: int = 20
    accelerometer: bool = True
    """Of the IMU. Contact sensors are always there."""
    box_count: int | None = None
    """Pad the terrain with buried boxes to this count, so that models have equal sizes."""
    visual: bool = True
    """Light, sky and a checkered floor."""


ROBOT = SceneOptions()
"""The simulator node's."""
TRAINING = SceneOptions(
    time_step=0.005,
    actuators="position",
    collisions="simple",
    friction_loss=0.0,
    impedance_ratio=5.0,
    iterations=10,
    line_search_iterations=10,
    accelerometer=False,
    visual=False,
)
"""Of batched training, where 5 ms allow no impedance ratio of 100. At 5 an open-loop gait covers
the distance it covers on the node's robot; at 1 a quarter less. With 4 iterations 5 diverges."""


def compile_scene(terrain: Terrain, options: SceneOptions = ROBOT) -> mujoco.MjModel:
    """The compiled model of the robot on a terrain."""
    return mujoco.MjModel.from_xml_string(mjcf(terrain, options))


def mjcf(terrain: Terrain, options: SceneOptions = ROBOT) -> str:
    """MJCF text of the robot on a terrain.

    Free base first, then joints and actuators in the order of robot.JOINTS; for sensors see
    `sensor_slices`. Raises ConfigurationError when the terrain has more boxes than `box_count`.
    """
    legs = "".join(_leg(leg, options) for leg in range(4))
    base = _inertial(links.base_inertial())
    trunk = _solids("", links.base_solids(options.collisions), links.BASE_COLOUR)
    start = f"0 0 {terrain.start_height + robot.STAND_HEIGHT}"
    return f"""<mujoco model="go2">
<compiler angle="radian" autolimits="true"/>
<option timestep="{options.time_step}" integrator="implicitfast" solver="Newton"
 cone="pyramidal" impratio="{options.impedance_ratio}"
 iterations="{options.iterations}" ls_iterations="{options.line_search_iterations}"/>
<size memory="16M"/>
{_defaults(options)}{_APPEARANCE if options.visual else ""}
<worldbody>
{_ground(terrain, options)}
<body name="{BASE_BODY}" pos="{start}">
<freejoint name="floating_base"/>
{base}{trunk}<site name="imu" pos="{_text(robot.IMU_POSITION)}" size="0.01" rgba="1 0 0 0"/>
{legs}</body>
</worldbody>
<actuator>{_actuators(options)}</actuator>
<sensor>{_contact_sensors()}{_ACCELEROMETER if options.accelerometer else ""}</sensor>
</mujoco>"""


def sensor_slices(model: mujoco.MjModel) -> dict[str, slice]:
    """Where each quantity lies in sensordata.

    Always: `foot_force` (F*3: force of the ground on each foot, world [N]), `base_contact` (1),
    `thigh_contact` (F), `calf_contact` (F): numbers of contacts. On request `accelerometer` (3).
    """
    slices: dict[str, slice] = {}
    for sensor in range(model.nsensor):
        group = model.sensor(sensor).name.split("/")[0]
        begin = int(model.sensor_adr[sensor])
        end = begin + int(model.sensor_dim[sensor])
        slices[group] = slice(slices[group].start if group in slices else begin, end)
    return slices


def _leg(leg: int, options: SceneOptions) -> str:
    name, front, left = robot.LEGS[leg], robot.FRONT[leg], robot.LEFT[leg]
    kind = options.collisions
    ankle = _text((0.0, 0.0, -robot.LINK_LENGTH))
    foot = f'<site name="{name}_foot" pos="{ankle}" size="0.01" rgba="1 0 0 0"/>\n'
    calf = _link(leg, 2, links.calf_inertial(left), links.calf_solids(kind), options, foot)
    thigh = _link(leg, 1, links.thigh_inertial(left), links.thigh_solids(kind), options, calf)
    hip_solids = links.hip_solids(kind, left)
    return _link(leg, 0, links.hip_inertial(front, left), hip_solids, options, thigh)


def _link(
    leg: int, part: int, inertial: Inertial, solids: list[Solid], options: SceneOptions, inner: str
) -> str:
    joint = 3 * leg + part
    limits = _text((robot.JOINT_LOWER[joint], robot.JOINT_UPPER[joint]))
    geoms = _solids(robot.LEGS[leg] + "_", solids, links.PART_COLOURS[part])
    return (
        f'<body name="{robot.LINKS[joint]}" pos="{_text(robot.JOINT_ORIGIN[joint])}">\n'
        f"{_inertial(inertial)}"
        f'<joint name="{robot.JOINTS[joint]}" axis="{_text(robot.JOINT_AXIS[joint])}"'
        f' range="{limits}" armature="{ARMATURE}" damping="{JOINT_DAMPING}"'
        f' frictionloss="{options.friction_loss}"/>\n{geoms}{inner}</body>\n'
    )


def _inertial(part: Inertial) -> str:
    return (
        f'<inertial mass="{part.mass}" pos="{_text(part.centre)}"'
        f' fullinertia="{_text(part.inertia)}"/>\n'
    )


def _solids(prefix: str, solids: list[Solid], colour: str) -> str:
    return "".join(_solid(prefix, solid, colour) for solid in solids)


def _solid(prefix: str, solid: Solid, colour: str) -> str:
    is_foot = solid.name == "foot"
    friction = f' friction="{FOOT_FRICTION} 0.02 0.01" priority="1"' if is_foot else ""
    rgba = _text(links.COLOURS[links.solid_colour(solid, colour)])
    return (
        f'<geom name="{prefix}{solid.name}" class="robot" type="{solid.type}"'
        f' size="{_text(solid.size)}" pos="{_text(solid.position)}"'
        f' euler="{solid.roll} {solid.pitch} 0"'
        f' rgba="{rgba}"{friction}/>\n'
    )


def _ground(terrain: Terrain, options: SceneOptions) -> str:
    count = len(terrain.centres)
    if options.box_count is not None and count > options.box_count:
        raise ConfigurationError(
            f"terrain {terrain.name!r} has {count} boxes, box_count allows {options.box_count}"
        )
    material = ' rgba="1 1 1 1" material="checker"' if options.visual else ""
    lines = [f'<geom name="ground" class="terrain" type="plane" size="0 0 1"{material}/>']
    boxes = zip(terrain.centres, terrain.half_sizes, terrain.quaternions, strict=True)
    lines += [
        f'<geom class="terrain" type="box" pos="{_text(centre)}" size="{_text(half)}"'
        f' quat="{_text(quaternion)}"/>'
        for centre, half, quaternion in boxes
    ]
    buried = '<geom class="terrain" type="box" pos="0 0 -9" size="0.1 0.1 0.1"/>'
    if options.visual:
        lines.append('<light directional="true" dir="0.3 0.4 -1" diffuse="0.55 0.55 0.55"/>')
    return "\n".join(lines + [buried] * ((options.box_count or count) - count))


def _defaults(options: SceneOptions) -> str:
    # Simple robots meet only terrain (bit 1), full ones also themselves (bit 2).
    full = options.collisions == "full"
    bits = 'contype="2" conaffinity="3"' if full else 'contype="0" conaffinity="1"'
    return (
        f'<default><default class="robot"><geom {bits} condim="3" friction="0.6"/></default>'
        '<default class="terrain"><geom contype="1" conaffinity="0" condim="3" friction="0.6"'
        ' rgba="0.78 0.74 0.66 1"/></default></default>'
    )


_APPEARANCE = """
<visual><headlight diffuse="0.35 0.35 0.35" ambient="0.3 0.3 0.3" specular="0 0 0"/>
<global offwidth="1280" offheight="720"/><quality shadowsize="4096"/></visual>
<asset><texture name="sky" type="skybox" builtin="gradient" rgb1="0.75 0.85 0.95" rgb2="1 1 1"
 width="64" height="384"/>
<texture name="checker" type="2d" builtin="checker" rgb1="0.72 0.74 0.77" rgb2="0.62 0.64 0.68"
 width="300" height="300"/>
<material name="checker" texture="checker" texrepeat="2 2" texuniform="true"/></asset>"""

_ACCELEROMETER = '<accelerometer name="accelerometer" site="imu"/>'


def _actuators(options: SceneOptions) -> str:
    law = (
        f' gainprm="{options.stiffness}" biastype="affine"'
        f' biasprm="0 {-options.stiffness} {-options.damping}"'
    )
    return "".join(
        f'<general name="{joint}" joint="{joint}" forcerange="{-limit} {limit}"'
        f"{law if options.actuators == 'position' else ''}/>\n"
        for joint, limit in zip(robot.JOINTS, robot.TORQUE_LIMIT, strict=True)
    )


def _contact_sensors() -> str:
    # The normal points from the first to the second, so the foot is second to feel a push upwards.
    forces = [
        f'<contact name="foot_force/{leg}" geom2="{leg}_foot" data="force" reduce="netforce"/>\n'
        for leg in robot.LEGS
    ]
    base = [f'<contact name="base_contact" body1="{BASE_BODY}"/>\n']
    thighs = [f'<contact name="thigh_contact/{x}" body1="{x}_thigh"/>\n' for x in robot.LEGS]
    shins = [f'<contact name="calf_contact/{x}" geom1="{x}_shin"/>\n' for x in robot.LEGS]
    return "".join(forces + base + thighs + shins)


def _text(numbers: Array | tuple[float, ...]) -> str:
    return " ".join(repr(float(number)) for number in np.asarray(numbers))
