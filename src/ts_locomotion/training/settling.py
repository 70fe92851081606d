"""The end of a training: the policy stops wandering and learns to keep its speed.

At a constant rate a policy drifts between iterations by as much as the divergence allows, and the
wide bell of the tracking reward, which a beginner needs, forgives walking a fifth too slowly. A
sharp one alone costs balance, so the pushes grow with it.
"""

from dataclasses import replace

from ts_locomotion.training.runner import Runner
from ts_locomotion.training.tasks import Task


class SettlingRunner(Runner):
    """Trains a task and lets it settle."""

    task: Task  # pyright: ignore[reportIncompatibleVariableOverride]

    def _schedule(self) -> None:
        settling, shape = self.task.settling, self.task.environment.shape
        settled = (self.steps_done / self.task.steps - settling.begins) / (1.0 - settling.begins)
        settled = min(max(settled, 0.0), 1.0)
        highest = self.task.algorithm.learning_rate_bounds[1]
        self.alg.highest_rate = _between(highest, settling.learning_rate, settled)
        sharp = min(1.0, 2.0 * settled)
        domain = self.task.environment.domain
        self.env.environment.push_speed = _between(domain.push_speed, settling.push_speed, sharp)
        self.env.environment.shape = replace(
            shape,
            linear_tolerance=_between(shape.linear_tolerance, settling.linear_tolerance, sharp),
            angular_tolerance=_between(shape.angular_tolerance, settling.angular_tolerance, sharp),
        )


def _between(start: float, end: float, share: float) -> float:
    return start + share * (end - start)
