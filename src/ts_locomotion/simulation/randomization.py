"""What training varies: the robot's body, its motors, the ground's grip, and pushes."""

from dataclasses import dataclass

import numpy as np

from ts_locomotion.robot import Array
from ts_locomotion.simulation.physics import Variation
from ts_locomotion.simulation.ranges import check_not_negative, check_order

Range = tuple[float, float]


@dataclass(frozen=True)
class Domain:
    """Ranges of uniform draws."""

    friction: Range = (0.35, 1.3)
    added_mass: Range = (-1.0, 2.0)
    """[kg]"""
    com_shift: float = 0.03
    """Largest shift of the trunk's centre of mass along each axis [m]."""
    stiffness_scale: Range = (0.85, 1.15)
    damping_scale: Range = (0.8, 1.2)
    friction_loss: Range = (0.0, 0.3)
    """[N m]"""
    armature: Range = (0.006, 0.018)
    """[kg m2]"""
    push_interval: Range = (4.0, 8.0)
    """[s]"""
    push_speed: float = 0.8
    """Largest change of velocity along x and y [m/s]."""

    def __post_init__(self) -> None:
        drawn = ("friction", "added_mass", "stiffness_scale", "damping_scale")
        check_order(self, "domain.", *drawn, "friction_loss", "armature", "push_interval")
        check_not_negative(self, "domain.", "com_shift", "push_speed")


PRIVILEGED = ("friction", "added_mass", "com_shift", "stiffness_scale", "damping_scale")


def draw(domain: Domain, rng: np.random.Generator) -> Variation:
    """One robot of the population."""
    shift = rng.uniform(-domain.com_shift, domain.com_shift, 3)
    return Variation(
        foot_friction=rng.uniform(*domain.friction),
        base_mass=rng.uniform(*domain.added_mass),
        base_centre=(float(shift[0]), float(shift[1]), float(shift[2])),
        stiffness_scale=rng.uniform(*domain.stiffness_scale),
        damping_scale=rng.uniform(*domain.damping_scale),
        friction_loss=rng.uniform(*domain.friction_loss),
        armature=rng.uniform(*domain.armature),
    )


def privileged(variation: Variation) -> dict[str, Array]:
    """What the teacher is told of a variation, around zero and of order one."""
    return {
        "friction": np.array([variation.foot_friction - 0.8]),
        "added_mass": np.array([variation.base_mass]),
        "com_shift": np.array(variation.base_centre) / 0.03,
        "stiffness_scale": np.array([variation.stiffness_scale - 1.0]) * 5.0,
        "damping_scale": np.array([variation.damping_scale - 1.0]) * 5.0,
    }
