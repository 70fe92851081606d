"""Distillation: the student learns along its own walks, and its teacher stays as it is."""

from dataclasses import replace
from pathlib import Path

import belief
import numpy as np
import pytest
import torch
from belief import ROBOTS, STEPS, ended, observed, unchanged

from ts_locomotion.errors import ConfigurationError
from ts_locomotion.simulation.sighted_environment import SightedEnvironment
from ts_locomotion.training import belief_student, belief_teacher, checkpoint, run
from ts_locomotion.training.belief_student import StudentRunner
from ts_locomotion.training.distillation import GROUPS, Distillation
from ts_locomotion.training.train import train

LENGTH = 6


@pytest.fixture
def distillation() -> Distillation:
    """A sequence of random senses, stored as if it had been walked."""
    return belief.distillation()


def again(learner: Distillation) -> dict[str, float]:
    """Update once more on the same sequences."""
    learner.step = LENGTH
    return learner.update()


def test_update_changes_student_but_not_teacher(distillation):
    before = {n: p.clone() for n, p in distillation.student.named_parameters()}
    with unchanged(distillation.teacher):
        distillation.update()
    still = [
        name
        for name, value in distillation.student.named_parameters()
        if torch.equal(value, before[name])
    ]
    assert not still


def test_the_loss_falls_on_a_batch_that_stays_the_same(distillation):
    first = again(distillation)
    for _ in range(15):
        last = again(distillation)
    for name in ("behaviour", "heights", "privileged"):
        assert last[name] < 0.8 * first[name], name


def test_the_student_begins_with_its_teachers_weights_where_shapes_agree():
    teacher = belief.teacher()
    student = belief.student(teacher)
    for name, value in teacher.mlp.state_dict().items():
        assert torch.equal(student.mlp.state_dict()[name], value), name
    told = teacher.scan_encoder.mlp.state_dict()
    for name, value in student.sight.mlp.state_dict().items():
        assert torch.equal(value[:, :52] if name == "0.weight" else value, told[name]), name
    assert not student.sight.mlp[0].weight[:, 52:].any()


def test_statistics_are_the_teachers_and_are_saved_and_never_learn(distillation, tmp_path):
    teacher, student = distillation.teacher, distillation.student
    shared = {
        "obs_normalizer": teacher.obs_normalizer,
        "sight.normalizer": teacher.scan_encoder.normalizer,
        "privileged_normalizer": teacher.privileged_encoder.normalizer,
    }
    distillation.update()
    checkpoint.save(tmp_path / "student.pt", distillation.save())
    saved = checkpoint.load(tmp_path / "student.pt")["student_state_dict"]
    for place, normalizer in shared.items():
        for name, value in normalizer.state_dict().items():
            assert torch.equal(saved[f"{place}.{name}"], value), f"{place}.{name}"
    assert student.obs_normalizer.mean.abs().sum() > 0


def test_only_robots_whose_episode_ended_forget(distillation):
    learner = distillation
    learner.step = 0
    learner.state = torch.randn(ROBOTS, learner.student.state_size)
    before = learner.state.clone()
    learner.process_env_step({}, torch.zeros(ROBOTS), ended(3), {})
    assert not learner.state[3].any()
    kept = [robot for robot in range(ROBOTS) if robot != 3]
    assert torch.equal(learner.state[kept], before[kept])


def test_a_chunk_begins_with_the_memory_that_the_last_one_ended_with(distillation):
    last = distillation.state.clone()
    distillation.update()
    with torch.inference_mode():
        distillation.act(observed(0, torch.Generator()))
    assert torch.equal(distillation.first_state, last)
    assert last.abs().sum() > 0


def test_a_student_without_a_map_imitates_the_teacher_that_is_told_of_the_ground(distillation):
    learner = distillation
    seeing = learner._targets().actions.clone()
    learner.stored["valid"][:] = 0.0
    learner.stored["map_age"][:] = 2.0
    assert torch.equal(learner._targets().actions, seeing)
    learner.stored["scans"][:] += 0.3
    assert torch.equal(learner._targets().actions, seeing)
    learner.stored["told_scans"][:] += 0.3
    assert not torch.equal(learner._targets().actions, seeing)


def test_what_is_to_be_reconstructed_is_the_truth_even_without_a_map(distillation):
    learner = distillation
    learner.stored["valid"][:] = 0.0
    true = learner.teacher.scan_encoder.normalize(learner.stored["scans"]).flatten(-2)
    assert torch.equal(learner._targets().heights, true)


def test_the_learning_rate_decays_to_its_last_value(distillation):
    config = distillation.config
    rates = []
    for done in (0.0, 0.5, 1.0):
        distillation.decay(done)
        rates.append(distillation.optimizer.param_groups[0]["lr"])
    assert rates[0] == config.learning_rate
    assert rates[1] ** 2 == pytest.approx(rates[0] * rates[2])
    assert rates[2] == pytest.approx(config.final_learning_rate)


def test_the_noise_grows_from_nothing_to_its_full_strength():
    config = replace(belief.task().student, noise_from=0.2, noise_until=0.6)
    factors = [belief_student.noise_factor(config, done) for done in (0.0, 0.2, 0.4, 0.6, 1.0)]
    assert factors == pytest.approx([0.0, 0.0, 0.5, 1.0, 1.0])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("belief")
    train(belief.task(2, 1), [], 0, folder)
    return folder


def build_with_levels(trained: Path, levels: list[int]) -> StudentRunner:
    """The student of a teacher whose robots had earned these levels."""
    state = checkpoint.load(trained / run.CHECKPOINT)
    state["environment"]["arrays"]["level"][:] = torch.tensor(levels)
    checkpoint.save(trained / run.CHECKPOINT, state)
    return belief_student.build(belief.task(), 0, trained, trained / run.STUDENT)


def test_a_student_starts_on_the_levels_its_teacher_earned_and_sees_through_noise(trained):
    runner = build_with_levels(trained, levels=[1] * 8)
    environment = runner.env.environment
    assert isinstance(environment, SightedEnvironment)
    assert (environment.level == 1).all() and environment.noise is runner.noise
    assert set(GROUPS) <= set(environment.observe())


def test_a_student_walks_all_levels_up_to_its_teachers_highest_however_it_fares(trained):
    environment = build_with_levels(trained, levels=[0, 1, 0, 0, 0, 0, 0, 0]).env.environment
    with_highest = environment.ground == environment.ground[1]
    walked = []
    for _ in range(20):
        environment.steps[:] = 10**6
        environment.step(np.zeros((environment.count, 12)))
        walked.append(environment.level.copy())
    assert set(np.array(walked)[:, with_highest].flat) == {0, 1}
    assert set(np.array(walked)[:, ~with_highest].flat) == {0}


def test_a_student_needs_noise(tmp_path):
    task = belief.task()
    learner = Distillation(teacher := belief.teacher(), belief.student(teacher), task.student, 8)
    with pytest.raises(ConfigurationError, match="height noise"):
        StudentRunner(SightedEnvironment(task.environment, 0), task, learner, tmp_path)


def test_the_trained_student_is_loaded_with_the_steps_it_took(trained):
    student, steps = belief_student.load(belief.task(), trained / run.STUDENT)
    teacher, walked = belief_teacher.load(belief.task(), trained)
    assert (steps, walked) == (STEPS, 2 * STEPS)
    assert torch.equal(student.obs_normalizer.mean, teacher.obs_normalizer.mean)
