"""The MuJoCo Go2 obeys commands as the robot does, protects itself, hangs and is let down."""

import numpy as np
import pytest

from ts_locomotion import robot, unitree
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.simulation.courses import COURSES
from ts_locomotion.simulation.robot_simulator import RobotOptions, RobotSimulator
from ts_locomotion.unitree import LowCmd


def gains(value):
    return np.full(12, value, np.float32)


STAND = LowCmd(q=robot.STAND_POSE.astype(np.float32), kp=gains(60.0), kd=gains(5.0))


def run(simulator, seconds, command=None):
    for _ in range(round(seconds / 0.002)):
        if command is not None:
            simulator.command(command)
        simulator.step()
    return simulator


def lowest_foot(simulator):
    feet = robot.foot_position_in_base(simulator.data.qpos[7:])[:, 2] - robot.FOOT_RADIUS
    return simulator.data.qpos[2] + feet.min() - simulator.ground.start_height


@pytest.fixture
def simulator():
    return RobotSimulator(RobotOptions())


def test_the_gantry_holds_the_feet_of_the_standing_pose_five_centimetres_up(simulator):
    run(simulator, 2.0, STAND)
    assert simulator.gantry_state == "holding"
    assert lowest_foot(simulator) > 0.05
    assert simulator.tilt < 0.05


def test_limp_legs_do_not_touch_the_ground_either(simulator):
    run(simulator, 10.0)
    assert lowest_foot(simulator) > 0.0


def test_the_gantry_lowers_a_standing_robot_and_lets_go(simulator):
    run(simulator, 1.0, STAND)
    simulator.release_gantry()
    run(simulator, 1.0, STAND)
    assert simulator.gantry_state == "lowering"
    run(simulator, 3.0, STAND)
    assert simulator.gantry_state == "free"
    assert simulator.data.qpos[2] == pytest.approx(robot.STAND_HEIGHT, abs=0.03)
    assert simulator.low_state().foot_forces.sum() == pytest.approx(15.02 * 9.81, rel=0.05)


@pytest.mark.parametrize("terrain", ["stairs_down", "gaps", "stepping_stones", *COURSES])
def test_the_robot_is_let_down_onto_the_ground_of_every_terrain(terrain):
    simulator = run(RobotSimulator(RobotOptions(terrain=terrain)), 0.5, STAND)
    simulator.release_gantry()
    run(simulator, 2.5, STAND)
    assert simulator.data.qpos[2] - simulator.ground.start_height > 0.28
    assert simulator.tilt < 0.1


def test_without_gantry_the_robot_lies_on_its_belly():
    simulator = run(RobotSimulator(RobotOptions(gantry=False)), 1.0)
    assert simulator.gantry_state == "free"
    assert simulator.data.qpos[2] < 0.15
    assert simulator.tilt < 0.2


def test_before_any_command_the_motors_only_damp(simulator):
    simulator.data.qvel[6:] = 1.0
    simulator.step()
    np.testing.assert_allclose(simulator.low_state().joint_torques, -3.0, rtol=0.01)
    assert simulator.watchdog_fired


def test_the_watchdog_fires_once_commands_stop_for_its_timeout(simulator):
    run(simulator, 0.5, STAND)
    run(simulator, 0.098)
    assert not simulator.watchdog_fired
    run(simulator, 0.004)
    assert simulator.watchdog_fired
    expected = -3.0 * simulator.data.qvel[6:]
    simulator.step()
    np.testing.assert_allclose(simulator.low_state().joint_torques, expected)


def test_a_new_command_ends_the_watchdogs_damping(simulator):
    run(simulator, 0.5)
    simulator.command(STAND)
    simulator.step()
    assert not simulator.watchdog_fired


def test_torques_are_limited_to_what_the_motors_can_do(simulator):
    simulator.command(LowCmd(tau=gains(1000.0)))
    simulator.step()
    np.testing.assert_allclose(simulator.low_state().joint_torques, robot.TORQUE_LIMIT)


def test_the_state_follows_the_motor_law(simulator):
    command = LowCmd(
        q=STAND.q + np.float32(0.1), dq=gains(0.2), tau=gains(1.0), kp=gains(20.0), kd=gains(0.5)
    )
    before = simulator.low_state()
    expected = unitree.motor_torques(command, before.joint_positions, before.joint_velocities)
    simulator.command(command)
    simulator.step()
    np.testing.assert_allclose(simulator.low_state().joint_torques, expected, rtol=1e-6)


def test_the_imu_of_a_hanging_robot_feels_gravity(simulator):
    run(simulator, 3.0, STAND)
    felt = simulator.low_state()
    np.testing.assert_allclose(felt.linear_acceleration, [0.0, 0.0, 9.81], atol=0.3)
    np.testing.assert_allclose(felt.angular_velocity, 0.0, atol=0.01)


def test_the_tick_counts_milliseconds(simulator):
    assert run(simulator, 0.1).low_state().tick == 100


def test_equal_commands_give_identical_trajectories():
    one, other = (run(RobotSimulator(RobotOptions("rough")), 1.0, STAND) for _ in range(2))
    for simulator in (one, other):
        simulator.release_gantry()
        run(simulator, 2.0, STAND)
    assert one.data.qpos.tobytes() == other.data.qpos.tobytes()


def test_a_reset_repeats_the_trajectory_while_time_goes_on():
    simulator = run(RobotSimulator(RobotOptions()), 1.0, STAND)
    first = simulator.data.qpos.copy()
    simulator.release_gantry()
    run(simulator, 2.0, STAND)
    simulator.reset()
    assert simulator.gantry_state == "holding"
    assert simulator.tick == 3000
    run(simulator, 1.0, STAND)
    np.testing.assert_array_equal(simulator.data.qpos, first)


def test_odometry_gives_the_velocity_in_the_base_frame(simulator):
    simulator.data.qpos[3:7] = [np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5)]
    simulator.data.qvel[:3] = [0.0, 0.7, 0.0]
    np.testing.assert_allclose(
        simulator.base_motion().linear_velocity, [0.7, 0.0, 0.0], atol=1e-12
    )


def test_an_unknown_terrain_is_refused_with_the_names_that_exist():
    with pytest.raises(ConfigurationError, match="stairs_up"):
        RobotSimulator(RobotOptions(terrain="moon"))
