"""A cell through the real nodes: what is asked of the graph, how a run is judged and compared."""

from dataclasses import fields, replace
from pathlib import Path

import mujoco
import numpy as np
import pytest
import runs

from ts_locomotion.bringup.graph import NodeSpec
from ts_locomotion.demo import course, lane
from ts_locomotion.demo.course import Sight
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.evaluation import graph_cell, replay
from ts_locomotion.evaluation.agreement import fisher
from ts_locomotion.evaluation.graph_cell import Walked, compare, judge, lane_of
from ts_locomotion.modes import Mode
from ts_locomotion.safety import SafetyLimits
from ts_locomotion.simulation import commands, scene, terrain
from ts_locomotion.simulation.commands import CommandRanges
from ts_locomotion.simulation.height_noise import PERCEPTIONS
from ts_locomotion.simulation.map_sensor import MapOptions, MapSensor
from ts_locomotion.simulation.robot_simulator import RobotOptions, RobotSimulator
from ts_locomotion.simulation.terrain import Terrain
from ts_locomotion.training import course as training_course
from ts_locomotion.training.belief_evaluate import SeeingCell

MODELS = Path(__file__).parents[2] / "models"
PERIOD = 25
"""Of a gait, in control steps."""
LEANING = np.array([np.cos(0.52), 0.0, np.sin(0.52), 0.0])
"""By 1.04 rad, where the bridge damps."""


def test_fishers_test_is_that_of_the_textbook():
    assert fisher(3, 4, 1, 4) == pytest.approx(0.4857, abs=1e-4)
    assert fisher(10, 10, 0, 10) == pytest.approx(2 / 184756, rel=1e-6)
    assert fisher(5, 5, 50, 50) == fisher(0, 5, 0, 50) == 1.0


def test_the_simulator_builds_the_ground_that_the_pipeline_walks():
    sizes = (("stairs_up", 0.15), ("stairs_up", 0.25), ("gaps", 0.25), ("flat", 0.0))
    for name, height in sizes:
        place = lane_of(name, height)
        ground = place.ground(3)
        walked = terrain.make(name, height, seed=3, stream="eval")
        assert ground.centres == pytest.approx(walked.centres), name
        assert training_course.lane_end(ground) == pytest.approx(walked.bounds[1] - 1.7), name


def test_a_height_or_terrain_that_the_simulator_does_not_make_is_refused():
    for height in (0.0, 1.1, float("nan")):
        with pytest.raises(ConfigurationError, match=r"expected above 0 and at most 1 m"):
            lane_of("stairs_up", height)
    with pytest.raises(ConfigurationError, match=r"valid: .*gaps"):
        lane_of("lava", 0.1)


def test_every_perception_of_the_graph_is_one_of_the_pipeline_made_of_map_parameters():
    known = {f"map_{field.name}" for field in fields(MapOptions)}
    assert set(graph_cell.MAPS) <= set(PERCEPTIONS)
    for name, parameters in graph_cell.MAPS.items():
        assert set(parameters) <= known, name
    assert all((name in graph_cell.MAPS) != (name in graph_cell.UNMADE) for name in PERCEPTIONS)


def test_a_perception_that_the_graph_cannot_make_is_refused_with_the_reason(capsys):
    with pytest.raises(SystemExit):
        graph_cell.main(["models/go2_belief", "--regime", "killed"])
    assert "the last map of the simulator stays in use" in capsys.readouterr().err


def test_the_map_of_a_frozen_perception_is_the_one_that_was_there_before_the_first_step():
    options = {name.removeprefix("map_"): v for name, v in graph_cell.MAPS["frozen"].items()}
    sensor = MapSensor(terrain.make("flat", 0.0), MapOptions(**options))
    walk = [(tick, max(0.0, 0.0006 * (tick - 3000))) for tick in range(0, 12_000, 20)]
    arrived = [x for tick, x in walk if sensor.update(tick, np.array([x, 0.0, 0.3]))]
    assert len(arrived) > 30 and max(arrived) < graph_cell.SET_OFF


