"""Where the set-up works: its folders, its environment variables, its commands."""

import contextlib
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from faults import SetupError, explain_output

INTERFACES = ("grid_map_msgs", "tf2_msgs", "unitree_api", "unitree_go")
FOREIGN = (  # what shells that sourced another environment pass on
    "PYTHONHOME",
    "PYTHONPATH",
    "AMENT_PREFIX_PATH",
    "CMAKE_PREFIX_PATH",
    "COLCON_PREFIX_PATH",
    "_ROS_WHEELS_BOOTSTRAP_COMPLETE",
)


@dataclass(frozen=True)
class Workplace:
    """A clone of the repository and the environment variables of the caller."""

    root: Path
    variables: Mapping[str, str]

    @property
    def venv(self) -> Path:
        """The virtual environment, which is also the prefix of the colcon build."""
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self.venv / "bin" / "python"

    @property
    def log(self) -> Path:
        """What the commands printed."""
        return self.venv / "setup.log"

    @property
    def site_packages(self) -> Path:
        """Where pip installs modules."""
        major, minor = sys.version_info[:2]
        return self.venv / "lib" / f"python{major}.{minor}" / "site-packages"

    def lock(self, purpose: str) -> Path:
        """The pinned requirements of a purpose."""
        return self.root / "requirements" / f"{purpose}.txt"

    def ros_prefixes(self) -> list[Path]:
        """Prefixes of the ROS installation that the caller sourced, or none.

        Raises SetupError for another distribution than Jazzy.
        """
        distribution = self.variables.get("ROS_DISTRO", "")
        prefixes = [path for path in self._prefixes("AMENT_PREFIX_PATH") if not self._is_own(path)]
        if not distribution or not any((path / "share/rclpy").is_dir() for path in prefixes):
            return []
        if distribution != "jazzy":
            raise SetupError(
                f"ROS 2 {distribution} is sourced and this package needs jazzy:"
                " source jazzy, or call make in a shell that has sourced none"
            )
        return prefixes

    def ros_interfaces(self) -> list[str]:
        """Interface packages that the sourced ROS installation already has."""
        prefixes = self.ros_prefixes()
        return [
            name
            for name in INTERFACES
            if any((prefix / "share" / name / "package.xml").is_file() for prefix in prefixes)
        ]

    def build_variables(self) -> dict[str, str]:
        """Environment variables for pip and colcon: the sourced ROS, or nothing but .venv."""
        variables = dict(self.variables)
        prefixes = self.ros_prefixes()
        if prefixes:
            cmake = [
                path for path in self._prefixes("CMAKE_PREFIX_PATH") if not self._is_own(path)
            ]
        else:
            for name in FOREIGN:
                variables.pop(name, None)
            prefixes = cmake = [self.venv]
        variables["AMENT_PREFIX_PATH"] = os.pathsep.join(map(str, prefixes))
        variables["CMAKE_PREFIX_PATH"] = os.pathsep.join(map(str, cmake))
        variables["PATH"] = os.pathsep.join(
            (str(self.venv / "bin"), variables.get("PATH", os.defpath))
        )
        return variables

    def call(self, step: str, command: Sequence[str | Path]) -> str:
        """Run a command of a step and return what it printed; raise SetupError if it fails."""
        result = subprocess.run(
            [str(word) for word in command],
            cwd=self.root,
            env=self.build_variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        with contextlib.suppress(OSError), self.log.open("a") as log:
            log.write(result.stdout)
        if result.returncode:
            raise SetupError(explain_output(step, result.stdout, self.log))
        return result.stdout

    def _prefixes(self, variable: str) -> list[Path]:
        paths = self.variables.get(variable, "").split(os.pathsep)
        return [Path(path) for path in paths if path]

    def _is_own(self, prefix: Path) -> bool:
        return prefix.resolve().is_relative_to(self.venv.resolve())


def digest(texts: Iterable[str], files: Iterable[Path] = ()) -> str:
    """Fingerprint of texts and of the names and contents of files."""
    content = hashlib.sha256()
    for text in texts:
        content.update(text.encode() + b"\0")
    for path in sorted(files):
        content.update(str(path).encode() + b"\0" + path.read_bytes() + b"\0")
    return content.hexdigest()
