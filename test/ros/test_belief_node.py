"""The belief node through DDS: what it believes, what it waits for, what it does not believe."""

from array import array

import feed
import numpy as np
import pytest
from feed import MILLISECOND, PERIOD
from geometry_msgs.msg import Twist, TwistStamped
from probe import CONFIGURE, Probe, free_domains, running

from ts_locomotion import bundle, robot
from ts_locomotion.belief import BeliefStage, BeliefState, BeliefTick, Scans
from ts_locomotion.nodes import belief_conversions, conversions
from ts_locomotion_msgs.msg import Belief, FootScans, JointTargets, Mode, RobotState

DOMAIN, SHARED_DOMAIN = free_domains(2)
NO_ACTION = np.zeros((1, 12), np.float32)


class Believer:
    """An active belief node, the topics of its neighbours, and its stage as reference."""

    def __init__(self, probe: Probe, process, folder) -> None:
        self.probe, self.process = probe, process
        self.stage = BeliefStage(bundle.load(folder))
        self.beliefs = probe.record(Belief, "belief")
        probe.bring_up("/belief")
        self.states = probe.publisher(RobotState, "robot_state")
        self.targets = probe.publisher(JointTargets, "joint_targets")
        self.stamped = probe.publisher(TwistStamped, "cmd_vel_stamped")
        probe.meet("/belief")
        self.stamp = 0

    def begin_again(self) -> None:
        self.probe.begin_again("/belief")
        self.process.forget()
        self.beliefs.clear()
        self.stamp = 0

    def feel(self, sensed=None, mode: int = Mode.WALK, after: int = PERIOD) -> None:
        self.stamp += after
        self.states.publish(feed.robot_state(self.stamp, sensed, mode))

    def believe(self, sensed=None, mode: int = Mode.WALK) -> Belief:
        """The belief at the next control tick."""
        count = len(self.beliefs)
        self.feel(sensed, mode)
        assert self.probe.until(lambda: len(self.beliefs) > count), self.process.log
        return self.beliefs[-1]

    def say(self, publisher, message) -> None:
        publisher.publish(message)
        self.probe.settle("/belief")

    def settled_feel(self, **words) -> None:
        self.feel(**words)
        self.probe.settle("/belief")

    def publisher(self, kind, topic):
        publisher = self.probe.publisher(kind, topic)
        self.probe.meet("/belief")
        return publisher

    def refuses(self, topic, publisher, message) -> str:
        return self.probe.refuses(
            "/belief", self.process, topic, lambda: publisher.publish(message)
        )

    def reference(
        self,
        state: BeliefState | None = None,
        sensed=None,
        velocity=(0.0, 0.0, 0.0),
        age: float = 0.0,
        action=NO_ACTION,
        scans: Scans | None = None,
    ) -> tuple[BeliefTick, BeliefState]:
        sensed = belief_conversions.batched(sensed or belief_conversions.standing())
        state = state or self.stage.initial_state()
        return self.stage.step(sensed, np.array([velocity]), age, action, scans, state)

    def refusal(self) -> str:
        return self.probe.value("/belief", "last_refusal")


@pytest.fixture(scope="module")
def common(tmp_path_factory, blind):
    probe = Probe(SHARED_DOMAIN)
    log = tmp_path_factory.mktemp("belief") / "log"
    with running("belief_node", SHARED_DOMAIN, log, bundle=blind) as process:
        yield Believer(probe, process, blind)
    probe.close()


@pytest.fixture
def node(common):
    common.begin_again()
    return common


def assert_believes(message: Belief, wanted: BeliefTick) -> None:
    np.testing.assert_allclose(message.observation, wanted.observation[0], atol=1e-6)
    np.testing.assert_allclose(message.belief, wanted.output.belief[0], atol=1e-6)


def twist(x: float = 0.0, y: float = 0.0, turn: float = 0.0) -> Twist:
    message = Twist()
    message.linear.x, message.linear.y, message.angular.z = x, y, turn
    return message


def test_each_control_period_gives_one_belief_of_its_first_robot_state(node):
    random = np.random.default_rng(0)
    state = None
    for sequence in range(1, 6):
        sensed = feed.felt(random)
        message = node.believe(sensed)
        wanted, state = node.reference(state, sensed)
        assert_believes(message, wanted)
        assert message.sequence == sequence
        assert conversions.nanoseconds(message.header.stamp) == node.stamp
        for _ in range(4):
            node.feel(feed.felt(random), after=4 * MILLISECOND)
        node.stamp -= 16 * MILLISECOND
    node.probe.settle("/belief")
    assert len(node.beliefs) == 5


def test_the_last_action_comes_from_the_joint_targets(node):
    _, state = node.reference()
    node.believe()
    action = np.linspace(-1, 1, 12).astype(np.float32)
    node.say(node.targets, feed.joint_targets(node.stamp, action))
    wanted, _ = node.reference(state, action=action[None])
    assert_believes(node.believe(), wanted)


