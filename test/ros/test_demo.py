"""ts-demo from end to end: what it writes, that lockstep repeats itself, and how it fails."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bundles
import psutil
import pytest
from probe import free_domains

from ts_locomotion.demo.course import Outcome
from ts_locomotion.training import tasks
from ts_locomotion.training.export import export
from ts_locomotion.training.overrides import override
from ts_locomotion.training.train import train

(DOMAIN,) = free_domains(1)
PATIENCE = 600.0
STARTER = "from ts_locomotion.demo.main import main; main()"


def started(output: Path, *words: str) -> subprocess.Popen[str]:
    environment = os.environ | {
        "ROS_DOMAIN_ID": str(DOMAIN),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    }
    return subprocess.Popen(
        [sys.executable, "-c", STARTER, "--output", str(output), *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever starts the tests in the background of a script leaves SIGINT ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def demo(output: Path, *words: str) -> subprocess.CompletedProcess[str]:
    running = started(output, *words)
    try:
        told, complaint = running.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        # Not killed: it has to end its graph, which would meet that of the next test.
        running.send_signal(signal.SIGINT)
        running.communicate()
        raise
    return subprocess.CompletedProcess(words, running.returncode, told, complaint)


def report(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "report.json").read_text())


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundles.write_blind(tmp_path_factory.mktemp("models") / "tiny")


@pytest.mark.parametrize(
    "write", [bundles.write_blind, bundles.write_seeing, bundles.write_ungated]
)
def test_two_runs_in_lockstep_with_one_seed_are_the_same_run(
    write: Callable[[Path], Path], tmp_path: Path
):
    bundle = write(tmp_path / "bundle")
    words = ("--policy", str(bundle), "--duration", "2", "--lockstep", "--no-film", "--seed", "5")
    for name in ("first", "second"):
        ended = demo(tmp_path / name, "--terrain", "rough", *words)
        assert ended.returncode == 0, ended.stdout + ended.stderr
    first, second = report(tmp_path / "first"), report(tmp_path / "second")
    assert len(first["trajectory"]["time"]) > 90
    assert first["trajectory"] == second["trajectory"]
    assert first["legs"] == second["legs"]
    assert first["belief"] == second["belief"]
    assert (first["belief"] is None) == (write is bundles.write_blind)
    assert first["healthy"]
    assert first["missed_ticks"] == 0
    assert first["seed"] == 5
    assert set(first["cpu_percent"]) >= {"simulator", "go2_bridge", "belief", "policy"}


# One of each kind of memory (window, GRU, belief) and of eyes (none, open, gated), as a graph is
# slow to start; the bundles of a TCN remember as those of an MLP do.
@pytest.mark.parametrize(
    ("name", "edits", "sees"),
    [
        ("go2_ts_tiny", [], False),
        ("go2_cts_tiny", ["networks.encoder=gru"], False),
        ("go2_ts_sighted_tiny", [], True),
        ("go2_belief_blind_tiny", [], False),
        ("go2_belief_phase_tiny", [], True),
    ],
)
def test_what_a_training_wrote_comes_up_and_answers_every_tick(
    name: str, edits: list[str], sees: bool, tmp_path: Path
):
    train(override(tasks.make(name), edits), edits, 0, tmp_path / "run")
    export(tmp_path / "run", tmp_path / "bundle")
    words = ("--policy", str(tmp_path / "bundle"), "--terrain", "flat", "--duration", "1")
    ended = demo(tmp_path / "out", *words, "--lockstep", "--no-film")
    told = report(tmp_path / "out")
    # After seconds of training it may fall.
    assert told["outcome"] in (Outcome.FINISHED.value, Outcome.FELL.value, Outcome.FAULT.value)
    assert ended.returncode == (0 if told["healthy"] and told["falls"] == 0 else 1)
    assert told["control_ticks"] > 0 and told["missed_ticks"] == 0
    assert (told["belief"] is not None) == sees


def test_in_real_time_it_writes_report_plot_film_and_log(bundle: Path, tmp_path: Path):
    words = ("--policy", str(bundle), "--terrain", "flat", "--duration", "1")
    ended = demo(tmp_path / "out", *words)
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"report.json", "run.png", "walk.gif", "recording.npz", "graph.log"}
    told = report(tmp_path / "out")
    assert ended.returncode == (0 if told["healthy"] and told["falls"] == 0 else 1)
    assert told["outcome"] in ended.stdout


def test_a_policy_that_does_not_exist_is_named_and_fails(tmp_path: Path):
    ended = demo(tmp_path / "out", "--policy", "nowhere")
    assert ended.returncode == 2
    assert "nowhere" in ended.stderr


def test_interrupted_it_ends_with_status_130_and_leaves_no_process(bundle: Path, tmp_path: Path):
    running = started(tmp_path / "out", "--policy", str(bundle), "--terrain", "flat")
    assert running.stdout is not None
    assert "stand up" in running.stdout.readline()
    family = psutil.Process(running.pid).children(recursive=True)
    assert len(family) == 7
    running.send_signal(signal.SIGINT)
    _, complaint = running.communicate(timeout=PATIENCE)
    assert running.returncode == 130
    assert complaint.splitlines() == ["ts-demo: interrupted"]
    _, alive = psutil.wait_procs(family, timeout=PATIENCE)
    assert not alive


def test_a_terrain_that_does_not_exist_is_refused_with_the_valid_ones(tmp_path: Path):
    ended = demo(tmp_path / "out", "--terrain", "moon")
    assert ended.returncode == 2
    assert "stairs_up" in ended.stderr
