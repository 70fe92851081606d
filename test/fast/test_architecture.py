"""Reads the sources: imports point inwards, files and functions stay small."""

import ast
import re
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "ts_locomotion"
MODULES = sorted(PACKAGE.rglob("*.py"))
SOURCES = MODULES + sorted([*ROOT.glob("tools/*.py"), *ROOT.glob("launch/*.py")])

INSIDE = {
    "core": set(),
    "simulation": {"core"},
    "training": {"core", "simulation"},
    "evaluation": {"core", "simulation", "training", "bringup", "demo"},
    "bringup": {"core"},
    "demo": {"core", "bringup"},
    "bench": {"core", "bringup", "demo", "simulation", "training"},
    "nodes": {"core", "demo", "simulation"},
}
CORE_NEEDS = {"numpy", "yaml", "onnxruntime"}
LEARNING = {"torch", "rsl_rl", "tensordict", "onnx", "onnxscript", "tensorboard"}
ROS = {"rclpy", "std_msgs", "nav_msgs", "geometry_msgs", "ts_locomotion_msgs", "unitree_go"}


def layer(module: Path) -> str:
    """Folder of a module below the package; the package's own modules are the core."""
    parts = module.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else "core"


@cache
def imports(module: Path) -> frozenset[str]:
    """Dotted names a module imports, wherever in the file it does."""
    names = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} imports relatively"
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(names)


def layers_used(module: Path) -> set[str]:
    """Other layers of the package that a module imports."""
    own = [name.split(".") for name in imports(module) if name.split(".")[0] == "ts_locomotion"]
    used = {parts[1] if parts[1] in INSIDE else "core" for parts in own if len(parts) > 1}
    return used - {layer(module)}


def outsiders(module: Path) -> set[str]:
    """Top-level packages that a module imports from outside the standard library."""
    tops = {name.split(".")[0] for name in imports(module)}
    return tops - set(sys.stdlib_module_names) - {"ts_locomotion"}


def test_every_folder_of_the_package_is_a_known_layer():
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert folders <= set(INSIDE)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_inwards(module):
    assert layers_used(module) <= INSIDE[layer(module)]


def test_the_core_needs_numpy_yaml_and_onnxruntime_only():
    strangers = {str(path): outsiders(path) - CORE_NEEDS for path in PACKAGE.glob("*.py")}
    assert not {path: names for path, names in strangers.items() if names}


def test_only_training_imports_torch_and_its_company():
    users = {layer(path) for path in MODULES if outsiders(path) & LEARNING}
    assert users <= {"training"}


def test_only_nodes_and_the_benchmark_import_ros():
    users = {layer(path) for path in MODULES if outsiders(path) & ROS}
    assert users <= {"nodes", "bench"}


def test_only_the_simulator_node_and_its_own_parts_import_the_simulation():
    nodes = [path for path in MODULES if layer(path) == "nodes"]
    users = {path for path in nodes if "simulation" in layers_used(path)}
    for user in users - {PACKAGE / "nodes/simulator_node.py"}:
        importers = {path for path in nodes if f"ts_locomotion.nodes.{user.stem}" in imports(path)}
        assert importers <= users, f"{user.stem} brings the simulation to {importers - users}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small(source):
    text = source.read_text()
    assert len(text.splitlines()) <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < 60, f"{node.name} is longer than 60 lines"


def test_package_xml_names_every_ros_package_that_is_imported():
    declared = set(re.findall(r"depend>(\w+)</", (ROOT / "package.xml").read_text()))
    ours = {path.name for path in (ROOT / "src").glob("*_msgs")}
    ours |= {path.name for path in (ROOT / "src/interfaces").iterdir()}
    packages = {name for path in MODULES for name in outsiders(path)}
    ros = {
        name
        for name in packages
        if re.search(r"^(rcl|ament|launch)|_(msgs|srvs|interfaces)$", name)
    }
    assert ros - ours <= declared
