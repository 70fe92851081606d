"""How a test talks to a node in another process: real DDS, bounded waits, nothing left running."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.experimental.events_executor import EventsExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.task import Future

import ts_locomotion

# Read by Fast DDS when the first participant of a process is made, be it of the test or a node's.
os.environ["FASTRTPS_DEFAULT_PROFILES_FILE"] = str(Path(__file__).with_name("discovery.xml"))

DOMAINS = 100
PATIENCE = 60.0
"""For anything that has to come [s]; a machine may be slow, and busy with others' work."""
DEPTH = 1000
"""Of what is recorded: a test that is kept waiting must not lose what came meanwhile."""
ANY_PARAMETER = GetParameters.Request(names=["use_sim_time"])
CONFIGURE = Transition.TRANSITION_CONFIGURE
CLEANUP = Transition.TRANSITION_CLEANUP
ACTIVATE = Transition.TRANSITION_ACTIVATE
DEACTIVATE = Transition.TRANSITION_DEACTIVATE


_claims: list[socket.socket] = []


def free_domains(count: int) -> list[int]:
    """DDS domains that no other test uses, be it of this run or of another on this machine."""
    first = os.getpid() % DOMAINS
    candidates = ((first + offset) % DOMAINS + 1 for offset in range(DOMAINS))
    domains = list(islice(filter(_claim, candidates), count))
    assert len(domains) == count, "too few DDS domains are free"
    return domains


