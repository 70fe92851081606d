"""Who takes part in an evaluation: a bundle, and beside it its teacher and a blind one."""

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from ts_locomotion import bundle, shipped
from ts_locomotion.bundle import CONTRACT_FILE
from ts_locomotion.errors import ConfigurationError, LocomotionError
from ts_locomotion.training.walkers import BundleWalker, Walker

NO_TORCH = "no teacher: torch is not installed (`make eval` and `make train` install it)"


class Entrants(NamedTuple):
    """Policies in the order of the table, and a sentence about each that could not come."""

    name: str
    walkers: tuple[Walker, ...]
    absent: tuple[str, ...]


def gather(name: Path | str, beside: Path | str | None) -> Entrants:
    """The entrants for a bundle, or for a training that is still under way; see shipped.find.

    A bundle that sees brings its teacher and the blind bundle `beside`; with None it comes alone.
    Raises ConfigurationError where there is neither a student nor its teacher.
    """
    folder = shipped.find(name)
    main = _main(folder)
    sees = main is None or main.sight is None
    walkers: list[Walker] = [main] if main else []
    absent = []
    if beside and sees:
        for invite in (lambda: _teacher(folder), lambda: _baseline(beside)):
            try:
                walkers.append(invite())
            except LocomotionError as problem:
                absent.append(str(problem))
    if main is None and all(walker.sight == "blind" for walker in walkers):
        raise ConfigurationError(f"{folder} holds no student yet; {'; '.join(absent)}")
    return Entrants(folder.resolve().name, tuple(walkers), tuple(absent))


def _main(folder: Path) -> BundleWalker | None:
    if (folder / CONTRACT_FILE).exists() or find_spec("torch") is None:
        return BundleWalker(bundle.load(folder))
    from ts_locomotion.training import teacher_walker

    model = teacher_walker.student_bundle(folder)
    return BundleWalker(model) if model else None


def _teacher(folder: Path) -> Walker:
    if find_spec("torch") is None:
        raise ConfigurationError(NO_TORCH)
    from ts_locomotion.training import teacher_walker

    return teacher_walker.load(folder, f"{folder.resolve().name} teacher")


def _baseline(name: Path | str) -> Walker:
    return BundleWalker(bundle.load(shipped.find(name)))