def test_the_driver_asks_for_what_the_pipeline_is_asked_for():
    stand, walk = lane.legs(7.0)
    assert stand.mode == Mode.STAND and walk.duration == 7.0
    for yaw in (-0.9, -0.2, 0.0, 0.1, 0.7):
        turned = np.array([np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)])
        sight = Sight(0.0, np.array([1.0, 0.4, 0.3]), turned, Mode.WALK, True, False)
        v_x, v_y, w_z = course.steer(walk.command, sight, lane.STEERING)
        asked = np.array([[lane.SPEED, 0.0, 0.0]])
        (held,) = commands.hold_heading(CommandRanges(), asked, np.array([yaw]))
        assert (v_x, v_y) == (lane.SPEED, 0.0) and w_z == pytest.approx(held)


def test_a_robot_is_down_where_the_bridge_damps_it_or_its_base_touches_something():
    limit = SafetyLimits().tilt
    angles = np.array([0.0, limit - 0.01, limit + 0.01, 0.0])
    pitched = np.stack([np.cos(angles / 2), 0 * angles, np.sin(angles / 2), 0 * angles], axis=1)
    told = training_course.down(pitched, np.array([0, 0, 0, 1]))
    assert told.tolist() == [False, False, True, True]


def test_a_run_is_judged_up_to_the_end_of_its_lane():
    run = runs.straight(seconds=4.0, speed=0.5)
    nothing = np.zeros(len(run.time))
    assert judge(run, nothing, ending(1.5), PERIOD)[:2] == (True, False)
    assert judge(run, nothing, ending(3.0), PERIOD)[:2] == (False, False)
    for moment, expected in ((-1, (True, False)), (100, (False, True))):
        orientation, contacts = run.orientation.copy(), nothing.copy()
        orientation[moment], contacts[moment] = LEANING, 1
        tilted = replace(run, orientation=orientation)
        assert judge(tilted, nothing, ending(1.5), PERIOD)[:2] == expected
        assert judge(run, contacts, ending(1.5), PERIOD)[:2] == expected


@pytest.mark.parametrize(("moment", "arrived"), [(100, False), (-1, True)])
def test_a_run_beside_its_lane_does_not_arrive_and_what_happens_there_is_no_fall(moment, arrived):
    run = runs.straight(seconds=4.0, speed=0.5)
    position, orientation = run.position.copy(), run.orientation.copy()
    position[moment:, 1], orientation[moment:] = terrain.LANE_WIDTH / 2 + 0.1, LEANING
    strayed = replace(run, position=position, orientation=orientation)
    assert judge(strayed, np.zeros(len(run.time)), ending(1.5), PERIOD)[:2] == (arrived, False)


def test_damping_on_the_lane_is_a_fall():
    run = runs.straight(seconds=4.0)
    mode = run.mode.copy()
    mode[120:] = int(Mode.DAMP)
    damped = replace(run, mode=mode)
    assert judge(damped, np.zeros(len(run.time)), ending(1.5), PERIOD)[:2] == (False, True)


def test_a_pose_that_is_put_together_again_touches_what_the_robot_touched():
    robot = RobotSimulator(RobotOptions("flat", gantry=False))
    robot.data.qpos[:7] = [0.0, 0.0, 0.2, 0.0, 1.0, 0.0, 0.0]
    sensor = scene.sensor_slices(robot.model)["base_contact"]
    contacts, motions, joints = [], [], []
    for _ in range(100):
        robot.step()
        # What is measured in a step is of the pose before it.
        mujoco.mj_forward(robot.model, robot.data)
        contacts.append(robot.data.sensordata[sensor][0])
        motions.append(robot.base_motion())
        joints.append(robot.data.qpos[7:].copy())
    lying = replace(
        runs.straight(),
        time=np.arange(100) / 500,
        position=np.array([motion.position for motion in motions]),
        orientation=np.array([motion.orientation for motion in motions]),
        joint_positions=np.array(joints),
    )
    assert contacts[0] == 0 and max(contacts) > 0
    assert list(replay.base_contacts(lying, robot.ground)) == contacts
    lifted = replace(lying, position=lying.position + np.array([0.0, 0.0, 1.0]))
    assert not replay.base_contacts(lifted, robot.ground).any()


