"""The Go2 as a tree of links: its URDF text, and where each link is in the frame before it."""

from typing import NamedTuple

import numpy as np

from ts_locomotion import links, robot
from ts_locomotion.links import Inertial, Solid
from ts_locomotion.robot import Array

UPRIGHT = (1.0, 0.0, 0.0, 0.0)
IMU_LINK = "imu"
SHAPES = {
    "box": '<box size="{} {} {}"/>',
    "sphere": '<sphere radius="{}"/>',
    "cylinder": '<cylinder radius="{}" length="{}"/>',
}


class Placement(NamedTuple):
    """Where a link's frame is in the frame of the link before it."""

    parent: str
    child: str
    position: Array  # (3,) [m]
    orientation: Array  # (4,) child to parent, w x y z


def moving_links(joint_positions: Array) -> list[Placement]:
    """The links behind the joints, in the joints' order; joint positions (J,) [rad]."""
    half = 0.5 * np.asarray(joint_positions)[:, None]
    orientations = np.concatenate([np.cos(half), np.sin(half) * robot.JOINT_AXIS], axis=1)
    return [
        Placement(_parent(joint), child, robot.JOINT_ORIGIN[joint], orientations[joint])
        for joint, child in enumerate(robot.LINKS)
    ]


def fixed_links() -> list[Placement]:
    """The frames of the feet and of the IMU."""
    ankle = np.array([0.0, 0.0, -robot.LINK_LENGTH])
    upright = np.array(UPRIGHT)
    calves = robot.LINKS[2::3]
    feet = [
        Placement(calf, foot, ankle, upright)
        for calf, foot in zip(calves, robot.FEET, strict=True)
    ]
    return [*feet, Placement(robot.BASE_LINK, IMU_LINK, np.array(robot.IMU_POSITION), upright)]


def urdf() -> str:
    """URDF text of the robot: primitives, inertias, joint limits.

    Feet are frames without a body, since calf and foot are one (links.calf_inertial). Capsules
    lose their round ends: the format has cylinders only.
    """
    materials = [
        f'<material name="{name}"><color rgba="{_text(rgba)}"/></material>'
        for name, rgba in links.COLOURS.items()
    ]
    base = _link(
        robot.BASE_LINK, links.base_inertial(), links.base_solids("full"), links.BASE_COLOUR
    )
    legs = [_leg_link(leg, part) for leg in range(4) for part in range(3)]
    joints = [_joint(joint) for joint in range(len(robot.JOINTS))]
    fixed = [_fixed(placement) for placement in fixed_links()]
    lines = ['<?xml version="1.0"?>', '<robot name="go2">', *materials, base, *legs]
    return "\n".join([*lines, *joints, *fixed, "</robot>"]) + "\n"


def _parent(joint: int) -> str:
    return robot.LINKS[joint - 1] if joint % 3 else robot.BASE_LINK


def _leg_link(leg: int, part: int) -> str:
    front, left = robot.FRONT[leg], robot.LEFT[leg]
    inertial, solids = (
        (links.hip_inertial(front, left), links.hip_solids("full", left)),
        (links.thigh_inertial(left), links.thigh_solids("full")),
        (links.calf_inertial(left), links.calf_solids("full")),
    )[part]
    return _link(robot.LINKS[3 * leg + part], inertial, solids, links.PART_COLOURS[part])


def _link(name: str, inertial: Inertial, solids: list[Solid], colour: str) -> str:
    mass, centre, (xx, yy, zz, xy, xz, yz) = inertial
    body = (
        f'<inertial><origin xyz="{_text(centre)}"/><mass value="{mass!r}"/>'
        f'<inertia ixx="{xx}" ixy="{xy}" ixz="{xz}" iyy="{yy}" iyz="{yz}" izz="{zz}"/></inertial>'
    )
    visuals = [
        f'<visual>{_solid(solid)}<material name="{links.solid_colour(solid, colour)}"/></visual>'
        for solid in solids
    ]
    collisions = [f"<collision>{_solid(solid)}</collision>" for solid in solids]
    return "\n".join([f'<link name="{name}">', body, *visuals, *collisions, "</link>"])


def _solid(solid: Solid) -> str:
    kind = "cylinder" if solid.type == "capsule" else solid.type
    # Half sizes become whole ones, but for radii.
    size = np.array(solid.size) * {"box": 2.0, "sphere": 1.0, "cylinder": (1.0, 2.0)}[kind]
    turn = _text((solid.roll, solid.pitch, 0.0))
    origin = f'<origin xyz="{_text(solid.position)}" rpy="{turn}"/>'
    return f"{origin}<geometry>{SHAPES[kind].format(*size)}</geometry>"


def _joint(joint: int) -> str:
    return (
        f'<joint name="{robot.JOINTS[joint]}" type="revolute">'
        f'<parent link="{_parent(joint)}"/><child link="{robot.LINKS[joint]}"/>'
        f'<origin xyz="{_text(robot.JOINT_ORIGIN[joint])}"/>'
        f'<axis xyz="{_text(robot.JOINT_AXIS[joint])}"/>'
        f'<limit lower="{robot.JOINT_LOWER[joint]}" upper="{robot.JOINT_UPPER[joint]}"'
        f' effort="{robot.TORQUE_LIMIT[joint]}" velocity="{robot.VELOCITY_LIMIT[joint]}"/></joint>'
    )


def _fixed(placement: Placement) -> str:
    parent, child, position, _ = placement
    return (
        f'<link name="{child}"/>\n<joint name="{child}_joint" type="fixed">'
        f'<parent link="{parent}"/><child link="{child}"/>'
        f'<origin xyz="{_text(position)}"/></joint>'
    )


def _text(numbers: Array | tuple[float, ...]) -> str:
    return " ".join(repr(float(number)) for number in np.asarray(numbers))
