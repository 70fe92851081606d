"""The Go2 and its ground as MJCF text, made from facts alone: no mesh, no foreign model.

Masses, inertias and collision primitives: unitree_ros go2_description.urdf (d6f13aa). The twelve
rotors (1.07 kg, added to the URDF in 2024) are left out: trainers and the vendor's own MuJoCo
model weigh 15.0 to 15.2 kg, and what rotors do to the joints is in the armature. The FL calf of
the URDF differs from the others by a millimetre; here all legs are alike.
"""

# mujoco ships no type stubs.
# pyright: reportAttributeAccessIssue=false

from dataclasses import dataclass
from functools import reduce
from typing import Literal, NamedTuple

import mujoco
import numpy as np

from ts_locomotion import robot
from ts_locomotion.robot import Array
from ts_locomotion.simulation.terrain import Terrain

BASE_BODY = "base_link"
ARMATURE = 0.01
"""Reflected rotor inertia [kg m2], the value of every public Go2 model."""
JOINT_DAMPING = 0.1
"""Viscous joint friction [N m s/rad], as unitree_mujoco; the URDF states none."""
FOOT_FRICTION = 0.8
"""Sliding friction of foot on ground, as MuJoCo menagerie. The foot's value has priority."""
GROUND_GEOM = "ground"


@dataclass(frozen=True)
class SceneOptions:
    """What distinguishes the simulated robot of the node from that of batched training."""

    time_step: float = 0.002
    actuators: Literal["torque", "position"] = "torque"
    """`torque`: ctrl is N m. `position`: ctrl is a joint target [rad] for stiffness and damping."""
    stiffness: float = 40.0
    """Of `position` actuators [N m/rad]."""
    damping: float = 1.0
    """Of `position` actuators [N m s/rad]."""
    collisions: Literal["full", "simple"] = "full"
    """`simple`: trunk, knees, shins and feet against the ground, no self-collision."""
    friction_loss: float = 0.2
    """Dry joint friction [N m], as unitree_mujoco. Costs time in training."""
    iterations: int = 20
    line_search_iterations: int = 20
    robot_sensors: bool = True
    """IMU, joint and pose sensors. Contact sensors are always there."""
    box_count: int | None = None
    """Pad the terrain with buried boxes to this count, so that models have equal sizes."""
    visual: bool = True
    """Lights, textures and colours."""


ROBOT = SceneOptions()
TRAINING = SceneOptions(
    time_step=0.005,
    actuators="position",
    collisions="simple",
    friction_loss=0.0,
    iterations=4,
    line_search_iterations=8,
    robot_sensors=False,
    visual=False,
)


class Inertial(NamedTuple):
    """Mass [kg], centre of mass [m] and inertia about it [kg m2]: xx yy zz xy xz yz."""

    mass: float
    centre: Array
    inertia: Array


class Solid(NamedTuple):
    """A collision primitive in its link's frame; `pitch` turns it about +y."""

    name: str
    type: str
    size: tuple[float, ...]
    position: tuple[float, float, float]
    pitch: float = 0.0
    axis_y: bool = False


def compile_scene(terrain: Terrain, options: SceneOptions = ROBOT) -> mujoco.MjModel:
    """The compiled model of the robot on a terrain."""
    return mujoco.MjModel.from_xml_string(mjcf(terrain, options))


def mjcf(terrain: Terrain, options: SceneOptions = ROBOT) -> str:
    """MJCF text of the robot on a terrain.

    Joints `robot.JOINTS`, actuators and their sensors in the order of robot.JOINTS. Free base
    first: qpos is position, quaternion, J joints. See `sensor_slices` for the sensors.
    """
    legs = "".join(_leg(leg, options) for leg in range(4))
    base = _inertial(base_inertial()) + _solids("", _base_solids(options), "dark")
    imu = " ".join(map(str, robot.IMU_POSITION))
    start = terrain.start_height + robot.STAND_HEIGHT
    return f"""<mujoco model="go2">
<compiler angle="radian" autolimits="true"/>
<option timestep="{options.time_step}" integrator="implicitfast" cone="pyramidal" solver="Newton"
 iterations="{options.iterations}" ls_iterations="{options.line_search_iterations}"/>
<size memory="16M"/>
{_appearance(options)}
<worldbody>
{_ground(terrain, options)}
<body name="{BASE_BODY}" pos="0 0 {start}">
<freejoint name="floating_base"/>
{base}<site name="imu" pos="{imu}" size="0.01" rgba="1 0 0 0"/>
{legs}</body>
</worldbody>
<actuator>{_actuators(options)}</actuator>
<sensor>{_sensors(options)}</sensor>
</mujoco>"""


