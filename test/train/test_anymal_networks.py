"""Teacher, student and both together: shapes, hidden states, statistics, where the gate lies."""

import anymal_tasks
import pytest
import torch

from ts_locomotion.errors import ConfigurationError, InvalidInput
from ts_locomotion.training.anymal import MLP, Anymal, RunningStats, Student, Teacher
from ts_locomotion.training.anymal.deployed import DeployedStudent, export
from ts_locomotion.training.anymal.environments import States


def senses(*lead: int) -> States:
    return States(torch.randn(*lead, 133), torch.randn(*lead, 4, 52), torch.randn(*lead, 50))


def small(*lead: int) -> States:
    sizes = anymal_tasks.SIZES
    legs = sizes["num_legs"], sizes["extero_dim"]
    parts = (sizes["proprio_dim"],), legs, (sizes["privileged_dim"],)
    return States(*(torch.randn(*lead, *part) for part in parts))


def test_sizes_are_those_of_the_original():
    # Counted in the original 0.0.22, facts/methods.md 4.
    assert sum(part.numel() for part in Teacher(10).parameters()) == 144_871
    assert sum(part.numel() for part in Student(10).parameters()) == 277_506


def test_teacher_answers_with_logits_and_values_under_either_name():
    teacher, states = Teacher(10), senses(3)
    logits, values = teacher(*states, return_value_head=True)
    assert logits.shape == (3, 10)
    assert values.shape == (3,)
    for mine, theirs in zip(teacher(*states, return_values=True), (logits, values), strict=True):
        assert torch.equal(mine, theirs)
    assert torch.equal(teacher(*states), logits)
    distribution = teacher(*states, return_action_categorical_dist=True)
    assert torch.allclose(distribution.logits, logits.log_softmax(-1))


def test_student_returns_hiddens_batch_first_and_takes_both_layouts():
    student, states = Student(10), senses(3)
    _, hiddens = student(*states[:2])
    assert hiddens.shape == (3, 2, 50)
    again, _ = student(*states[:2], hiddens)
    turned, after = student(*states[:2], hiddens.transpose(0, 1))
    assert torch.equal(again, turned)
    assert after.shape == (3, 2, 50)
    assert student.get_gru_hiddens().shape == (2, 50)


def test_student_reconstructs_what_its_teacher_is_told():
    _, _, (privileged, extero) = Student(10)(*senses(3)[:2], return_estimated_info=True)
    assert privileged.shape == (3, 50)
    assert extero.shape == (3, 4, 52)


def test_hiddens_of_as_many_rows_as_layers_are_as_the_student_returns_them_unless_said():
    student, states, hiddens = Student(10), senses(2), torch.randn(2, 2, 50)
    answer, _ = student(*states[:2], hiddens)
    alone, _ = student(*(part[:1] for part in states[:2]), hiddens[:1])
    assert torch.allclose(answer[:1], alone, atol=1e-6)
    student.hiddens_layout = "layers_first"
    assert torch.equal(answer, student(*states[:2], hiddens.transpose(0, 1))[0])
    assert not torch.equal(answer, student(*states[:2], hiddens)[0])


def test_both_together_take_back_the_hiddens_of_as_many_rows_as_layers():
    anymal, states = Anymal(10), senses(2)
    _, hiddens = anymal(*states)
    loss, hiddens = anymal(*states, hiddens=hiddens)
    assert loss.ndim == 0
    assert hiddens.shape == (2, 2, 50)


@pytest.mark.parametrize("shape", [(3, 2, 49), (2, 50), (1, 2, 50), (3, 3, 50)])
def test_hiddens_of_a_wrong_shape_are_refused(shape):
    with pytest.raises(InvalidInput, match=r"hiddens: shape .* wanted"):
        Student(10)(*senses(3)[:2], torch.zeros(shape))


def test_hiddens_of_the_other_layout_than_demanded_are_refused():
    with pytest.raises(InvalidInput, match="layers_first demanded"):
        Student(10, hiddens_layout="layers_first")(*senses(3)[:2], torch.zeros(3, 2, 50))


def test_wrong_shapes_and_settings_are_named():
    with pytest.raises(InvalidInput, match=r"extero: shape \(3, 52\) given, \(batch, 4, 52\)"):
        Teacher(10)(torch.randn(3, 133), torch.randn(3, 52), torch.randn(3, 50))
    with pytest.raises(ConfigurationError, match="'discrete' given, valid"):
        Teacher(10, actions="discrete")
    with pytest.raises(ConfigurationError, match="belief_state_dim: 96 given"):
        Student(10, belief_state_dim=96)
    with pytest.raises(ConfigurationError, match="hidden and output are needed"):
        MLP((3, 4))


def test_gaussian_actions_are_vectors_with_one_log_probability():
    teacher, states = Teacher(12, actions="gaussian"), senses(5)
    distribution = teacher(*states, return_action_dist=True)
    actions = distribution.sample()
    assert actions.shape == (5, 12)
    assert distribution.log_prob(actions).shape == (5,)
    with pytest.raises(ConfigurationError, match="these actions are gaussian"):
        teacher(*states, return_action_categorical_dist=True)