def test_entering_walk_forgets_what_was_before(node):
    random = np.random.default_rng(1)
    for mode in (Mode.WALK, Mode.WALK, Mode.STAND):
        node.believe(feed.felt(random), mode)
        node.say(node.targets, feed.joint_targets(node.stamp, random.normal(size=12)))
    sensed = feed.felt(random)
    first, state = node.reference(None, sensed)
    before = node.stamp
    assert_believes(node.believe(sensed, Mode.WALK), first)
    node.say(node.targets, feed.joint_targets(before, np.ones(12)))
    second, _ = node.reference(state, sensed)
    assert_believes(node.believe(sensed, Mode.WALK), second)


def test_at_rest_each_belief_is_a_first_one(node):
    random = np.random.default_rng(2)
    for _ in range(3):
        sensed = feed.felt(random)
        wanted, _ = node.reference(None, sensed)
        assert_believes(node.believe(sensed, Mode.STAND), wanted)
        node.say(node.targets, feed.joint_targets(node.stamp, np.ones(12)))


def test_time_that_goes_back_begins_again(node):
    node.stamp = 100 * PERIOD
    node.believe()
    node.stamp = 0
    wanted, _ = node.reference()
    assert_believes(node.believe(), wanted)


def test_a_velocity_command_is_limited_and_approached(node):
    publisher = node.publisher(Twist, "cmd_vel")
    node.believe()
    node.say(publisher, twist(x=15.0, turn=-0.3))
    seen = []
    for _ in range(40):
        node.say(publisher, twist(x=15.0, turn=-0.3))
        seen.append(node.believe().observation[0:3])
    speeds = np.array(seen)
    np.testing.assert_allclose(np.diff(speeds[:20, 0]), 2.0 * 0.02, atol=1e-6)
    np.testing.assert_allclose(speeds[-1], [1.0, 0.0, -0.3], atol=1e-6)


def test_a_stale_velocity_command_ramps_to_zero(node):
    node.believe()
    node.say(node.stamped, TwistStamped(twist=twist(y=0.2)))
    speeds = [node.believe().observation[1] for _ in range(45)]
    np.testing.assert_allclose(max(speeds), 0.2, atol=1e-6)
    np.testing.assert_allclose(speeds[24:26], [0.2, 0.16], atol=1e-6)
    assert speeds[-1] == 0.0


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (twist(x=float("nan")), "velocity command is not finite: entry 0 is nan"),
        (twist(turn=float("inf")), "velocity command is not finite: entry 2 is inf"),
        (twist(x=1e6), "is absurd; expected at most 20"),
    ],
)
def test_an_absurd_velocity_command_is_ignored(node, message, reason):
    publisher = node.publisher(Twist, "cmd_vel")
    node.believe()
    node.say(publisher, twist(x=0.04, y=0.04))
    np.testing.assert_allclose(node.believe().observation[0:2], [0.04, 0.04], atol=1e-6)
    assert reason in node.refuses("cmd_vel", publisher, message)
    np.testing.assert_allclose(node.believe().observation[0:2], [0.04, 0.04], atol=1e-6)


def spoiled(message, **changes):
    for name, value in changes.items():
        setattr(message, name, value)
    return message


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("joint_velocities", np.full(12, np.inf, np.float32), "joint_velocities is not finite"),
        ("angular_velocity", np.full(3, np.nan, np.float32), "angular_velocity is not finite"),
        ("orientation", np.full(4, 9.0, np.float32), "expected a unit quaternion"),
        ("joint_names", ["", *robot.JOINTS[1:]], "unknown joints ['']"),
    ],
)
def test_a_malformed_robot_state_is_ignored(node, field, value, reason):
    node.believe()
    bad = spoiled(feed.robot_state(node.stamp + PERIOD), **{field: value})
    assert reason in node.refuses("robot_state", node.states, bad)
    assert len(node.beliefs) == 1
    node.believe()


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("action", array("f", [np.nan] * 12), "action is not finite"),
        ("action", array("f", [0.0] * 16), "action has 16 entries, expected 12"),
        ("stiffness", np.full(12, -1.0, np.float32), "a gain is negative"),
        ("joint_names", ["a"] * 12, "unknown joints ['a']"),
    ],
)
def test_malformed_joint_targets_are_ignored(node, field, value, reason):
    _, state = node.reference()
    node.believe()
    bad = spoiled(feed.joint_targets(node.stamp, np.ones(12)), **{field: value})
    node.say(node.targets, bad)
    wanted, _ = node.reference(state)
    assert_believes(node.believe(), wanted)
    assert reason in node.refusal()


