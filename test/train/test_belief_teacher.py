"""The belief teacher: what it is told, and one scan encoder for all feet."""

from types import SimpleNamespace
from typing import Any

import belief
import numpy as np
import pytest
import torch
from belief import difference

from ts_locomotion import observation, perception, robot, rotation
from ts_locomotion.simulation import measurement
from ts_locomotion.simulation.measurement import Body
from ts_locomotion.simulation.sighted_environment import PRIVILEGED, SightedEnvironment, privileged
from ts_locomotion.training import belief_teacher
from ts_locomotion.training.belief_networks import REACH
from ts_locomotion.training.mirror import REFLECTIONS, reflection

SIZE = sum(PRIVILEGED.values())
SWAPPED = [1, 0, 3, 2]
"""Feet FR FL RR RL in the mirror."""


@pytest.fixture(scope="module")
def environment() -> SightedEnvironment:
    environment = SightedEnvironment(belief.task().environment, 0)
    for _ in range(5):
        environment.step(np.zeros((environment.count, 12)))
    return environment


def test_the_privileged_layout_is_the_papers_50_and_the_base_velocity(environment):
    paper = {name: size for name, size in PRIVILEGED.items() if name != "linear_velocity"}
    assert sum(paper.values()) == 50 and SIZE == 53
    assert environment.observe()["privileged"].shape == (environment.count, SIZE)
    assert len(reflection(tuple(PRIVILEGED)).order) == SIZE
    for name, size in PRIVILEGED.items():
        assert len(REFLECTIONS[name].order) == size, name


def test_the_belief_is_96_entries_of_scans_and_24_of_privilege_behind_proprioception(environment):
    teacher = belief.teacher()
    obs = {name: torch.from_numpy(array) for name, array in environment.observe().items()}
    latent = teacher.get_latent(obs)
    size = observation.size(belief.task().environment.policy_terms)
    assert teacher.belief_size == 120 and latent.shape == (environment.count, size + 120)
    scans = teacher.scan_encoder(obs["scans"])
    assert torch.equal(latent[:, size : size + 96], scans)
    assert torch.equal(latent[:, size + 96 :], teacher.privileged_encoder(obs["privileged"]))


def test_one_encoder_serves_all_feet():
    encoder = belief.teacher().scan_encoder
    scans = 0.1 * torch.randn(3, 4, 52)
    encoded = encoder(scans.flatten(1)).unflatten(-1, (4, 24))
    moved = encoder(scans[:, [2, 0, 3, 1]].flatten(1)).unflatten(-1, (4, 24))
    assert difference(moved, encoded[:, [2, 0, 3, 1]]) < 1e-6
    assert difference(encoded[:, 0], encoded[:, 1]) > 1e-3


def test_an_abyss_looks_like_a_deep_hole():
    encoder = belief.teacher().scan_encoder
    deep = torch.full((1, perception.SCAN_SIZE), -REACH)
    assert torch.equal(encoder(deep), encoder(3.0 * deep))


def test_normalisers_learn_from_what_was_walked():
    teacher = belief.teacher()
    before = teacher.scan_encoder.normalizer.mean.clone()
    obs = {
        "policy": torch.randn(32, teacher.obs_dim),
        "scans": 0.5 + torch.zeros(32, perception.SCAN_SIZE),
        "privileged": torch.randn(32, SIZE),
    }
    teacher.train().update_normalization(obs)
    assert (teacher.scan_encoder.normalizer.mean > before).all()


def test_an_untrained_teacher_stands_rather_than_kicks(environment):
    obs = {name: torch.from_numpy(array) for name, array in environment.observe().items()}
    with torch.no_grad():
        actions = belief_teacher.blank(belief.task()).eval()(obs)
    assert actions.abs().max() < 0.5


# The mirror image of what is seen and told


def image(name: str, value: np.ndarray) -> np.ndarray:
    order, sign = REFLECTIONS[name]
    return value[..., order] * sign


