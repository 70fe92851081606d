"""The benchmark of the trainings: what it adds up, what it compares with, what it writes."""

import json

import numpy as np
import pytest

from ts_locomotion.bench import throughput
from ts_locomotion.bench import train as bench
from ts_locomotion.bench.throughput import Row
from ts_locomotion.simulation.environment import Environment
from ts_locomotion.training import tasks

ROW = Row("task", 256, 4096, (40e-6, 20e-6, 10e-6, 30e-6), 32e-6, 500e6)


def test_rates_add_one_part_after_another():
    assert ROW.rates == pytest.approx((25_000, 1e6 / 60, 1e6 / 70, 10_000))
    entries = {entry["name"]: entry for entry in ROW.entries()}
    learning = entries["task x 256, with learning"]
    assert learning["value"] == pytest.approx(10_000) and learning["unit"] == "env-steps/s"
    assert learning["ratio"] == pytest.approx(0.32)
    assert entries["task x 256, raw mujoco.rollout"]["ratio"] == 1.0
    assert entries["task x 256, environment"]["ratio"] == pytest.approx(0.2)
    assert entries["task x 256, memory"]["value"] == 500.0


def test_costs_are_those_over_the_usual_number_of_environments():
    dear = ROW._replace(environments=64, parts=(80e-6, 20e-6, 10e-6, 40e-6))
    assert [entry["value"] for entry in bench.costs([dear, ROW])] == pytest.approx([1.5, 1.0])
    assert bench.costs([dear]) == []


def test_the_raw_physics_moves_the_same_robots_alike():
    environment = Environment(tasks.make("go2_ts_tiny").environment, 0)
    rng = np.random.default_rng(0)
    for _ in range(10):
        environment.step(rng.normal(size=(8, 12)) * 0.3)
    states = throughput.full_states(environment)
    targets = environment.physics.joint_positions[:, None] + 0.1 * rng.normal(size=(8, 3, 12))
    reached = throughput.replay(environment, states, targets)
    for step in range(3):
        environment.physics.step(targets[:, step])
    ours = throughput.full_states(environment)
    moved = np.abs(ours - states).max()
    assert reached.shape[1] == 3 * environment.config.physics_steps
    # The solver starts cold there, and the first entry is the time.
    assert np.abs(reached[:, -1] - ours)[:, 1:].max() < 1e-3 * moved


def test_all_of_it_is_measured_and_written(tmp_path, capsys):
    held_here = np.ones(100_000_000)
    words = ["--tasks", "go2_ts_tiny", "go2_belief_tiny", "--scaled", "go2_ts_tiny"]
    words += ["--counts", "8", "256", "--iterations", "1", "--output", str(tmp_path)]
    assert bench.main(words) == 0
    entries = {entry["name"]: entry for entry in json.loads((tmp_path / "train.json").read_text())}
    for name in ("go2_ts_tiny x 8", "go2_belief_tiny student x 8", "go2_ts_tiny x 256"):
        rates = [entries[f"{name}, {label}"]["value"] for label in throughput.LABELS]
        assert rates == sorted(rates, reverse=True) and rates[-1] > 0.0
        parts = [entries[f"{name}, {part}"] for part in throughput.PARTS]
        assert min(part["value"] for part in parts) > 0.0
        assert sum(part["ratio"] for part in parts) == pytest.approx(1.0)
        assert 1e6 / sum(part["value"] for part in parts) == pytest.approx(rates[-1])
    assert entries["go2_ts_tiny x 256, with learning"]["n"] == 256 * 6
    assert entries["go2_ts_tiny x 256, cost per step over that of x 256"]["value"] == 1.0
    memory = [1e6 * told["value"] for name, told in entries.items() if name.endswith("memory")]
    assert 0.0 < max(memory) < held_here.nbytes
    assert (tmp_path / "train.png").stat().st_size > 10_000
    told = capsys.readouterr().out
    assert "raw rollout" in told and told.count("go2_ts_tiny  ") == 3


def test_what_cannot_be_measured_is_refused(capsys):
    assert bench.main(["--tasks", "go9"]) == 2
    assert "valid: go2_ts" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        bench.main(["--counts", "0"])
    with pytest.raises(SystemExit):
        bench.main(["--iterations", "0"])
