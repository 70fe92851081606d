"""What each step of the set-up is made from, and what it does."""

import importlib.util
import shutil
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from faults import SetupError
from wheels import forget_halves, mend_exports
from workplace import Workplace, digest

COMPILERS = {"CC": ("C", "cc", "gcc", "clang"), "CXX": ("C++", "c++", "g++", "clang++")}
HEADERS = """
import numpy, sysconfig
print(sysconfig.get_path("include"))
print(numpy.get_include())
"""


def require_tools(variables: Mapping[str, str]) -> None:
    """Raise SetupError when something is missing that pip cannot bring."""
    for variable, (language, *names) in COMPILERS.items():
        names = [variables[variable]] if variables.get(variable) else names
        if not any(shutil.which(name, path=variables.get("PATH")) for name in names):
            raise SetupError(
                f"no {language} compiler found (tried {', '.join(names)}):"
                " install one (Ubuntu, Debian: apt install g++)"
            )
    if importlib.util.find_spec("ensurepip") is None:
        raise SetupError(
            f"{sys.executable} cannot make virtual environments, ensurepip is missing"
            " (Ubuntu, Debian: apt install python3-venv)"
        )
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        raise SetupError(
            f"the C headers of {sys.executable} are missing"
            " (Ubuntu, Debian: apt install python3-dev)"
        )


def venv_origin(place: Workplace) -> str:
    """Digest of what decides over the whole environment: place, Python, ROS installation."""
    ros = [str(path) for path in place.ros_prefixes()] + place.ros_interfaces()
    return digest([str(place.root), sys.version, sys.base_prefix, *ros])


def create_venv(place: Workplace) -> None:
    """Create an empty environment, dropping what was there."""
    if place.venv.exists():
        shutil.rmtree(place.venv)
    place.venv.mkdir()
    base_python = getattr(sys, "_base_executable", sys.executable)
    options = ["--system-site-packages"] if place.ros_prefixes() else []
    place.call("venv", [base_python, "-m", "venv", *options, place.venv])


def install_lock(place: Workplace, name: str) -> None:
    """Install a lock as it stands; only torch's own requirements depend on the build chosen."""
    forget_halves(place.site_packages)
    search = ["-c", place.lock("run")] if name == "train" else ["--no-deps"]
    _pip_install(place, name, [*search, "-r", place.lock(name)])
    if name == "ros":
        python_headers, numpy_headers = place.call(name, [place.python, "-c", HEADERS]).split()
        mend_exports(place.venv / "share", python_headers, numpy_headers)


def interfaces_origin(place: Workplace) -> str:
    """Digest of what the interface packages and the shared folders are built from."""
    folders = [place.root / "src/interfaces", place.root / "src/ts_locomotion_msgs"]
    sources = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    sources += [place.root / "CMakeLists.txt", place.root / "package.xml"]
    shared = [
        str(path.relative_to(place.root))
        for folder in ("config", "launch", "models")
        for path in sorted((place.root / folder).rglob("*"))
        if "__pycache__" not in path.parts
    ]
    locks = [] if place.ros_prefixes() else [place.lock("ros")]
    return digest(shared, [*sources, *locks, place.lock("run")])


def build_interfaces(place: Workplace) -> None:
    """Build with colcon into .venv itself, so that nothing needs to be sourced."""
    build, unfinished = place.venv / "build", place.venv / "stamps" / "interfaces.unfinished"
    if unfinished.exists() and build.exists():
        shutil.rmtree(build)
    unfinished.touch()
    colcon = [place.venv / "bin" / "colcon", "--log-base", build / "log", "build"]
    colcon += ["--base-paths", place.root, "--build-base", build]
    colcon += ["--install-base", place.venv, "--merge-install", "--symlink-install"]
    colcon += ["--event-handlers", "console_direct+", "console_stderr-"]
    cmake = ["-G", "Ninja", f"-DPython3_EXECUTABLE={place.python}"]
    cmake += ["-DINSTALL_PYTHON=OFF", "-DCOMPILE_IN_BATCHES=ON", "-DBUILD_TESTING=OFF"]
    place.call("interfaces", [*colcon, "--cmake-args", *cmake])
    unfinished.unlink()


def install_live(place: Workplace) -> None:
    """Install ts_locomotion and its commands so that edits in src need no second installation."""
    _pip_install(place, "package", ["--no-deps", "--no-build-isolation", "-e", place.root])


def _pip_install(place: Workplace, step: str, options: list[str | Path]) -> None:
    pip = [place.python, "-m", "pip", "install", "--quiet", "--no-input", "--no-color"]
    place.call(step, [*pip, "--disable-pip-version-check", *options])
