"""The three nodes in lockstep give the numbers of the one pipeline, tick for tick."""

from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import bundles
import feed
import numpy as np
import pytest
from feed import LEVEL, MILLISECOND, PERIOD
from geometry_msgs.msg import Twist
from grid_map_msgs.msg import GridMap
from nav_msgs.msg import Odometry
from probe import Probe, free_domains, running

from ts_locomotion import bundle, perception
from ts_locomotion.belief import Scans
from ts_locomotion.elevation import ElevationMap
from ts_locomotion.nodes import belief_conversions, conversions, grid_map
from ts_locomotion.nodes.grid_map import Terrain
from ts_locomotion.pipeline import Pipeline, PipelineOutput
from ts_locomotion_msgs.msg import Belief, JointTargets, Mode, RobotState

(DOMAIN,) = free_domains(1)
STAGES = ("perception", "belief", "policy")
SHIPPED = Path(__file__).parents[2] / "models" / "go2_belief"
TICKS = {"shipped": 1060, "phase_residual": 360}
"""Driven through the graph with the shipped bundle and with one whose policy bends a trot."""


class Run(NamedTuple):
    """What the pipeline wanted of each tick, and what the graph answered."""

    ticks: int
    wanted: list[PipelineOutput]
    targets: list[JointTargets]
    beliefs: list[Belief]