def test_a_student_that_guesses_right_and_opens_its_gate_is_its_teacher():
    anymal, states = Anymal(10), senses(1)
    anymal.init_student_with_teacher()
    student, teacher = anymal.student, anymal.teacher
    encoded = teacher.privileged_encoder(states.privileged)
    with torch.no_grad():
        guess, gate = student.belief_state_encoder.net[-1], student.to_latent_extero_attn_gate
        guess.weight.zero_()
        guess.bias.copy_(torch.cat((torch.zeros(96), encoded[0])))
        gate.net[-1].bias.fill_(100.0)
    outputs, _ = student(*states[:2])
    assert torch.allclose(outputs, teacher(*states), atol=1e-6)


def test_a_sequence_with_resets_equals_its_steps():
    student = anymal_tasks.anymal().student
    states, past = small(9, 5), torch.randn(5, 2, 24)
    dones = torch.rand(9, 5) < 0.3
    dones[3] = False
    found = student.sequence(states.proprio, states.extero, past, dones)
    for step in range(9):
        outputs, past, (privileged, extero) = student(
            states.proprio[step], states.extero[step], past, return_estimated_info=True
        )
        assert torch.allclose(found.outputs[step], outputs, atol=1e-6)
        assert torch.allclose(found.privileged[step], privileged, atol=1e-6)
        assert torch.allclose(found.extero[step], extero, atol=1e-6)
        past = past * (~dones[step])[:, None, None]
    assert torch.allclose(found.hiddens, past, atol=1e-6)


def test_statistics_are_those_of_all_samples_however_they_come():
    samples, stats = 3.0 + 2.0 * torch.randn(200, 2, 3), RunningStats((2, 3), beta=1.0)
    for piece in (samples[0], samples[1:40], samples[40:41], samples[41:]):
        stats.push(piece)
    assert torch.allclose(stats.mean(), samples.mean(0), atol=1e-5)
    assert torch.allclose(stats.variance(), samples.var(0, correction=0), rtol=1e-4)
    assert torch.allclose(stats.inverse(stats.norm(samples)), samples, atol=1e-4)
    stats.clear()
    assert torch.equal(stats.mean(), torch.zeros(2, 3))


def test_statistics_forget_as_the_originals_do_unless_told_otherwise():
    forgetful, usual, lasting = RunningStats(1, beta=0.9), RunningStats(1), RunningStats(1, 1.0)
    for value in [0.0] * 100 + [1.0] * 100:
        for stats in (forgetful, usual, lasting):
            stats.push(torch.tensor([value]))
    assert float(forgetful.mean()) == pytest.approx(1.0, abs=1e-3)
    assert float(usual.mean()) == pytest.approx(1.0 - 0.99**100)
    assert float(lasting.mean()) == pytest.approx(0.5)


def test_the_statistics_of_the_networks_forget_nothing():
    anymal = anymal_tasks.anymal()
    for value in [0.0] * 100 + [1.0] * 100:
        anymal.push(States(*(torch.full_like(part, value) for part in small(1))))
    for stats in (anymal.running_proprio, anymal.running_extero, anymal.running_privileged):
        assert torch.allclose(stats.mean(), torch.tensor(0.5))


def test_statistics_are_saved_with_the_networks_and_used_by_both():
    anymal, states = anymal_tasks.anymal(), small(50)
    before = anymal.forward_teacher(*states)
    assert torch.equal(before, anymal.teacher(*states))
    anymal.push(States(*(5.0 + 3.0 * part for part in states)))
    assert not torch.allclose(anymal.forward_teacher(*states), before)
    other = anymal_tasks.anymal()
    other.load_state_dict(anymal.state_dict())
    assert torch.equal(other.forward_teacher(*states), anymal.forward_teacher(*states))
    assert torch.equal(
        other.forward_student(*states[:2])[0], anymal.forward_student(*states[:2])[0]
    )
    assert anymal.get_observation_running_stats() == (
        anymal.running_proprio,
        anymal.running_extero,
    )


def test_reconstructions_come_back_in_the_units_of_the_observations():
    anymal, states = anymal_tasks.anymal(), small(50)
    anymal.push(States(*(100.0 + part for part in states)))
    _, _, (privileged, extero) = anymal.forward_student(*states[:2], return_estimated_info=True)
    assert privileged.mean() > 90.0
    assert extero.mean() > 90.0


def test_the_loss_trains_the_student_and_not_the_teacher():
    anymal = anymal_tasks.anymal()
    loss, hiddens = anymal(*small(6), noise_strength=0.5)
    assert loss.shape == ()
    assert hiddens.shape == (6, 2, 24)
    loss.backward()
    assert all(part.grad is None for part in anymal.teacher.parameters())
    assert all(part.grad is not None for part in anymal.student.parameters())


def test_the_deployed_student_computes_what_torch_does(tmp_path):
    anymal = anymal_tasks.anymal()
    anymal.push(States(*(2.0 + part for part in small(50))))
    deployed, hiddens = DeployedStudent(export(anymal, tmp_path)), None
    for step in range(30):
        if step == 20:
            deployed.reset()
            hiddens = None
        states = small(1)
        with torch.no_grad():
            expected, hiddens = anymal.forward_student(*states[:2], hiddens)
        found = deployed.step(states.proprio.numpy(), states.extero.flatten(1).numpy())
        assert torch.allclose(torch.from_numpy(found), expected, atol=1e-5)
