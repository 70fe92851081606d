"""What can be called by name, by pip's scripts and by `ros2 run`."""

import ast
import configparser
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BOTH = ("train", "eval", "play", "export", "demo", "bench", "bringup", "mode")
"""As ts-<name>, and as `ros2 run ts_locomotion <name>`."""


def scripts() -> dict[str, str]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


def executables() -> dict[str, str]:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "src/executables.cfg")
    lines = parser["options.entry_points"]["console_scripts"].strip().splitlines()
    return {name.strip(): place.strip() for name, _, place in (x.partition("=") for x in lines)}


@pytest.mark.parametrize("place", sorted({*scripts().values(), *executables().values()}))
def test_every_name_leads_to_a_function_that_needs_no_argument(place):
    module, _, function = place.partition(":")
    tree = ast.parse((ROOT / "src" / f"{module.replace('.', '/')}.py").read_text())
    (found,) = (n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == function)
    assert len(found.args.defaults) == len(found.args.args)


@pytest.mark.parametrize("name", BOTH)
def test_pip_and_ros_call_the_same(name):
    assert scripts()[f"ts-{name}"] == executables()[name]


def test_every_script_of_pip_is_an_executable_of_ros():
    assert {name.removeprefix("ts-").replace("-", "_") for name in scripts()} <= set(executables())


@pytest.mark.parametrize("name", ["train", "export", "ablation", "bench_train"])
def test_a_command_that_needs_torch_says_in_a_line_where_it_is_missing(name):
    place = executables()[name]
    assert place == scripts()[f"ts-{name.replace('_', '-')}"]
    module, _, function = place.partition(":")
    without = f"import sys; sys.modules['torch'] = None; from {module} import {function} as main; "
    words = [
        sys.executable,
        "-c",
        f"{without} sys.argv[:] = ['ts-it', '--help']; sys.exit(main())",
    ]
    told = subprocess.run(words, capture_output=True, text=True)
    assert told.returncode == 2
    assert told.stderr.startswith("ts-it: torch is not installed") and "make train" in told.stderr
    assert told.stderr.count("\n") == 1
