"""The mirror image of an observation is the observation of the mirrored robot."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tensordict import TensorDict

from ts_locomotion import gait, observation, robot
from ts_locomotion.action import PARTS, ActionForm, joint_targets
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.observation import Proprioception
from ts_locomotion.simulation.environment import EnvironmentConfig, observation_layout
from ts_locomotion.training.mirror import REFLECTIONS, Mirror, reflection

LAYOUT = observation_layout(EnvironmentConfig())


def reflect(name: str, value: np.ndarray) -> np.ndarray:
    order, sign = REFLECTIONS[name]
    return value[..., order] * sign


def test_reflecting_twice_gives_back_the_original():
    for name, (order, sign) in REFLECTIONS.items():
        value = np.arange(1.0, len(order) + 1)
        assert sorted(order) == list(range(len(sign))), name
        assert np.array_equal(reflect(name, reflect(name, value)), value), name


def test_every_term_of_an_observation_has_a_mirror_image_of_its_size():
    for name in observation.TERMS:
        assert len(REFLECTIONS[name].order) == observation.TERMS[name].size, name


@pytest.mark.parametrize("kind", PARTS)
def test_the_image_of_an_observation_is_the_observation_of_the_mirrored_robot(kind):
    form = ActionForm(kind)
    rng = np.random.default_rng(0)
    w, x, y, z = rng.normal(size=4)
    turn, joints, rates, action = (rng.normal(size=n) for n in (3, 12, 12, form.size))
    command = rng.normal(size=3)
    phase = 0.3
    robot_felt = Proprioception(np.array([w, x, y, z]), turn, joints + robot.STAND_POSE, rates)
    mirrored_felt = Proprioception(
        np.array([w, -x, y, -z]),
        turn * [-1, 1, -1],
        reflect("joint_positions", joints) + robot.STAND_POSE,
        reflect("joint_velocities", rates),
    )
    names = [form.observed if name == "last_action" else name for name in LAYOUT["policy"]]
    seen = observation.observe(
        names, robot_felt, command, action, gait.clock(np.array(phase), np.array(True))
    )
    mirrored = observation.observe(
        names,
        mirrored_felt,
        command * [1, -1, -1],
        reflect(form.observed, action),
        gait.clock(np.array(phase + 0.5), np.array(True)),
    )
    order, sign = reflection(names)
    assert seen[order] * sign == pytest.approx(mirrored, abs=1e-5)


def test_feet_of_mirrored_joints_are_mirrored_feet():
    joints = robot.STAND_POSE + np.random.default_rng(1).normal(scale=0.3, size=12)
    feet = robot.foot_position_in_base(joints)
    mirrored = robot.foot_position_in_base(reflect("joint_positions", joints))
    assert mirrored == pytest.approx(feet[[1, 0, 3, 2]] * [1, -1, 1])


@pytest.mark.parametrize("kind", PARTS)
@pytest.mark.parametrize("moving", [True, False])
def test_a_mirrored_action_at_a_mirrored_clock_gives_mirrored_targets(kind, moving):
    config = replace(EnvironmentConfig(), action=ActionForm(kind))
    form, rng = config.action, np.random.default_rng(2)
    actions = rng.normal(scale=2.0, size=(50, form.size))
    clocks = gait.clock(rng.uniform(size=50), np.full(50, moving))
    targets = joint_targets(config, actions, clocks) - robot.STAND_POSE
    images = joint_targets(config, reflect(form.observed, actions), reflect("gait_clock", clocks))
    given = reflect("joint_positions", targets) + robot.STAND_POSE
    np.testing.assert_allclose(given, images, atol=1e-9)
    mirror = Mirror(LAYOUT, last_action=form.observed)
    everything = torch.ones(50, 1, dtype=torch.bool)
    image = mirror.actions(torch.from_numpy(actions), everything)
    np.testing.assert_allclose(image, reflect(form.observed, actions), atol=1e-6)


def test_height_grids_swap_feet_and_sides():
    heights = np.arange(36.0)
    image = reflect("foot_clearances", heights).reshape(4, 3, 3)
    assert np.array_equal(image[0], heights.reshape(4, 3, 3)[1][:, ::-1])


def test_only_the_chosen_samples_are_replaced():
    mirror = Mirror(LAYOUT)
    groups = {name: torch.randn(2, len(reflection(LAYOUT[name]).order)) for name in mirror.groups}
    obs = TensorDict(groups, batch_size=[2])
    chosen = torch.tensor([[False], [True]])
    image = mirror.observations(obs, chosen)
    for name in mirror.groups:
        assert torch.equal(image[name][0], obs[name][0])
        assert not torch.equal(image[name][1], obs[name][1])


def test_an_unknown_term_is_refused_by_name():
    with pytest.raises(ConfigurationError, match="antennae"):
        reflection(["command", "antennae"])
