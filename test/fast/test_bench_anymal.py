"""The comparison with the package that training.anymal stands in for, without running it."""

import subprocess

import pytest

from ts_locomotion.bench import anymal


@pytest.mark.parametrize("missing", list(anymal.NEEDED))
def test_without_the_original_or_torch_the_comparison_is_skipped_with_a_sentence(
    missing, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(anymal, "find_spec", lambda name: None if name == missing else object())
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("compared all the same"))
    assert anymal.measure() == []
    assert anymal.NEEDED[missing] in capsys.readouterr().out


def test_a_figure_with_a_goal_is_also_given_as_how_many_times_faster():
    found = anymal.figures_of(
        {
            "student update": {"ours": 0.5, "original": 4.0},
            "student step, no gradient": {"ours": 1e-4, "original": 2e-4},
        }
    )
    assert [(figure.value, figure.anchor) for figure in found] == [
        (500.0, 4000.0),
        (8.0, 10.0),
        (pytest.approx(0.1), pytest.approx(0.2)),
    ]