class Robot:
    """Feeds the graph what a robot would, one control period at a time, and remembers it."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._random = np.random.default_rng(7)
        self._states = probe.publisher(RobotState, "robot_state", readers=2)
        self._odometry = probe.publisher(Odometry, "odom")
        self._maps = probe.publisher(GridMap, "elevation_map")
        self._commands = probe.publisher(Twist, "cmd_vel")
        self.map: Terrain | None = None
        self.velocity = (0.0, 0.0, 0.0)
        self.commanded_at = -(10**12)
        self.stamp = 0

    def show_another_map(self) -> None:
        heights = self._random.uniform(-0.2, 0.2, (60, 60)).astype(np.float32)
        heights[self._random.uniform(size=heights.shape) < 0.02] = np.nan
        start = tuple(int(n) for n in self._random.integers(0, 60, 2))
        self.map = Terrain(self.stamp, "odom", ElevationMap(heights, 0.05, (0.0, 0.0), start))
        self._maps.publish(grid_map.grid_map_message(self.map, "elevation"))
        self._probe.settle("/perception")

    def command(self) -> None:
        message = Twist()
        message.linear.x, message.linear.y, message.angular.z = self._random.uniform(-1, 1, 3)
        self.velocity = (message.linear.x, message.linear.y, message.angular.z)
        self.commanded_at = self.stamp
        self._commands.publish(message)
        self._probe.settle("/belief")

    def step(self, mode: int):
        """One control period: what was felt, and where."""
        self.stamp += PERIOD
        sensed = feed.felt(self._random)
        place = self._random.uniform(-0.5, 0.5, 3)
        self._odometry.publish(feed.odometry(self.stamp, place))
        self._states.publish(feed.robot_state(self.stamp, sensed, mode))
        return sensed, place

    def between(self, mode: int) -> None:
        """A robot state that begins no control period."""
        sensed = feed.felt(self._random)
        self._states.publish(feed.robot_state(self.stamp + 4 * MILLISECOND, sensed, mode))

    def scans(self, sensed, place) -> Scans | None:
        if self.map is None:
            return None
        seen = perception.foot_scans(self.map.heights, place, LEVEL, sensed.joint_positions)
        age = np.array([(self.stamp - self.map.stamp) * 1e-9], np.float32)
        return Scans(seen.heights.reshape(1, -1), seen.valid.reshape(1, -1), age)


@pytest.fixture(scope="module", params=TICKS)
def run(request, tmp_path_factory):
    """What the graph answered and what the pipeline says, for every tick."""
    place = tmp_path_factory.mktemp("parity")
    folder = SHIPPED if SHIPPED.exists() else bundles.write_seeing(place / "seeing")
    if request.param == "phase_residual":
        folder = bundles.write_phase_residual(place / "trotting")
    settings = {
        "perception": {"lockstep": True, "lockstep_timeout": 10.0},
        "belief": {"lockstep": True, "lockstep_timeout": 10.0, "bundle": folder},
        "policy": {"bundle": folder},
    }
    probe = Probe(DOMAIN)
    with ExitStack() as stack:
        for name in STAGES:
            stack.enter_context(running(f"{name}_node", DOMAIN, place / name, **settings[name]))
        targets = probe.record(JointTargets, "joint_targets")
        beliefs = probe.record(Belief, "belief")
        for name in STAGES:
            probe.bring_up(f"/{name}")
        robot = Robot(probe)
        for name in STAGES:
            probe.meet(f"/{name}")
        until_all_have_found_each_other(probe, robot, targets, beliefs)
        pipeline, ticks = Pipeline(bundle.load(folder)), TICKS[request.param]
        yield Run(ticks, drive(probe, robot, pipeline, targets, ticks), targets, beliefs)
    probe.close()


def until_all_have_found_each_other(probe, robot, targets, beliefs) -> None:
    """Leaves the nodes as new: the run that follows begins earlier, which makes them forget."""
    robot.stamp = 10**12

    def seen_and_answered() -> bool:
        robot.step(Mode.STAND)
        probe.spin(0.1)
        stamps = [messages[-1].header.stamp for messages in (beliefs, targets) if messages]
        return stamps == [conversions.time_message(robot.stamp)] * 2

    assert probe.until(seen_and_answered)
    robot.stamp = 0
    targets.clear()
    beliefs.clear()


def drive(probe, robot, pipeline, targets, ticks: int) -> list[PipelineOutput]:
    wanted: list[PipelineOutput] = []
    state = pipeline.initial_state()
    walking = False
    for tick in range(ticks):
        mode = Mode.WALK if tick % 300 >= 30 else Mode.STAND
        if not (walking and mode == Mode.WALK):
            state = pipeline.initial_state()
        walking = mode == Mode.WALK
        if tick % 10 == 5 and tick < 0.85 * ticks:
            robot.show_another_map()
        if tick % 15 == 14 and tick < 0.66 * ticks:
            robot.command()
        sensed, place = robot.step(mode)
        age = (robot.stamp - robot.commanded_at) * 1e-9
        output, state = pipeline.step(
            state,
            belief_conversions.batched(sensed),
            np.array([robot.velocity]),
            robot.scans(sensed, place),
            age,
        )
        wanted.append(output)
        assert probe.until(lambda: len(targets) == len(wanted)), f"no answer to tick {tick}"
        robot.between(mode)
    return wanted


def test_joint_targets_equal_those_of_the_pipeline_at_every_tick(run):
    assert len(run.targets) == run.ticks
    for tick, (output, message) in enumerate(zip(run.wanted, run.targets, strict=True)):
        assert message.sequence == run.targets[0].sequence + tick
        np.testing.assert_allclose(message.positions, output.policy.positions[0], atol=1e-6)
        np.testing.assert_allclose(message.action, output.policy.action[0], atol=1e-6)


def test_beliefs_equal_those_of_the_pipeline(run):
    for output, message in zip(run.wanted, run.beliefs, strict=True):
        believed = output.believed.output
        np.testing.assert_allclose(message.belief, believed.belief[0], atol=1e-6)
        np.testing.assert_allclose(message.gate, believed.gate[0], atol=1e-6)
        np.testing.assert_allclose(message.heights, believed.heights[0], atol=1e-6)
        np.testing.assert_allclose(message.privileged, believed.privileged[0], atol=1e-6)


def test_the_run_saw_maps_commands_and_every_action(run):
    seen = [message.map_age for message in run.beliefs]
    assert sum(np.isfinite(seen)) > 0.85 * run.ticks
    assert len(set(seen)) > 10
    assert np.std([message.action for message in run.targets], axis=0).min() > 1e-3
    assert np.std([message.observation[0] for message in run.beliefs]) > 0.1
