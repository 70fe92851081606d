"""The belief view through DDS: what RViz is shown, how often, and what it is not shown."""

import bundles
import feed
import numpy as np
import pytest
from feed import MILLISECOND, PERIOD
from nav_msgs.msg import Odometry
from probe import Probe, free_domains, running
from sensor_msgs.msg import PointCloud2
from visualization_msgs.msg import Marker, MarkerArray

from ts_locomotion import belief_picture, bundle, observation, robot
from ts_locomotion.belief_picture import Stance
from ts_locomotion.nodes import belief_view_conversions as view
from ts_locomotion.nodes import conversions
from ts_locomotion.perception import FootScanArrays
from ts_locomotion_msgs.msg import Belief, FootScans, RobotState

DOMAIN, SHARED_DOMAIN = free_domains(2)
COMMAND = np.array([0.5, -0.1, 0.3])
PLACE = np.array([1.0, 2.0, 0.33])
SEEN = np.linspace(-0.4, -0.2, 208)
VALID = np.arange(208) % 3 > 0
BELIEVED = SEEN + 0.02
GATE = np.linspace(0.1, 0.9, bundles.GATE)


class Viewer:
    """A belief view, what it listens to and what it shows."""

    def __init__(self, probe: Probe, process, folder, prefix: str = "") -> None:
        self.probe, self.process = probe, process
        self.contract = bundle.load(folder).contract
        self.states = probe.publisher(RobotState, f"{prefix}robot_state")
        self.scans = probe.publisher(FootScans, f"{prefix}foot_scans")
        self.odometry = probe.publisher(Odometry, f"{prefix}odom")
        self.beliefs = probe.publisher(Belief, f"{prefix}belief")
        self.markers = probe.record(MarkerArray, f"{prefix}belief_markers")
        self.measured = probe.record(PointCloud2, f"{prefix}measured_samples")
        self.reconstructed = probe.record(PointCloud2, f"{prefix}reconstructed_samples")
        self.node = f"/{prefix}belief_view"
        probe.meet(self.node)
        self.stamp = 0

    def belief(self) -> Belief:
        """What a belief node of the bundle would say now."""
        contract = self.contract
        observed = np.zeros(observation.size(contract.policy_observation))
        place = observation.layout(contract.policy_observation)["command"]
        observed[place] = COMMAND * observation.TERMS["command"].scale
        heights = BELIEVED if contract.reconstructed_heights else []
        message = Belief(
            observation=conversions.float_array(observed),
            gate=conversions.float_array(GATE[: contract.gate_size]),
            heights=conversions.float_array(heights),
        )
        message.header.stamp = conversions.time_message(self.stamp)
        return message

    def sense(self, after: int = 5 * PERIOD) -> None:
        """What the belief's neighbours say, at a later time."""
        self.stamp += after
        self.odometry.publish(feed.odometry(self.stamp, PLACE))
        self.states.publish(feed.robot_state(self.stamp))
        scans = feed.foot_scans(self.stamp, SEEN)
        scans.valid = VALID.tolist()
        self.scans.publish(scans)

    def show(self) -> None:
        """Say a belief and see it."""
        self.probe.settle(self.node)
        shown = len(self.reconstructed)
        self.beliefs.publish(self.belief())
        assert self.probe.until(lambda: len(self.reconstructed) > shown), self.process.log

    def refuses(self, topic: str, publisher, message) -> str:
        """The reason why it ignores a message, which it tells only now and then."""
        return self.probe.refuses(
            self.node, self.process, topic, lambda: publisher.publish(message)
        )


def points(cloud: PointCloud2) -> tuple[np.ndarray, np.ndarray]:
    """Places (M, 3) and colours (M,) of a cloud."""
    names = [(field.name, field.offset, field.datatype) for field in cloud.fields]
    assert names == [("x", 0, 7), ("y", 4, 7), ("z", 8, 7), ("rgb", 12, 7)]
    assert (cloud.height, cloud.point_step, cloud.row_step) == (1, 16, 16 * cloud.width)
    packed = np.frombuffer(cloud.data, view.POINT)
    assert len(packed) == cloud.width
    return packed["place"], packed["colour"]


