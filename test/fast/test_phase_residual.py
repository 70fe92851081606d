"""The walking task with the paper's action: an untrained policy trots, and the phase is one."""

from dataclasses import replace

import numpy as np
import pytest

from ts_locomotion import action, observation, robot
from ts_locomotion.action import ActionForm
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.simulation.commands import CommandRanges
from ts_locomotion.simulation.curriculum import Ground
from ts_locomotion.simulation.environment import FRAME_TERMS, Environment, EnvironmentConfig
from ts_locomotion.simulation.randomization import Domain

FORM = ActionForm("phase_residual")
FRAME = (*FRAME_TERMS[:-1], FORM.observed)
CONFIG = EnvironmentConfig(
    environments=16,
    action=FORM,
    policy_terms=(*FRAME, "gait_clock"),
    frame_terms=FRAME,
    history_frames=1,
    threads=1,
    grounds=(Ground("flat", variants=2),),
    domain=Domain(push_interval=(1e3, 1e3)),
)
FORWARD = CommandRanges(linear_x=(0.3, 0.3), stand_share=0.0, straight_share=1.0)
STILL = CommandRanges(stand_share=1.0)
FIVE_SECONDS = 250


def do_nothing(commands: CommandRanges) -> tuple[np.ndarray, np.ndarray]:
    """Who fell (T, B) and how high the feet are in the base frame (T, B, F), doing nothing."""
    environment = Environment(replace(CONFIG, commands=commands), 0)
    environment.steps[:] = 0  # no episode ends by itself
    fell, feet = [], []
    for _ in range(FIVE_SECONDS):
        fell.append(environment.step(np.zeros((16, 16))).terminated)
        joints = environment.physics.joint_positions
        feet.append(robot.foot_position_in_base(joints)[..., 2])
    return np.array(fell), np.array(feet)


def test_an_untrained_policy_trots_on_the_spot_for_five_seconds_when_told_to_walk():
    fell, feet = do_nothing(FORWARD)
    assert not fell.any()
    assert np.ptp(feet[50:], axis=0).min() > 0.3 * FORM.lift_height


def test_an_untrained_policy_stands_for_five_seconds_when_told_nothing():
    fell, feet = do_nothing(STILL)
    assert not fell.any()
    assert np.ptp(feet[50:], axis=0).max() < 0.02


def test_the_environment_acts_on_the_gait_clock_that_its_policy_saw():
    often = CommandRanges(interval=(0.1, 0.6), stand_share=0.4)
    config = replace(CONFIG, commands=often, episode_time=1.0)
    environment, rng = Environment(config, 0), np.random.default_rng(0)
    clock = observation.layout(config.policy_terms)["gait_clock"]
    seen = environment.observe()["policy"]
    clocks = []
    for _ in range(100):
        actions = rng.normal(size=(16, 16))
        clocks.append(seen[:, clock])
        expected = action.joint_targets(config, actions, clocks[-1])
        step = environment.step(actions)
        seen = step.observations["policy"]
        walks_on = ~(step.terminated | step.timed_out)
        targets = environment.physics.targets[walks_on]
        np.testing.assert_allclose(targets, expected[walks_on], atol=1e-5)
    stands = ~np.any(clocks, axis=2)
    assert 0.1 < stands.mean() < 0.9


def test_a_policy_observes_its_own_kind_of_action_and_the_clock():
    for terms, reason in (
        ((*FRAME_TERMS, "gait_clock"), "last_action.*expected last_phase_action"),
        (FRAME, "expected gait_clock"),
    ):
        with pytest.raises(ConfigurationError, match=reason):
            Environment(replace(CONFIG, policy_terms=terms, frame_terms=terms), 0)
    with pytest.raises(ConfigurationError, match=r"last_phase_action.*expected last_action"):
        Environment(replace(CONFIG, action=ActionForm()), 0)
