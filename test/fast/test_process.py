"""The process front end, on plain programs in place of nodes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from ts_locomotion.bringup import process
from ts_locomotion.bringup.graph import ARGUMENTS, NodeSpec
from ts_locomotion.bringup.process import ProcessGraph
from ts_locomotion.errors import ConfigurationError

PATIENCE = 20.0
SLEEPER = "import time; print('up', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); {SLEEPER}"
PARENT = (
    f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]); {SLEEPER}"
)


def graph_of(programs: dict[str, str], heard: list[tuple[str, str]]) -> ProcessGraph:
    return ProcessGraph(
        [NodeSpec(executable=code, name=name) for name, code in programs.items()],
        lambda name, line: heard.append((name, line)),
        lambda spec: [sys.executable, "-c", spec.executable],
    )


def listen_until(processes: ProcessGraph, done: Callable[[], bool]) -> list[process.Exit]:
    ended = []
    deadline = time.monotonic() + PATIENCE
    while not done() and time.monotonic() < deadline:
        ended += processes.listen(0.05)
    assert done()
    return ended


def test_each_line_is_passed_on_under_its_nodes_name_even_the_last_without_an_end():
    heard: list[tuple[str, str]] = []
    programs = {"a": "print('one'); print('two', end='')", "b": "1/0"}
    with graph_of(programs, heard) as processes:
        ended = listen_until(processes, lambda: all(n.mute for n in processes.nodes.values()))
        ended += processes.listen(0.05)
    assert [line for name, line in heard if name == "a"] == ["one", "two"]
    assert ("b", "ZeroDivisionError: division by zero") in heard
    assert sorted(ended) == [("a", 0), ("b", 1)]


@pytest.mark.parametrize("program", [SLEEPER, STUBBORN, PARENT])
def test_leaving_ends_every_process_and_its_children(
    program: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(process, "GRACE", 0.5)
    heard: list[tuple[str, str]] = []
    with graph_of({"a": program}, heard) as processes:
        listen_until(processes, lambda: ("a", "up") in heard)
        leader = psutil.Process(processes.nodes["a"].pid)
        family = [leader, *leader.children(recursive=True)]
    _, alive = psutil.wait_procs(family, timeout=PATIENCE)
    assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]


def test_an_ended_node_can_be_started_again():
    heard: list[tuple[str, str]] = []
    with graph_of({"a": SLEEPER}, heard) as processes:
        listen_until(processes, lambda: len(heard) == 1)
        processes.nodes["a"].signal(signal.SIGKILL)
        ended = listen_until(processes, lambda: processes.nodes["a"].mute)
        ended += processes.listen(0.05)
        assert ended == [("a", -signal.SIGKILL)]
        processes.start(processes.nodes["a"].spec)
        listen_until(processes, lambda: len(heard) == 2)


def test_nodes_die_with_a_parent_that_is_killed(tmp_path: Path):
    script = tmp_path / "parent.py"
    script.write_text(
        "import sys, time\n"
        "from ts_locomotion.bringup.graph import NodeSpec\n"
        "from ts_locomotion.bringup.process import ProcessGraph\n"
        f"command = lambda spec: [sys.executable, '-c', {SLEEPER!r}]\n"
        "with ProcessGraph([NodeSpec('x', 'x')], print, command) as processes:\n"
        "    print(processes.nodes['x'].pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.communicate()
    _, alive = psutil.wait_procs([child], timeout=PATIENCE)
    assert not [p for p in alive if p.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize(
    ("programs", "status"), [({"a": SLEEPER}, 0), ({"a": SLEEPER, "b": "raise SystemExit(3)"}, 1)]
)
def test_the_graph_runs_until_interrupted_or_a_required_node_ends(
    programs: dict[str, str], status: int
):
    heard: list[tuple[str, str]] = []

    def hear(name: str, line: str) -> None:
        heard.append((name, line))
        if len(programs) == 1:
            os.kill(os.getpid(), signal.SIGINT)

    specs = [NodeSpec(code, name, required=name == "b") for name, code in programs.items()]
    processes = ProcessGraph(specs, hear, lambda spec: [sys.executable, "-c", spec.executable])
    handlers = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        assert process.run(processes, hear) == status
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if status:
        assert ("b", "ended with status 3") in heard


def test_arguments_are_written_as_in_ros2_launch():
    assert process.parse(["robot:=go2", "policy:=a:=b"]) == {"robot": "go2", "policy": "a:=b"}
    with pytest.raises(ConfigurationError, match="name:=value"):
        process.parse(["robot=go2"])


def test_help_names_every_argument_with_its_choices():
    text = process.usage()
    assert all(argument.name in text for argument in ARGUMENTS)
    assert "mujoco|go2" in text


RVIZ = NodeSpec(
    "rviz2", "rviz", namespace="a", package="rviz2", arguments=("-d", "x"), parameters={"b": True}
)


def test_a_node_of_another_package_is_run_by_its_own_program():
    words = ["rviz2", "-d", "x", "--ros-args", "-r", "__ns:=/a", "-p", "b:=true"]
    assert process.command_line(RVIZ) == words


def test_a_program_that_is_not_installed_is_said_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    process.check_installed([NodeSpec("belief_node", "belief")])
    with pytest.raises(ConfigurationError, match="rviz:=true needs rviz2, which is not on the"):
        process.check_installed([RVIZ])
    program = tmp_path / "rviz2"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    process.check_installed([RVIZ])


def test_without_rviz_the_bring_up_ends_before_it_starts_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["ts-bringup", "rviz:=true"])
    with pytest.raises(SystemExit) as ended:
        process.main()
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