def groups(markers: MarkerArray) -> list[str]:
    return [marker.ns for marker in markers.markers]


@pytest.fixture(scope="module")
def common(tmp_path_factory, seeing):
    probe = Probe(SHARED_DOMAIN)
    log = tmp_path_factory.mktemp("view") / "log"
    with running("belief_view_node", SHARED_DOMAIN, log, bundle=seeing) as process:
        yield Viewer(probe, process, seeing)
    probe.close()


@pytest.fixture
def viewer(common):
    common.process.forget()
    return common


def test_a_belief_is_drawn_as_the_core_draws_it(viewer):
    viewer.sense()
    viewer.show()
    wanted = belief_picture.draw(
        Stance(PLACE, feed.LEVEL, robot.STAND_POSE),
        FootScanArrays(SEEN.reshape(4, 52), VALID.reshape(4, 52)),
        BELIEVED,
        GATE,
        COMMAND,
    )
    clouds = (
        (viewer.measured[-1], wanted.measured, VALID.sum()),
        (viewer.reconstructed[-1], wanted.reconstructed, 208),
    )
    for cloud, points_wanted, count in clouds:
        places, colours = points(cloud)
        assert len(places) == count
        np.testing.assert_allclose(places, points_wanted.positions, atol=1e-5)
        channels = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1)
        np.testing.assert_allclose(channels / 255, points_wanted.colours, atol=0.5 / 255)
        assert cloud.header.frame_id == "odom"
        assert conversions.nanoseconds(cloud.header.stamp) == viewer.stamp


def test_the_markers_show_the_command_and_the_gate_of_each_foot(viewer):
    viewer.sense()
    viewer.show()
    drawn = viewer.markers[-1].markers
    start, tip = drawn[0].points
    assert drawn[0].type == Marker.ARROW
    np.testing.assert_allclose([tip.x - start.x, tip.y - start.y], COMMAND[:2], atol=1e-6)
    texts = [marker.text for marker in drawn if marker.type == Marker.TEXT_VIEW_FACING]
    means = GATE.reshape(4, -1).mean(axis=1)
    assert texts == [f"{leg} {mean:.2f}" for leg, mean in zip(robot.LEGS, means, strict=True)]
    balls = [marker.pose.position for marker in drawn if marker.type == Marker.SPHERE]
    feet = PLACE + robot.foot_position_in_base(robot.STAND_POSE)
    np.testing.assert_allclose([(ball.x, ball.y, ball.z) for ball in balls], feet, atol=1e-6)
    assert {marker.header.frame_id for marker in drawn} == {"odom"}
    assert len({(marker.ns, marker.id) for marker in drawn}) == len(drawn)


def test_it_draws_at_most_ten_times_a_second_of_the_states_time(viewer):
    viewer.sense()
    viewer.show()
    first, shown = viewer.stamp, len(viewer.reconstructed)
    for _ in range(10):
        viewer.sense(after=PERIOD)
        viewer.probe.settle(viewer.node)
        viewer.beliefs.publish(viewer.belief())
    viewer.sense()
    viewer.show()
    stamps = [conversions.nanoseconds(c.header.stamp) for c in viewer.reconstructed[shown - 1 :]]
    assert stamps[0] == first
    assert stamps[-1] == viewer.stamp
    assert (np.diff(stamps) >= 100 * MILLISECOND).all()
    assert len(stamps) <= 5


def test_time_that_goes_back_is_drawn(viewer):
    viewer.sense()
    viewer.show()
    viewer.sense(after=-4 * PERIOD)
    viewer.show()
    assert conversions.nanoseconds(viewer.reconstructed[-1].header.stamp) == viewer.stamp