def sensor_slices(model: mujoco.MjModel) -> dict[str, slice]:
    """Where each quantity lies in sensordata.

    Always: `foot_force` (F*3, force of the ground on each foot, world [N]), `base_contact` (1),
    `thigh_contact` (F), `calf_contact` (F): number of contacts. With robot sensors also:
    `gyro` (3), `accelerometer` (3), `orientation` (4, w x y z) of the IMU, `joint_positions`,
    `joint_velocities`, `joint_torques` (J each), `base_position`, `base_velocity` (3, world).
    """
    slices: dict[str, slice] = {}
    for sensor in range(model.nsensor):
        group = model.sensor(sensor).name.split("/")[0]
        begin = int(model.sensor_adr[sensor])
        end = begin + int(model.sensor_dim[sensor])
        slices[group] = slice(slices[group].start if group in slices else begin, end)
    return slices


def base_inertial() -> Inertial:
    """Trunk and the two head links (1 g each) as one body."""
    trunk_inertia = np.array([0.02448, 0.098077, 0.107, 0.00012166, 0.0014849, -3.12e-5])
    trunk = Inertial(6.921, np.array([0.021112, 0.0, -0.005366]), trunk_inertia)
    return _join(trunk, _speck(0.001, (0.285, 0.0, 0.01)), _speck(0.001, (0.293, 0.0, -0.06)))


def calf_inertial(left: float) -> Inertial:
    """Calf and foot as one body."""
    inertia = np.array([0.00108, 0.0011, 3.29e-5, 3.4e-7 * left, 1.72e-5, 8.28e-6 * left])
    calf = Inertial(0.154, np.array([0.00548, -0.000975 * left, -0.115]), inertia)
    return _join(calf, _speck(0.04, (0.0, 0.0, -robot.LINK_LENGTH)))


def hip_inertial(front: float, left: float) -> Inertial:
    """The abduction link."""
    products = [-3.01e-6 * front * left, 1.11e-6 * front, -1.42e-6 * left]
    centre = np.array([-0.0054 * front, 0.00194 * left, -0.000105])
    return Inertial(0.678, centre, np.array([0.00048, 0.000884, 0.000596, *products]))


def thigh_inertial(left: float) -> Inertial:
    """The upper leg."""
    products = [8.72e-5 * left, -0.000289, 8.08e-4 * left]
    centre = np.array([-0.00374, -0.0223 * left, -0.0327])
    return Inertial(1.152, centre, np.array([0.00584, 0.0058, 0.00103, *products]))


def _speck(mass: float, position: tuple[float, float, float]) -> Inertial:
    return Inertial(mass, np.array(position), np.array([9.6e-6] * 3 + [0.0] * 3))


def _join(*parts: Inertial) -> Inertial:
    return reduce(_join_two, parts)


def _join_two(a: Inertial, b: Inertial) -> Inertial:
    mass = a.mass + b.mass
    centre = (a.mass * a.centre + b.mass * b.centre) / mass
    steiner = sum((_steiner(part.mass, part.centre - centre) for part in (a, b)), np.zeros(6))
    return Inertial(mass, centre, a.inertia + b.inertia + steiner)


def _steiner(mass: float, offset: Array) -> Array:
    x, y, z = offset
    return mass * np.array([y * y + z * z, x * x + z * z, x * x + y * y, -x * y, -x * z, -y * z])


def _base_solids(options: SceneOptions) -> list[Solid]:
    trunk = Solid("trunk", "box", (0.1881, 0.04675, 0.057), (0.0, 0.0, 0.0))
    if options.collisions == "simple":
        return [trunk, Solid("head", "sphere", (0.06,), (0.29, 0.0, -0.025))]
    head = Solid("head_upper", "cylinder", (0.05, 0.045), (0.285, 0.0, 0.01))
    return [trunk, head, Solid("head_lower", "sphere", (0.047,), (0.293, 0.0, -0.06))]


