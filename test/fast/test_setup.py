"""Sets up a miniature clone, for real: own wheels and a stand-in for colcon, no network."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
QUIET_INDEX = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1"}
CLOSED_PORT = {"PIP_NO_INDEX": "0", "PIP_INDEX_URL": "http://127.0.0.1:9", "PIP_RETRIES": "1"}
COLCON = """#!/bin/sh
echo called >> "$PWD/colcon.calls"
mkdir -p "$PWD/.venv/build"
[ -f "$PWD/colcon.script" ] && exec sh "$PWD/colcon.script"
exit 0
"""
BACKEND = """
import shutil

def build_editable(folder, *_):
    return shutil.copy("live-1-py3-none-any.whl", folder).split("/")[-1]
"""


def write_wheel(folder, name, files):
    """Write a wheel by hand, so that pip has something real to install without a network."""
    info = f"{name}-1.dist-info"
    metadata = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, *metadata, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-1-py3-none-any.whl", "w") as wheel:
        for path, text in {**files, **metadata, f"{info}/RECORD": record}.items():
            entry = zipfile.ZipInfo(path)
            entry.external_attr = (0o100755 if "/scripts/" in path else 0o100644) << 16
            wheel.writestr(entry, text)
    return f"{name} @ file://{folder}/{name}-1-py3-none-any.whl\n"


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A repository as the set-up sees it, with two tiny wheels and a colcon that only counts."""
    root = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "tools", root / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Makefile", root)
    for folder in ("requirements", "src/interfaces", "src/ts_locomotion_msgs/msg"):
        (root / folder).mkdir(parents=True)
    (root / "src/ts_locomotion_msgs/msg/Mode.msg").write_text("uint8 mode\n")
    (root / "CMakeLists.txt").write_text("")
    (root / "package.xml").write_text("")
    (root / "tools/backend.py").write_text(BACKEND)
    (root / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["tools"]\n'
    )
    write_wheel(root, "live", {"live.py": ""})
    ros = {"numpy.py": "def get_include(): return '/headers'\n"}
    run = {"tool.py": "", "tool-1.data/scripts/colcon": COLCON, "tool-1.data/data/lib/tool.so": ""}
    (root / "requirements/ros.txt").write_text(write_wheel(root, "ros", ros))
    (root / "requirements/run.txt").write_text(write_wheel(root, "tool", run))
    return root


def environment(**changes):
    """The variables of this process without those of a sourced ROS or an activated environment."""
    drop = ("ROS_DISTRO", "PYTHONPATH", "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "CC", "CXX")
    return {k: v for k, v in os.environ.items() if k not in drop} | QUIET_INDEX | changes


def set_up(root, *purposes, **changes):
    """Call the set-up as make does."""
    command = [sys.executable, root / "tools/setup_environment.py", *(purposes or ["run"])]
    return subprocess.run(
        command, env=environment(**changes), capture_output=True, text=True, timeout=120
    )


def sentence(result):
    """The one sentence a failed set-up ends with."""
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("setup: ")]
    assert len(lines) == 1, result.stderr
    return lines[0]


def builds(root):
    """How often colcon was called."""
    calls = root / "colcon.calls"
    return len(calls.read_text().split()) if calls.exists() else 0


@pytest.fixture
def ready(clone):
    """The miniature clone, set up."""
    assert set_up(clone).returncode == 0
    yield clone
    (clone / "colcon.script").unlink(missing_ok=True)


def test_a_second_call_does_nothing_and_says_nothing(ready):
    before = builds(ready)
    second = set_up(ready)
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert builds(ready) == before >= 1


def test_a_changed_message_is_built_and_an_edited_module_is_not(ready):
    before = builds(ready)
    message = ready / "src/ts_locomotion_msgs/msg/Mode.msg"
    message.write_text(message.read_text() + "bool settled\n")
    assert "building the interface packages" in set_up(ready).stdout
    (ready / "src/ts_locomotion").mkdir(exist_ok=True)
    (ready / "src/ts_locomotion/robot.py").write_text("JOINTS = 12\n")
    assert set_up(ready).stdout == ""
    assert builds(ready) == before + 1


