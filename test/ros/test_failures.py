"""Every node of the chain killed while the robot walks: what the robot does, and what is told."""

from collections.abc import Iterator
from pathlib import Path

import bundles
import pytest
from probe import free_domains
from walking import Walk, running_graph

from ts_locomotion_msgs.msg import Mode

BLIND_DOMAIN, SEEING_DOMAIN = free_domains(2)


@pytest.fixture
def blind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Walk]:
    bundle = bundles.write_blind(tmp_path / "blind")
    with running_graph(monkeypatch, BLIND_DOMAIN, bundle) as walk:
        walk.walk()
        yield walk


@pytest.fixture
def seeing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Walk]:
    bundle = bundles.write_seeing(tmp_path / "seeing")
    with running_graph(monkeypatch, SEEING_DOMAIN, bundle) as walk:
        walk.walk()
        yield walk


@pytest.mark.parametrize("node", ["policy", "belief"])
def test_without_policy_or_belief_the_robot_is_damped_and_says_why(blind: Walk, node: str):
    blind.kill(node)
    blind.advance(0.5, speed=0.3)
    assert blind.until(lambda: blind.mode.mode == Mode.DAMP), blind.mode
    assert blind.mode.fault
    assert "joint targets are 0.2" in blind.mode.reason
    assert blind.until(lambda: "joint targets are 0.2" in blind.message("go2_bridge"))
    assert blind.until(lambda: f"{node} is dead" in blind.message("health"))
    refusal = blind.ask(Mode.STAND)
    assert "acknowledge" in refusal


def test_without_perception_the_robot_walks_on_blind_and_sees_again_when_it_is_back(seeing: Walk):
    assert seeing.until(lambda: seeing.figures("belief").get("map_age_s", "inf") != "inf")
    seeing.kill("perception")
    before = seeing.targets[-1].sequence
    seeing.advance(2.0, speed=0.3)
    assert seeing.mode.mode == Mode.WALK, seeing.mode
    assert seeing.until(lambda: seeing.targets[-1].sequence >= before + 90)
    assert seeing.until(lambda: "blind" in seeing.message("belief"))
    assert seeing.until(lambda: "perception is dead" in seeing.message("health"))
    seeing.processes.start(seeing.processes.nodes["perception"].spec)
    assert seeing.until(lambda: "perception is dead" not in seeing.message("health"))
    assert seeing.until(lambda: seeing.phase("perception") == "active")

    def sees_again() -> bool:
        seeing.advance(0.1, speed=0.3)
        return "blind" not in seeing.message("belief")

    assert seeing.until(sees_again)
    assert seeing.mode.mode == Mode.WALK, seeing.mode


def test_without_the_bridge_the_robots_own_timeout_damps_it(blind: Walk):
    blind.kill("go2_bridge")
    blind.advance(0.5, speed=0.3)
    assert blind.until(lambda: blind.figures("simulator").get("motors") == "damped")
    assert "no valid /lowcmd" in blind.message("simulator")
    assert blind.until(lambda: "go2_bridge is dead" in blind.message("health"))
