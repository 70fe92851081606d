"""A training survives interruption and says what is wrong before work is lost."""

import resource
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import belief
import pytest
import torch
import yaml
from killing import assert_equal

from ts_locomotion import bundle
from ts_locomotion.errors import ConfigurationError, TrainingDiverged
from ts_locomotion.simulation.clock import CpuTime
from ts_locomotion.training import (
    checkpoint,
    export,
    promise,
    run,
    tasks,
    wandb_mirror,
    whole_file,
)
from ts_locomotion.training import train as training
from ts_locomotion.training.distillation import Distillation
from ts_locomotion.training.learning_curves import Curves
from ts_locomotion.training.overrides import override
from ts_locomotion.training.progress import Progress
from ts_locomotion.training.publish import publish
from ts_locomotion.training.teacher_student import TeacherStudentPPO
from ts_locomotion.training.train import build, train

STEPS = 8 * 6


def tiny(iterations: int):
    return replace(tasks.make("go2_ts_tiny"), steps=iterations * STEPS)


def weights(folder: Path) -> dict:
    return torch.load(folder / run.CHECKPOINT, weights_only=True)["actor_state_dict"]


def test_an_interrupted_training_continues_as_if_nothing_had_happened(tmp_path):
    train(tiny(5), [], 3, tmp_path / "whole")
    train(tiny(2), [], 3, tmp_path / "parts")
    train(tiny(5), [], 3, tmp_path / "parts")
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    for name, value in whole.items():
        assert torch.equal(value, parts[name]), name


def test_the_curves_of_a_continued_training_have_every_step_once(tmp_path):
    for iterations in (2, 3, 5):
        train(tiny(iterations), [], 3, tmp_path)
        # Event files are read by name: the second, then a count, in which 10 comes before 9.
        time.sleep(1.0)
    steps = [iteration * STEPS for iteration in range(1, 6)]
    assert list(Curves(tmp_path).points("loss/value")) == steps


def test_a_checkpoint_holds_both_optimisers_and_all_normalisers(tmp_path):
    train(tiny(1), [], 0, tmp_path)
    state = torch.load(tmp_path / run.CHECKPOINT, weights_only=True)
    assert state["encoder_optimizer_state_dict"]["state"]
    assert state["optimizer_state_dict"]["state"]
    for part in ("obs_normalizer", "privilege_encoder.normalizer", "history_encoder.normalizer"):
        assert state["actor_state_dict"][f"{part}.count"] == STEPS
    assert state["critic_state_dict"]["obs_normalizer.count"] == STEPS


def test_a_finished_training_does_not_start_again(tmp_path):
    train(tiny(2), [], 0, tmp_path)
    before = weights(tmp_path)
    runner = train(tiny(2), [], 0, tmp_path)
    assert runner.steps_done == 2 * STEPS
    assert all(torch.equal(value, before[name]) for name, value in weights(tmp_path).items())


def test_a_folder_of_another_training_is_not_continued(tmp_path):
    train(tiny(1), [], 0, tmp_path)
    with pytest.raises(ConfigurationError, match="seed"):
        train(tiny(2), [], 1, tmp_path)
    with pytest.raises(ConfigurationError, match="mirror_share"):
        train(replace(tiny(2), mirror_share=0.1), [], 0, tmp_path)


def test_a_run_older_than_a_setting_continues_as_it_was_before_it(tmp_path):
    task = tiny(1)
    train(task, [], 0, tmp_path)
    record = yaml.safe_load((tmp_path / run.RECORD).read_text())
    del record["task"]["environment"]["physics_steps"]
    (tmp_path / run.RECORD).write_text(yaml.safe_dump(record))
    finer = replace(task.environment, physics_steps=3)
    with pytest.raises(ConfigurationError, match="another environment"):
        train(replace(tiny(2), environment=finer), [], 0, tmp_path)
    assert train(tiny(2), [], 0, tmp_path).steps_done == 2 * STEPS


def test_the_committed_training_can_be_continued_with_settings_it_did_not_know(tmp_path):
    committed = Path(__file__).parents[2] / "models" / "go2_ts"
    training._check_same(tasks.make("go2_ts"), 1, committed)
    with pytest.raises(ConfigurationError, match="networks"):
        other = override(tasks.make("go2_ts"), ["networks.encoder=gru"])
        training._check_same(other, 1, committed)
    runner = build(override(tiny(1), ["environment.history_frames=20"]), 0, tmp_path)
    state = checkpoint.load(committed / run.CHECKPOINT)
    assert runner.alg.load(state)
    assert runner.alg.learning_rate == state["optimizer_state_dict"]["param_groups"][0]["lr"]


