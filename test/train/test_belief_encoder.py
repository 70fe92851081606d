"""The student's belief: gated sight aligned with the teacher's, memory that ends with episodes."""

import belief
import pytest
import torch
from belief import at, difference, senses

from ts_locomotion import perception
from ts_locomotion.training.belief_encoder import BeliefStudent, StudentGraph

GATED = 96
"""Entries of the teacher's belief that hold scan encodings (Miki et al. 2022: 4 feet of 24)."""


@pytest.fixture(scope="module")
def teacher():
    return belief.teacher()


@pytest.fixture
def student(teacher):
    return belief.student(teacher).eval()


def test_the_gate_is_open_at_first_and_always_between_0_and_1(student):
    _, _, believed = student.step(senses(5), torch.randn(5, student.state_size))
    assert believed.gate.shape == (5, GATED)
    assert ((believed.gate > 0.7) & (believed.gate < 1.0)).all()
    with torch.no_grad():
        student.gate_head[-1].bias.mul_(-1e3)
    _, _, shut = student.step(senses(5), torch.zeros(5, student.state_size))
    assert ((shut.gate >= 0.0) & (shut.gate < 0.01)).all()


def test_what_is_seen_enters_the_first_96_entries_through_the_gate_and_no_other(student):
    top, sensed = torch.randn(3, student.hidden), student._encode(senses(3))
    dark, bright = torch.zeros(3, GATED), torch.randn(3, GATED)
    without, with_sight = (
        student._believe(top, sensed._replace(encoded=encoded)) for encoded in (dark, bright)
    )
    change = with_sight.belief - without.belief
    assert difference(change[:, :GATED], with_sight.gate * bright) < 1e-5
    assert not change[:, GATED:].any() and change.shape == (3, 120)


def test_with_an_open_gate_and_nothing_to_guess_the_belief_is_the_teachers_encoding(
    teacher, student
):
    with torch.no_grad():
        student.gate_head[-1].bias.fill_(1e3)
        student.belief_head[-1].weight.zero_()
        student.belief_head[-1].bias.zero_()
    felt = senses(4)
    whole = felt._replace(valid=torch.ones_like(felt.valid), map_age=torch.zeros(4, 1))
    _, _, believed = student.step(whole, torch.zeros(4, student.state_size))
    expected = teacher.scan_encoder(whole.heights)
    assert difference(believed.belief[:, :GATED], expected) < 1e-5


def test_heights_behind_the_mask_make_no_difference(student):
    felt, state = senses(4), torch.randn(4, student.state_size)
    hidden = felt._replace(heights=felt.heights + 5.0 * (1.0 - felt.valid))
    (action, after, _), (same, also, _) = (student.step(f, state) for f in (felt, hidden))
    assert torch.equal(action, same) and torch.equal(after, also)


def test_the_mask_and_the_age_of_the_map_are_inputs_that_can_be_learned(student):
    with torch.no_grad():
        student.sight.mlp[0].weight[:, 52:].normal_()
    felt, state = senses(4), torch.zeros(4, student.state_size)
    acted = student.step(felt, state)[0]
    older = student.step(felt._replace(map_age=felt.map_age + 0.5), state)[0]
    zero = felt._replace(heights=torch.zeros_like(felt.heights))
    masked = zero._replace(valid=torch.zeros_like(felt.valid))
    assert difference(acted, older) > 1e-4
    assert difference(student.step(zero, state)[0], student.step(masked, state)[0]) > 1e-4


def test_the_decoder_adds_what_is_seen_as_far_as_its_own_gate_lets_it(student):
    with torch.no_grad():
        student.heights_decoder[-1].weight.zero_()
    passed = heights_through(student, 1e3)
    assert difference(passed, student._encode(senses(3)).heights) < 1e-5


def test_the_decoder_smooths_whole_scans_as_far_as_that_gate_lets_it(student):
    beside = heights_through(student, 1e3) - student._encode(senses(3)).heights
    assert beside.std() > 1e-2
    assert not heights_through(student, -1e3).any()


def test_the_decoder_knows_what_the_map_does_not(student):
    sensed, top = student._encode(senses(3)), torch.randn(3, student.hidden)
    lost = sensed._replace(valid=1.0 - sensed.valid)
    whole, patchy = (student._believe(top, known).heights for known in (sensed, lost))
    assert difference(whole, patchy) > 1e-3


def test_reconstructions_leave_the_network_in_metres(student):
    felt = senses(2)
    graph = StudentGraph(student)
    state = torch.zeros(2, student.state_size)
    _, _, _, heights, privileged = graph(*felt, state)
    _, _, believed = student.step(felt, state)
    again = student.sight.normalizer(heights.unflatten(-1, (4, 52))).flatten(-2)
    assert difference(again, believed.heights) < 1e-4
    assert difference(student.privileged_normalizer(privileged), believed.privileged) < 1e-4
    assert heights.shape == (2, perception.SCAN_SIZE)


def test_a_sequence_gives_what_single_steps_give_with_resets_where_episodes_end(student):
    steps, robots = 12, 5
    told = senses(steps, robots, seed=3)
    ended = torch.rand(steps, robots, generator=torch.Generator().manual_seed(1)) < 0.2
    state = first = torch.randn(robots, student.state_size)
    acted, believed = student.sequence(told, first, ended)
    for step in range(steps):
        action, state, belief_now = student.step(at(told, step), state)
        state = torch.where(ended[step][:, None], 0.0, state)
        assert difference(action, acted[step]) < 1e-5
        for one, many in zip(belief_now, believed, strict=True):
            assert difference(one, many[step]) < 1e-5


def test_robots_of_a_sequence_do_not_see_each_other(student):
    told = senses(6, 4)
    ended = torch.zeros(6, 4, dtype=torch.bool)
    state = torch.randn(4, student.state_size)
    acted, _ = student.sequence(told, state, ended)
    told.heights[:, 1] += 0.3
    ended[2, 1] = True
    again, _ = student.sequence(told, state, ended)
    assert torch.equal(acted[:, [0, 2, 3]], again[:, [0, 2, 3]])
    assert not torch.equal(acted[:, 1], again[:, 1])


def test_gradients_flow_through_time_but_not_over_the_end_of_an_episode(student):
    told = senses(6, 2)
    told.observation.requires_grad_()
    ended = torch.zeros(6, 2, dtype=torch.bool)
    ended[2, 1] = True
    acted, _ = student.sequence(told, torch.zeros(2, student.state_size), ended)
    acted[5].square().sum().backward()
    reached = told.observation.grad.abs().sum(-1) > 0
    assert reached[:, 0].all()
    assert reached[:, 1].tolist() == [False] * 3 + [True] * 3


def heights_through(student: BeliefStudent, bias: float) -> torch.Tensor:
    """What scans change in the reconstruction, that gate (3, F * P) shut or open by its bias."""
    with torch.no_grad():
        student.skip_head[-1].bias.fill_(bias)
    sensed, top = student._encode(senses(3)), torch.randn(3, student.hidden)
    dark = sensed._replace(heights=torch.zeros_like(sensed.heights))
    seen, unseen = (student._believe(top, known).heights for known in (sensed, dark))
    return seen - unseen