def _hip_solids(options: SceneOptions, left: float) -> list[Solid]:
    if options.collisions == "simple":
        return []
    return [Solid("hip", "cylinder", (0.046, 0.02), (0.0, 0.08 * left, 0.0), axis_y=True)]


def _thigh_solids(options: SceneOptions) -> list[Solid]:
    if options.collisions == "simple":
        return [Solid("knee", "sphere", (0.022,), (0.0, 0.0, -0.2))]
    return [Solid("thigh", "box", (0.1065, 0.01225, 0.017), (0.0, 0.0, -0.1065), np.pi / 2)]


def _calf_solids(options: SceneOptions) -> list[Solid]:
    foot = Solid(
        "foot", "sphere", (robot.FOOT_RADIUS,), (robot.FOOT_SPHERE_X, 0.0, -robot.LINK_LENGTH)
    )
    if options.collisions == "simple":
        return [Solid("shin", "capsule", (0.012, 0.06), (0.014, 0.0, -0.11), -0.1), foot]
    # The URDF's cylinders with round ends: capsules meet boxes exactly and faster.
    upper = Solid("calf", "capsule", (0.013, 0.047), (0.01, 0.0, -0.06), -0.20)
    lower = Solid("shin", "capsule", (0.011, 0.0325), (0.020, 0.0, -0.148), 0.05)
    return [upper, lower, foot]


def _leg(leg: int, options: SceneOptions) -> str:
    name, front, left = robot.LEGS[leg], robot.FRONT[leg], robot.LEFT[leg]
    foot = (
        f'<site name="{name}_foot" pos="0 0 {-robot.LINK_LENGTH}" size="0.01" rgba="1 0 0 0"/>\n'
    )
    calf = _link(leg, 2, calf_inertial(left), _calf_solids(options), options, foot)
    thigh = _link(leg, 1, thigh_inertial(left), _thigh_solids(options), options, calf)
    return _link(leg, 0, hip_inertial(front, left), _hip_solids(options, left), options, thigh)


def _link(
    leg: int,
    part: int,
    inertial: Inertial,
    solids: list[Solid],
    options: SceneOptions,
    inner: str,
) -> str:
    name, joint = f"{robot.LEGS[leg]}_{robot.PARTS[part]}", 3 * leg + part
    origin = (
        robot.HIP_OFFSET[leg],
        np.array([0.0, robot.THIGH_OFFSET_Y * robot.LEFT[leg], 0.0]),
        np.array([0.0, 0.0, -robot.LINK_LENGTH]),
    )[part]
    return (
        f'<body name="{name}" pos="{_text(origin)}">\n{_inertial(inertial)}'
        f'<joint name="{robot.JOINTS[joint]}" axis="{"1 0 0" if part == 0 else "0 1 0"}"'
        f' range="{robot.JOINT_LOWER[joint]} {robot.JOINT_UPPER[joint]}" armature="{ARMATURE}"'
        f' damping="{JOINT_DAMPING}" frictionloss="{options.friction_loss}"/>\n'
        f"{_solids(robot.LEGS[leg] + '_', solids, ('dark', 'light', 'dark')[part])}{inner}</body>\n"
    )


def _inertial(part: Inertial) -> str:
    return (
        f'<inertial mass="{part.mass}" pos="{_text(part.centre)}"'
        f' fullinertia="{_text(part.inertia)}"/>\n'
    )


_COLOURS = {"dark": "0.16 0.17 0.19 1", "light": "0.75 0.77 0.8 1", "foot": "0.05 0.05 0.05 1"}


def _solids(prefix: str, solids: list[Solid], colour: str) -> str:
    return "".join(_solid(prefix, solid, colour) for solid in solids)


def _solid(prefix: str, solid: Solid, colour: str) -> str:
    euler = "1.5707963 0 0" if solid.axis_y else f"0 {solid.pitch} 0"
    is_foot = solid.name == "foot"
    friction = f' friction="{FOOT_FRICTION} 0.02 0.01" priority="1"' if is_foot else ""
    return (
        f'<geom name="{prefix}{solid.name}" class="robot" type="{solid.type}"'
        f' size="{_text(np.array(solid.size))}" pos="{_text(np.array(solid.position))}"'
        f' euler="{euler}" rgba="{_COLOURS["foot" if is_foot else colour]}"{friction}/>\n'
    )