def scans_of(position, orientation, joints, ground) -> np.ndarray:
    points = perception.scan_points(position, orientation, joints)
    return (ground(points.x, points.y) - points.foot_height[..., None]).reshape(-1)


def test_the_image_of_a_scan_is_the_scan_of_the_mirrored_robot_on_mirrored_ground():
    rng = np.random.default_rng(3)
    joints = robot.STAND_POSE + rng.normal(scale=0.2, size=12)
    w, x, y, z = (turn := np.array([1.0, 0.1, -0.05, 0.4])) / np.linalg.norm(turn)
    position = np.array([0.3, 0.2, 0.32])

    def ground(east, north):
        return 0.1 * np.sin(3 * east + 1.0) + 0.2 * north - 0.1 * np.cos(4 * north)

    seen = scans_of(position, np.array([w, x, y, z]), joints, ground)
    mirrored = scans_of(
        position * [1, -1, 1],
        np.array([w, -x, y, -z]),
        image("joint_positions", joints - robot.STAND_POSE) + robot.STAND_POSE,
        lambda east, north: ground(east, -north),
    )
    assert image("scans", seen) == pytest.approx(mirrored, abs=1e-9)
    assert not np.allclose(seen, mirrored)


def test_the_image_of_the_privileged_state_is_that_of_the_mirrored_robot():
    rng = np.random.default_rng(5)
    polar, axial = np.array([1, -1, 1]), np.array([-1, 1, -1])
    told: dict[str, Any] = {
        "foot_forces": rng.normal(size=(1, 4, 3)),
        "base_wrench": rng.normal(size=(1, 6)),
        "thigh_contacts": rng.normal(size=(1, 4)),
        "calf_contacts": rng.normal(size=(1, 4)),
    }
    mirrored = {
        "foot_forces": told["foot_forces"][:, SWAPPED] * polar,
        "base_wrench": told["base_wrench"] * np.concatenate([polar, axial]),
        "thigh_contacts": told["thigh_contacts"][:, SWAPPED],
        "calf_contacts": told["calf_contacts"][:, SWAPPED],
    }
    body = body_of(rng)
    grids = body.grids.reshape(1, 4, 3, 3)[:, SWAPPED, :, ::-1].reshape(1, 4, 9)
    seen_in_mirror = body._replace(
        yaw=-body.yaw,
        grids=grids,
        contacts=body.contacts[:, SWAPPED],
        linear_velocity=body.linear_velocity * polar,
    )
    air, friction = rng.uniform(size=(1, 4)), np.array([[0.2]])
    first = privileged(as_physics(told), body, friction, air)
    second = privileged(as_physics(mirrored), seen_in_mirror, friction, air[:, SWAPPED])
    order, sign = reflection(tuple(PRIVILEGED))
    assert first[:, order] * sign == pytest.approx(second, abs=1e-6)
    assert not np.allclose(first, second)


def as_physics(told: dict[str, Any]) -> Any:
    return SimpleNamespace(count=1, **told)


def body_of(rng: np.random.Generator) -> Body:
    turn = rotation.yaw(np.array([[0.9, 0.0, 0.0, 0.43]]))
    return Body(
        gravity=np.zeros((1, 3)),
        linear_velocity=rng.normal(size=(1, 3)),
        yaw=turn,
        height=np.zeros(1),
        foot_velocities_in_world=np.zeros((1, 4, 3)),
        grids=rng.normal(scale=0.05, size=(1, 4, 9)),
        contacts=np.array([[True, False, True, True]]),
    )


def test_normals_of_a_tilted_ground_stand_on_it():
    x, y = measurement.GRID.T
    below = -(0.3 * x - 0.2 * y)
    (normal,) = measurement.ground_normals(below[None, None])[0]
    assert normal == pytest.approx(np.array([-0.3, 0.2, 1.0]) / np.sqrt(1.13))
