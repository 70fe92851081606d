"""One line that says how far a training is, how fast, and how well."""

import sys
import time

from ts_locomotion.simulation.clock import CpuTime
from ts_locomotion.training.countdown import bar


class Progress:
    """Speed and remaining time of a training."""

    def __init__(self, name: str, steps_of_iteration: int, iterations: int) -> None:
        self._name, self._steps, self._total = name, steps_of_iteration, iterations
        self._done = 0
        self._started = self._shown = time.monotonic()
        self._cpu: CpuTime | None = None

    def advance(self, cpu: CpuTime) -> dict[str, float]:
        """Count an iteration; speeds in environment steps per second, learning included.

        `speed/two_cores` divides by the CPU time on the busier of two cores: what they would
        reach if idle, whatever else this machine is doing.
        """
        self._done += 1
        if self._cpu is None:
            self._cpu = CpuTime(0.0, 0.0)
        spent = cpu.two_cores - self._cpu.two_cores
        self._cpu = cpu
        wall = time.monotonic() - self._started
        return {
            "speed/two_cores": self._steps / max(spent, 1e-9),
            "speed/wall": self._done * self._steps / max(wall, 1e-9),
            "speed/two_cores_mean": self._done * self._steps / max(cpu.two_cores, 1e-9),
        }

    def show(self, notes: dict[str, float]) -> None:
        """Print the line: in place on a terminal, every 20 s elsewhere."""
        live, now = sys.stdout.isatty(), time.monotonic()
        last = self._done == self._total
        if not (live or last or now - self._shown > 20.0):
            return
        self._shown = now
        left = (self._total - self._done) * (now - self._started) / self._done
        print(self._line(notes, left), end="\n" if last or not live else "\r", flush=True)

    def _line(self, notes: dict[str, float], left: float) -> str:
        levels = " ".join(
            f"{name.split('/')[1]} {value:.1f}"
            for name, value in notes.items()
            if name.startswith("level/")
        )
        return (
            f"{self._name} {bar(self._done / self._total)} {self._done}/{self._total} "
            f"left {left / 60:.1f} min | "
            f"{notes['speed/two_cores_mean']:.0f} steps/s on two cores "
            f"({notes['speed/two_cores']:.0f} now) | reward {notes['walk/reward']:.4f} "
            f"error x {notes['walk/error_x']:.2f} turn {notes['walk/error_turn']:.2f} "
            f"std {notes['policy/std']:.2f} {levels}"
        )
