"""PPO, the student's training, and the noise: what they learn from, and what they leave alone."""

import anymal_tasks
import pytest
import torch
from anymal_tasks import Secret
from belief import unchanged

from ts_locomotion.errors import ConfigurationError
from ts_locomotion.simulation.height_noise import Regime
from ts_locomotion.training.anymal import PPO, HeightNoise, MockEnv, NoiseSchedule, StudentTrainer
from ts_locomotion.training.anymal.advantage import calc_generalized_advantage_estimate
from ts_locomotion.training.anymal.environments import Robots
from ts_locomotion.training.anymal.ppo import clipped_value_loss

SHORT = (3, 3)
SIZES = anymal_tasks.SIZES


def weights(module: torch.nn.Module) -> torch.Tensor:
    return torch.cat([part.detach().flatten() for part in module.parameters()])


def test_advantages_add_up_what_follows_until_the_episode_ends():
    rewards, values = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.5, 0.25, 1.0, 4.0])
    masks, gamma, lam = torch.tensor([1.0, 0.0, 1.0]), 0.9, 0.8
    found = calc_generalized_advantage_estimate(rewards, values, masks, gamma, lam)
    deltas = 1.0 + 0.9 * 0.25 - 0.5, 2.0 - 0.25, 3.0 + 0.9 * 4.0 - 1.0
    expected = deltas[0] + 0.72 * deltas[1], deltas[1], deltas[2]
    assert torch.allclose(found, torch.tensor(expected) + values[:-1])


def test_functions_take_the_originals_arguments():
    rewards, values, masks = torch.randn(5), torch.randn(6), torch.ones(5)
    found = calc_generalized_advantage_estimate(rewards, values, masks, use_accelerated=False)
    assert torch.equal(found, calc_generalized_advantage_estimate(rewards, values, masks))
    told = {"rewards": torch.tensor([2.0]), "old_values": torch.tensor([0.0])}
    assert float(clipped_value_loss(values=torch.tensor([1.0]), **told, clip=0.5)) == 1.5**2
    assert len(MockEnv(**SIZES).step(action=torch.tensor(1))) == 4


@pytest.mark.parametrize("robots", [None, 4])
def test_ppo_learns_from_episodes_shorter_than_its_memory(robots):
    torch.manual_seed(0)
    anymal = anymal_tasks.anymal()
    ppo = PPO(env=Secret(robots, SHORT), anymal=anymal, max_timesteps=50, update_timesteps=20)
    before, told = weights(anymal.teacher), {}
    for _ in range(7):
        told |= ppo()
    assert "policy_loss" in told
    assert not torch.equal(weights(anymal.teacher), before)


@pytest.mark.parametrize("robots", [None, 4])
def test_the_student_learns_from_episodes_shorter_than_its_memory(robots):
    torch.manual_seed(0)
    anymal = anymal_tasks.anymal()
    trainer = StudentTrainer(
        env=Secret(robots, SHORT), anymal=anymal, max_timesteps=50, update_timesteps=20
    )
    before, told = weights(anymal.student), {}
    with unchanged(anymal.teacher, anymal.running_proprio, anymal.running_extero):
        for _ in range(7):
            told |= trainer()
    assert "behaviour_loss" in told
    assert not torch.equal(weights(anymal.student), before)


def test_a_call_is_an_episode_of_a_single_robot_and_so_many_steps_of_many():
    anymal = anymal_tasks.anymal()
    ppo = PPO(env=Secret(None, SHORT), anymal=anymal, max_timesteps=50)
    ppo()
    assert ppo.memory.filled == 3
    ppo()
    assert ppo.memory.filled == 6
    many = PPO(env=Secret(4, SHORT), anymal=anymal, max_timesteps=5)
    many()
    assert many.memory.filled == 5


def test_a_single_robots_episode_that_is_cut_off_counts_as_a_time_out():
    ppo = PPO(env=MockEnv(**SIZES), anymal=anymal_tasks.anymal(), max_timesteps=3, gamma=0.9)
    for outcome in ppo.walk(ppo._act):
        ppo._remember(outcome)
    assert ppo.memory["dones"].flatten().tolist() == [False, False, True]
    assert bool(outcome.time_outs)
    expected = outcome.rewards + 0.9 * ppo._value(outcome.final)
    assert torch.allclose(ppo.memory["rewards"][-1], expected)


def test_a_memory_that_is_not_full_teaches_what_is_in_it():
    ppo = PPO(env=Secret(4, SHORT), anymal=anymal_tasks.anymal(), max_timesteps=5)
    ppo()
    before = weights(ppo.anymal.teacher)
    ppo.learn(torch.zeros(4))
    assert not torch.equal(weights(ppo.anymal.teacher), before)


def test_the_first_ratio_of_ppo_is_one():
    anymal = anymal_tasks.anymal()
    ppo = PPO(env=Secret(8, SHORT), anymal=anymal, max_timesteps=10)
    ppo()
    memory = ppo.memory
    states = (memory[name].flatten(0, 1) for name in ("proprio", "extero", "privileged"))
    distribution = anymal.teacher(*states, return_action_dist=True)
    found = distribution.log_prob(memory["actions"].flatten())
    assert found.shape == (80,)
    assert torch.allclose(found, memory["log_probs"].flatten(), atol=1e-5)


