"""The PyTorch API of training.anymal beside the package that it stands in for, in one run."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

from ts_locomotion.bench.figures import Figure

ORIGINAL = "anymal_belief_state_encoder_decoder_pytorch"
MODULE = "ts_locomotion.training.anymal.against_original"
NEEDED = {
    "torch": "torch is not installed (make train installs it)",
    ORIGINAL: f"the original, {ORIGINAL.replace('_', '-')}, is not installed",
    "assoc_scan": "the original's assoc-scan is not installed",
    "einops": "the original's einops is not installed",
    "ema_pytorch": "the original's ema-pytorch is not installed",
}
GOALS = {"student step, deployed": 10.0, "teacher PPO update": 50.0, "student update": 10.0}
"""How many times faster than the original."""


def measure() -> list[Figure]:
    """CPU times beside the original's; none, and a sentence, where something is missing."""
    for package, sentence in NEEDED.items():
        if find_spec(package) is None:
            print(f"skipped: nothing to compare with, as {sentence}", flush=True)
            return []
    # In a process of its own: the benchmark itself runs without torch.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", MODULE],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return figures_of(json.loads(done.stdout.splitlines()[-1]))


def figures_of(found: dict[str, dict[str, float]]) -> list[Figure]:
    """Each CPU time with the original's as its anchor, and the ratios that have a goal."""
    figures = []
    for name, sides in found.items():
        ours, original = 1e3 * sides["ours"], 1e3 * sides["original"]
        figures.append(Figure(f"anymal {name}", ours, "ms CPU", original))
        if name in GOALS:
            ratio = original / ours
            figures.append(Figure(f"anymal {name}, original / ours", ratio, "", GOALS[name]))
    return figures
