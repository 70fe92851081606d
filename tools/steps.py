"""Makes .venv in steps; a step is done again only when what it is made from has changed."""

import argparse
import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from actions import (
    build_interfaces,
    create_venv,
    install_live,
    install_lock,
    interfaces_origin,
    require_tools,
    venv_origin,
)
from faults import SetupError, explain_os_error
from workplace import Workplace, digest

PURPOSES = ("run", "train", "test")


class Step(NamedTuple):
    """One step: its name, what it tells the user, a digest of its inputs, and what it does."""

    name: str
    announcement: str
    origin: str
    act: Callable[[], None]


def main() -> None:
    """Bring the environment up to date for the purposes on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("purposes", nargs="+", choices=PURPOSES)
    purposes = parser.parse_args().purposes
    place = Workplace(Path(__file__).resolve().parents[1], os.environ)
    try:
        with alone(place.root):
            bring_up_to_date(place, {"run", *purposes})
    except SetupError as fault:
        sys.exit(f"setup: {fault}")
    except OSError as error:
        sys.exit(f"setup: {explain_os_error(error, place.root)}")
    except KeyboardInterrupt:
        sys.exit("setup: interrupted; the next call goes on from here")


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Keep a second set-up of the same clone waiting."""
    folder = os.open(root, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("waiting for another set-up of this clone")
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def bring_up_to_date(place: Workplace, purposes: set[str]) -> None:
    """Do the steps whose stamps are missing or outdated, in order."""
    began = time.monotonic()
    steps = plan(place, purposes)
    outdated = [step for step in steps if not is_done(place, step)]
    if any(step.name in ("venv", "interfaces") for step in outdated):
        require_tools(place.variables)
    for step in steps:
        if not is_done(place, step):
            tell(step.announcement)
            do(place, step)
    if outdated:
        tell(f"ready after {time.monotonic() - began:.0f} s")


def plan(place: Workplace, purposes: set[str]) -> list[Step]:
    """All steps that the purposes need, in order."""
    sourced = bool(place.ros_prefixes())
    locks = ([] if sourced else ["ros"]) + [name for name in PURPOSES if name in purposes]
    version = ".".join(map(str, sys.version_info[:3]))
    return [
        Step(
            "venv",
            f"creating .venv: Python {version}, ROS {'as sourced' if sourced else 'from wheels'}",
            venv_origin(place),
            lambda: create_venv(place),
        ),
        *(
            Step(
                name,
                f"installing requirements/{name}.txt",
                digest([], [place.lock(name)]),
                lambda name=name: install_lock(place, name),
            )
            for name in locks
        ),
        Step(
            "interfaces",
            "building the interface packages (one to two minutes on two cores)",
            interfaces_origin(place),
            lambda: build_interfaces(place),
        ),
        Step(
            "package",
            "installing ts_locomotion, live from src",
            digest([], [place.root / "pyproject.toml"]),
            lambda: install_live(place),
        ),
    ]


def is_done(place: Workplace, step: Step) -> bool:
    """Whether the step was last finished with the inputs of now."""
    stamp = place.venv / "stamps" / step.name
    return stamp.is_file() and stamp.read_text() == step.origin


def do(place: Workplace, step: Step) -> None:
    """Do a step; its stamp is written last, so that a step cut off counts as not done."""
    stamp = place.venv / "stamps" / step.name
    stamp.unlink(missing_ok=True)
    step.act()
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(step.origin)


def tell(sentence: str) -> None:
    """Show progress."""
    print(f"setup: {sentence}", flush=True)
