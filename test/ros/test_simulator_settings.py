"""The parameters of the simulator mean the options of its parts, and config/ repeats them."""

from dataclasses import asdict, fields
from pathlib import Path

import pytest
import yaml

from ts_locomotion.nodes.simulator_settings import SimulatorSettings
from ts_locomotion.simulation.map_sensor import MapOptions
from ts_locomotion.simulation.robot_simulator import RobotOptions

CONFIG = Path(__file__).parents[2] / "config" / "simulator.yaml"


def test_without_parameters_every_option_has_its_own_default():
    assert SimulatorSettings().map_options == MapOptions()
    assert SimulatorSettings().robot_options == RobotOptions()


def test_the_terrain_has_the_size_that_is_given_or_one_by_difficulty():
    assert SimulatorSettings(size=0.25).robot_options == RobotOptions(size=0.25)
    assert SimulatorSettings(size=0.0).robot_options.size is None


@pytest.mark.parametrize("option", [field.name for field in fields(MapOptions)])
def test_each_option_of_the_map_is_a_parameter(option: str):
    settings = SimulatorSettings(**{f"map_{option}": 0.25})
    assert settings.map_options == MapOptions(**{option: 0.25})


def test_the_file_holds_defaults_alone():
    given = yaml.safe_load(CONFIG.read_text())["/**"]["ros__parameters"]
    assert given.items() <= asdict(SimulatorSettings()).items()
    assert {name for name in asdict(SimulatorSettings()) if name.startswith("map_")} <= set(given)
