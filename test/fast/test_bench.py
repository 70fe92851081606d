"""The benchmark's figures and its core part; nothing is said here of how fast anything is."""

from pathlib import Path

import bundles
import numpy as np
import pytest

from ts_locomotion.bench import core, figures
from ts_locomotion.bench.figures import Figure


def test_a_figures_ratio_is_its_value_over_its_anchor():
    entry = Figure("p99", 3.0, "ms", 2.0).entry()
    assert entry == {"name": "p99", "value": 3.0, "unit": "ms", "anchor": 2.0, "ratio": 1.5}
    assert Figure("p99", 3.0, "ms").entry()["ratio"] is None


def test_percentiles_are_in_milliseconds_and_ordered():
    found = figures.percentiles(np.arange(1, 1001) * 1e-3)
    assert found["p50"] == pytest.approx(500.5)
    assert found["p99"] < found["p999"] < found["max"] == pytest.approx(1000.0)


def test_cpu_time_counts_work_and_not_sleep():
    idle = figures.cpu_time(lambda: None, repeats=10, rounds=3)
    busy = figures.cpu_time(lambda: sum(range(2000)), repeats=10, rounds=3)
    assert busy > idle


def test_the_core_is_measured_against_its_goals_with_any_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(core, "cpu_time", lambda work, **_: (work(), 1e-6)[1])
    found = core.measure(bundles.write_blind(tmp_path / "tiny"))
    assert [figure.anchor for figure in found] == [50.0, 50.0, 0.5, 0.15]
    assert "belief + policy step" in figures.table(found)
