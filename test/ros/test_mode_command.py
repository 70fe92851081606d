"""`ts-mode` as a user runs it, beside a real bridge."""

import os
import subprocess
import sys

import pytest
from probe import free_domains, running
from world import World

(DOMAIN,) = free_domains(1)


@pytest.fixture
def world(probe, tmp_path):
    with running("go2_bridge_node", DOMAIN, tmp_path / "log", silence=10.0):
        yield World(probe)


def ts_mode(world, *words):
    """Exit status and what is said on stderr, while the robot goes on."""
    process = subprocess.Popen(
        [sys.executable, "-m", "ts_locomotion.nodes.mode_command", *words],
        env=os.environ
        | {"ROS_DOMAIN_ID": str(DOMAIN), "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while process.poll() is None:
            world.run(0.1)
        return process.returncode, process.communicate()[1]
    finally:
        process.kill()


def test_it_ends_when_the_robot_stands(world):
    assert ts_mode(world, "stand", "--patience", "60") == (0, "")
    assert world.probe.until(lambda: world.modes[-1].settled)


def test_a_refusal_is_told_with_its_reason(world):
    status, told = ts_mode(world, "walk", "--patience", "60")
    assert status == 1
    assert "walk refused: damp does not lead to walk" in told


def test_without_a_robot_it_says_so(world):
    status, told = ts_mode(world, "stand", "--patience", "1", "--ros-args", "-r", "__ns:=/other")
    assert status == 1
    assert "no robot answers set_mode" in told
