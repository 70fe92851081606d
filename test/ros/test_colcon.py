"""A plain `colcon build` in a workspace, as on a machine whose ROS has the interface packages."""

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PREFIX = Path(sys.prefix)
EXECUTABLES = "install/ts_locomotion/lib/ts_locomotion"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A workspace with a copy of the repository, built."""
    root = tmp_path_factory.mktemp("workspace")
    made = shutil.ignore_patterns(".*", "__pycache__", "build", "install", "log", "out", "runs")
    shutil.copytree(ROOT, root / "src" / "ts_locomotion", ignore=made)
    result = subprocess.run(
        ["colcon", "build", "--cmake-args", "-G", "Ninja", "-DCOMPILE_IN_BATCHES=ON"],
        cwd=root,
        env=variables(),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return root


def variables():
    """Environment of a shell that sourced the ROS that this environment holds."""
    prefixes = os.environ.get("AMENT_PREFIX_PATH") or str(PREFIX)
    prefixes = prefixes if str(PREFIX) in prefixes else f"{PREFIX}:{prefixes}"
    return os.environ | {
        "AMENT_PREFIX_PATH": prefixes,
        "CMAKE_PREFIX_PATH": prefixes,
        "PATH": f"{PREFIX / 'bin'}:{os.environ['PATH']}",
    }


def test_interface_packages_that_the_system_has_are_not_built(workspace):
    share = workspace / "install/ts_locomotion/share"
    assert (share / "ts_locomotion_msgs/package.xml").is_file()
    assert not (share / "grid_map_msgs").exists()
    assert not (share / "unitree_go").exists()


def test_every_executable_is_installed(workspace):
    executables = configparser.ConfigParser()
    executables.read(ROOT / "src/executables.cfg")
    lines = executables["options.entry_points"]["console_scripts"].strip().splitlines()
    installed = {path.name for path in (workspace / EXECUTABLES).iterdir()}
    assert installed == {line.partition("=")[0].strip() for line in lines}


def test_launch_files_configurations_and_models_are_installed(workspace):
    share = workspace / "install/ts_locomotion/share/ts_locomotion"
    assert (share / "launch/go2_bringup.launch.py").is_file()
    for folder in ("config", "models"):
        assert {path.name for path in (share / folder).iterdir()} == {
            path.name for path in (ROOT / folder).iterdir()
        }


def test_the_sourced_workspace_offers_the_package_and_its_messages(workspace):
    script = (
        ". install/local_setup.sh && cd / && python -c '"
        "import ts_locomotion, ts_locomotion_msgs.msg as m; print(ts_locomotion.__file__);"
        " print(m.RobotState().joint_positions.shape)'"
    )
    result = subprocess.run(
        ["sh", "-c", script], cwd=workspace, env=variables(), capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert str(workspace / "install") in result.stdout
    assert "(12,)" in result.stdout
