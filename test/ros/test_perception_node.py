"""The perception node through DDS: sees what the map knows, and is blind rather than wrong."""

import feed
import numpy as np
import pytest
from feed import LEVEL, MILLISECOND, robot_state
from grid_map_msgs.msg import GridMap
from nav_msgs.msg import Odometry
from probe import ACTIVATE, DEACTIVATE, Probe, free_domains, running
from rclpy.publisher import Publisher

from ts_locomotion import perception, robot
from ts_locomotion.elevation import ROW_MAJOR, ElevationMap
from ts_locomotion.nodes import conversions, grid_map
from ts_locomotion.nodes.grid_map import Terrain
from ts_locomotion_msgs.msg import FootScans, RobotState

DOMAIN, SHARED_DOMAIN = free_domains(2)
PLACE = np.array([0.3, -0.2, 0.33])
BUMPS = np.random.default_rng(1).uniform(-0.1, 0.1, (80, 60)).astype(np.float32)
TERRAIN = ElevationMap(BUMPS, 0.05, (0.3, -0.2), (7, 11))


def odometry(stamp: int) -> Odometry:
    return feed.odometry(stamp, PLACE)


def elevation(stamp: int, terrain: ElevationMap = TERRAIN, frame: str = "odom") -> GridMap:
    return grid_map.grid_map_message(Terrain(stamp, frame, terrain), "elevation")


class Perception:
    """An active perception node with the topics of its neighbours."""

    def __init__(self, probe: Probe, process) -> None:
        self.probe, self.process = probe, process
        self.scans = probe.record(FootScans, "foot_scans")
        probe.bring_up("/perception")
        self.states = probe.publisher(RobotState, "robot_state")
        self.odometry = probe.publisher(Odometry, "odom")
        self.maps = probe.latched_publisher(GridMap, "elevation_map")
        assert probe.until(lambda: self.maps.get_subscription_count() == 1)
        probe.meet("/perception")
        self.stamp = 0

    def begin_again(self) -> None:
        """Forget everything: the map too, which only time that goes back makes it forget."""
        self.probe.begin_again("/perception")
        self.scans.clear()
        for stamp in (10**12, 0):
            self.states.publish(robot_state(stamp))
        assert self.probe.until(lambda: len(self.scans) == 2)
        self.process.forget()
        self.scans.clear()
        self.stamp = 0

    def scan(self, message: RobotState | None = None) -> FootScans:
        """The answer to a robot state one control period after the one before."""
        self.stamp += 20 * MILLISECOND
        count = len(self.scans)
        self.odometry.publish(odometry(self.stamp))
        self.states.publish(message or robot_state(self.stamp))
        assert self.probe.until(lambda: len(self.scans) > count), self.process.log
        return self.scans[-1]

    def show(self, message: GridMap) -> None:
        self.maps.publish(message)
        self.probe.settle("/perception")

    def feel(self, message: RobotState) -> None:
        self.states.publish(message)
        self.probe.settle("/perception")

    def refuses(self, topic: str, publisher: Publisher, message: object) -> str:
        return self.probe.refuses(
            "/perception", self.process, topic, lambda: publisher.publish(message)
        )


@pytest.fixture(scope="module")
def common(tmp_path_factory):
    """A node that many tests use one after the other, which starts quicker than one for each."""
    probe = Probe(SHARED_DOMAIN)
    log = tmp_path_factory.mktemp("perception") / "log"
    with running("perception_node", SHARED_DOMAIN, log) as process:
        yield Perception(probe, process)
    probe.close()


@pytest.fixture
def node(common):
    common.begin_again()
    return common


def assert_sees(scan: FootScans, terrain: ElevationMap = TERRAIN) -> None:
    wanted = perception.foot_scans(terrain, PLACE, LEVEL, robot.STAND_POSE)
    np.testing.assert_allclose(scan.heights, wanted.heights.ravel(), atol=1e-5)
    np.testing.assert_array_equal(scan.valid, wanted.valid.ravel())
    assert np.sum(scan.valid) > 150


def assert_blind(scan: FootScans) -> None:
    assert not any(scan.valid)
    assert np.isinf(scan.map_age)
    assert not np.any(scan.heights)


def test_a_scan_holds_the_heights_around_the_feet_and_the_age_of_the_map(node):
    node.show(elevation(5 * MILLISECOND))
    scan = node.scan()
    assert_sees(scan)
    assert scan.header.frame_id == "odom"
    assert conversions.nanoseconds(scan.header.stamp) == node.stamp
    assert conversions.nanoseconds(scan.map_stamp) == 5 * MILLISECOND
    assert scan.map_age == pytest.approx(0.015)


def test_only_the_first_robot_state_of_a_control_period_is_answered(node):
    node.scan()
    for offset in (4, 8, 12, 16):
        node.feel(robot_state(node.stamp + offset * MILLISECOND))
    assert len(node.scans) == 1


