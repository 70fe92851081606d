"""Editing a task from the command line."""

import pytest

from ts_locomotion.errors import ConfigurationError
from ts_locomotion.training import tasks
from ts_locomotion.training.overrides import as_plain, differences, from_plain, override


def test_a_path_reaches_any_depth_and_leaves_the_rest():
    task = tasks.make("go2_ts")
    edited = override(task, ["algorithm.gamma=0.995", "environment.weights.torque=-2e-4"])
    assert edited.algorithm.gamma == 0.995
    assert edited.environment.weights.torque == -2e-4
    assert edited.environment.weights.slip == task.environment.weights.slip


def test_an_entry_of_a_list_is_reached_by_its_number():
    edited = override(tasks.make("go2_ts"), ["environment.grounds.1.hardest=0.05"])
    assert edited.environment.grounds[1].hardest == 0.05


def test_a_list_of_numbers_is_given_as_yaml():
    assert override(tasks.make("go2_ts"), ["networks.policy=[64, 32]"]).networks.policy == (64, 32)


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        ("algorithm.gama=0.9", "valid: .*gamma"),
        ("environment.grounds.9.share=1", "valid: 0 to"),
        ("algorithm.gamma=high", "expected a number"),
        ("networks.latent=2.5", "expected like 16"),
        ("algorithm.gamma", "needs path=value"),
        ("algorithm.gamma.x=1", "valid: none"),
        ("algorithm.gamma=[", "is not YAML"),
        ("algorithm.gamma=nan", "finite"),
        ("algorithm.gamma=.inf", "finite"),
        ("environment.environments=0", "at least 1"),
        ("environment.grounds.0.variants=-2", "at least 1"),
        ("save_interval=0", "at least 1"),
        ("networks.policy=[64, 0]", "at least 1"),
        ("networks.policy=[]", "no entries"),
        ("algorithm.learning_rate_bounds=[0.001]", r"\[0.001\] given, expected 2 entries like"),
        ("networks.std_range=[0.1, 1, 2]", "expected 2 entries"),
        ("algorithm.student_share=1.0", "student_share: 1.0 given, expected .* below 1"),
        ("algorithm.student_share=-0.5", "student_share: -0.5 given"),
        ("settling.begins=1.0", "settling.begins: 1.0 given"),
    ],
)
def test_an_edit_that_makes_no_sense_says_what_would(edit, told):
    with pytest.raises(ConfigurationError, match=told):
        override(tasks.make("go2_ts"), [edit])


def test_a_teacher_that_only_settles_is_refused():
    with pytest.raises(ConfigurationError, match=r"settling: 1.0 given, expected .* below 1"):
        override(tasks.make("go2_belief"), ["settling=1.0"])


def test_a_noise_that_is_whole_before_it_grows_is_refused():
    with pytest.raises(ConfigurationError, match=r"noise_from and noise_until: 0.3 and 0.3 given"):
        override(tasks.make("go2_belief"), ["student.noise_from=0.3"])


def test_an_unknown_task_lists_the_known_ones():
    with pytest.raises(ConfigurationError, match="go2_ts"):
        tasks.make("go3")


def test_a_recorded_task_is_rebuilt_with_its_old_values():
    old = override(tasks.make("go2_ts"), ["networks.latent=8", "environment.grounds.0.share=9"])
    assert from_plain(tasks.make("go2_ts"), as_plain(old)) == old


@pytest.mark.parametrize(
    ("name", "edits"),
    [
        ("go2_ts", []),
        ("go2_belief", ["student.gated=false", "student.final_learning_rate=1.0e-05"]),
        ("go2_ts", ["networks.encoder=gru", "networks.policy=[64, 32]", "exteroception=true"]),
        ("go2_ts", ["environment.grounds.1.hardest=0.05", "environment.grounds.1.kind=slope"]),
    ],
)
def test_the_differences_of_two_tasks_are_the_edits_between_them(name, edits):
    task = tasks.make(name)
    edited = override(task, edits)
    told = differences(task, edited)
    assert sorted(told) == sorted(edits)
    assert override(task, told) == edited


def test_a_difference_that_cannot_be_given_by_an_edit_is_refused_as_one():
    task = tasks.make("go2_ts")
    edit = differences(task, tasks.level_ground(task))[-1]
    assert edit.startswith("environment.grounds=[{kind: flat,")
    with pytest.raises(ConfigurationError, match=r"environment\.grounds"):
        override(task, [edit])
