"""The graph as processes: started together, heard together, ended together.

`ts-bringup robot:=mujoco terrain:=stairs_up` does without the launch package what
`ros2 launch ts_locomotion go2_bringup.launch.py robot:=mujoco terrain:=stairs_up` does.
"""

import ctypes
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import IO, NamedTuple

from ts_locomotion import shipped
from ts_locomotion.bringup import graph
from ts_locomotion.bringup.graph import ARGUMENTS, NodeSpec
from ts_locomotion.errors import ConfigurationError

GRACE = 4.0
"""Time a node has to end by itself before it is told more firmly [s]."""
PR_SET_PDEATHSIG = 1
STARTER = "import sys; from ts_locomotion.nodes.{0} import main; sys.argv[0] = '{0}'; main()"


class Exit(NamedTuple):
    """How a node ended: the status of its process, negative for a signal."""

    name: str
    status: int


def command_line(spec: NodeSpec) -> list[str]:
    """The command that runs a node, one of ours in this interpreter."""
    if not spec.is_ours:
        return [spec.executable, *spec.arguments, *spec.ros_arguments()]
    return [sys.executable, "-c", STARTER.format(spec.executable), *spec.ros_arguments()]


class NodeProcess:
    """A node running in a process group of its own, which does not outlive this process."""

    def __init__(self, spec: NodeSpec, command: Sequence[str]) -> None:
        self.spec = spec
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
            preexec_fn=_tie_to(os.getpid()),
        )
        assert self._process.stdout is not None
        self.output: IO[bytes] = self._process.stdout
        os.set_blocking(self.output.fileno(), False)
        self._rest = b""
        self.mute = False

    @property
    def pid(self) -> int:
        """Of the process, which leads its group."""
        return self._process.pid

    def status(self) -> int | None:
        """Exit status, or None while the process runs."""
        return self._process.poll()

    def lines(self) -> list[str]:
        """The whole lines it has written since the last call; after the last, `mute` is set."""
        data = b"" if self.mute else self.output.read()
        if data == b"" and not self.mute:
            self.mute = True
            self.output.close()
            data = b"\n" if self._rest else b""
        *whole, self._rest = (self._rest + (data or b"")).split(b"\n")
        return [line.decode(errors="replace") for line in whole]

    def signal(self, number: signal.Signals) -> None:
        """Signal the whole process group; a group that is gone is no error."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return


class ProcessGraph:
    """All nodes of the graph. Use as a context manager: leaving it leaves no process behind."""

    def __init__(
        self,
        specs: Sequence[NodeSpec],
        hear: Callable[[str, str], None],
        command: Callable[[NodeSpec], Sequence[str]] = command_line,
    ) -> None:
        self._specs = specs
        self._hear = hear
        self._command = command
        self._selector = selectors.DefaultSelector()
        self._known: set[str] = set()
        self.nodes: dict[str, NodeProcess] = {}

    def __enter__(self) -> "ProcessGraph":
        try:
            for spec in self._specs:
                self.start(spec)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, spec: NodeSpec) -> None:
        """Start a node, also one that has ended before."""
        node = NodeProcess(spec, self._command(spec))
        self.nodes[spec.name] = node
        self._known.discard(spec.name)
        self._selector.register(node.output.fileno(), selectors.EVENT_READ, node)

    def listen(self, timeout: float) -> list[Exit]:
        """Pass on what nodes write for up to `timeout` seconds; returns those that ended."""
        for key, _ in self._selector.select(timeout):
            self._pass_on(key.data)
        ended = []
        for name, node in self.nodes.items():
            status = node.status()
            if status is not None and name not in self._known:
                self._pass_on(node)
                self._known.add(name)
                ended.append(Exit(name, status))
        return ended

    def stop(self) -> None:
        """End every process group: asked, told, and after that killed."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            for node in self._running():
                node.signal(number)
            deadline = time.monotonic() + GRACE
            while self._running() and time.monotonic() < deadline:
                self.listen(0.05)
        for node in self.nodes.values():
            node.signal(signal.SIGKILL)
            self._pass_on(node)

    def _running(self) -> list[NodeProcess]:
        return [node for node in self.nodes.values() if node.status() is None]

    def _pass_on(self, node: NodeProcess) -> None:
        if node.mute:
            return
        descriptor = node.output.fileno()
        for line in node.lines():
            self._hear(node.spec.name, line)
        if node.mute:
            self._selector.unregister(descriptor)


def check_installed(specs: Sequence[NodeSpec]) -> None:
    """Raises ConfigurationError for a node of another package that is not on the PATH."""
    for spec in specs:
        if not spec.is_ours and shutil.which(spec.executable) is None:
            raise ConfigurationError(
                f"{spec.name}:=true needs {spec.executable}, which is not on the PATH: install it"
                f" (apt install ros-jazzy-{spec.package}) and source its setup.bash, or do without"
            )


def parse(words: Sequence[str]) -> dict[str, str]:
    """Arguments written as name:=value; raises ConfigurationError for any other word."""
    given = {}
    for word in words:
        name, separator, value = word.partition(":=")
        if not separator:
            raise ConfigurationError(f"'{word}' is not of the form name:=value")
        given[name] = value
    return given


def usage() -> str:
    """The help text, from the table of arguments."""
    lines = ["usage: ts-bringup [name:=value ...]", "", "arguments:"]
    for argument in ARGUMENTS:
        default = f" (default: {argument.default or 'none'})"
        lines.append(f"  {argument.name}:=<{'|'.join(argument.choices) or 'value'}>")
        lines.append(f"      {argument.description}{default}")
    return "\n".join(lines)


def run(processes: ProcessGraph, hear: Callable[[str, str], None]) -> int:
    """Run the graph until it is interrupted (0) or a required node ends (1)."""
    asked: list[int] = []

    def ask(number: int, _: FrameType | None) -> None:
        asked.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ask)
    with processes:
        while not asked:
            for name, status in processes.listen(0.2):
                hear(name, f"ended with status {status}")
                if processes.nodes[name].spec.required:
                    hear(name, "the graph cannot go on without it")
                    return 1
    return 0


def main() -> None:
    """Entry point of ts-bringup."""
    words = sys.argv[1:]
    if {"-h", "--help", "-s", "--show-args"} & set(words):
        print(usage())
        return
    try:
        specs = graph.describe(parse(words), shipped.folder())
        check_installed(specs)
    except ConfigurationError as problem:
        print(f"ts-bringup: {problem}", file=sys.stderr)
        sys.exit(2)
    sys.exit(run(ProcessGraph(specs, show), show))


def show(name: str, line: str) -> None:
    """Print a line of a node's output under its name."""
    print(f"[{name}] {line}", flush=True)


def _tie_to(parent: int) -> Callable[[], None]:
    """What a child does first: ask the kernel for SIGTERM when its parent dies, however it dies.

    SIGTERM and not SIGKILL, so that the bridge of a real robot still damps it.
    """
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def tie() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return tie
