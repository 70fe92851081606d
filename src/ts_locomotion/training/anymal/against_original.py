"""Times this package beside the installed original, at the sizes of its README; prints JSON.

Both run in one process and in turns, on one thread: python -m ...anymal.against_original [epochs]
"""

import json
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO
from pathlib import Path
from statistics import median
from typing import Any

import torch

from ts_locomotion.training.anymal.deployed import DeployedStudent, export
from ts_locomotion.training.anymal.environments import MockEnv
from ts_locomotion.training.anymal.ppo import PPO
from ts_locomotion.training.anymal.trainer import StudentTrainer
from ts_locomotion.training.anymal.wrapper import Anymal

ORIGINAL = "anymal_belief_state_encoder_decoder_pytorch"
SIZES: dict[str, Any] = {"proprio_dim": 133, "extero_dim": 52, "privileged_dim": 50}
ACTIONS = 10
PPO_EPOCHS, STUDENT_EPOCHS, UPDATE_STEPS = 10, 2, 5000
"""Of the README's PPO snippet, of its student snippet, and of both."""
TOGETHER = 64
"""Robots that step at once in one of the figures."""

Work = Callable[[], object]


def compare(ppo_epochs: int = PPO_EPOCHS) -> dict[str, dict[str, float]]:
    """CPU time by figure and side: `ours` and `original` [s]."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return _steps() | {
        "teacher PPO update": _once(_ppo_update(ppo_epochs), _original_ppo_update(ppo_epochs)),
        "student update": _once(_student_update(), _original_student_update()),
    }


def _steps() -> dict[str, dict[str, float]]:
    """One robot's step of the student: as torch calls it, deployed, and as one of many."""
    proprio, extero, hiddens = torch.randn(1, 133), torch.randn(1, 4, 52), torch.zeros(1, 2, 50)
    theirs = _original("networks").Student(ACTIONS)
    anymal = Anymal(ACTIONS)
    many = [part.expand(TOGETHER, *part.shape[1:]) for part in (proprio, extero, hiddens)]
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(StringIO()):
        deployed = DeployedStudent(export(anymal, Path(folder)))
    arrays = proprio.numpy(), extero.flatten(1).numpy()
    found = _in_turns(
        {
            "original": lambda: theirs(proprio, extero, hiddens),
            "same call": lambda: anymal.student(proprio, extero, hiddens),
            "without gradient": torch.inference_mode()(
                lambda: anymal.student(proprio, extero, hiddens)
            ),
            "deployed": lambda: deployed.step(*arrays),
            "together": torch.inference_mode()(lambda: anymal.student(*many)),
        }
    )
    found["together"] /= TOGETHER
    names = {
        "deployed": "student step, deployed",
        "same call": "student step, the same call",
        "without gradient": "student step, no gradient",
        "together": f"student step, of {TOGETHER} together",
    }
    original = found["original"]
    return {name: {"ours": found[key], "original": original} for key, name in names.items()}


def _ppo_update(epochs: int) -> Work:
    ppo = PPO(
        env=MockEnv(**SIZES),
        anymal=Anymal(ACTIONS, **SIZES),
        epochs=epochs,
        lr=3e-4,
        beta_s=0.01,
        max_timesteps=UPDATE_STEPS,
        update_timesteps=UPDATE_STEPS + 1,
    )
    ppo()
    return lambda: ppo.learn(torch.zeros(1))


def _student_update() -> Work:
    trainer = StudentTrainer(
        env=MockEnv(**SIZES),
        anymal=Anymal(ACTIONS, **SIZES),
        max_timesteps=UPDATE_STEPS,
        update_timesteps=UPDATE_STEPS + 1,
    )
    trainer(0.0)
    return trainer.learn


def _original_ppo_update(epochs: int) -> Work:
    module = _original("ppo")
    env = module.MockEnv(**SIZES)
    ppo = module.PPO(
        env=env,
        anymal=_original("networks").Anymal(ACTIONS, **SIZES),
        epochs=epochs,
        lr=3e-4,
        beta_s=0.01,
    )
    memories = deque(
        module.Memory(
            env.rand_state(),
            torch.randint(0, ACTIONS, (1,)),
            torch.full((1,), -2.3),
            torch.randn(1),
            torch.tensor([False]),
            torch.randn(1),
        )
        for _ in range(UPDATE_STEPS)
    )
    return lambda: ppo.learn_from_memories(memories, env.rand_state())


def _original_student_update() -> Work:
    env = _original("ppo").MockEnv(**SIZES)
    anymal = _original("networks").Anymal(ACTIONS, **SIZES)
    trainer = _original("trainer").StudentTrainer(anymal=anymal, env=env)
    memories = deque(
        (list(env.rand_state()), env.rand_state()[:2], torch.zeros(2, 50), False)
        for _ in range(UPDATE_STEPS)
    )
    return lambda: trainer.learn_from_memories(memories, env.rand_state())


def _original(module: str) -> Any:
    return import_module(f"{ORIGINAL}.{module}")


def _once(ours: Work, original: Work) -> dict[str, float]:
    """An update of ours before and one after the original's, which takes so much longer."""
    before, theirs, after = _spent(ours), _spent(original), _spent(ours)
    return {"ours": (before + after) / 2, "original": theirs}


def _in_turns(works: dict[str, Work], repeats: int = 100, rounds: int = 9) -> dict[str, float]:
    """Median CPU time of one call of each [s]."""
    spent: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds + 1):
        for name, work in works.items():
            spent[name].append(_spent(work, repeats))
    return {name: median(times[1:]) for name, times in spent.items()}


def _spent(work: Work, repeats: int = 1) -> float:
    began = time.process_time()
    for _ in range(repeats):
        work()
    return (time.process_time() - began) / repeats


if __name__ == "__main__":
    print(json.dumps(compare(*map(int, sys.argv[1:]))))