def test_velocity_errors_are_those_of_the_pipeline():
    """After the gait period of setting off, without the sway within one, up to a fall."""
    run = runs.straight(seconds=4.0, speed=0.5)
    velocity = run.velocity.copy()
    velocity[:, 0] += 0.3 * np.sin(2 * np.pi * np.arange(len(velocity)) / PERIOD)
    velocity[: runs.RATE + PERIOD] = 0.0
    velocity[150:] = 9.0
    orientation = run.orientation.copy()
    orientation[150:] = LEANING
    swaying = replace(run, velocity=velocity, orientation=orientation)
    judged = judge(swaying, np.zeros(len(run.time)), ending(9.0), PERIOD)
    assert judged.fell
    np.testing.assert_allclose(judged.errors, 0.1)
    assert len(judged.errors) == 150 - runs.RATE - 2 * PERIOD + 1


def ending(end: float) -> Terrain:
    """A lane crossed at x = end [m]."""
    stairs = terrain.make("stairs_up", 0.1, seed=0, stream="eval")
    begin, last, *sides = stairs.bounds
    longer = (begin, last + end - training_course.lane_end(stairs), *sides)
    return replace(stairs, bounds=longer)


def cell(success: float) -> SeeingCell:
    interval, nothing = (0.0, 1.0), float("nan")
    return SeeingCell(
        *("go2", "stairs_up", 0.15, "clean", 50, (0, 49), success, interval, 1.0),
        *(0.1, 5.0, 0.0, nothing, nothing, nothing),
    )


def test_agreement_where_nobody_arrives_is_told_to_tell_little():
    told = compare([Walked(False, True, np.zeros(0))], cell(0.0))
    assert told["agrees"] and "nobody arrived" in told["table"]
    assert "nobody" not in compare([Walked(True, False, np.zeros(9))], cell(0.98))["table"]


def test_what_is_told_is_json_that_others_can_read():
    told = compare([Walked(False, False, np.zeros(0))], cell(0.5))
    graph, pipeline = told["cells"]
    assert graph["velocity_error"] is None and pipeline["velocity_error"] == 0.1


def test_a_lane_is_given_the_time_that_the_table_gives_it():
    assert graph_cell.lane_time("slope") == 26.0 and graph_cell.lane_time("stairs_up") == 12.0
    assert graph_cell.lane_time("what is in no table") == 26.0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--n", "0"], "--n 0: expected at least 1"),
        (["--pipeline-n", "0"], "--pipeline-n 0: expected at least 1"),
        (["--seed", "-1"], "--seed -1: expected at least 0"),
        (["--time", "nan"], "--time nan: expected at least 1 s"),
        (["--out", "/dev/null/cell.json"], "/dev/null"),
    ],
)
def test_numbers_and_places_that_make_no_evaluation_are_refused_before_any_run(
    words, told, monkeypatch, capsys
):
    monkeypatch.setattr(graph_cell, "_judged", lambda *_: pytest.fail("it ran"))
    assert graph_cell.main([str(MODELS / "go2_ts"), *words]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("outcome", ["waited 30 s in vain for robot_state", "interrupted"])
def test_a_graph_that_did_not_come_up_is_no_robot_that_did_not_arrive(
    outcome, tmp_path, monkeypatch, capsys
):
    def walk(specs: tuple[NodeSpec, ...], log: Path) -> None:
        log.write_text("[ERROR] belief died")
        file = Path(specs[-1].parameters["output"])
        replace(runs.straight(seconds=4.0), outcome=outcome).save(file)

    monkeypatch.setattr(graph_cell, "walk", walk)
    words = ["--n", "1", "--out", str(tmp_path / "cell.json")]
    assert graph_cell.main([str(MODELS / "go2_ts"), *words]) == 2
    assert "belief died" in capsys.readouterr().err


def test_graph_and_pipeline_agree_unless_chance_cannot_explain_the_difference():
    fell, arrived = Walked(False, True, np.array([0.3])), Walked(True, False, np.full(3, 0.1))
    assert compare([arrived] * 5, cell(0.98))["agrees"]
    mixed = compare([arrived] * 4 + [fell], cell(0.98))
    assert mixed["agrees"] and mixed["cells"][0]["velocity_error"] == pytest.approx(0.1)
    told = compare([fell] * 5, cell(0.98))
    assert not told["agrees"] and told["p"] < 0.001
    graph, pipeline = told["cells"]
    assert (graph["n"], graph["success"], graph["survival"]) == (5, 0.0, 0.0)
    assert graph["velocity_error"] == 0.3
    assert (pipeline["n"], pipeline["success"]) == (50, 0.98)
    assert "DO NOT AGREE" in told["table"]
