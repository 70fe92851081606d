"""The whole graph in lockstep, led by a test until its robot walks."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import Twist
from probe import PATIENCE, Probe
from rclpy.qos import DurabilityPolicy, QoSProfile

from ts_locomotion import shipped
from ts_locomotion.bringup import graph
from ts_locomotion.bringup.process import ProcessGraph
from ts_locomotion_msgs.msg import JointTargets, Mode
from ts_locomotion_msgs.srv import Advance, SetMode

STEP = 0.1


class Walk:
    """The running graph, seen by a probe; simulated time passes only in `advance`."""

    def __init__(self, processes: ProcessGraph, probe: Probe, log: list[str]) -> None:
        self.processes = processes
        self.probe = probe
        self.log = log
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._modes = probe.record(Mode, "mode", latched)
        self.targets = probe.record(JointTargets, "joint_targets")
        self._statuses: dict[str, DiagnosticStatus] = {}
        probe.node.create_subscription(DiagnosticArray, "/diagnostics", self._note, 50)
        self._cmd_vel = probe.node.create_publisher(Twist, "cmd_vel", 10)

    @property
    def mode(self) -> Mode:
        return self._modes[-1] if self._modes else Mode()

    def until(self, condition: Callable[[], Any], timeout: float = PATIENCE) -> bool:
        """Whether the condition comes true, while the nodes' output is read."""

        def listened() -> Any:
            self.processes.listen(0.0)
            return condition()

        return self.probe.until(listened, timeout)

    def await_active(self) -> None:
        for stage in graph.STAGES:
            assert self.until(lambda s=stage: self.phase(s) == "active"), f"{stage}: {self.log}"

    def phase(self, stage: str) -> str:
        return self.figures(stage).get("state", "")

    def figures(self, node: str) -> dict[str, str]:
        """What the node's last heartbeat told."""
        status = self._statuses.get(f"/{node}", DiagnosticStatus())
        return {item.key: item.value for item in status.values}

    def message(self, node: str) -> str:
        return self._statuses.get(f"/{node}", DiagnosticStatus()).message

    def _note(self, message: DiagnosticArray) -> None:
        self._statuses |= {status.name: status for status in message.status}

    def advance(self, duration: float, speed: float = 0.0) -> None:
        """Let simulated time pass, asking for a speed along x meanwhile."""
        for _ in range(round(duration / STEP)):
            command = Twist()
            command.linear.x = speed
            self._cmd_vel.publish(command)
            request = Advance.Request(duration=STEP)
            answer = self.probe.call(Advance, "simulator/advance", request)
            assert answer.success, answer.message
            self.processes.listen(0.0)

    def ask(self, mode: int) -> str:
        """Ask for a mode; the reason of a refusal."""
        return self.probe.call(
            SetMode, "set_mode", SetMode.Request(mode=mode), "go2_bridge"
        ).reason

    def walk(self) -> None:
        """Stand up, come off the gantry, walk a little."""
        self.await_active()
        self.advance(0.3)
        assert self.ask(Mode.STAND) == ""
        self.advance(5.5)
        assert self.ask(Mode.WALK) == "", self.mode
        self.advance(0.6, speed=0.3)
        assert self.until(lambda: self.mode.mode == Mode.WALK), self.mode

    def kill(self, node: str) -> None:
        """SIGKILL, and no way back."""
        self.processes.nodes[node].signal(signal.SIGKILL)
        assert self.until(lambda: self.processes.nodes[node].status() is not None)


@contextmanager
def running_graph(monkeypatch: pytest.MonkeyPatch, domain: int, bundle: Path) -> Iterator[Walk]:
    """The graph on flat ground, paused; it ends with the block."""
    monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    arguments = {
        "policy": str(bundle),
        "pace": "lockstep",
        "paused": "true",
        "visualization": "false",
    }
    log: list[str] = []
    specs = graph.describe(arguments, shipped.folder())
    probe = Probe(domain)
    try:
        with ProcessGraph(specs, lambda name, line: log.append(f"[{name}] {line}")) as processes:
            yield Walk(processes, probe, log)
    finally:
        probe.close()
