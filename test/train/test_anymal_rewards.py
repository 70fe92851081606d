"""The rewards of the paper on motions small enough to reckon by hand."""

import pytest
import torch

from ts_locomotion.training.anymal import rewards
from ts_locomotion.training.anymal.rewards import Motion, Shape, Weights, judge


def motion(**changes) -> Motion:
    """One robot that stands still without a command."""
    still = Motion(
        wanted_velocity=torch.zeros(1, 2),
        wanted_turn=torch.zeros(1),
        linear_velocity=torch.zeros(1, 3),
        angular_velocity=torch.zeros(1, 3),
        swinging=torch.zeros(1, 4, dtype=torch.bool),
        heights=torch.zeros(1, 4, 5),
        leg_collides=torch.zeros(1, dtype=torch.bool),
        joint_velocities=torch.zeros(1, 12),
        joint_accelerations=torch.zeros(1, 12),
        knee_positions=torch.full((1, 4), -1.0),
        joint_targets=torch.zeros(3, 1, 12),
        torques=torch.zeros(1, 12),
        foot_velocities=torch.zeros(1, 4, 3),
        contacts=torch.zeros(1, 4, dtype=torch.bool),
    )
    return still._replace(**changes)


def term(name: str, told: Motion, shape: Shape | None = None) -> float:
    return float(rewards.TERMS[name](told, shape or Shape()))


def vectors(*numbers: float) -> torch.Tensor:
    return torch.tensor([numbers])


def test_standing_still_without_a_command_earns_the_three_bells():
    total, terms = judge(motion(), Weights(), Shape())
    assert float(total) == pytest.approx(3 * 0.75)
    assert set(terms) == set(rewards.TERMS)


@pytest.mark.parametrize(
    ("along", "expected"), [(0.3, 0.8521), (1.0, 1.0), (1.4, 1.0)]
)  # exp(-0.4 ** 2) below the wanted 0.7
def test_speed_along_the_command_is_worth_one_from_the_wanted_speed_on(along, expected):
    # Two directions, as v_des is read as a direction: a product of both would scale the speed.
    told = motion(wanted_velocity=vectors(0.0, 0.7), linear_velocity=vectors(0.0, along, 0.0))
    assert term("linear_velocity", told) == pytest.approx(expected, abs=1e-4)
    turning = motion(wanted_turn=vectors(-0.7)[0], angular_velocity=vectors(0.0, 0.0, -along))
    assert term("angular_velocity", turning) == pytest.approx(expected, abs=1e-4)


def test_motion_without_a_command_costs():
    told = motion(linear_velocity=vectors(0.3, 0.4, 0.0), angular_velocity=vectors(0.0, 0.0, 0.5))
    assert term("linear_velocity", told) == pytest.approx(0.7788, abs=1e-4)  # exp(-0.25)
    assert term("angular_velocity", told) == pytest.approx(0.7788, abs=1e-4)


def test_only_the_velocity_across_the_command_counts_as_orthogonal():
    told = motion(wanted_velocity=vectors(2.0, 0.0), linear_velocity=vectors(1.3, 0.2, 0.0))
    assert term("linear_orthogonal", told) == pytest.approx(0.8869, abs=1e-4)  # exp(-3 * 0.04)


def test_heaving_and_rolling_cost():
    told = motion(linear_velocity=vectors(0, 0, 0.2), angular_velocity=vectors(0.5, -0.25, 9.0))
    assert term("body_motion", told) == pytest.approx(-1.25 * 0.04 - 0.4 * 0.75)


def test_only_swinging_feet_above_all_their_ground_are_too_high():
    heights = torch.full((1, 4, 5), -0.3)
    heights[0, 1, 2] = -0.1
    swinging = torch.tensor([[True, True, True, False]])
    assert term("foot_clearance", motion(heights=heights, swinging=swinging)) == -2.0
    high = Shape(highest_lift=0.4)
    assert term("foot_clearance", motion(heights=heights, swinging=swinging), high) == 0.0


def test_knees_cost_beyond_their_limit_only():
    told = motion(knee_positions=vectors(0.5, -0.5, 0.1, -2.0))
    assert term("joint_constraint", told) == pytest.approx(-0.26)
    assert term("joint_constraint", told, Shape(knee_limit=1.0)) == 0.0


def test_targets_cost_by_their_first_and_second_differences():
    targets = torch.zeros(3, 1, 12)
    targets[:, 0, 0] = torch.tensor([0.5, 0.2, 0.0])
    told = motion(joint_targets=targets)
    assert term("target_smoothness", told) == pytest.approx(-(0.09 + 0.01))


def test_the_factor_of_the_curriculum_scales_effort_and_approaches_one():
    told = motion(
        leg_collides=torch.tensor([True]),
        joint_velocities=torch.full((1, 12), 2.0),
        joint_accelerations=torch.full((1, 12), 3.0),
        torques=torch.full((1, 12), 5.0),
        foot_velocities=torch.ones(1, 4, 3),
        contacts=torch.tensor([[True, False, False, True]]),
    )
    expected = {
        "shank_collision": -1.0,
        "joint_motion": -12 * (0.04 + 9.0),
        "torque": -300.0,
        "slip": -6.0,
    }
    for name, value in expected.items():
        assert term(name, told) == pytest.approx(value)
        assert term(name, told, Shape(factor=0.5)) == pytest.approx(0.5 * value)
    factor = 0.3
    for _ in range(300):
        assert factor < (factor := rewards.next_factor(factor)) < 1.0
    assert factor > 0.99
