"""One robot with its bridge and its policy in one process, in steps of a control period."""

import numpy as np

from ts_locomotion import belief_picture, perception, unitree
from ts_locomotion.belief import Scans
from ts_locomotion.bridge import BridgeOptions, RobotBridge
from ts_locomotion.bundle import Bundle
from ts_locomotion.demo import course
from ts_locomotion.demo.course import Sight
from ts_locomotion.demo.logbook import NO_BELIEF, SCAN, Belief, Boxes, Logbook, Look, Motion
from ts_locomotion.modes import Mode
from ts_locomotion.observation import Proprioception
from ts_locomotion.robot import Array
from ts_locomotion.safety import JointTargets
from ts_locomotion.simulation.height_noise import HeightNoise, HeightNoiseConfig
from ts_locomotion.simulation.robot_simulator import (
    STEP_MS,
    BaseMotion,
    RobotOptions,
    RobotSimulator,
)
from ts_locomotion.simulation.sighted_environment import view_at
from ts_locomotion.simulation.terrain import HeightGrids, Terrain
from ts_locomotion.ticks import CONTROL_PERIOD
from ts_locomotion.training.walkers import Answer, BundleWalker

LEGS = ("get up", "walk")
SUBSTEPS = round(CONTROL_PERIOD * 1e3 / STEP_MS)
ROBOT = np.zeros(1, dtype=np.int64)
"""The robots there are; also the terrain that each is on."""
Command = tuple[float, float, float]
"""v_x, v_y [m/s] and w_z [rad/s] in the base frame."""


class Eyes:
    """The true ground around the feet, seen through a height noise."""

    def __init__(self, ground: Terrain, noise: HeightNoiseConfig, seed: int) -> None:
        self._heights = HeightGrids([ground])
        self._noise = HeightNoise(noise, 1)
        self._rng = np.random.default_rng([seed, 79])

    def begin(self) -> None:
        """A new episode of the noise."""
        self._noise.begin(ROBOT, self._rng)

    def look(self, motion: BaseMotion, joint_positions: Array) -> Scans:
        """What is seen now, a control period after the last look."""
        base = motion.position[None]
        points = perception.scan_points(base, motion.orientation[None], joint_positions[None])
        seen = view_at(base, points, self._heights, ROBOT[:, None, None])
        return self._noise.look(seen, CONTROL_PERIOD, self._rng)


class Player:
    """The robot gets up by itself, then walks as commanded; fallen, it lies damped."""

    def __init__(self, bundle: Bundle, place: RobotOptions, regime: HeightNoiseConfig) -> None:
        """`place` without its gantry. Raises ConfigurationError for a terrain that is none."""
        self.robot = RobotSimulator(place)
        self.eyes = Eyes(self.robot.ground, regime, place.seed)
        self.logbook: Logbook | None = None
        self._walker, self._contract = BundleWalker(bundle), bundle.contract
        self.begin()

    def begin(self) -> None:
        """Back to the start, lying on the ground."""
        self.robot.reset()
        self.bridge = RobotBridge(BridgeOptions())
        self._forget()
        self._sense()

    def record(self) -> Logbook:
        """Write down all that follows."""
        self.logbook, ground = Logbook(LEGS), self.robot.ground
        self.logbook.boxes = Boxes(ground.centres, ground.half_sizes, ground.quaternions)
        return self.logbook

    @property
    def walks(self) -> bool:
        """Whether it does what it is commanded."""
        return self.bridge.mode.mode == Mode.WALK

    @property
    def fell(self) -> bool:
        """Whether the bridge's guards have damped the robot."""
        return self.bridge.mode.fault

    def sight(self) -> Sight:
        """Where the robot is, as a driver sees it."""
        motion, mode = self.robot.base_motion(), self.bridge.mode
        return Sight(
            self.robot.time,
            motion.position,
            motion.orientation,
            mode.mode,
            mode.settled,
            mode.fault,
        )

    def step(self, command: Command) -> None:
        """One control period."""
        if not self.walks:
            self._forget()
        state, motion = self.robot.low_state(), self.robot.base_motion()
        sensed = Proprioception(*(part[None] for part in state.sensed))
        scans = self.eyes.look(motion, state.joint_positions)
        answer = self._walker.act(sensed, np.array([command]), scans)
        if self.logbook is not None:
            self._note(self.logbook, motion, command, scans, answer)
        contract = self._contract
        targets = JointTargets(
            self._stamp, answer.targets[0], contract.stiffness, contract.damping
        )
        self.bridge.follow(targets)
        self._rise()
        for _ in range(SUBSTEPS):
            self.robot.command(unitree.decode_low_cmd(self.bridge.command()))
            self.robot.step()
            self._sense()

    @property
    def _stamp(self) -> int:
        return self.robot.tick * unitree.NANOSECONDS_PER_TICK

    def _sense(self) -> None:
        self.bridge.sense(self.robot.low_state(), self._stamp)

    def _forget(self) -> None:
        """Walking is a pure function of what follows its beginning, as in the belief node."""
        self._walker.forget(1)
        self.eyes.begin()

    def _rise(self) -> None:
        mode = self.bridge.mode
        if mode.mode == Mode.DAMP and not mode.fault:
            self.bridge.request(Mode.STAND)
        elif mode.mode == Mode.STAND and mode.settled:
            self.bridge.request(Mode.WALK)

    def _note(
        self, book: Logbook, motion: BaseMotion, command: Command, scans: Scans, answer: Answer
    ) -> None:
        stamp, sees = self._stamp, self._contract.exteroception
        turning = motion.angular_velocity[2:]
        velocity = np.concatenate([motion.linear_velocity[:2], turning])
        book.ordered(stamp, command if self.walks else (0.0, 0.0, 0.0), int(self.walks))
        book.moved(stamp, Motion(motion.position, motion.orientation, velocity))
        book.bent(stamp, self.robot.low_state().joint_positions.copy())
        book.entered(stamp, int(self.bridge.mode.mode))
        if sees:
            heights, valid = scans.heights.reshape(SCAN), scans.valid.reshape(SCAN)
            book.looked(stamp, Look(heights.copy(), valid.copy(), float(scans.map_age[0])))
            book.believed(stamp, _belief(answer))


def straight(command: Command, sight: Sight, steering: course.Steering) -> Command:
    """A command that neither turns nor goes sideways, held on the heading of the lane."""
    v_x, v_y, w_z = command
    return command if v_y or w_z or not v_x else course.steer(command, sight, steering)


def _belief(answer: Answer) -> Belief:
    heights, gate = NO_BELIEF
    if answer.heights.size:
        heights = answer.heights[0].reshape(SCAN)
    if answer.gate.size:
        gate = belief_picture.gate_by_foot(answer.gate[0])
    return Belief(heights, gate)
