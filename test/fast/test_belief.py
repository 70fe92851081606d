"""The belief stage: what it remembers, what it refuses, and how it goes on without eyes."""

import numpy as np
import pytest
from bundles import BELIEF, GATE, HISTORY, TERMS, write_blind, write_seeing

from ts_locomotion import bundle, gait, observation, perception, robot
from ts_locomotion.belief import MAP_AGE_CEILING, BeliefRuntime, BeliefStage, Scans, network_scans
from ts_locomotion.command import CommandLimits
from ts_locomotion.errors import InvalidInput
from ts_locomotion.observation import Proprioception

STEP = 0.02
WIDTH = observation.size(TERMS)
RNG = np.random.default_rng(3)


@pytest.fixture(scope="module")
def blind(tmp_path_factory):
    return bundle.load(write_blind(tmp_path_factory.mktemp("blind")))


@pytest.fixture(scope="module")
def seeing(tmp_path_factory):
    return bundle.load(write_seeing(tmp_path_factory.mktemp("seeing")))


@pytest.fixture(scope="module")
def clocked(tmp_path_factory):
    terms = (*TERMS, "gait_clock")
    return bundle.load(write_blind(tmp_path_factory.mktemp("clocked"), terms=terms))


def standing(batch: int = 1) -> Proprioception:
    return Proprioception(
        np.tile([1.0, 0.0, 0.0, 0.0], (batch, 1)),
        np.zeros((batch, 3)),
        np.tile(robot.STAND_POSE, (batch, 1)),
        np.zeros((batch, 12)),
    )


def seen(batch: int = 1) -> Scans:
    shape = (batch, perception.SCAN_SIZE)
    return Scans(RNG.normal(size=shape), RNG.random(shape) < 0.8, np.full(batch, 0.1))


def forward(stage: BeliefStage, ticks: int, request=(1.0, 0.0, 0.0), age=0.0):
    """The last tick and state after walking with a constant request."""
    state = stage.initial_state()
    for _ in range(ticks):
        tick, state = stage.step(
            standing(), np.array([request]), age, np.zeros((1, 12)), None, state
        )
    return tick, state


def test_the_history_holds_the_last_observations_oldest_first_and_the_current_one(blind):
    runtime = BeliefRuntime(blind)
    observations = RNG.normal(size=(25, 1, WIDTH)).astype(np.float32)
    state = runtime.initial_state()
    for observed in observations:
        state = runtime.step(observed, None, state).state
    history = state.reshape(HISTORY, WIDTH)
    np.testing.assert_array_equal(history, observations[-HISTORY:, 0])


def test_state_is_passed_in_and_out_and_nothing_else_is_remembered(seeing):
    runtime = BeliefRuntime(seeing)
    observed, scans, state = np.ones((1, WIDTH)), seen(), runtime.initial_state()
    first = runtime.step(observed, scans, state)
    runtime.step(observed, scans, first.state)
    again = runtime.step(observed, scans, state)
    for part, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(part, same)
    assert not state.any()


def test_each_robot_of_a_batch_is_on_its_own(seeing):
    runtime = BeliefRuntime(seeing)
    observed, scans = RNG.normal(size=(3, WIDTH)), seen(3)
    state = RNG.normal(size=(3, BELIEF)).astype(np.float32)
    together = runtime.step(observed, scans, state)
    for one in range(3):
        row = slice(one, one + 1)
        alone = runtime.step(observed[row], Scans(*(part[row] for part in scans)), state[row])
        for part, same in zip(alone, together, strict=True):
            np.testing.assert_allclose(part, same[row], atol=1e-6)


def test_a_seeing_bundle_reports_gate_heights_and_privileged_state(seeing):
    output = BeliefRuntime(seeing).step(np.zeros((2, WIDTH)), seen(2), np.zeros((2, BELIEF)))
    shapes = [part.shape for part in output]
    assert shapes == [(2, BELIEF), (2, BELIEF), (2, GATE), (2, perception.SCAN_SIZE), (2, 5)]
    assert ((output.gate >= 0) & (output.gate <= 1)).all()


def test_a_blind_bundle_reports_them_empty_and_ignores_scans(blind):
    runtime = BeliefRuntime(blind)
    output = runtime.step(np.ones((1, WIDTH)), seen(), runtime.initial_state())
    assert [part.shape[1] for part in output] == [BELIEF, HISTORY * WIDTH, 0, 0, 0]
    without = runtime.step(np.ones((1, WIDTH)), None, runtime.initial_state())
    np.testing.assert_array_equal(output.belief, without.belief)


def test_scans_change_what_a_seeing_bundle_believes(seeing):
    runtime, observed = BeliefRuntime(seeing), np.ones((1, WIDTH))
    with_eyes = runtime.step(observed, seen(), runtime.initial_state())
    without = runtime.step(observed, None, runtime.initial_state())
    assert np.abs(with_eyes.belief - without.belief).max() > 1e-3


def test_no_scans_are_the_same_as_scans_without_a_valid_point():
    nothing = Scans(RNG.normal(size=(2, 208)), np.zeros((2, 208), bool), np.full(2, np.inf))
    for part, same in zip(
        network_scans(nothing, 2).values(), network_scans(None, 2).values(), strict=True
    ):
        np.testing.assert_array_equal(part, same)