def test_a_packed_checkpoint_is_smaller_and_goes_on_as_the_one_it_was_made_of(tmp_path):
    whole, packed = tmp_path / "whole", tmp_path / "packed"
    train(tiny(2), [], 3, whole)
    shutil.copytree(whole, packed)
    for _ in range(2):
        checkpoint.pack(packed / run.CHECKPOINT, packed / run.CHECKPOINT)
        smaller = (packed / run.CHECKPOINT).read_bytes()
        assert smaller.startswith(checkpoint.GZIP)
        assert len(smaller) < 0.9 * (whole / run.CHECKPOINT).stat().st_size
        assert_equal(*(checkpoint.load(each / run.CHECKPOINT) for each in (whole, packed)))
    for folder in (whole, packed):
        train(tiny(3), [], 3, folder)
    assert_equal(weights(whole), weights(packed))


@pytest.mark.parametrize("half", [b"half a file", checkpoint.GZIP + b"half a file"])
def test_a_damaged_checkpoint_is_named(half, tmp_path):
    train(tiny(1), [], 0, tmp_path)
    (tmp_path / run.CHECKPOINT).write_bytes(half)
    with pytest.raises(ConfigurationError, match=r"cannot read checkpoint .*checkpoint\.pt"):
        train(tiny(2), [], 0, tmp_path)


def test_a_checkpoint_of_something_else_is_named(tmp_path):
    train(tiny(1), [], 0, tmp_path)
    torch.save({"a": torch.zeros(1)}, tmp_path / run.CHECKPOINT)
    with pytest.raises(ConfigurationError, match=r"not of this task.*--fresh"):
        train(tiny(2), [], 0, tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        *("{broken: [", "just words", "name: go2_ts_tiny"),
        "{name: go2_ts_tiny, seed: 0, command: ts-train, commit: a, versions: {}, task: 5}",
    ],
)
def test_a_damaged_record_is_named(text, tmp_path):
    (tmp_path / run.RECORD).write_text(text)
    with pytest.raises(ConfigurationError, match=r"run\.yaml is damaged"):
        run.read_record(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("task", 5, "task: 5 given, expected a mapping"),
        ("seed", "one", "seed: 'one' given, expected a whole number"),
        ("command", None, "command: nothing given, expected a text"),
    ],
)
def test_a_record_that_lacks_something_is_no_run_to_export(name, value, told, tmp_path, capsys):
    run.write_record(tmp_path, tiny(1), [], 0)
    record = run.read_record(tmp_path) | {name: value}
    kept = {key: given for key, given in record.items() if given is not None}
    (tmp_path / run.RECORD).write_text(yaml.safe_dump(kept))
    assert export.main([str(tmp_path), "--out", f"{tmp_path}/bundle"]) == 2
    assert told in capsys.readouterr().err


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file may grow beyond so many bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_checkpoint_before_and_says_so(tmp_path):
    path = tmp_path / run.CHECKPOINT
    checkpoint.save(path, {"iteration": 1, "weights": torch.zeros(100)})
    full = pytest.raises(ConfigurationError, match=r"disk full.*the one before is whole")
    with largest_file(20_000), full:
        checkpoint.save(path, {"iteration": 2, "weights": torch.zeros(100_000)})
    assert checkpoint.load(path)["iteration"] == 1
    assert [file.name for file in tmp_path.iterdir()] == [run.CHECKPOINT]


def test_a_disk_that_checkpoints_would_fill_is_refused_before_any_step(tmp_path, capsys):
    words = ["go2_ts_tiny", "--out", str(tmp_path), "--robots", "0"]
    with largest_file(20_000):
        assert training.main(words) == 2
    told = capsys.readouterr()
    assert "trial.pt" in told.err and "[" not in told.out
    assert not (tmp_path / run.CHECKPOINT).exists()


def test_too_little_room_is_refused_before_any_step(tmp_path, monkeypatch):
    room = shutil.disk_usage(tmp_path)._replace(free=3_000_000)
    monkeypatch.setattr(training.shutil, "disk_usage", lambda _: room)
    with pytest.raises(ConfigurationError, match=r"3 MB are free, a training needs \d+ MB"):
        train(tiny(1), [], 0, tmp_path)
    assert not (tmp_path / run.CHECKPOINT).exists()


