"""Every node of the chain killed while the robot walks: what the robot does, and what is told."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from probe import free_domains
from walking import Walk, running_graph

from ts_locomotion_msgs.msg import Mode

(DOMAIN,) = free_domains(1)


@pytest.fixture
def walk(blind: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Walk]:
    with running_graph(monkeypatch, DOMAIN, blind) as walk:
        walk.walk()
        yield walk


@pytest.fixture
def sighted(seeing: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Walk]:
    with running_graph(monkeypatch, DOMAIN, seeing) as walk:
        walk.walk()
        yield walk


@pytest.mark.parametrize("node", ["policy", "belief"])
def test_without_policy_or_belief_the_robot_is_damped_and_says_why(walk: Walk, node: str):
    walk.kill(node)
    walk.advance(0.5, speed=0.3)
    assert walk.until(lambda: walk.mode.mode == Mode.DAMP), walk.mode
    assert walk.mode.fault
    assert "joint targets are 0.2" in walk.mode.reason
    assert walk.until(lambda: "joint targets are 0.2" in walk.message("go2_bridge"))
    assert walk.until(lambda: f"{node} is dead" in walk.message("health"))
    refusal = walk.ask(Mode.STAND)
    assert "acknowledge" in refusal


def test_without_perception_the_robot_walks_on_blind_and_sees_again_when_it_is_back(sighted: Walk):
    assert sighted.until(lambda: sighted.figures("belief").get("map_age_s", "inf") != "inf")
    sighted.kill("perception")
    before = sighted.targets[-1].sequence
    sighted.advance(2.0, speed=0.3)
    assert sighted.mode.mode == Mode.WALK, sighted.mode
    assert sighted.until(lambda: sighted.targets[-1].sequence >= before + 90)
    assert sighted.until(lambda: "blind" in sighted.message("belief"))
    assert sighted.until(lambda: "perception is dead" in sighted.message("health"))
    sighted.processes.start(sighted.processes.nodes["perception"].spec)
    assert sighted.until(lambda: "perception is dead" not in sighted.message("health"))
    assert sighted.until(lambda: sighted.phase("perception") == "active")

    def sees_again() -> bool:
        sighted.advance(0.1, speed=0.3)
        return "blind" not in sighted.message("belief")

    assert sighted.until(sees_again)
    assert sighted.mode.mode == Mode.WALK, sighted.mode


def test_without_the_bridge_the_robots_own_timeout_damps_it(walk: Walk):
    walk.kill("go2_bridge")
    walk.advance(0.5, speed=0.3)
    assert walk.until(lambda: walk.figures("simulator").get("motors") == "damped")
    assert "no valid /lowcmd" in walk.message("simulator")
    assert walk.until(lambda: "go2_bridge is dead" in walk.message("health"))
