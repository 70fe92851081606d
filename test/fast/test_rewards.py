"""Rewards judge one step of B robots; each term is a pure function of the motion."""

from dataclasses import fields, replace

import numpy as np
import pytest

from ts_locomotion import robot
from ts_locomotion.simulation.rewards import TERMS, Motion, Shape, Weights, judge

SHAPE = Shape()


def trotting(**changes) -> Motion:
    """One robot that does exactly what it is told: 0.5 m/s, FR and RL in mid-swing."""
    swing = np.array([[True, False, False, True]])
    motion = Motion(
        command=np.array([[0.5, 0.0, 0.2]]),
        moving=np.array([True]),
        leg_phases=np.where(swing, 0.25, 0.75),
        linear_velocity=np.array([[0.5, 0.0, 0.0]]),
        angular_velocity=np.array([[0.0, 0.0, 0.2]]),
        gravity=np.array([[0.0, 0.0, -1.0]]),
        height=np.array([SHAPE.base_height]),
        joint_positions=robot.STAND_POSE[None].copy(),
        joint_velocities=np.zeros((1, 12)),
        joint_accelerations=np.zeros((1, 12)),
        torques=np.zeros((1, 12)),
        actions=np.zeros((3, 1, 12)),
        foot_clearances=np.where(swing, SHAPE.swing_height, 0.0),
        foot_overhangs=np.where(swing, 1.0, 0.0),
        foot_velocities_in_world=np.zeros((1, 4, 3)),
        contacts=~swing,
        collisions=np.zeros(1),
    )
    return motion._replace(**changes)


def term(name: str, motion: Motion) -> float:
    return float(TERMS[name](motion, SHAPE)[0])


def test_every_weight_has_a_term_and_every_term_a_weight():
    assert {field.name for field in fields(Weights)} == set(TERMS)


def test_a_perfect_step_earns_all_rewards_and_pays_no_penalty():
    total, terms = judge(trotting(), Weights(), SHAPE)
    earned = sum(value for value in Weights().__dict__.values() if value > 0)
    assert total == pytest.approx(earned)
    assert all(float(value[0]) >= 0.0 for value in terms.values())


def test_the_sum_is_never_negative():
    wild = trotting(torques=np.full((1, 12), 500.0))
    total, terms = judge(wild, Weights(), SHAPE)
    assert total[0] == 0.0 and terms["torque"][0] < -100.0


def test_walking_slower_than_told_earns_less():
    slow = trotting(linear_velocity=np.array([[0.3, 0.0, 0.0]]))
    assert term("linear_tracking", slow) < term("linear_tracking", trotting()) == 1.0


def test_turning_the_wrong_way_earns_less():
    wrong = trotting(angular_velocity=np.array([[0.0, 0.0, -0.2]]))
    assert term("angular_tracking", wrong) < term("angular_tracking", trotting()) == 1.0


def test_a_foot_that_drags_through_its_swing_costs():
    dragging = trotting(foot_clearances=np.zeros((1, 4)))
    assert term("swing_clearance", dragging) == pytest.approx(2 * SHAPE.swing_height**2)
    assert term("swing_clearance", trotting()) == 0.0


def test_lifting_too_high_costs_a_share_of_lifting_too_low():
    high = trotting(foot_clearances=2 * trotting().foot_clearances)
    half = replace(SHAPE, overlift=0.5)
    low_cost = TERMS["swing_clearance"](trotting(foot_clearances=np.zeros((1, 4))), half)
    assert TERMS["swing_clearance"](high, half) == pytest.approx(0.5 * low_cost)


def test_all_feet_should_stand_when_no_motion_is_asked():
    standing = trotting(moving=np.array([False]), contacts=np.ones((1, 4), dtype=bool))
    assert term("contact_schedule", standing) == 1.0
    assert term("contact_schedule", trotting(moving=np.array([False]))) == 0.5


def test_only_feet_that_touch_can_slip():
    sliding = np.zeros((1, 4, 3))
    sliding[0, :, 0] = 0.5
    assert term("slip", trotting(foot_velocities_in_world=sliding)) == pytest.approx(2 * 0.25)


def test_the_pose_matters_only_at_rest():
    bent = robot.STAND_POSE[None] + 0.1
    moving = trotting(joint_positions=bent)
    assert term("stand_pose", moving) == 0.0
    assert term("stand_pose", moving._replace(moving=np.array([False]))) == pytest.approx(0.12)


def test_joints_near_their_limits_cost():
    assert term("joint_limits", trotting()) == 0.0
    assert term("joint_limits", trotting(joint_positions=robot.JOINT_UPPER[None])) > 0.0


def test_jerky_actions_cost_even_at_constant_rate_of_change():
    ramp = np.arange(3.0)[::-1, None, None] * np.ones((3, 1, 12))
    zigzag = np.array([1.0, 0.0, 1.0])[:, None, None] * np.ones((3, 1, 12))
    assert term("action_rate", trotting(actions=ramp)) == pytest.approx(12.0)
    assert term("action_smoothness", trotting(actions=ramp)) == 0.0
    assert term("action_smoothness", trotting(actions=zigzag)) == pytest.approx(48.0)


def test_a_foot_costs_at_an_edge_and_above_a_hole_where_it_should_stand():
    assert term("foothold", trotting()) == 0.0
    at_edge = np.array([[1.0, 1 / 3, 0.0, 1.0]])
    assert term("foothold", trotting(foot_overhangs=at_edge)) == pytest.approx(1 / 3)
    above_hole = np.array([[1.0, 1.0, 0.0, 1.0]])
    contacts = np.array([[False, False, True, False]])
    hovering = trotting(foot_overhangs=above_hole, contacts=contacts)
    assert term("foothold", hovering) == 1.0
    assert term("foothold", hovering._replace(moving=np.array([False]))) == 0.0