class TestSeeing:
    """With a bundle that sees."""

    @pytest.fixture
    def node(self, probe, tmp_path, seeing):
        settings = {"bundle": seeing, "scan_deadline": 0.004, "scan_hold": 0.02}
        with running("belief_node", DOMAIN, tmp_path / "log", **settings) as process:
            node = Believer(probe, process, seeing)
            node.scans = node.publisher(FootScans, "foot_scans")
            yield node

    def test_it_waits_for_the_scans_of_the_tick_holds_the_last_and_then_goes_blind(self, node):
        heights = np.linspace(-0.2, 0.2, 208).astype(np.float32)
        scans = Scans(heights[None], np.ones((1, 208), bool), np.array([0.1], np.float32))
        seen, state = node.reference(scans=scans)
        node.settled_feel()
        assert not node.beliefs
        node.say(node.scans, feed.foot_scans(node.stamp, heights))
        assert node.probe.until(lambda: node.beliefs)
        assert_believes(node.beliefs[0], seen)
        np.testing.assert_allclose(node.beliefs[0].gate, seen.output.gate[0], atol=1e-6)
        np.testing.assert_allclose(node.beliefs[0].heights, seen.output.heights[0], atol=1e-6)
        assert node.beliefs[0].map_age == pytest.approx(0.1)

        # Perception misses two ticks: the scan is held for one of them.
        held = scans._replace(map_age=np.array([0.12], np.float32))
        for tick, seen_now, age in ((2, held, 0.12), (3, None, np.inf)):
            wanted, state = node.reference(state, scans=seen_now)
            node.settled_feel(after=PERIOD if tick == 2 else 16 * MILLISECOND)
            assert len(node.beliefs) == tick - 1
            node.feel(after=4 * MILLISECOND)
            assert node.probe.until(lambda tick=tick: len(node.beliefs) == tick)
            assert_believes(node.beliefs[-1], wanted)
            assert node.beliefs[-1].map_age == pytest.approx(age)

    def test_a_tick_uses_the_scans_of_a_state_that_follows_when_its_own_was_skipped(self, node):
        heights = np.linspace(-0.2, 0.2, 208).astype(np.float32)
        ahead = 4 * MILLISECOND
        seen = Scans(heights[None], np.ones((1, 208), bool), np.array([0.096], np.float32))
        wanted, _ = node.reference(scans=seen)
        node.settled_feel()
        node.say(node.scans, feed.foot_scans(node.stamp + ahead, heights))
        assert not node.beliefs
        node.feel(after=ahead)
        assert node.probe.until(lambda: node.beliefs)
        assert_believes(node.beliefs[0], wanted)
        assert node.beliefs[0].map_age == pytest.approx(0.096)

    def test_scans_from_too_far_ahead_are_not_used(self, node):
        blind, _ = node.reference()
        node.settled_feel()
        node.say(node.scans, feed.foot_scans(node.stamp + 21 * MILLISECOND, np.zeros(208)))
        node.feel(after=4 * MILLISECOND)
        assert node.probe.until(lambda: node.beliefs)
        assert_believes(node.beliefs[0], blind)
        assert node.beliefs[0].map_age == np.inf

    def test_when_perception_is_dead_it_no_longer_waits_until_it_is_back(self, node):
        for tick in range(5):
            node.feel(after=16 * MILLISECOND if tick else PERIOD)
            node.feel(after=4 * MILLISECOND)
            assert node.probe.until(lambda tick=tick: len(node.beliefs) == tick + 1)
        node.stamp += 16 * MILLISECOND - PERIOD
        node.believe()
        status = node.probe.status("/belief")
        assert status.level == b"\x01"
        assert "goes on blind" in status.message
        node.say(node.scans, feed.foot_scans(node.stamp, np.zeros(208)))
        node.feel()
        node.say(node.scans, feed.foot_scans(node.stamp, np.zeros(208)))
        assert node.probe.until(lambda: np.isfinite(node.beliefs[-1].map_age))
        assert node.probe.status("/belief").level == b"\x00"

    @pytest.mark.parametrize("bad", ["nan heights", "nan age"])
    def test_malformed_scans_are_ignored(self, node, bad):
        not_seen, _ = node.reference()
        node.feel()
        scans = feed.foot_scans(node.stamp, np.zeros(208))
        if bad == "nan heights":
            scans.heights[7] = np.nan
        else:
            scans.map_age = float("nan")
        node.say(node.scans, scans)
        node.feel(after=4 * MILLISECOND)
        assert node.probe.until(lambda: node.beliefs)
        assert_believes(node.beliefs[0], not_seen)
        assert "foot_scans:" in node.refusal()


def test_in_lockstep_it_waits_for_the_last_joint_targets_and_gives_up_in_the_end(
    probe, tmp_path, blind
):
    log = tmp_path / "log"
    settings = {"lockstep": True, "lockstep_timeout": 3.0}
    with running("belief_node", DOMAIN, log, bundle=blind, **settings) as process:
        node = Believer(probe, process, blind)
        node.believe()
        node.settled_feel()
        assert len(node.beliefs) == 1
        node.say(node.targets, feed.joint_targets(node.stamp - PERIOD, np.zeros(12)))
        assert node.probe.until(lambda: len(node.beliefs) == 2)
        node.believe()
        node.believe()


def test_a_bad_bundle_fails_configuration_and_says_why(probe, tmp_path, blind):
    contract = (blind / "contract.yaml").read_text().replace("step_time: 0.02", "step_time: 0.01")
    (tmp_path / "contract.yaml").write_text(contract)
    with running("belief_node", DOMAIN, tmp_path / "log", bundle=tmp_path) as process:
        assert not probe.transition("/belief", CONFIGURE)
        assert "step_time: given 0.01, expected 0.02" in probe.status("/belief").message
        assert process.alive
