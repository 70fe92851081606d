"""Every example of docs/anymal.md runs, and of the original's README where that is installed."""

import re
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from ts_locomotion.training.anymal import PPO, StudentTrainer

ORIGINAL = "anymal_belief_state_encoder_decoder_pytorch"
OURS = "ts_locomotion.training.anymal"
PAGE = Path(__file__).parents[2] / "docs" / "anymal.md"
FEWER = {
    r"range\(\d+\)": "range(1)",
    r"max_timesteps ?= ?\d+": "max_timesteps=10",
    r"update_timesteps ?= ?[\d* ]+": "update_timesteps=10",
    r"num_envs=64": "num_envs=4",
}
"""The same calls with less to do."""


def examples(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def readme() -> list[str]:
    """Examples of the original, none of which is kept here."""
    try:
        told = metadata.metadata(ORIGINAL.replace("_", "-"))
    except metadata.PackageNotFoundError:
        return []
    return examples(str(told.get_payload()))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Runs an example where it may write, with trainers that do little."""
    monkeypatch.chdir(tmp_path)
    for trainer in (PPO, StudentTrainer):
        for name in ("max_timesteps", "update_timesteps"):
            monkeypatch.setitem(trainer.__init__.__kwdefaults__, name, 10)

    def execute(example: str) -> None:
        for long, short in FEWER.items():
            example = re.sub(long, short, example)
        exec(compile(example, "example", "exec"), {})

    return execute


@pytest.mark.parametrize("number", range(4))
def test_the_examples_of_the_documentation_run(number, run):
    found = examples(PAGE.read_text())
    assert len(found) == 4
    assert ORIGINAL not in found[number]
    run(found[number])


@pytest.mark.skipif(not readme(), reason="the original, whose README this reads, is not installed")
@pytest.mark.parametrize("example", readme())
def test_the_examples_of_the_original_run_with_our_import(example, run):
    assert ORIGINAL in example
    run(example.replace(ORIGINAL, OURS))


CALLS = """
from ts_locomotion.training.anymal import Anymal, PPO
from ts_locomotion.training.anymal.ppo import MockEnv
from ts_locomotion.training.anymal.trainer import StudentTrainer

sizes = dict(proprio_dim = 133, extero_dim = 52, privileged_dim = 50)
anymal = Anymal(num_actions = 10, num_legs = 4, recon_loss_weight = 0.5, **sizes)
env = MockEnv(**sizes)
ppo = PPO(
    env = env, anymal = anymal, epochs = 10, lr = 3e-4, eps_clip = 0.2, beta_s = 0.01,
    value_clip = 0.4, max_timesteps = 10000, update_timesteps = 5000,
)
ppo()
StudentTrainer(anymal = anymal, env = env)()
anymal.eval()
proprio, extero, _ = (part[None] for part in env.reset())
dist, hiddens = anymal.forward_student(proprio, extero, return_action_categorical_dist = True)
assert dist.sample().shape == (1,)
assert hiddens.shape == (1, 2, 50)
"""


def test_the_calls_of_the_original_are_understood_where_it_is_not_installed(run):
    run(CALLS)
