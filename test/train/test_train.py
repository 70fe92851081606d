"""A training survives interruption and says what is wrong before work is lost."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ts_locomotion import bundle
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.training import run, tasks
from ts_locomotion.training import train as training
from ts_locomotion.training.train import train

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


def test_a_damaged_checkpoint_is_named(tmp_path):
    train(tiny(1), [], 0, tmp_path)
    (tmp_path / run.CHECKPOINT).write_bytes(b"half a file")
    with pytest.raises(ConfigurationError, match=r"cannot read checkpoint .*checkpoint\.pt"):
        train(tiny(2), [], 0, tmp_path)


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


def test_the_list_names_every_task(capsys):
    assert training.main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in tasks.TASKS)