def spoiled(message, **changes):
    for name, value in changes.items():
        setattr(message, name, value)
    return message


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"heights": [np.nan] * 208}, "belief: heights is not finite: entry 0 is nan"),
        ({"heights": [0.0]}, "belief: heights has 1 entries, expected 208"),
        ({"gate": [0.5] * 3}, "belief: gate has 3 entries, expected 8"),
        ({"observation": []}, "belief: observation has 0 entries"),
    ],
)
def test_a_malformed_belief_is_ignored(viewer, changes, reason):
    viewer.sense()
    shown = len(viewer.reconstructed)
    bad = spoiled(viewer.belief(), **changes)
    assert reason in viewer.refuses("belief", viewer.beliefs, bad)
    assert len(viewer.reconstructed) == shown
    viewer.show()


def test_a_malformed_robot_state_is_not_drawn(viewer):
    viewer.sense()
    viewer.show()
    viewer.stamp += 5 * PERIOD
    bent = np.full(12, np.nan, np.float32)
    viewer.states.publish(spoiled(feed.robot_state(viewer.stamp), joint_positions=bent))
    viewer.probe.settle(viewer.node)
    shown = len(viewer.reconstructed)
    reason = viewer.refuses("robot_state", viewer.beliefs, viewer.belief())
    assert "joint_positions is not finite" in reason
    assert len(viewer.reconstructed) == shown
    viewer.sense()
    viewer.show()


def test_with_malformed_scans_the_belief_is_drawn_without_them(viewer):
    viewer.sense()
    viewer.show()
    viewer.stamp += 5 * PERIOD
    viewer.scans.publish(feed.foot_scans(viewer.stamp, np.full(208, np.nan)))
    viewer.odometry.publish(feed.odometry(viewer.stamp, PLACE))
    viewer.states.publish(feed.robot_state(viewer.stamp))
    viewer.show()
    assert viewer.measured[-1].width == 0
    assert viewer.reconstructed[-1].width == 208


def test_malformed_odometry_is_ignored(viewer):
    viewer.sense()
    lost = feed.odometry(viewer.stamp, np.full(3, np.inf))
    assert "position is not finite" in viewer.refuses("odom", viewer.odometry, lost)
    viewer.show()


def test_without_odometry_nothing_is_drawn_and_it_says_why(probe, tmp_path, seeing):
    with running("belief_view_node", DOMAIN, tmp_path / "log", bundle=seeing) as process:
        viewer = Viewer(probe, process, seeing)
        viewer.stamp = PERIOD
        viewer.states.publish(feed.robot_state(viewer.stamp))
        viewer.beliefs.publish(viewer.belief())
        viewer.probe.settle(viewer.node)
        assert "no odometry" in probe.status(viewer.node).message
        assert not viewer.reconstructed


def test_of_a_blind_bundle_it_shows_the_command_and_what_is_measured(probe, tmp_path):
    blind = bundles.write_blind(tmp_path / "blind")
    with running("belief_view_node", DOMAIN, tmp_path / "log", bundle=blind) as process:
        viewer = Viewer(probe, process, blind)
        viewer.sense()
        viewer.show()
        assert set(groups(viewer.markers[-1])) == {"command"}
        assert viewer.reconstructed[-1].width == 0
        assert viewer.measured[-1].width == VALID.sum()


def test_it_lives_in_a_namespace(probe, tmp_path, seeing):
    log = tmp_path / "log"
    with running("belief_view_node", DOMAIN, log, namespace="/team/a", bundle=seeing) as process:
        viewer = Viewer(probe, process, seeing, prefix="team/a/")
        viewer.sense()
        viewer.show()
        assert "gate" in groups(viewer.markers[-1])


def test_a_bundle_that_does_not_exist_ends_it_with_one_sentence(tmp_path):
    with running("belief_view_node", DOMAIN, tmp_path / "log", bundle="absent") as process:
        assert process.process.wait(30) == 1
        assert "no model bundle 'absent'" in process.log
        assert "Traceback" not in process.log
