"""The supervisor through DDS: brings the stages up, and again after a death."""

import os
import signal
from contextlib import ExitStack

import bundles
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import TransitionEvent
from probe import DEACTIVATE, Probe, free_domains, running

from ts_locomotion.nodes.diagnostics import OK, Health, status_message

(DOMAIN,) = free_domains(1)
STAGES = ("perception", "belief", "policy")


class Graph:
    """The three stages and their supervisor, with the test as the robot bridge's heartbeat."""

    def __init__(self, stack: ExitStack, probe: Probe, place, namespace: str = "") -> None:
        self._stack, self._place, self._namespace = stack, place, namespace
        self.probe = probe
        self.bundle = bundles.write_blind(place / "tiny")
        self.policy = bundles.write_blind(place / "policy")
        self.processes = {}
        self._heart = probe.node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.beating = probe.node.create_timer(0.2, self._beat)

    def start(self, *names: str, patience: float = 3.0) -> None:
        settings = {
            "belief": {"bundle": self.bundle},
            "policy": {"bundle": self.policy},
            "supervisor": {"heartbeat_timeout": 2.0, "patience": patience},
        }
        for name in names:
            log = self._place / f"{name}_{len(self.processes)}.log"
            self.processes[name] = self._stack.enter_context(
                running(f"{name}_node", DOMAIN, log, self._namespace, **settings.get(name, {}))
            )

    def kill(self, name: str) -> None:
        os.kill(self.processes[name].process.pid, signal.SIGKILL)

    def health(self):
        return self.probe.status(f"{self._namespace}/health")

    def becomes(self, words: str) -> bool:
        """Whether the health line comes to contain the words."""
        return self.probe.until(lambda: words in self.health().message)

    def becomes_active(self, name: str) -> bool:
        return self.probe.until(lambda: self.probe.phase(name) == "active")

    def say(self, name: str, message: str, **figures: str) -> None:
        """A heartbeat in the name of a node."""
        status = status_message(name, Health(OK, message, figures))
        self._heart.publish(DiagnosticArray(status=[status]))

    def _beat(self) -> None:
        self.say(f"{self._namespace}/go2_bridge", "damp")


@pytest.fixture
def graph(tmp_path):
    probe = Probe(DOMAIN)
    with ExitStack() as stack:
        yield Graph(stack, probe, tmp_path)
    probe.close()


def test_it_brings_the_stages_up_in_order_and_calls_them_healthy(graph):
    events = []
    for name in STAGES:
        graph.probe.node.create_subscription(
            TransitionEvent,
            f"/{name}/transition_event",
            lambda event, name=name: events.append((event.goal_state.label, name)),
            10,
        )
    graph.start("policy", "belief", "perception")
    for name in STAGES:
        graph.probe.meet(f"/{name}")
        assert graph.probe.phase(f"/{name}") == "unconfigured"
    graph.start("supervisor", patience=60.0)
    assert graph.becomes("healthy: perception, belief, policy, go2_bridge")
    assert [name for label, name in events if label == "active"] == list(STAGES)
    assert "healthy" in graph.processes["supervisor"].log


def test_a_killed_stage_is_named_and_brought_up_again_when_it_returns(graph):
    graph.start("perception", "belief", "policy", "supervisor")
    assert graph.becomes("healthy")
    graph.kill("belief")
    assert graph.becomes("belief is dead: no heartbeat for")
    assert graph.health().level == b"\x02"
    graph.start("belief")
    assert graph.becomes_active("/belief")
    assert graph.becomes("healthy")


def test_a_stage_that_was_taken_down_is_brought_up_again(graph):
    graph.start("perception", "belief", "policy", "supervisor")
    assert graph.becomes("healthy")
    events = graph.probe.record(TransitionEvent, "/policy/transition_event")
    assert graph.probe.transition("/policy", DEACTIVATE)
    assert graph.probe.until(lambda: [e.goal_state.label for e in events][-1:] == ["active"])


def test_a_stage_that_cannot_be_configured_does_not_hold_up_the_others(graph):
    (graph.policy / "contract.yaml").unlink()
    graph.start("perception", "belief", "policy", "supervisor")
    assert graph.becomes("policy unconfigured: no model bundle")
    assert graph.becomes_active("/belief")
    bundles.write_blind(graph.policy)
    assert graph.becomes_active("/policy")


def test_a_watched_node_that_falls_silent_is_named(graph):
    graph.start("perception", "belief", "policy", "supervisor")
    assert graph.becomes("healthy")
    graph.probe.node.destroy_timer(graph.beating)
    assert graph.becomes("go2_bridge is dead: no heartbeat for")


def test_a_missing_perception_does_not_keep_the_rest_from_starting(graph):
    graph.start("belief", "policy", "supervisor")
    assert graph.becomes("perception has not been heard for")
    assert graph.becomes_active("/policy")


def test_heartbeats_that_make_no_sense_are_survived(graph):
    graph.start("perception", "belief", "policy", "supervisor")
    assert graph.becomes("healthy")
    graph.say("/nobody", "what?")
    graph.say("", "")
    for phase in ("dancing", ""):
        graph.say("/policy", "nonsense", state=phase)
        graph.probe.settle("/supervisor")
    assert graph.becomes("healthy")
    assert graph.processes["supervisor"].alive
    assert "nobody" not in graph.health().message


def test_it_works_below_a_namespace(tmp_path):
    probe = Probe(DOMAIN)
    with ExitStack() as stack:
        graph = Graph(stack, probe, tmp_path, "/team/go2")
        graph.start("perception", "belief", "policy", "supervisor")
        assert graph.becomes("healthy")
        assert probe.phase("/team/go2/policy") == "active"
    probe.close()
