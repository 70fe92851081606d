"""The set-up's judgement: which ROS, which steps, which locks, and what a failure is called."""

import configparser
import errno
import os
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import steps  # noqa: E402
from actions import venv_origin  # noqa: E402
from faults import SetupError  # noqa: E402
from wheels import mend_exports  # noqa: E402
from workplace import Workplace  # noqa: E402

LOCKS = ROOT / "requirements"


def pins(purpose):
    """Names and versions of a lock."""
    return dict(line.split("==") for line in (LOCKS / f"{purpose}.txt").read_text().split())


@pytest.fixture
def installation(tmp_path):
    """A ROS installation as far as the set-up looks: rclpy and grid_map_msgs are there."""
    for name in ("rclpy", "grid_map_msgs"):
        (tmp_path / "ros/share" / name).mkdir(parents=True)
        (tmp_path / "ros/share" / name / "package.xml").write_text("")
    return tmp_path / "ros"


def sourced(installation, distribution="jazzy"):
    """Variables of a shell that sourced an installation, and the clone's own prefix after it."""
    prefixes = f"{ROOT / '.venv'}:{installation}"
    variables = {"ROS_DISTRO": distribution, "PYTHONPATH": "/ros/python", "PATH": "/bin"}
    return variables | {"AMENT_PREFIX_PATH": prefixes, "CMAKE_PREFIX_PATH": prefixes}


def test_without_ros_the_wheels_are_installed_and_other_environments_are_shut_out():
    stray = {"AMENT_PREFIX_PATH": "/other", "PYTHONPATH": "/other", "PATH": "/bin"}
    place = Workplace(ROOT, stray | {"_ROS_WHEELS_BOOTSTRAP_COMPLETE": "1"})
    assert [step.name for step in steps.plan(place, {"run"})] == [
        "venv",
        "ros",
        "run",
        "interfaces",
        "package",
    ]
    variables = place.build_variables()
    assert variables["AMENT_PREFIX_PATH"] == variables["CMAKE_PREFIX_PATH"] == str(place.venv)
    assert not {"PYTHONPATH", "_ROS_WHEELS_BOOTSTRAP_COMPLETE"} & set(variables)


def test_a_sourced_jazzy_wins_and_nothing_of_ros_is_installed(installation):
    place = Workplace(ROOT, sourced(installation))
    assert "ros" not in [step.name for step in steps.plan(place, {"run", "test"})]
    variables = place.build_variables()
    assert variables["AMENT_PREFIX_PATH"] == variables["CMAKE_PREFIX_PATH"] == str(installation)
    assert variables["PYTHONPATH"] == "/ros/python"
    assert not [name for purpose in ("run", "test", "train") for name in ros_pins(purpose)]


def ros_pins(purpose):
    """Pins of a lock that belong to ROS."""
    return [name for name in pins(purpose) if name.startswith("ros-") or name == "numpy"]


def test_another_distribution_than_jazzy_is_refused(installation):
    place = Workplace(ROOT, sourced(installation, "humble"))
    with pytest.raises(SetupError, match="ROS 2 humble is sourced and this package needs jazzy"):
        place.ros_prefixes()


def test_sourcing_the_own_environment_alone_is_no_ros_installation():
    own = {"ROS_DISTRO": "jazzy", "AMENT_PREFIX_PATH": str(ROOT / ".venv")}
    assert Workplace(ROOT, own).ros_prefixes() == []


def test_an_interface_package_that_the_installation_gains_makes_a_new_environment(installation):
    place = Workplace(ROOT, sourced(installation))
    assert place.ros_interfaces() == ["grid_map_msgs"]
    before = venv_origin(place)
    assert venv_origin(place) == before
    (installation / "share/tf2_msgs").mkdir()
    (installation / "share/tf2_msgs/package.xml").write_text("")
    assert venv_origin(place) != before


def test_a_full_disk_met_by_the_set_up_itself_is_said(monkeypatch, tmp_path):
    def refuse(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(sys, "argv", ["setup", "run"])
    monkeypatch.setattr(steps, "bring_up_to_date", refuse)
    with pytest.raises(SystemExit, match=rf"the disk that holds {ROOT} is full"):
        steps.main()


def test_an_interruption_is_said_without_a_traceback(monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["setup", "run"])
    monkeypatch.setattr(steps, "bring_up_to_date", interrupt)
    with pytest.raises(SystemExit, match="the next call goes on from here"):
        steps.main()


def test_exports_of_the_wheels_are_mended_once_for_every_python(tmp_path):
    export = tmp_path / "std_msgs/cmake/export_std_msgs__pyExport.cmake"
    export.parent.mkdir(parents=True)
    headers = "/opt/python/cp313-cp313/include/python3.13"
    numpy = "/opt/python/cp313-cp313/lib/python3.13/site-packages/numpy/_core/include"
    export.write_text(f'DIRECTORIES "{headers};{numpy};/usr/include"')
    assert mend_exports(tmp_path, "/py", "/np") == 1
    assert export.read_text() == 'DIRECTORIES "/py;/np;/usr/include"'
    assert mend_exports(tmp_path, "/py", "/np") == 0


@pytest.mark.parametrize("purpose", ["ros", "run", "train", "test"])
def test_every_pin_asked_for_is_in_its_lock(purpose):
    locked = pins("ros") | pins("run") | pins(purpose)
    asked = re.findall(
        r"^([\w-]+)(?:\[\w+\])?==(\S+)", (LOCKS / f"{purpose}.in").read_text(), re.M
    )
    assert asked
    for name, version in asked:
        assert {k.replace("_", "-"): v for k, v in locked.items()}[
            name.lower().replace("_", "-")
        ] == version


def test_locks_agree_where_they_overlap_and_only_training_asks_for_torch():
    found = {}
    for purpose in ("ros", "run", "train", "test"):
        for name, version in pins(purpose).items():
            assert found.setdefault(name, version) == version
    assert [p for p in ("ros", "run", "train", "test") if "torch" in pins(p)] == ["train"]


def entry_points():
    """Every command of pip's and of colcon's installation, and the function it stands for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    executables = configparser.ConfigParser()
    executables.read(ROOT / "src/executables.cfg")
    lines = executables["options.entry_points"]["console_scripts"].strip().splitlines()
    return [*project.items(), *(tuple(map(str.strip, line.split("="))) for line in lines)]


@pytest.mark.parametrize(("command", "target"), entry_points())
def test_every_command_stands_for_a_function_that_exists(command, target):
    module, _, function = target.partition(":")
    source = ROOT / "src" / (module.replace(".", "/") + ".py")
    assert f"def {function}(" in source.read_text()
