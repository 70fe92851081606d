"""The belief variants of `ts-ablation`: students of one teacher, judged on what needs eyes.

Since only the second stage differs, a cell takes the teacher's checkpoint as it is and trains its
student. Miki et al. 2022 compare GRU and MLP, with and without the gate (supplement S9).
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ts_locomotion import shipped
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.training import run, tasks
from ts_locomotion.training.ablation_plan import Edit, Plan, Variant, mean, spent
from ts_locomotion.training.belief_encoder import DECODED
from ts_locomotion.training.belief_evaluate import TRIALS, SeeingCell
from ts_locomotion.training.belief_tasks import BeliefTask
from ts_locomotion.training.course import Trial
from ts_locomotion.training.learning_curves import Curves
from ts_locomotion.training.publish import publish
from ts_locomotion.training.tasks import AnyTask
from ts_locomotion.training.train import STUDENT_SETTINGS, prepare, teach

TEACHER = "go2_belief"
"""Shipped bundle."""
LOOKS = ("clean", "nominal", "noisy")
"""Perceptions under which students are judged."""
NEEDS_EYES = (
    *("flat 0.6 m/s", "stairs up 15 cm", "stairs up 20 cm", "stairs down 15 cm"),
    *("stairs down 20 cm", "grid steps 15 cm", "blocks 15 cm", "gaps 15 cm", "gaps 25 cm"),
)
"""Names of trials; the flat one for the velocity error where nothing is in the way."""


def student(**settings: bool) -> Edit:
    """The edit that changes settings of the student."""
    return lambda task: replace(task, student=replace(task.student, **settings))


STUDENTS: Mapping[str, Edit] = {
    "belief": student(),
    "no gate": student(gated=False),
    "MLP": student(recurrent=False),
    "MLP, no gate": student(recurrent=False, gated=False),
    "no privileged reconstruction": student(decodes_privileged=False),
    "no reconstruction": student(decodes_privileged=False, decodes_heights=False),
}


@dataclass(frozen=True)
class Belief:
    """Students of the teacher in a folder: of a run, or of the bundle made of it."""

    teacher: Path = field(default_factory=lambda: shipped.models() / TEACHER)
    name: str = "belief"
    trials: tuple[Trial, ...] = tuple(trial for trial in TRIALS if trial.name in NEEDS_EYES)
    curve: str = "loss/behaviour"

    @property
    def variants(self) -> Sequence[Variant]:
        """All students, in the task that their teacher was trained for."""
        return [Variant(name, self._task, edit) for name, edit in STUDENTS.items()]

    def about(self) -> Mapping[str, Any]:
        """Whose students they are."""
        return {"teacher": str(self.teacher)}

    def lasting(self, task: AnyTask, steps: int) -> AnyTask:
        """The task whose student is trained for so many environment steps.

        Raises ConfigurationError for a task of which the teacher was not trained.
        """
        assert isinstance(task, BeliefTask)
        told = self._task()
        free = {name: getattr(task, name) for name in STUDENT_SETTINGS}
        if replace(told, **free) != task:
            raise ConfigurationError(
                f"the teacher in {self.teacher} is trained: only settings of its student can be"
                f" changed ({', '.join(STUDENT_SETTINGS)})"
            )
        return replace(task, student=replace(task.student, steps=steps))

    def check(self, place: Path) -> None:
        """Raises ConfigurationError without a teacher, or where a student of another began."""
        if not (self.teacher / run.CHECKPOINT).exists():
            raise ConfigurationError(f"{self.teacher} holds no teacher: no {run.CHECKPOINT}")
        for source, copy in self._loans(place):
            if copy.exists() and copy.read_bytes() != source.read_bytes():
                raise ConfigurationError(
                    f"{place} holds a student of another teacher than {self.teacher}: choose"
                    " another --out"
                )

    def train(self, task: AnyTask, edits: Sequence[str], seed: int, place: Path) -> None:
        """Train a student beside copies of its teachers, as the last stage of ts-train."""
        assert isinstance(task, BeliefTask)
        self.check(place)
        prepare(seed)
        place.mkdir(parents=True, exist_ok=True)
        self._lend(place)
        run.write_record(place, task, edits, seed)
        teach(task, seed, place)

    def measure(self, place: Path, plan: Plan) -> dict[str, float]:
        """Walking and seeing, what was learned, and time."""
        judged = publish(place, place / "bundle", plan.robots, plan.trials, looks=LOOKS)
        cells = [cell for cell in judged if isinstance(cell, SeeingCell)]
        curves = self.curves(place)
        return {
            **_overall(cells),
            **{f"{name} loss": curves.last(f"loss/{name}") for name in ("behaviour", *DECODED)},
            **spent(curves),
            **{f"success, {c.terrain} {c.height_m:g} m, {c.regime}": c.success for c in cells},
        }

    def curves(self, place: Path) -> Curves:
        """Of the student."""
        return Curves(place / run.STUDENT)

    def _task(self) -> BeliefTask:
        """The teacher's task, with the student that ts-train would train for it today."""
        task = run.task_of(run.read_record(self.teacher))
        if not isinstance(task, BeliefTask):
            raise ConfigurationError(f"{self.teacher} holds a {task.name}, not a belief teacher")
        today = tasks.make(task.name)
        return replace(task, **{name: getattr(today, name) for name in STUDENT_SETTINGS})

    def _loans(self, place: Path) -> list[tuple[Path, Path]]:
        """Checkpoints of the teachers and where a student finds them."""
        names = (run.CHECKPOINT, f"{run.SPECIALIST}/{run.CHECKPOINT}")
        return [(self.teacher / n, place / n) for n in names if (self.teacher / n).exists()]

    def _lend(self, place: Path) -> None:
        """The teachers' checkpoints beside their student."""
        for source, copy in self._loans(place):
            if not copy.exists():
                copy.parent.mkdir(exist_ok=True)
                partial = copy.with_suffix(".partial")
                shutil.copyfile(source, partial)
                partial.replace(copy)


def _overall(cells: Sequence[SeeingCell]) -> dict[str, float]:
    """Means over the trials, by perception."""
    measures: dict[str, float] = {}
    for look in LOOKS:
        seen = [cell for cell in cells if cell.regime == look]
        measures |= {
            f"success, all, {look}": mean([cell.success for cell in seen]),
            f"velocity error, {look} [m/s]": mean([cell.velocity_error for cell in seen]),
            f"error of heights seen, {look} [m]": mean([c.heights_seen_error for c in seen]),
            f"error of heights believed, {look} [m]": mean(
                [cell.heights_believed_error for cell in seen]
            ),
            f"gate, {look}": mean([cell.gate for cell in seen]),
        }
    return measures
