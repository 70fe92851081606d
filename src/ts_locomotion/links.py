"""Masses, inertias and collision primitives of the Go2's links, for its MJCF and its URDF.

Source: unitree_ros go2_description.urdf (d6f13aa). The twelve rotors (1.07 kg, added to the URDF
in 2024) are left out: trainers and the vendor's own MuJoCo model weigh 15.0 to 15.2 kg, and what
rotors do to the joints is in the armature. The FL calf of the URDF differs from the others by a
millimetre; here all legs are alike.
"""

from functools import reduce
from typing import Literal, NamedTuple

import numpy as np

from ts_locomotion import robot
from ts_locomotion.robot import Array

Collisions = Literal["full", "simple"]


class Inertial(NamedTuple):
    """Mass [kg], centre of mass [m] and inertia about it [kg m2]: xx yy zz xy xz yz."""

    mass: float
    centre: Array
    inertia: Array


class Solid(NamedTuple):
    """A collision primitive in its link's frame, as MuJoCo names and sizes it."""

    name: str
    type: str
    size: tuple[float, ...]
    position: tuple[float, float, float]
    roll: float = 0.0
    pitch: float = 0.0


COLOURS = {
    "dark": (0.22, 0.24, 0.28, 1.0),
    "light": (0.85, 0.87, 0.9, 1.0),
    "foot": (0.9, 0.35, 0.1, 1.0),
}
"""Red, green, blue, opacity."""
BASE_COLOUR = "light"
PART_COLOURS = ("dark", "light", "dark")
"""Of hip, thigh and calf."""


def solid_colour(solid: Solid, link_colour: str) -> str:
    """Name of a solid's colour; feet are seen best."""
    return "foot" if solid.name == "foot" else link_colour


def base_inertial() -> Inertial:
    """Trunk and the two head links (1 g each) as one body."""
    inertia = np.array([0.02448, 0.098077, 0.107, 0.00012166, 0.0014849, -3.12e-5])
    trunk = Inertial(6.921, np.array([0.021112, 0.0, -0.005366]), inertia)
    heads = _speck(0.001, (0.285, 0.0, 0.01)), _speck(0.001, (0.293, 0.0, -0.06))
    return reduce(_join, heads, trunk)


def hip_inertial(front: float, left: float) -> Inertial:
    """The abduction link; `front` and `left` are the leg's signs."""
    products = [-3.01e-6 * front * left, 1.11e-6 * front, -1.42e-6 * left]
    centre = np.array([-0.0054 * front, 0.00194 * left, -0.000105])
    return Inertial(0.678, centre, np.array([0.00048, 0.000884, 0.000596, *products]))


def thigh_inertial(left: float) -> Inertial:
    """The upper leg."""
    products = [8.72e-5 * left, -0.000289, 8.08e-4 * left]
    centre = np.array([-0.00374, -0.0223 * left, -0.0327])
    return Inertial(1.152, centre, np.array([0.00584, 0.0058, 0.00103, *products]))


def calf_inertial(left: float) -> Inertial:
    """Calf and foot as one body."""
    inertia = np.array([0.00108, 0.0011, 3.29e-5, 3.4e-7 * left, 1.72e-5, 8.28e-6 * left])
    calf = Inertial(0.154, np.array([0.00548, -0.000975 * left, -0.115]), inertia)
    return _join(calf, _speck(0.04, (0.0, 0.0, -robot.LINK_LENGTH)))


def base_solids(collisions: Collisions) -> list[Solid]:
    """Trunk and head."""
    trunk = Solid("trunk", "box", (0.1881, 0.04675, 0.057), (0.0, 0.0, 0.0))
    if collisions == "simple":
        return [trunk, Solid("head", "sphere", (0.06,), (0.29, 0.0, -0.025))]
    upper = Solid("head_upper", "cylinder", (0.05, 0.045), (0.285, 0.0, 0.01))
    return [trunk, upper, Solid("head_lower", "sphere", (0.047,), (0.293, 0.0, -0.06))]


def hip_solids(collisions: Collisions, left: float) -> list[Solid]:
    """The abduction motor; it seldom touches anything."""
    if collisions == "simple":
        return []
    return [Solid("hip", "cylinder", (0.046, 0.02), (0.0, 0.08 * left, 0.0), roll=np.pi / 2)]


def thigh_solids(collisions: Collisions) -> list[Solid]:
    """The upper leg, or only its knee, which is what strikes steps."""
    if collisions == "simple":
        return [Solid("knee", "sphere", (0.022,), (0.0, 0.0, -0.2))]
    return [Solid("thigh", "box", (0.017, 0.01225, 0.1065), (0.0, 0.0, -0.1065))]


def calf_solids(collisions: Collisions) -> list[Solid]:
    """Shin and foot. The URDF's cylinders get round ends: capsules meet boxes exactly and fast."""
    place = (robot.FOOT_SPHERE_X, 0.0, -robot.LINK_LENGTH)
    foot = Solid("foot", "sphere", (robot.FOOT_RADIUS,), place)
    if collisions == "simple":
        return [Solid("shin", "capsule", (0.012, 0.06), (0.014, 0.0, -0.11), pitch=-0.1), foot]
    upper = Solid("calf", "capsule", (0.013, 0.047), (0.01, 0.0, -0.06), pitch=-0.20)
    lower = Solid("shin", "capsule", (0.011, 0.0325), (0.020, 0.0, -0.148), pitch=0.05)
    return [upper, lower, foot]


def _speck(mass: float, position: tuple[float, float, float]) -> Inertial:
    return Inertial(mass, np.array(position), np.array([9.6e-6] * 3 + [0.0] * 3))


def _join(a: Inertial, b: Inertial) -> Inertial:
    mass = a.mass + b.mass
    centre = (a.mass * a.centre + b.mass * b.centre) / mass
    steiner = _steiner(a.mass, a.centre - centre) + _steiner(b.mass, b.centre - centre)
    return Inertial(mass, centre, a.inertia + b.inertia + steiner)


def _steiner(mass: float, offset: Array) -> Array:
    x, y, z = offset
    return mass * np.array([y * y + z * z, x * x + z * z, x * x + y * y, -x * y, -x * z, -y * z])