def test_without_a_map_the_scan_is_blind_and_says_so(node):
    assert_blind(node.scan())
    status = node.probe.status("/perception")
    assert status.level == b"\x01"
    assert "no elevation map" in status.message


def test_without_odometry_the_scan_is_blind(node):
    node.show(elevation(0))
    node.states.publish(robot_state(20 * MILLISECOND))
    assert node.probe.until(lambda: node.scans)
    assert_blind(node.scans[0])
    assert "no odometry" in node.probe.status("/perception").message


def test_with_old_odometry_the_scan_is_blind_until_it_comes_again(node):
    node.show(elevation(0))
    assert_sees(node.scan())
    node.stamp += 200 * MILLISECOND
    node.states.publish(robot_state(node.stamp))
    assert node.probe.until(lambda: len(node.scans) == 2)
    assert_blind(node.scans[1])
    assert_sees(node.scan())


def test_a_map_in_another_frame_than_the_odometry_is_not_used(node):
    node.show(elevation(0, frame="map"))
    assert_blind(node.scan())
    assert "map in frame 'map', odometry in 'odom'" in node.probe.status("/perception").message


def test_a_map_that_is_not_renewed_is_used_and_warned_of_until_another_comes(node):
    node.show(elevation(0))
    node.stamp = 980 * MILLISECOND
    assert_sees(node.scan())
    assert node.probe.status("/perception").level == b"\x00"
    node.stamp = 30_000 * MILLISECOND
    assert_sees(node.scan())
    status = node.probe.status("/perception")
    assert (status.level, status.message) == (b"\x01", "active: map is 30.0 s old")
    node.show(elevation(node.stamp))
    assert_sees(node.scan())
    assert node.probe.status("/perception").level == b"\x00"


def test_a_map_of_another_clock_is_not_used(node):
    node.show(elevation(1_700_000_000_000 * MILLISECOND))
    assert_blind(node.scan())
    assert "do the clocks agree?" in node.probe.status("/perception").message


def test_time_that_goes_back_forgets_the_map(node):
    node.show(elevation(0))
    node.stamp = 1000 * MILLISECOND
    assert_sees(node.scan())
    node.stamp = 0
    node.states.publish(robot_state(0))
    assert node.probe.until(lambda: len(node.scans) == 2)
    assert_blind(node.scans[1])


def test_a_map_that_came_before_activation_is_used(node):
    assert node.probe.transition("/perception", DEACTIVATE)
    node.show(elevation(0))
    assert node.probe.transition("/perception", ACTIVATE)
    assert_sees(node.scan())


def without_layers(message: GridMap) -> None:
    message.layers, message.basic_layers, message.data = [], [], []


def with_another_layer(message: GridMap) -> None:
    message.layers = ["traversability"]


def with_missing_data(message: GridMap) -> None:
    message.data = []


def with_too_few_values(message: GridMap) -> None:
    message.data[0].data = message.data[0].data[:-1]


def of_no_size(message: GridMap) -> None:
    message.info.length_x = message.info.length_y = 0.0


def with_nan_resolution(message: GridMap) -> None:
    message.info.resolution = float("nan")


def with_start_outside(message: GridMap) -> None:
    message.outer_start_index = 60000


def at_infinity(message: GridMap) -> None:
    message.info.pose.position.x = float("inf")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (without_layers, "no layer 'elevation', the map has []"),
        (with_another_layer, "no layer 'elevation', the map has ['traversability']"),
        (with_missing_data, "0 arrays for 1 layers"),
        (with_too_few_values, "4799 values, expected 4800"),
        (of_no_size, "(0.0, 0.0) m in cells of 0.05 m"),
        (with_nan_resolution, "cells of nan m"),
        (with_start_outside, "start index (60000, 11) outside"),
        (at_infinity, "centre (inf, -0.2) is not finite"),
    ],
)
def test_a_malformed_map_is_ignored_and_the_last_good_one_kept(node, spoil, reason):
    node.show(elevation(0))
    bad = elevation(MILLISECOND)
    spoil(bad)
    assert reason in node.refuses("elevation_map", node.maps, bad)
    assert_sees(node.scan())


def test_a_row_major_map_is_read_by_its_labels(node):
    message = elevation(0)
    rows, columns = BUMPS.shape
    values = message.data[0]
    values.data = conversions.float_array(BUMPS)
    for dimension, label, size in zip(values.layout.dim, ROW_MAJOR, (rows, columns), strict=True):
        dimension.label, dimension.size = label, size
    node.show(message)
    assert_sees(node.scan())