def test_what_the_network_sees_is_always_finite():
    heights = np.full((5, 208), np.nan)
    ages = np.array([np.inf, np.nan, 60.0, -1.0, 0.5])
    inputs = network_scans(Scans(heights, np.ones((5, 208), bool), ages), 5)
    assert not inputs["heights"].any()
    assert not inputs["valid"].any()
    np.testing.assert_allclose(inputs["map_age"][:, 0], [MAP_AGE_CEILING] * 3 + [0.0, 0.5])


@pytest.mark.parametrize("part", range(4))
def test_a_sense_that_is_not_finite_is_refused_and_named(blind, part):
    stage = BeliefStage(blind)
    sensed = standing()
    sensed[part][0, 1] = np.nan
    terms = ["projected_gravity", "angular_velocity", "joint_positions", "joint_velocities"]
    with pytest.raises(InvalidInput, match=f"observation: {terms[part]} not finite"):
        stage.step(sensed, np.zeros((1, 3)), 0.0, np.zeros((1, 12)), None, stage.initial_state())


def test_a_command_that_is_not_finite_is_refused(blind):
    stage = BeliefStage(blind)
    request = np.array([[np.inf, 0.0, 0.0]])
    with pytest.raises(InvalidInput, match="command"):
        stage.step(standing(), request, 0.0, np.zeros((1, 12)), None, stage.initial_state())


def test_a_belief_that_is_not_finite_is_refused(seeing):
    runtime = BeliefRuntime(seeing)
    with pytest.raises(InvalidInput, match="not finite"):
        runtime.step(np.zeros((1, WIDTH)), None, np.full((1, BELIEF), np.nan))


def test_the_command_is_clamped_and_reached_without_a_jump(blind):
    stage = BeliefStage(blind)
    tick, _ = forward(stage, 1, (9.0, -9.0, 9.0))
    np.testing.assert_allclose(tick.velocity_command, [[0.04, -0.04, 0.08]])
    tick, _ = forward(stage, 100, (9.0, -9.0, 9.0))
    np.testing.assert_allclose(tick.velocity_command, [[1.0, -0.4, 1.0]])
    np.testing.assert_allclose(tick.observation[:, :3], [[1.0, -0.4, 1.0]])


def test_a_stale_command_is_no_command(blind):
    tick, _ = forward(BeliefStage(blind), 50, age=np.array([np.inf]))
    assert not tick.velocity_command.any()


def test_other_command_limits_can_be_given(blind):
    limits = CommandLimits(lower=(-0.1, 0.0, 0.0), upper=(0.1, 0.0, 0.0))
    tick, _ = forward(BeliefStage(blind, limits), 100)
    np.testing.assert_allclose(tick.velocity_command, [[0.1, 0.0, 0.0]])


def test_the_gait_starts_at_phase_zero_and_runs_only_while_moving(clocked):
    stage = BeliefStage(clocked)
    tick, state = forward(stage, 2)
    assert not tick.observation[:, -2:].any()
    started = int(np.ceil(0.1 / 0.04))
    assert state.phase == 0.0
    tick, state = forward(stage, started)
    np.testing.assert_allclose(tick.observation[0, -2:], [0.0, 1.0])
    np.testing.assert_allclose(state.phase, 2.0 * STEP)
    tick, state = forward(stage, started + 1)
    expected = gait.clock(np.array([2.0 * STEP]), np.array([True]))
    np.testing.assert_allclose(tick.observation[:, -2:], expected, atol=1e-6)
    tick, state = forward(stage, 30, (0.0, 0.0, 0.0))
    assert not tick.observation[:, -2:].any()
    assert state.phase == 0.0


def test_the_last_action_is_observed_as_it_was_clipped(blind):
    stage, action = BeliefStage(blind), np.full((1, 12), -99.0)
    tick, _ = stage.step(standing(), np.zeros((1, 3)), 0.0, action, None, stage.initial_state())
    np.testing.assert_array_equal(tick.observation[:, -12:], -blind.contract.action_clip)


def test_belief_and_policy_may_observe_different_terms_in_any_order(tmp_path):
    policy_terms = ("gait_clock", *reversed(TERMS))
    loaded = bundle.load(write_blind(tmp_path, policy_terms=policy_terms))
    stage = BeliefStage(loaded)
    tick, state = forward(stage, 4)
    assert tick.observation.shape == (1, WIDTH + 2)
    seen_by_belief = state.recurrent[:, -WIDTH:]
    own, other = observation.layout(TERMS), observation.layout(policy_terms)
    for name in TERMS:
        np.testing.assert_array_equal(
            seen_by_belief[:, own[name]], tick.observation[:, other[name]]
        )


def test_the_last_action_is_part_of_what_is_observed(blind):
    stage = BeliefStage(blind)
    action = RNG.normal(size=(1, 12))
    tick, _ = stage.step(standing(), np.zeros((1, 3)), 0.0, action, None, stage.initial_state())
    np.testing.assert_allclose(tick.observation[:, -12:], action, rtol=1e-6)