def poisoned(algorithm: type, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on an update of the algorithm tells, or leaves, something that is not finite."""
    update = algorithm.update

    def diverging(self) -> dict[str, float]:
        losses = update(self)
        with torch.no_grad():
            if what == "weights":
                self.optimizer.param_groups[-1]["params"][0][0] = torch.inf
            elif what == "std":
                self.actor.distribution._distribution.scale = torch.tensor([torch.nan])
        return losses | ({what: float("nan")} if what in losses else {})

    monkeypatch.setattr(algorithm, "update", diverging)


@pytest.mark.parametrize("what", ["surrogate", "value", "encoder", "std", "weights"])
def test_a_training_that_diverges_says_so_and_keeps_its_checkpoint(what, tmp_path, monkeypatch):
    train(tiny(2), [], 0, tmp_path)
    before = (tmp_path / run.CHECKPOINT).read_bytes()
    poisoned(TeacherStudentPPO, what, monkeypatch)
    told = rf"{what} is (nan|inf) after {3 * STEPS} steps.*kept.*--fresh"
    with pytest.raises(TrainingDiverged, match=told):
        train(tiny(4), [], 0, tmp_path)
    assert (tmp_path / run.CHECKPOINT).read_bytes() == before


def test_a_student_that_diverges_says_so_and_keeps_its_checkpoint(tmp_path, monkeypatch):
    train(belief.task(1, 1), [], 0, tmp_path)
    saved = tmp_path / run.STUDENT / run.CHECKPOINT
    before = saved.read_bytes()
    poisoned(Distillation, "behaviour", monkeypatch)
    with pytest.raises(TrainingDiverged, match=r"tiny student has diverged: loss/behaviour"):
        train(belief.task(1, 2), [], 0, tmp_path)
    assert saved.read_bytes() == before


def test_a_record_is_written_whole_or_not_at_all(tmp_path):
    (tmp_path / "run.yaml").write_text("old")
    with largest_file(10), pytest.raises(OSError):
        whole_file.write(tmp_path / "run.yaml", "new" * 100)
    assert (tmp_path / "run.yaml").read_text() == "old"


def test_a_bundle_in_the_folder_of_its_training_is_refused_before_any_step(tmp_path, capsys):
    words = ["go2_ts_tiny", "--out", str(tmp_path), "--bundle", str(tmp_path / ".")]
    assert training.main(words) == 2
    assert "expected a folder of its own" in capsys.readouterr().err
    assert not (tmp_path / run.CHECKPOINT).exists()


def test_the_sizes_of_the_paper_are_a_task_that_trains_and_deploys(tmp_path):
    """Miki et al. 2022: scans 52-80-60-24, trunk 256-160-128, two GRU layers of 50."""
    train(tasks.make("go2_belief_paper_tiny"), [], 0, tmp_path / "run")
    publish(tmp_path / "run", tmp_path / "bundle", 0)
    contract = bundle.load(tmp_path / "bundle").contract
    assert (contract.state_size, contract.gate_size, contract.belief_size) == (100, 96, 120)
    weights = checkpoint.load(tmp_path / "run" / run.CHECKPOINT)["actor_state_dict"]
    shapes = {tuple(value.shape) for value in weights.values()}
    assert {(80, 52), (60, 80), (24, 60), (160, 256), (128, 160)} <= shapes


@pytest.mark.parametrize(("name", "samples"), [("ts", 42), ("cts", 12), ("belief", 48)])
def test_more_mini_batches_than_samples_are_refused_before_any_step(
    name, samples, tmp_path, capsys
):
    words = [f"go2_{name}_tiny", "--out", str(tmp_path), "--robots", "0", "--set"]
    assert training.main([*words, f"algorithm.num_mini_batches={samples + 1}"]) == 2
    assert f"{samples + 1} given, at most {samples}" in capsys.readouterr().err
    build(override(tasks.make(words[0]), [f"algorithm.num_mini_batches={samples}"]), 0, tmp_path)


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        ("environment.commands.linear_x=[0.2, 1]", "linear_x: given [0.2, 1.0], expected finite"),
        ("environment.commands.linear_x=[1, -1]", "commands.linear_x: [1.0, -1.0] given"),
        ("environment.gait_frequency_hz=0", "gait_frequency_hz: 0.0 given, expected above 0"),
        ("environment.action_clip=-1", "action_clip: -1.0 given, expected above 0"),
        ("environment.stiffness=-1", "stiffness: -1.0 given, expected at least 0"),
        ("environment.episode_time=0", "episode_time: 0.0 given, expected above 0"),
        ("environment.policy_terms=[command]", "policy_terms: ['command'] given, expected all of"),
        ("environment.domain.friction=[1, 0.5]", "domain.friction: [1.0, 0.5] given"),
        ("environment.wrenches.pause=[1, 0.5]", "wrenches.pause: [1.0, 0.5] given"),
        ("algorithm.learning_rate=-1", "algorithm.learning_rate: -1.0 given, expected above 0"),
        ("algorithm.learning_rate_bounds=[0, 0.1]", "learning_rate_bounds: (0.0, 0.1) given"),
        ("height_noise.sight.whole=-1", "height_noise.sight: probabilities [-1.0, "),
        ("misled.noise.sight.whole=0", "height_noise.sight: probabilities [0.0, "),
        ("misled.learning_rate=0", "misled.learning_rate: 0.0 given, expected above 0"),
        ("misled.velocity=-1", "misled.velocity: -1.0 given, expected at least 0"),
        ("height_noise.change_interval=[8, 2]", "height_noise.change_interval: [8.0, 2.0] given"),
        ("specialist.grounds.0.kind=lava", "grounds: kind 'lava' given, valid: flat, "),
        ("specialist.grounds.0.hardest=2", "stairs_up of 2.0 m given, expected from 0 to 1"),
        ("specialist.initial_std=0", "specialist.initial_std: 0.0 given, expected above 0"),
        ("specialist.misled.noise.sight.whole=0", "height_noise.sight: probabilities [0.0, "),
        ("student.learning_rate=-1", "student.learning_rate: -1.0 given, expected above 0"),
    ],
)
def test_what_a_later_stage_or_the_bundle_would_refuse_is_refused_before_any_step(
    edit, told, tmp_path, capsys
):
    words = ["go2_belief_tiny", "--out", str(tmp_path), "--robots", "0", "--set", edit]
    assert training.main(words) == 2
    said = capsys.readouterr()
    assert told in said.err and len(said.err.splitlines()) == 1 and not said.out
    assert not (tmp_path / run.RECORD).exists()


def test_mini_batches_that_a_shorter_later_stage_could_not_fill_are_refused_at_once(tmp_path):
    edits = ["specialist.steps_per_iteration=1", "algorithm.num_mini_batches=9"]
    with pytest.raises(ConfigurationError, match="9 given, at most 8"):
        train(override(tasks.make("go2_belief_tiny"), edits), [], 0, tmp_path)
    assert not (tmp_path / run.RECORD).exists()


@pytest.mark.parametrize("name", tasks.TASKS)
def test_every_task_can_be_published(name):
    promise.check(tasks.make(name))


def test_each_stage_says_which_of_how_many_it_is(tmp_path, capsys):
    train(tasks.make("go2_belief_tiny"), [], 0, tmp_path)
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("stage")]
    assert told == [
        "stage 1 of 3: go2_belief_tiny, 192 steps",
        "stage 2 of 3: go2_belief_tiny specialist, 192 steps",
        "stage 3 of 3: go2_belief_tiny student, 192 steps",
    ]
    train(tiny(1), [], 0, tmp_path / "other")
    assert "stage 1 of 1: go2_ts_tiny, 48 steps\n" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--out", "--bundle"])
def test_a_folder_that_cannot_be_is_refused_before_any_step(option, tmp_path, capsys):
    words = ["go2_ts_tiny", "--out", str(tmp_path), "--robots", "0"]
    assert training.main([*words, option, "/dev/null/here"]) == 2
    assert "/dev/null" in capsys.readouterr().err
    assert not (tmp_path / run.CHECKPOINT).exists()


@pytest.mark.parametrize("words", [["--steps", "0"], ["--seed", "-1"], ["--robots", "-1"]])
def test_numbers_that_make_no_sense_are_refused(words, capsys):
    with pytest.raises(SystemExit):
        training.main(["go2_ts_tiny", *words])
    assert "at least" in capsys.readouterr().err


def test_an_interrupted_command_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(training.Runner, "learn", interrupt)
    assert training.main(["go2_ts_tiny", "--out", str(tmp_path)]) == 130
    assert "goes on" in capsys.readouterr().err


def test_progress_tells_the_mean_rate_and_that_of_the_moment(capsys):
    progress = Progress("walking", 100, 2)
    progress.advance(CpuTime(1.0, 0.0))
    notes = progress.advance(CpuTime(5.0, 0.0))
    walk = dict.fromkeys(["walk/reward", "walk/error_x", "walk/error_turn", "policy/std"], 0.0)
    progress.show(notes | walk)
    assert "40 steps/s on two cores (25 now)" in capsys.readouterr().out


def test_the_curves_go_to_wandb_where_that_is_installed(tmp_path, monkeypatch):
    told = []
    session = SimpleNamespace(finish=lambda: told.append("finished"))
    module = SimpleNamespace(init=lambda **given: told.append(given) or session)
    monkeypatch.setattr(wandb_mirror, "find_spec", lambda _: "found")
    monkeypatch.setitem(sys.modules, "wandb", module)
    with pytest.raises(KeyError), wandb_mirror.mirrored("walking", tmp_path / "a", {"steps": 3}):
        raise KeyError
    given, end = told
    assert given["project"] == "walking" and given["group"] == "a" and given["sync_tensorboard"]
    assert given["config"] == {"steps": 3} and end == "finished"


def test_wandb_that_is_not_installed_is_refused_before_any_step(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(wandb_mirror, "find_spec", lambda _: None)
    words = ["go2_ts_tiny", "--out", str(tmp_path), "--robots", "0", "--wandb", "walking"]
    assert training.main(words) == 2
    assert "wandb is not installed" in capsys.readouterr().err
    assert not (tmp_path / run.CHECKPOINT).exists()


def recorded(folder: Path) -> dict:
    """What a record tells beside its task."""
    return {name: value for name, value in run.read_record(folder).items() if name != "task"}


def test_a_record_tells_the_commit_of_this_package_wherever_it_is_called(tmp_path, monkeypatch):
    git = ["git", "-c", "user.name=a", "-c", "user.email=b"]
    subprocess.run([*git, "init", "-q", tmp_path], check=True)
    monkeypatch.chdir(tmp_path)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "another"], check=True)
    told = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    head = subprocess.run(told, capture_output=True, text=True).stdout.strip()
    run.write_record(tmp_path, tiny(1), [], 0)
    assert run.read_record(tmp_path)["commit"].startswith(head or "unknown")


def test_a_record_keeps_what_a_training_began_with_until_it_begins_anew(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "_commit", lambda: "first")
    train(tiny(1), [], 0, tmp_path)
    first = (tmp_path / run.RECORD).read_bytes()
    monkeypatch.setattr(run, "_commit", lambda: "second")
    monkeypatch.setattr(run, "_versions", lambda: {"torch": "next"})
    train(tiny(1), [], 0, tmp_path)
    assert (tmp_path / run.RECORD).read_bytes() == first
    train(tiny(2), [], 0, tmp_path)
    told = recorded(tmp_path)
    assert told["commit"] == "first" and told["versions"] != {"torch": "next"}
    assert told["command"] == f"ts-train go2_ts_tiny --seed 0 --steps {2 * STEPS}"
    train(tiny(1), [], 0, tmp_path, resume=False)
    assert recorded(tmp_path)["commit"] == "second"


def test_the_command_of_a_record_makes_its_task_however_that_was_edited(tmp_path):
    task = replace(tiny(3), networks=replace(tiny(3).networks, encoder="gru", policy=(8, 4)))
    run.write_record(tmp_path, task, ["only=some"], 2)
    words = shlex.split(run.read_record(tmp_path)["command"])
    assert words[0] == "ts-train"
    options = training._parser().parse_args(words[1:])
    assert training.resolve(options.task, options.set, options.steps) == task
    assert options.seed == 2


def test_a_purpose_may_be_worded_anew(tmp_path):
    train(tiny(1), [], 0, tmp_path)
    assert train(replace(tiny(1), purpose="other words"), [], 0, tmp_path).steps_done == STEPS


def test_the_command_line_refuses_unknown_names_with_a_sentence(capsys):
    assert training.main(["go3"]) == 2
    assert "valid: go2_ts" in capsys.readouterr().err
    assert training.main(["go2_ts_tiny", "--set", "algorithm.nothing=1"]) == 2
    assert "clip_param" in capsys.readouterr().err


def test_a_finished_training_leaves_a_bundle_that_can_be_trained_on(tmp_path):
    arguments = ["go2_ts_tiny", "--seed", "4", "--out", str(tmp_path / "run")]
    arguments += ["--bundle", str(tmp_path / "bundle"), "--robots", "0"]
    assert training.main(arguments) == 0
    assert bundle.load(tmp_path / "bundle").contract.training["seed"] == 4
    assert sum(file.stat().st_size for file in (tmp_path / "bundle").iterdir()) < 10e6
    runner = train(tiny(5), [], 4, tmp_path / "bundle")
    assert runner.current_learning_iteration == 5


def test_the_list_names_every_task_but_those_of_tests(capsys):
    assert training.main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in tasks.TASKS)
    assert tasks.TINY not in listed