def test_unknown_cells_and_what_lies_outside_the_map_are_not_valid(node):
    holes = BUMPS.copy()
    holes[:40] = np.nan
    holes[40, :] = np.inf
    half_known = ElevationMap(holes, 0.05, (0.3, -0.2))
    node.show(elevation(0, half_known))
    scan = node.scan()
    wanted = perception.foot_scans(half_known, PLACE, LEVEL, robot.STAND_POSE)
    np.testing.assert_array_equal(scan.valid, wanted.valid.ravel())
    assert 0 < np.sum(scan.valid) < 208


def spoiled(**changes) -> RobotState:
    message = robot_state(0)
    for name, value in changes.items():
        setattr(message, name, value)
    return message


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (
            spoiled(joint_positions=np.full(12, np.nan, np.float32)),
            "joint_positions is not finite",
        ),
        (spoiled(orientation=np.zeros(4, np.float32)), "expected a unit quaternion"),
        (spoiled(joint_names=["wheel", *robot.JOINTS[1:]]), "unknown joints ['wheel']"),
        (spoiled(joint_names=[robot.JOINTS[0]] * 12), "are not each of"),
    ],
)
def test_a_malformed_robot_state_is_ignored(node, message, reason):
    node.show(elevation(0))
    assert_sees(node.scan())
    message.header.stamp = conversions.time_message(node.stamp + 20 * MILLISECOND)
    assert reason in node.refuses("robot_state", node.states, message)
    assert len(node.scans) == 1
    assert_sees(node.scan())


def test_joints_in_another_order_are_reordered_by_name(node):
    node.show(elevation(0))
    asymmetric = robot.STAND_POSE + np.linspace(-0.2, 0.2, 12)
    plain = robot_state(0)
    plain.joint_positions[:] = asymmetric
    shuffled = robot_state(0)
    shuffled.joint_names = list(reversed(robot.JOINTS))
    shuffled.joint_positions[:] = asymmetric[::-1]
    scans = []
    for message in (plain, shuffled):
        message.header.stamp = conversions.time_message(node.stamp + 20 * MILLISECOND)
        scans.append(node.scan(message))
    np.testing.assert_array_equal(scans[0].heights, scans[1].heights)


@pytest.mark.parametrize(
    ("field", "reason"),
    [("position", "position is not finite"), ("orientation", "orientation is not finite")],
)
def test_malformed_odometry_is_ignored(node, field, reason):
    node.show(elevation(0))
    assert_sees(node.scan())
    bad = odometry(node.stamp + 20 * MILLISECOND)
    getattr(bad.pose.pose, field).x = float("nan")
    assert reason in node.refuses("odom", node.odometry, bad)
    assert_sees(node.scan())


def test_in_lockstep_it_waits_for_the_odometry_of_the_same_stamp(probe, tmp_path):
    log = tmp_path / "log"
    with running("perception_node", DOMAIN, log, lockstep=True, lockstep_timeout=30.0) as process:
        node = Perception(probe, process)
        node.show(elevation(0))
        node.odometry.publish(odometry(0))
        node.feel(robot_state(20 * MILLISECOND))
        assert not node.scans
        node.odometry.publish(odometry(20 * MILLISECOND))
        assert probe.until(lambda: node.scans)
        assert_sees(node.scans[0])


def test_in_lockstep_it_gives_up_waiting_for_odometry_that_never_comes(probe, tmp_path):
    log = tmp_path / "log"
    with running("perception_node", DOMAIN, log, lockstep=True, lockstep_timeout=0.5) as process:
        node = Perception(probe, process)
        for tick in range(1, 4):
            node.states.publish(robot_state(tick * 20 * MILLISECOND))
            assert probe.until(lambda tick=tick: len(node.scans) == tick)
            assert_blind(node.scans[-1])


def test_a_latched_map_is_received_when_asked_for_and_grows_old_in_silence(probe, tmp_path):
    latched = probe.latched_publisher(GridMap, "elevation_map")
    latched.publish(elevation(0))
    log = tmp_path / "log"
    settings = {"map_durability": "transient_local", "map_timeout": 0.0}
    with running("perception_node", DOMAIN, log, **settings) as process:
        node = Perception(probe, process)
        assert probe.until(lambda: any(node.scan().valid))
        node.stamp = 30_000 * MILLISECOND
        assert_sees(node.scan())
        assert probe.status("/perception").level == b"\x00"


def test_a_parameter_out_of_range_is_named_and_the_node_does_not_start(probe, tmp_path):
    with running("perception_node", DOMAIN, tmp_path / "log", odom_timeout=-1.0) as process:
        assert probe.until(lambda: not process.alive)
        assert "odom_timeout" in process.log


def test_settings_change_only_before_configuration(probe, tmp_path):
    with running("perception_node", DOMAIN, tmp_path / "log"):
        assert probe.set_parameter("/perception", "odom_timeout", 0.2) == ""
        assert "not one of" in probe.set_parameter("/perception", "map_reliability", "perhaps")
        probe.bring_up("/perception")
        assert "clean it up first" in probe.set_parameter("/perception", "odom_timeout", 0.3)