def _claim(domain: int) -> bool:
    """Take a domain until this process ends, if nobody has; a name without a file needs no end."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0ts_locomotion_domain_{domain}")
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return _is_free(domain)


def _is_free(domain: int) -> bool:
    # The port at which the first participant of a domain listens, by the DDSI-RTPS standard.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probing:
        try:
            probing.bind(("", 7410 + 250 * domain))
        except OSError:
            return False
    return True


class NodeProcess:
    """A node under test and what it has logged."""

    def __init__(self, process: subprocess.Popen, log: Path) -> None:
        self.process = process
        self._log = log
        self._read = 0

    @property
    def log(self) -> str:
        """What it has logged since the last `forget`."""
        return self._log.read_text()[self._read :]

    def forget(self) -> None:
        self._read = len(self._log.read_text())

    @property
    def alive(self) -> bool:
        return self.process.poll() is None


@contextmanager
def running(
    module: str, domain: int, log: Path, namespace: str = "", **parameters: object
) -> Iterator[NodeProcess]:
    """A node of this package in a process of its own, which ends with the block."""
    words = [sys.executable, "-m", f"ts_locomotion.nodes.{module}", "--ros-args"]
    if namespace:
        words += ["-r", f"__ns:={namespace}"]
    for name, value in parameters.items():
        words += ["-p", f"{name}:={str(value).lower() if isinstance(value, bool) else value}"]
    environment = os.environ | {
        "ROS_DOMAIN_ID": str(domain),
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
        "PYTHONPATH": str(Path(ts_locomotion.__file__).parents[1]),
    }
    with log.open("w") as output:
        process = subprocess.Popen(words, env=environment, stdout=output, stderr=output)
    try:
        yield NodeProcess(process, log)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Probe:
    """A node inside the test."""

    def __init__(self, domain: int, name: str = "probe") -> None:
        os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain)
        self.node = Node(name, context=self._context)
        self._executor = EventsExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._statuses: dict[str, Any] = {}
        self._clients: dict[str, Any] = {}
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._note, 50)

    def close(self) -> None:
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)

    def until(self, condition: Callable[[], Any], timeout: float = PATIENCE) -> bool:
        """Spin until the condition holds; whether it did in time."""
        end = time.monotonic() + timeout
        while not condition():
            left = end - time.monotonic()
            if left <= 0:
                return False
            self._executor.spin_once(timeout_sec=min(left, 0.05))
        return True

    def spin(self, duration: float) -> None:
        self.until(lambda: False, duration)

    def record(self, kind: type, topic: str, qos: Any = DEPTH) -> list[Any]:
        """A list that grows with every message of the topic."""
        messages: list[Any] = []
        self.node.create_subscription(kind, topic, messages.append, qos)
        return messages

    def publisher(self, kind: type, topic: str, qos: Any = 10, readers: int = 1) -> Publisher:
        """A publisher that has found its readers."""
        publisher = self.node.create_publisher(kind, topic, qos)
        assert self.until(lambda: publisher.get_subscription_count() >= readers), topic
        return publisher

    def latched_publisher(self, kind: type, topic: str) -> Publisher:
        """A publisher whose last message reaches those who come later."""
        qos = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        return self.node.create_publisher(kind, topic, qos)

    def call(
        self, kind: type, service: str, request: Any, server: str = "", timeout: float = PATIENCE
    ) -> Any:
        """The answer of a service; its `server` is the node that its name begins with, or given.

        A server that has not yet found its client answers nobody: they meet first.
        """
        if service not in self._clients:
            self._clients[service] = self.node.create_client(kind, service)
            self.meet(server or service.rpartition("/")[0])
        client = self._clients[service]
        assert self.until(client.service_is_ready, timeout), f"no service {service}"
        future = client.call_async(request)
        assert self.until(future.done, timeout), f"no answer from {service}"
        return future.result()

    def meet(self, node: str) -> None:
        """Wait until `node` knows all publishers, subscriptions and clients of this probe.

        They are announced in order, so a node that answers a client made last knows the others.
        """
        client = self.node.create_client(GetParameters, f"{node}/get_parameters")
        assert self.until(client.service_is_ready), f"no {node}"
        answers: list[Future] = []

        def answered() -> bool:
            return any(future.done() for future in answers)

        def answered_when_asked_again() -> bool:
            answers.append(client.call_async(ANY_PARAMETER))
            return self.until(answered, 1.0)

        assert self.until(answered_when_asked_again), f"{node} does not answer"
        self.node.destroy_client(client)

    def settle(self, node: str) -> None:
        """Wait until `node` has dealt with all that this probe has published.

        What one process sends another arrives in order, and nodes deal with it in that order.
        """
        self.call(GetParameters, f"{node}/get_parameters", ANY_PARAMETER)

    def transition(self, node: str, transition: int, timeout: float = PATIENCE) -> bool:
        request = ChangeState.Request(transition=Transition(id=transition))
        service = f"{node}/change_state"
        return self.call(ChangeState, service, request, timeout=timeout).success

    def set_parameter(self, node: str, name: str, value: Any) -> str:
        """Why the node refuses the value; empty when it takes it."""
        parameter = Parameter(name, value=value).to_parameter_msg()
        request = SetParameters.Request(parameters=[parameter])
        return self.call(SetParameters, f"{node}/set_parameters", request).results[0].reason

    def phase(self, node: str) -> str:
        """The lifecycle state, by the next heartbeat."""
        return self.value(node, "state")

    def bring_up(self, node: str) -> None:
        assert self.transition(node, CONFIGURE)
        assert self.transition(node, ACTIVATE)

    def begin_again(self, node: str) -> None:
        """Deactivate and activate: a stage forgets all that it has received."""
        assert self.transition(node, DEACTIVATE)
        assert self.transition(node, ACTIVATE)

    def status(self, node: str) -> Any:
        """The next heartbeat of a node; after `settle` it tells of all that was sent before."""
        self._statuses.pop(node, None)
        assert self.until(lambda: node in self._statuses), f"no heartbeat of {node}"
        return self._statuses[node]

    def figures(self, node: str) -> dict[str, str]:
        """The figures of the next heartbeat."""
        return {item.key: item.value for item in self.status(node).values}

    def value(self, node: str, key: str) -> str:
        """One figure of the next heartbeat."""
        return self.figures(node)[key]

    def refuses(self, node: str, process: NodeProcess, topic: str, send: Callable[[], Any]) -> str:
        """The reason why `node` refuses what is sent; asserts that it tells each, and logs few."""
        before, began = int(self.value(node, "refused")), time.monotonic()
        sent = 0

        def told() -> bool:
            nonlocal sent
            send()
            sent += 1
            self.settle(node)
            return sent >= 20 and f"ignored {topic}" in process.log

        assert self.until(told), process.log
        elapsed = time.monotonic() - began
        figures = self.figures(node)
        assert int(figures["refused"]) == before + sent
        assert process.log.count(f"ignored {topic}") <= 1 + elapsed
        assert process.alive
        return figures["last_refusal"]

    def _note(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self._statuses[status.name] = status
