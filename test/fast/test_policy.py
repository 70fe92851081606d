"""The policy stage: finite joint targets within the joint limits, or a refusal."""

import numpy as np
import pytest
from bundles import BELIEF, PHASE_TERMS, TERMS, write_blind, write_phase_residual

from ts_locomotion import action, bundle, gait, observation, robot
from ts_locomotion.errors import InvalidInput
from ts_locomotion.policy import PolicyStage

WIDTH = observation.size(TERMS)


@pytest.fixture(scope="module")
def blind(tmp_path_factory):
    return bundle.load(write_blind(tmp_path_factory.mktemp("blind")))


def test_targets_are_the_action_around_the_stand_pose(blind):
    rng = np.random.default_rng(0)
    observed, belief = rng.normal(size=(3, WIDTH)), rng.normal(size=(3, BELIEF))
    output = PolicyStage(blind).step(observed, belief)
    raw = blind.policy.run({"observation": observed, "belief": belief})["action"]
    np.testing.assert_array_equal(output.action, raw)
    expected = robot.STAND_POSE + blind.contract.action_scale * output.action
    np.testing.assert_allclose(output.positions, expected, atol=1e-6)
    np.testing.assert_array_equal(
        output.positions,
        action.joint_targets(blind.contract, output.action, np.zeros(2)).astype(np.float32),
    )


def test_the_phase_of_the_trot_is_the_one_in_the_observation(tmp_path):
    loaded = bundle.load(write_phase_residual(tmp_path))
    phases, moving = np.array([0.1, 0.4, 0.7, 0.2]), np.array([True, True, True, False])
    clock = gait.clock(phases, moving)
    observed = np.random.default_rng(0).normal(size=(4, observation.size(PHASE_TERMS)))
    observed[:, observation.layout(PHASE_TERMS)["gait_clock"]] = clock
    output = PolicyStage(loaded).step(observed.astype(np.float32), np.zeros((4, BELIEF)))
    assert output.action.shape == (4, 16) and output.positions.dtype == np.float32
    expected = action.joint_targets(loaded.contract, output.action, clock)
    np.testing.assert_allclose(output.positions, expected, atol=1e-6)
    frozen = action.joint_targets(loaded.contract, output.action, np.zeros(2))
    assert (np.abs(expected - frozen).max(axis=1)[:3] > 0.1).all()


def test_the_belief_changes_the_action(blind):
    stage, observed = PolicyStage(blind), np.zeros((1, WIDTH))
    one, other = (stage.step(observed, np.full((1, BELIEF), value)) for value in (0.0, 1.0))
    assert np.abs(one.action - other.action).max() > 1e-3


def test_an_action_that_is_not_finite_is_refused(blind):
    observed, belief = np.full((1, WIDTH), np.nan), np.zeros((1, BELIEF))
    with pytest.raises(InvalidInput, match=r"policy: .*not finite"):
        PolicyStage(blind).step(observed, belief)


def test_an_observation_of_another_length_is_refused(blind):
    with pytest.raises(InvalidInput, match="observation"):
        PolicyStage(blind).step(np.zeros((1, WIDTH + 1)), np.zeros((1, BELIEF)))
