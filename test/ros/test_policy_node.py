"""The policy node through DDS: answers beliefs, survives bad ones, explains a bad bundle."""

from array import array
from pathlib import Path

import bundles
import numpy as np
import onnx
import pytest
from probe import ACTIVATE, CLEANUP, CONFIGURE, DEACTIVATE, Probe, free_domains, running

from ts_locomotion import bundle
from ts_locomotion.policy import PolicyStage
from ts_locomotion_msgs.msg import Belief, JointTargets

DOMAIN, SHARED_DOMAIN = free_domains(2)


def belief(tick: int, observation: np.ndarray, vector: np.ndarray) -> Belief:
    message = Belief(sequence=tick)
    message.header.stamp.nanosec = tick * 20_000_000
    message.observation = array("f", observation.astype(np.float32).tobytes())
    message.belief = array("f", vector.astype(np.float32).tobytes())
    return message


class Policy:
    """An active policy node with the topics of its neighbours."""

    def __init__(self, probe: Probe, process, folder: Path) -> None:
        self.probe, self.process, self.folder = probe, process, folder
        self.targets = probe.record(JointTargets, "joint_targets")
        probe.bring_up("/policy")
        self.beliefs = probe.publisher(Belief, "belief")
        probe.meet("/policy")
        self.tick = 0

    def ask(self, observation: np.ndarray, vector: np.ndarray) -> None:
        self.tick += 1
        self.beliefs.publish(belief(self.tick, observation, vector))
        self.probe.settle("/policy")

    def answers(self) -> bool:
        count = len(self.targets)
        self.ask(np.zeros(45), np.zeros(8))
        return self.probe.until(lambda: len(self.targets) > count)


@pytest.fixture(scope="module")
def common(tmp_path_factory):
    probe = Probe(SHARED_DOMAIN)
    place = tmp_path_factory.mktemp("policy")
    folder = bundles.write_blind(place / "tiny")
    with running("policy_node", SHARED_DOMAIN, place / "log", bundle=folder) as process:
        yield Policy(probe, process, folder)
    probe.close()


@pytest.fixture
def policy(common):
    common.probe.begin_again("/policy")
    common.process.forget()
    common.targets.clear()
    common.tick = 0
    return common


def test_each_belief_is_answered_with_targets_of_its_stamp_and_sequence(policy):
    stage = PolicyStage(bundle.load(policy.folder))
    random = np.random.default_rng(0)
    asked = [(random.normal(size=45), random.normal(size=8)) for _ in range(20)]
    for observation, vector in asked:
        policy.ask(observation, vector)
    assert policy.probe.until(lambda: len(policy.targets) == 20)
    for tick, (given, message) in enumerate(zip(asked, policy.targets, strict=True), 1):
        wanted = stage.step(*(part[None].astype(np.float32) for part in given))
        assert message.sequence == tick
        assert message.header.stamp.nanosec == tick * 20_000_000
        np.testing.assert_allclose(message.positions, wanted.positions[0], atol=1e-6)
        np.testing.assert_allclose(message.action, wanted.action[0], atol=1e-6)
        np.testing.assert_allclose(message.stiffness, 40.0)


@pytest.mark.parametrize(
    ("observation", "vector", "reason"),
    [
        (np.full(45, np.nan), np.zeros(8), "observation is not finite"),
        (np.zeros(45), np.full(8, np.inf), "belief is not finite"),
        (np.zeros(44), np.zeros(8), "observation has 44 entries, expected 45"),
        (np.zeros(45), np.zeros(0), "belief has 0 entries, expected 8"),
    ],
)
def test_a_malformed_belief_is_ignored_with_a_bounded_warning(policy, observation, vector, reason):
    assert reason in policy.probe.refuses(
        "/policy", policy.process, "belief", lambda: policy.ask(observation, vector)
    )
    assert policy.answers()
    assert len(policy.targets) == 1


def test_a_network_that_answers_nan_gives_no_targets_and_an_error(probe, tmp_path):
    folder = overflowing_bundle(tmp_path / "tiny")
    with running("policy_node", DOMAIN, tmp_path / "log", bundle=folder) as process:
        policy = Policy(probe, process, folder)
        policy.ask(np.full(45, 1e4), np.full(8, 1e4))
        status = probe.status("/policy")
        assert status.level == b"\x02"
        assert "no joint targets: policy: the action is not finite" in status.message
        assert not policy.targets
        assert policy.answers()
        assert probe.status("/policy").level == b"\x00"


def overflowing_bundle(folder: Path) -> Path:
    """A policy whose weights are so large that great inputs give infinity minus infinity."""
    contract = bundle.load(bundles.write_blind(folder)).contract
    model = onnx.load(folder / "policy.onnx")
    weights = onnx.numpy_helper.to_array(model.graph.initializer[0])
    huge = (np.sign(weights) * 3e37).astype(np.float32)
    model.graph.initializer[0].CopyFrom(
        onnx.numpy_helper.from_array(huge, model.graph.initializer[0].name)
    )
    next(node for node in model.graph.node if node.op_type == "Tanh").op_type = "Identity"
    onnx.save(model, folder / "policy.onnx")
    bundle.write_contract(folder, contract)
    return folder


def test_a_bad_bundle_fails_configuration_and_says_why(probe, tmp_path):
    folder = bundles.write_blind(tmp_path / "tiny")
    (folder / "policy.onnx").write_bytes(b"not a network")
    with running("policy_node", DOMAIN, tmp_path / "log", bundle=folder) as process:
        assert not probe.transition("/policy", CONFIGURE)
        assert probe.phase("/policy") == "unconfigured"
        assert "files.policy.onnx" in probe.status("/policy").message
        assert "files.policy.onnx" in process.log
        bundles.write_blind(folder)
        probe.bring_up("/policy")


def test_an_unknown_bundle_name_fails_configuration_with_the_names_that_exist(probe, tmp_path):
    with running("policy_node", DOMAIN, tmp_path / "log", bundle="nothing"):
        assert not probe.transition("/policy", CONFIGURE)
        assert "no model bundle 'nothing'" in probe.status("/policy").message


def test_it_can_be_taken_down_and_up_again(policy):
    assert policy.answers()
    assert policy.probe.transition("/policy", DEACTIVATE)
    policy.ask(np.zeros(45), np.zeros(8))
    assert len(policy.targets) == 1
    assert policy.probe.transition("/policy", CLEANUP)
    assert policy.probe.until(lambda: policy.beliefs.get_subscription_count() == 0)
    policy.probe.bring_up("/policy")
    assert policy.probe.until(lambda: policy.beliefs.get_subscription_count() == 1)
    assert policy.answers()


def test_an_impossible_transition_is_refused_and_the_node_lives(policy):
    with pytest.raises(AssertionError, match="no answer"):
        policy.probe.transition("/policy", ACTIVATE, timeout=2.0)
    assert policy.process.alive
    assert policy.answers()