def test_gradients_summed_over_pieces_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch):
    def learn() -> torch.Tensor:
        torch.manual_seed(1)
        anymal = anymal_tasks.anymal()
        ppo = PPO(env=Secret(8, SHORT), anymal=anymal, max_timesteps=10, update_timesteps=80)
        ppo()
        return weights(anymal.teacher)

    whole = learn()
    monkeypatch.setattr("ts_locomotion.training.anymal.ppo.CACHED_ROWS", 7)
    assert torch.allclose(learn(), whole, atol=1e-5)


def test_gaussian_teacher_finds_the_action_that_pays():
    class Pay:
        """Pays for the action 0.7 and nothing else."""

        num_envs = 64
        mock = MockEnv(**SIZES, num_envs=64)

        def reset(self):
            return self.mock.reset()

        def step(self, action):
            reward = -(action - 0.7).square().sum(1)
            return self.mock.rand_state(), reward, torch.ones(64, dtype=torch.bool), None

    torch.manual_seed(0)
    anymal = anymal_tasks.anymal(actions="gaussian")
    ppo = PPO(
        env=Pay(),
        anymal=anymal,
        lr=5e-3,
        max_timesteps=8,
        update_timesteps=512,
        minibatch_size=128,
        epochs=4,
    )
    first = ppo()["reward"]
    for _ in range(14):
        last = ppo()["reward"]
    with torch.no_grad():
        mean = anymal.forward_teacher(*MockEnv(**SIZES, num_envs=64).rand_state()).mean()
    assert last > 0.5 * first
    assert float(mean) == pytest.approx(0.7, abs=0.2)


def test_all_that_is_remembered_is_learnt_from_in_stretches_of_the_truncation():
    anymal = anymal_tasks.anymal()
    trainer = StudentTrainer(
        env=Secret(3, (4, 9)), anymal=anymal, max_timesteps=47, minibatch_size=8, truncate_tpbtt=5
    )
    trainer(0.0)
    seen = torch.zeros(47, 3)
    for trajectories in trainer._batches():
        for start, robot in zip(*trajectories, strict=True):
            seen[start : start + trainer._length, robot] += 1
            assert start + trainer._length <= 47
    assert int(seen.min()) == 1
    assert trainer._length % 5 == 0


def test_hidden_states_are_zero_at_the_first_step_of_every_episode():
    trainer = StudentTrainer(env=Secret(5, (2, 6)), anymal=anymal_tasks.anymal(), max_timesteps=30)
    trainer(0.0)
    ended, hiddens = trainer.memory["dones"], trainer.memory["hiddens"]
    assert bool(ended.any())
    assert not hiddens[1:][ended[:-1]].any()
    assert bool(hiddens[1:][~ended[:-1]].any())


def test_the_noise_grows_with_the_updates():
    schedule = NoiseSchedule()
    assert [schedule.factor(epoch) for epoch in (0, 1, 100, 200)] == [0.0, 0.0, 1.0, 1.0]
    assert schedule.factor(50) == pytest.approx(49 / 99)
    trainer = StudentTrainer(
        env=Secret(4, SHORT),
        anymal=anymal_tasks.anymal(),
        max_timesteps=5,
        update_timesteps=20,
        noise_schedule=NoiseSchedule(1, 5),
    )
    found = []
    for _ in range(3):
        found.append(trainer.noise_strength)
        trainer()
    assert found == [0.0, 0.25, 0.5]
    with pytest.raises(ConfigurationError, match="0 <= start < end"):
        NoiseSchedule(5, 5)


def test_noise_has_mean_zero_a_share_that_lasts_an_episode_and_a_strength():
    torch.manual_seed(0)
    regime = Regime(1.0, point_z=0.1, foot_z=0.2, outlier=0.0, episode_z=0.4, episode_share=1.0)
    noise, heights = HeightNoise(4000, 4, (regime,)), torch.zeros(4000, 4, 5)
    first, second = noise(heights, 1.0), noise(heights, 1.0)
    assert float(first.mean()) == pytest.approx(0.0, abs=0.02)
    assert float(first.std()) == pytest.approx((0.01 + 0.04 + 0.16) ** 0.5, rel=0.03)
    lasting = (first * second).mean()
    assert float(lasting) == pytest.approx(0.16, rel=0.1)
    noise.begin(torch.ones(4000, dtype=torch.bool))
    assert float((first * noise(heights, 1.0)).mean()) == pytest.approx(0.0, abs=0.02)
    assert float(noise(heights, 0.5).std()) == pytest.approx(0.5 * float(first.std()), rel=0.05)
    assert noise(heights, 0.0) is heights


def test_settings_and_environments_that_make_no_sense_are_refused():
    anymal = anymal_tasks.anymal()
    with pytest.raises(ConfigurationError, match="num_envs 0 given"):
        Robots(MockEnv(**SIZES, num_envs=0), torch.device("cpu"))
    with pytest.raises(ConfigurationError, match="epochs: 0 given"):
        PPO(env=MockEnv(**SIZES), anymal=anymal, epochs=0)
    with pytest.raises(ConfigurationError, match="minibatch_size: 0 given"):
        StudentTrainer(env=MockEnv(**SIZES), anymal=anymal, minibatch_size=0)
    for steps in (0, -1):
        with pytest.raises(ConfigurationError, match=f"truncate_tpbtt: {steps} given, at least 1"):
            StudentTrainer(env=MockEnv(**SIZES), anymal=anymal, truncate_tpbtt=steps)