def _ground(terrain: Terrain, options: SceneOptions) -> str:
    material = ' material="checker"' if options.visual else ""
    plane = f'<geom name="{GROUND_GEOM}" class="terrain" type="plane" size="0 0 1"{material}/>\n'
    buried = max(0, (options.box_count or 0) - len(terrain.centres))
    boxes = zip(terrain.centres, terrain.half_sizes, terrain.quaternions, strict=True)
    lines = [
        f'<geom class="terrain" type="box" pos="{_text(pos)}" size="{_text(half)}"'
        f' quat="{_text(quat)}"/>\n'
        for pos, half, quat in boxes
    ]
    lines += ['<geom class="terrain" type="box" pos="0 0 -9" size="0.1 0.1 0.1"/>\n'] * buried
    return plane + "".join(lines)


def _appearance(options: SceneOptions) -> str:
    # Robot bits 2 and 1, terrain bit 1: simple robots meet only terrain, full ones also themselves.
    robot_bits = (
        'contype="2" conaffinity="3"'
        if options.collisions == "full"
        else ('contype="0" conaffinity="1"')
    )
    defaults = (
        f'<default><default class="robot"><geom {robot_bits} condim="3" friction="0.6"/></default>'
        '<default class="terrain"><geom contype="1" conaffinity="0" condim="3" friction="0.6"'
        ' rgba="0.55 0.56 0.58 1"/></default></default>'
    )
    if not options.visual:
        return defaults
    return (
        defaults
        + """
<visual><headlight diffuse="0.5 0.5 0.5" ambient="0.35 0.35 0.35" specular="0 0 0"/>
<global offwidth="1280" offheight="720"/></visual>
<asset><texture name="sky" type="skybox" builtin="gradient" rgb1="0.75 0.85 0.95" rgb2="1 1 1"
 width="64" height="384"/>
<texture name="checker" type="2d" builtin="checker" rgb1="0.42 0.45 0.48" rgb2="0.36 0.39 0.42"
 width="300" height="300"/>
<material name="checker" texture="checker" texrepeat="2 2" texuniform="true"/></asset>"""
    )


def _actuators(options: SceneOptions) -> str:
    lines = []
    for joint, limit in zip(robot.JOINTS, robot.TORQUE_LIMIT, strict=True):
        if options.actuators == "torque":
            law = f'ctrlrange="{-limit} {limit}"'
        else:
            law = (
                f'forcerange="{-limit} {limit}" gainprm="{options.stiffness}" biastype="affine"'
                f' biasprm="0 {-options.stiffness} {-options.damping}"'
            )
        lines.append(f'<general name="{joint}" joint="{joint}" {law}/>\n')
    return "".join(lines)


def _sensors(options: SceneOptions) -> str:
    lines = [
        f'<contact name="foot_force/{leg}" geom2="{leg}_foot" data="force" reduce="netforce"/>'
        for leg in robot.LEGS
    ]
    lines.append(f'<contact name="base_contact" body1="{BASE_BODY}" data="found"/>')
    lines += [f'<contact name="thigh_contact/{leg}" body1="{leg}_thigh"/>' for leg in robot.LEGS]
    lines += [f'<contact name="calf_contact/{leg}" geom1="{leg}_shin"/>' for leg in robot.LEGS]
    if options.robot_sensors:
        lines += _robot_sensors()
    return "\n".join(lines)


def _robot_sensors() -> list[str]:
    imu = [
        '<gyro name="gyro" site="imu"/>',
        '<accelerometer name="accelerometer" site="imu"/>',
        '<framequat name="orientation" objtype="site" objname="imu"/>',
    ]
    joints = [
        f'<{kind} name="{group}/{joint}" joint="{joint}"/>'
        for kind, group in (
            ("jointpos", "joint_positions"),
            ("jointvel", "joint_velocities"),
            ("jointactuatorfrc", "joint_torques"),
        )
        for joint in robot.JOINTS
    ]
    base = [
        f'<framepos name="base_position" objtype="xbody" objname="{BASE_BODY}"/>',
        f'<framelinvel name="base_velocity" objtype="xbody" objname="{BASE_BODY}"/>',
    ]
    return imu + joints + base


def _text(numbers: Array) -> str:
    return " ".join(repr(float(number)) for number in numbers)
