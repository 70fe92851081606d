"""Resolves requirements/*.in into the locks: `make lock`, after changing a pin."""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

LOCKS = Path(__file__).resolve().parents[1] / "requirements"
ROS = ("ros-", "numpy")


def main() -> None:
    """Write the locks: ros and run, and what train and test need beyond run."""
    base = resolve("ros", "run")
    write("ros", {pin for pin in base if pin.startswith(ROS)})
    write("run", {pin for pin in base if not pin.startswith(ROS)})
    for purpose in ("train", "test"):
        write(purpose, resolve("ros", "run", purpose) - base)


def resolve(*purposes: str) -> set[str]:
    """Pins of everything the purposes need."""
    files = [word for name in purposes for word in ("-r", str(LOCKS / f"{name}.in"))]
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"]
    command += ["--quiet", "--report", "-", *files]
    report = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    found = [item["metadata"] for item in json.loads(report)["install"]]
    return {f"{item['name']}=={item['version'].split('+')[0]}".lower() for item in found}


def write(purpose: str, pins: Iterable[str]) -> None:
    """Write a lock."""
    (LOCKS / f"{purpose}.txt").write_text("".join(f"{pin}\n" for pin in sorted(pins)))


if __name__ == "__main__":
    main()
