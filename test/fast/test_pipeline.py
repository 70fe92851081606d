"""The pipeline is its stages in a row, for any number of robots, and the same each time."""

from typing import NamedTuple

import numpy as np
import pytest
from bundles import write_blind, write_phase_residual, write_seeing

from ts_locomotion import bundle, perception, robot
from ts_locomotion.belief import BeliefStage, Scans
from ts_locomotion.elevation import ElevationMap
from ts_locomotion.errors import InvalidInput
from ts_locomotion.observation import Proprioception
from ts_locomotion.pipeline import Pipeline
from ts_locomotion.policy import PolicyStage

TICKS = 60


class Senses(NamedTuple):
    """Everything a robot is told in one tick."""

    sensed: Proprioception
    command: np.ndarray
    scans: Scans


@pytest.fixture(scope="module", params=[write_blind, write_seeing, write_phase_residual])
def loaded(request, tmp_path_factory):
    return bundle.load(request.param(tmp_path_factory.mktemp("bundle")))


def senses(batch: int, seed: int = 0) -> list[Senses]:
    """A made-up walk of some robots over a map."""
    rng = np.random.default_rng(seed)
    terrain = ElevationMap(rng.normal(0, 0.05, (120, 90)).astype(np.float32), 0.04, (0.0, 0.0))
    ticks = []
    for _ in range(TICKS):
        orientation = np.array([1.0, 0, 0, 0]) + rng.normal(0, 0.1, (batch, 4))
        orientation /= np.linalg.norm(orientation, axis=1, keepdims=True)
        joints = robot.STAND_POSE + rng.normal(0, 0.1, (batch, 12))
        sensed = Proprioception(
            orientation, rng.normal(size=(batch, 3)), joints, rng.normal(size=(batch, 12))
        )
        position = rng.uniform([-1, -1, -0.7], [1, 1, 1.3], (batch, 3))
        scan = perception.foot_scans(terrain, position, orientation, joints)
        scans = Scans(
            scan.heights.reshape(batch, -1), scan.valid.reshape(batch, -1), np.full(batch, 0.05)
        )
        ticks.append(Senses(sensed, rng.uniform(-1, 1, (batch, 3)), scans))
    return ticks


def run(pipeline: Pipeline, walk: list[Senses], batch: int) -> np.ndarray:
    state = pipeline.initial_state(batch)
    targets = []
    for sensed, command, scans in walk:
        output, state = pipeline.step(state, sensed, command, scans)
        targets.append(output.policy.positions)
    return np.stack(targets)


def test_targets_lie_within_the_joint_limits_and_follow_what_is_sensed(loaded):
    targets = run(Pipeline(loaded), senses(2), 2)
    assert targets.shape == (TICKS, 2, 12)
    assert (targets >= robot.JOINT_LOWER - 1e-6).all()
    assert (targets <= robot.JOINT_UPPER + 1e-6).all()
    assert (targets.std(axis=0) > 0).all()


def test_the_same_walk_gives_the_same_targets_bit_for_bit(loaded):
    walk = senses(1)
    np.testing.assert_array_equal(run(Pipeline(loaded), walk, 1), run(Pipeline(loaded), walk, 1))


def test_the_pipeline_is_its_stages_in_a_row(loaded):
    believing, acting = BeliefStage(loaded), PolicyStage(loaded)
    state, targets = believing.initial_state(), []
    action = np.zeros((1, loaded.contract.action.size))
    walk = senses(1)
    for sensed, command, scans in walk:
        tick, state = believing.step(sensed, command, 0.0, action, scans, state)
        output = acting.step(tick.observation, tick.output.belief)
        action = output.action
        targets.append(output.positions)
    np.testing.assert_array_equal(np.stack(targets), run(Pipeline(loaded), walk, 1))


def test_what_travels_as_single_precision_changes_targets_by_less_than_a_millionth(loaded):
    walk = senses(1)

    def narrowed(tick: Senses) -> Senses:
        sensed = Proprioception(*(part.astype(np.float32) for part in tick.sensed))
        return tick._replace(sensed=sensed)

    exact = run(Pipeline(loaded), walk, 1)
    travelled = run(Pipeline(loaded), [narrowed(tick) for tick in walk], 1)
    np.testing.assert_allclose(travelled, exact, atol=1e-6)


def test_many_robots_do_what_each_would_alone(loaded):
    walk = senses(3)
    together = run(Pipeline(loaded), walk, 3)
    for one in range(3):
        row = slice(one, one + 1)
        own = [
            Senses(
                Proprioception(*(part[row] for part in sensed)),
                command[row],
                Scans(*(part[row] for part in scans)),
            )
            for sensed, command, scans in walk
        ]
        np.testing.assert_allclose(
            run(Pipeline(loaded), own, 1)[:, 0], together[:, one], atol=1e-6
        )


def test_a_refused_tick_leaves_the_state_as_it_was(loaded):
    pipeline, walk = Pipeline(loaded), senses(1)
    _, state = pipeline.step(pipeline.initial_state(), *walk[0])
    broken = Proprioception(*(np.full_like(part, np.nan) for part in walk[1].sensed))
    with pytest.raises(InvalidInput):
        pipeline.step(state, broken, walk[1].command, walk[1].scans)
    after, _ = pipeline.step(state, *walk[1])
    pipeline = Pipeline(loaded)
    _, undisturbed = pipeline.step(pipeline.initial_state(), *walk[0])
    expected, _ = pipeline.step(undisturbed, *walk[1])
    np.testing.assert_array_equal(after.policy.positions, expected.policy.positions)
