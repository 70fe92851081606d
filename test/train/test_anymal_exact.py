"""A small exact task: the teacher learns it, the student reaches the teacher, and with the
original's defects neither happens."""

import anymal_tasks
import pytest
import torch
from anymal_tasks import Secret
from torch.distributions import Categorical

from ts_locomotion.training.anymal import PPO, Anymal, StudentTrainer, actions, networks, ppo

EPISODES = (4, 12)


@pytest.fixture(scope="module")
def taught() -> Anymal:
    return teach()


def teach() -> Anymal:
    """An Anymal whose teacher has learnt; its student can remember little more than the secret."""
    torch.manual_seed(0)
    anymal = anymal_tasks.anymal(student_gru_hidden_size=4, student_gru_num_layers=1)
    learning = PPO(
        env=Secret(64, EPISODES),
        anymal=anymal,
        lr=5e-3,
        gamma=0.5,
        epochs=4,
        max_timesteps=16,
        update_timesteps=1024,
        minibatch_size=256,
    )
    for _ in range(30):
        learning()
    return anymal


def distil(anymal: Anymal, robots: int | None, episodes: tuple[int, int], updates: int) -> Anymal:
    """Train a student that keeps what it copied as it is."""
    torch.manual_seed(1)
    student = anymal_tasks.anymal(student_gru_hidden_size=4, student_gru_num_layers=1)
    student.load_state_dict(anymal.state_dict())
    student.init_student_with_teacher()
    for part in (student.student.extero_encoder, student.student.to_logits):
        part.requires_grad_(False)
    trainer = StudentTrainer(
        env=Secret(robots, episodes),
        anymal=student,
        lr=3e-3,
        max_timesteps=20,
        update_timesteps=1280,
    )
    while int(trainer.updates) < updates:
        trainer(0.0)
    return student


@torch.no_grad()
def shares_right(anymal: Anymal, steps: int = 24) -> tuple[float, float]:
    """Of teacher and student, along the student's walks: how often the likeliest is right."""
    torch.manual_seed(2)
    env, found = Secret(256, EPISODES), torch.zeros(2)
    states, hiddens = env.reset(), None
    for _ in range(steps):
        told = anymal.forward_teacher(*states).argmax(-1)
        outputs, hiddens = anymal.forward_student(*states[:2], hiddens)
        acted = outputs.argmax(-1)
        for row, answer in enumerate((told, acted)):
            found[row] += (answer == env.right()).float().mean() / steps
        states, _, dones, _ = env.step(acted)
        hiddens = hiddens * (~dones)[:, None, None]
    teacher, student = found.tolist()
    return teacher, student


def test_the_student_of_many_robots_in_short_episodes_reaches_its_teacher(taught):
    teacher, student = shares_right(distil(taught, 64, EPISODES, 12))
    assert teacher > 0.9
    assert student > teacher - 0.02


def test_the_student_of_one_robot_in_episodes_of_fixed_length_reaches_its_teacher(taught):
    teacher, student = shares_right(distil(taught, None, (20, 20), 12))
    assert student > teacher - 0.05


def test_with_the_padding_of_the_original_the_student_does_not_reach_its_teacher(
    taught, monkeypatch: pytest.MonkeyPatch
):
    def believe(self: networks.Student, top: torch.Tensor, encoded: torch.Tensor) -> torch.Tensor:
        guess = self.belief_state_encoder(top)
        gated = torch.sigmoid(self.to_latent_extero_attn_gate(top)) * encoded
        return guess + torch.nn.functional.pad(gated, (guess.shape[-1] - gated.shape[-1], 0))

    monkeypatch.setattr(networks.Student, "_believe", believe)
    teacher, student = shares_right(distil(taught, 64, EPISODES, 12))
    assert student < teacher - 0.1


def test_with_the_log_probabilities_of_the_original_the_teacher_learns_nothing(
    monkeypatch: pytest.MonkeyPatch,
):
    class Pairs(Categorical):
        def log_prob(self, value: torch.Tensor) -> torch.Tensor:
            # Every action under every state while learning, as actions came in shape (B, 1).
            return super().log_prob(value[:, None] if torch.is_grad_enabled() else value)

    surrogate = ppo.clipped_surrogate
    monkeypatch.setattr(
        actions.CategoricalActions,
        "distribution",
        lambda _, outputs: Pairs(logits=outputs, validate_args=False),
    )
    monkeypatch.setattr(
        ppo,
        "clipped_surrogate",
        lambda log_probs, old, advantages, clip: surrogate(
            log_probs, old[:, None], advantages, clip
        ),
    )
    teacher, _ = shares_right(teach())
    assert teacher < 2 / anymal_tasks.ACTIONS
