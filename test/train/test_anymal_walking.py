"""Go2s in MuJoCo behind the PyTorch API."""

import torch

from ts_locomotion.training.anymal import PPO, Anymal, StudentTrainer
from ts_locomotion.training.anymal.walking import MujocoEnv, PaperRewards


def walk(env: MujocoEnv, steps: int = 5):
    random = torch.Generator().manual_seed(0)
    env.reset()
    return [env.step(0.3 * torch.randn(4, 12, generator=random)) for _ in range(steps)]


def test_states_are_of_the_announced_sizes_and_their_memory_is_their_own():
    env = MujocoEnv(num_envs=4)
    proprio, extero, privileged = before = env.reset()
    kept = [part.clone() for part in before]
    assert proprio.shape == (4, env.proprio_dim)
    assert extero.shape == (4, 4, 52)
    assert privileged.shape == (4, env.privileged_dim)
    walk(env)
    assert all(torch.equal(part, copy) for part, copy in zip(before, kept, strict=True))


def test_the_paper_judges_the_same_steps_otherwise():
    ours, papers = walk(MujocoEnv(4)), walk(MujocoEnv(4, paper=PaperRewards()))
    for (states, reward, dones, note), (same, other, ends, _) in zip(ours, papers, strict=True):
        assert all(torch.equal(one, two) for one, two in zip(states, same, strict=True))
        assert torch.equal(dones, ends)
        assert not torch.allclose(reward, other)
        assert bool(torch.isfinite(other).all())
        assert bool((note["time_outs"] <= dones).all())


def test_a_robot_that_stands_earns_more_of_the_paper_than_one_that_throws_its_legs_about():
    def earned(size: float) -> float:
        env = MujocoEnv(8, seed=3, paper=PaperRewards())
        torch.manual_seed(0)
        return float(sum(env.step(size * torch.randn(8, 12))[1].mean() for _ in range(20)))

    assert earned(0.0) > earned(2.0)


def test_the_curriculum_raises_what_jerks_cost():
    env = MujocoEnv(4, paper=PaperRewards())
    first = walk(env)
    factors = [env.grow() for _ in range(30)]
    assert factors == sorted(factors)
    assert 0.003 < factors[-1] < 0.1
    again = MujocoEnv(4, paper=PaperRewards())
    for _ in range(30):
        again.grow()
    assert all(bool((one[1] > two[1]).all()) for one, two in zip(first, walk(again), strict=True))


def test_teacher_and_student_train_on_it():
    env = MujocoEnv(num_envs=4, paper=PaperRewards())
    anymal = Anymal(
        num_actions=env.num_actions,
        proprio_dim=env.proprio_dim,
        privileged_dim=env.privileged_dim,
        actions="gaussian",
    )
    told = PPO(env=env, anymal=anymal, max_timesteps=10, update_timesteps=40)()
    told |= StudentTrainer(env=env, anymal=anymal, max_timesteps=10, update_timesteps=40)()
    assert {"policy_loss", "behaviour_loss"} <= set(told)
    assert all(abs(value) < 1e3 for value in told.values()), told
