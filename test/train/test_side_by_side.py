"""Two pieces of a learner's work at once change nothing of what is learned."""

import threading
import time
from pathlib import Path

import belief
import pytest
import torch
from torch import Tensor

from ts_locomotion.simulation.clock import CpuTime
from ts_locomotion.training import belief_student, belief_teacher
from ts_locomotion.training.mirrored_ppo import Lesson
from ts_locomotion.training.side_by_side import SideBySide


def test_both_results_come_back_in_order():
    assert SideBySide().run(lambda: "one", lambda: "other") == ("one", "other")


def test_the_pieces_run_at_the_same_time():
    meeting = threading.Barrier(2, timeout=30.0)
    SideBySide().run(meeting.wait, meeting.wait)


def test_no_thread_takes_more_than_its_core():
    torch.set_num_threads(1)
    assert SideBySide().run(torch.get_num_threads, torch.get_num_threads) == (1, 1)


def test_what_fails_beside_is_told():
    def fail() -> None:
        raise ValueError("beside")

    with pytest.raises(ValueError, match="beside"):
        SideBySide().run(lambda: None, fail)


def test_what_is_saved_is_the_cpu_time_of_the_shorter_piece():
    def work(seconds: float) -> None:
        end = time.thread_time() + seconds
        while time.thread_time() < end:
            pass

    cores = SideBySide()
    cores.run(lambda: work(0.2), lambda: None)
    assert cores.saved < 0.1
    cores.run(lambda: work(0.2), lambda: work(0.1))
    assert 0.1 <= cores.saved < 0.2


def test_the_estimate_halves_physics_and_leaves_out_what_ran_beside():
    assert CpuTime(total=10.0, physics=4.0, beside=1.0).two_cores == 7.0


def test_actor_and_critic_learn_as_they_would_from_one_loss(tmp_path: Path):
    algorithm = belief_teacher.build(belief.task(), 0, tmp_path).alg
    algorithm.max_grad_norm = torch.inf
    rollout, batch = _walked(algorithm)
    obs, actions = algorithm._inputs(rollout, batch), rollout.actions[batch]
    lesson = Lesson(batch, torch.zeros(len(batch), 1, dtype=torch.bool), obs, actions)
    algorithm.optimizer.zero_grad()
    torch.manual_seed(1)
    algorithm._judge_policy(rollout, lesson)
    algorithm._judge_values(rollout, lesson)
    apart = _gradients(algorithm)
    algorithm.optimizer.zero_grad()
    torch.manual_seed(1)
    algorithm.actor(obs, stochastic_output=True)
    loss = (
        algorithm._surrogate(rollout, batch, actions)
        + algorithm.value_loss_coef * algorithm._value_loss(rollout, batch, algorithm.critic(obs))
        - algorithm.entropy_coef * algorithm.actor.output_entropy.mean()
    )
    loss.backward()
    together = _gradients(algorithm)
    assert max(belief.difference(*pair) for pair in zip(apart, together, strict=True)) < 1e-7


def test_lessons_prepared_beside_the_critic_are_those_that_were_drawn(tmp_path, monkeypatch):
    algorithm = belief_teacher.build(belief.task(), 0, tmp_path).alg
    rollout, samples = _walked(algorithm)
    judge, learned = algorithm._judge_policy, []
    monkeypatch.setattr(
        algorithm, "_judge_policy", lambda *given: learned.append(given[1]) or judge(*given)
    )
    algorithm._learn(rollout)
    epochs = algorithm.num_learning_epochs
    assert len(learned) == epochs * algorithm.num_mini_batches
    assert torch.cat([lesson.batch for lesson in learned]).bincount().eq(epochs).all()
    assert sum(len(lesson.batch) for lesson in learned) == epochs * len(samples)
    for lesson in learned:
        seen = algorithm._seen(rollout, lesson.batch, lesson.mirrored)
        assert all(torch.equal(seen[name], values) for name, values in lesson.observations.items())


def test_halves_of_a_batch_add_up_to_the_gradient_of_the_whole(tmp_path: Path):
    runner = belief_student_runner(tmp_path)
    algorithm = runner.alg
    runner._collect(runner.env.get_observations())
    targets, robots = algorithm._targets(), torch.arange(runner.env.num_envs)
    parts, whole = algorithm._gradient(targets, robots, len(robots))
    few, first = algorithm._gradient(targets, robots[:3], len(robots))
    rest, second = algorithm._gradient(targets, robots[3:], len(robots))
    assert belief.difference(few + rest, parts) < 1e-6
    for one, other, both in zip(first, second, whole, strict=True):
        assert belief.difference(one + other, both) < 1e-6


def belief_student_runner(folder: Path) -> belief_student.StudentRunner:
    """A student that has not learned yet, beside a teacher's checkpoint."""
    teacher = belief_teacher.build(belief.task(), 0, folder)
    teacher.save(str(folder / "checkpoint.pt"))
    return belief_student.build(belief.task(), 0, folder, folder)


def _walked(algorithm):
    """What a rollout of random numbers would leave, and all of its samples."""
    storage = algorithm.storage
    torch.manual_seed(0)
    observed = storage.observations.values()
    for values in (
        *observed,
        storage.actions,
        storage.values,
        storage.returns,
        storage.advantages,
    ):
        values.normal_()
    storage.actions_log_prob.normal_(-12.0)
    shape = storage.actions.shape
    storage.distribution_params = (torch.zeros(shape), torch.ones(shape))
    return algorithm._rollout(), algorithm._all_samples()


def _gradients(algorithm) -> list[Tensor]:
    return [
        weights.grad.clone()
        for group in algorithm.optimizer.param_groups
        for weights in group["params"]
        if weights.grad is not None
    ]