def test_a_killed_build_starts_anew_on_the_next_call(ready):
    (ready / "colcon.script").write_text("touch .venv/build/half; sleep 60")
    (ready / "CMakeLists.txt").write_text("# changed\n")
    command = [sys.executable, ready / "tools/setup_environment.py", "run"]
    process = subprocess.Popen(command, env=environment(), start_new_session=True)
    try:
        wait_for((ready / ".venv/build/half").exists)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
    (ready / "colcon.script").unlink()
    assert "ready" in set_up(ready).stdout
    assert not (ready / ".venv/build/half").exists()


def test_a_package_cut_off_while_being_installed_is_installed_anew(ready):
    library = ready / ".venv/lib/tool.so"
    library.unlink()
    next(ready.glob(".venv/lib/python*/site-packages/tool-1.dist-info/INSTALLER")).unlink()
    (ready / ".venv/stamps/run").unlink()
    assert set_up(ready).returncode == 0
    assert library.is_file()


def test_an_environment_cut_off_while_being_made_is_made_anew(ready):
    (ready / ".venv/stamps/venv").unlink()
    (ready / ".venv/bin/python").unlink()
    assert set_up(ready).returncode == 0
    assert (ready / ".venv/bin/python").exists()


def test_no_network_is_said_and_the_next_call_recovers(ready):
    lock = ready / "requirements/run.txt"
    good = lock.read_text()
    lock.write_text("absent-package==1\n")
    failed = set_up(ready, **CLOSED_PORT)
    lock.write_text(good)
    assert "package index cannot be reached" in sentence(failed)
    assert "ready" in set_up(ready).stdout


def test_a_disk_that_fills_up_during_the_build_is_said_and_the_next_call_recovers(ready):
    (ready / "colcon.script").write_text("cat /bin/sh > /dev/full || exit 1")
    (ready / "package.xml").write_text("<changed/>")
    assert f"the disk that holds {ready / '.venv'} is full" in sentence(set_up(ready))
    (ready / "colcon.script").unlink()
    assert "ready" in set_up(ready).stdout


def test_any_other_failure_names_its_step_its_first_error_and_the_log(ready):
    (ready / "colcon.script").write_text("echo 'a.cpp:1:2: error: too bad'; echo more; exit 1")
    (ready / "CMakeLists.txt").write_text("# changed again\n")
    said = sentence(set_up(ready))
    assert "step 'interfaces' failed (a.cpp:1:2: error: too bad)" in said
    assert "too bad" in (ready / ".venv/setup.log").read_text()
    (ready / "colcon.script").unlink()
    assert set_up(ready).returncode == 0


def test_a_second_set_up_of_the_same_clone_waits_for_the_first(ready):
    folder = os.open(ready, os.O_RDONLY)
    command = [sys.executable, ready / "tools/setup_environment.py", "run"]
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        second = subprocess.Popen(
            command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert "waiting" in second.stdout.readline()
        assert second.poll() is None
    finally:
        os.close(folder)
    assert second.wait(30) == 0
    second.stdout.close()


def test_no_compiler_is_said_before_anything_is_installed(clone, tmp_path):
    (clone / "src/ts_locomotion_msgs/msg/New.msg").write_text("uint8 new\n")
    assert "no C compiler found (tried cc, gcc, clang)" in sentence(set_up(clone, PATH="/nowhere"))
    assert "no C++ compiler found (tried no-c++)" in sentence(set_up(clone, CXX="no-c++"))


def test_a_wrong_python_is_said_by_the_script_and_a_missing_one_by_make(clone):
    script = clone / "tools/setup_environment.py"
    older = (
        "import runpy, sys; sys.version_info = (3, 8, 2);"
        f" sys.argv = ['setup', 'run']; runpy.run_path({str(script)!r})"
    )
    result = subprocess.run([sys.executable, "-c", older], capture_output=True, text=True)
    assert "Python 3.11 to 3.14 is needed" in sentence(result)
    command = ["make", "-C", str(clone), "setup", "PYTHON=no-such-python"]
    result = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert "no no-such-python found" in sentence(result)


def wait_for(condition):
    """Wait until a condition holds, at most half a minute."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_entry_script_is_readable_by_old_pythons():
    import ast

    text = Path(ROOT, "tools/setup_environment.py").read_text()
    ast.parse(text, feature_version=(3, 4))
    assert 'f"' not in text
