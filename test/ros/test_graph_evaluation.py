"""A cell is walked by the real nodes in lockstep and compared with the pipeline."""

import json

import bundles
import pytest
from probe import free_domains

from ts_locomotion.evaluation import main

(DOMAIN,) = free_domains(1)


@pytest.fixture(autouse=True)
def _domain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", str(DOMAIN))


def test_graph_and_pipeline_agree_on_a_robot_that_does_not_get_far(tmp_path):
    model = bundles.write_seeing(tmp_path / "tiny")
    out = tmp_path / "graph.json"
    words = [str(model), "--graph", "--terrain", "stairs_up", "--height", "0.25", "--n", "1"]
    words += ["--regime", "frozen", "--pipeline-n", "4", "--time", "1", "--out", str(out)]
    assert main.main(words) == 0
    told = json.loads(out.read_text())
    assert told["agrees"]
    graph, pipeline = told["cells"]
    assert (graph["how"], graph["n"], graph["success"]) == ("graph", 1, 0.0)
    # It walked: of a graph that did not come up there is no velocity.
    assert graph["velocity_error"] > 0.0
    assert (pipeline["regime"], pipeline["n"], pipeline["success"]) == ("frozen", 4, 0.0)


def test_a_lane_that_cannot_be_made_is_told(tmp_path, capsys):
    model = bundles.write_seeing(tmp_path / "tiny")
    words = [str(model), "--graph", "--terrain", "stairs_up", "--height", "1.9"]
    assert main.main(words) == 2
    assert "expected above 0 and at most 1 m" in capsys.readouterr().err
