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


CALLS = {
    "teacher": """
import torch
from ts_locomotion.training.anymal import Teacher

teacher = Teacher(num_actions=7, num_legs=4, extero_dim=12, proprio_dim=31, privileged_dim=9)
senses = torch.rand(1, 31), torch.rand(1, 4, 12), torch.rand(1, 9)
logits, values = teacher(*senses, return_values=True)
assert logits.shape == (1, 7) and values.shape == (1,)
""",
    "student": """
import torch
from ts_locomotion.training.anymal import Student

sizes = dict(num_legs=4, extero_dim=12, proprio_dim=31)
student = Student(num_actions=7, **sizes, gru_num_layers=2, gru_hidden_size=16)
for batch in (1, 2, 3):
    proprio, extero = torch.rand(batch, 31), torch.rand(batch, 4, 12)
    logits, hiddens = student(proprio, extero)
    logits, hiddens = student(proprio, extero, hiddens)
    logits, hiddens = student(proprio, extero, hiddens)
    assert logits.shape == (batch, 7) and hiddens.shape == (batch, 2, 16)
""",
    "both": """
import torch
from ts_locomotion.training.anymal import Anymal

sizes = dict(num_legs=4, extero_dim=12, proprio_dim=31, privileged_dim=9)
anymal = Anymal(num_actions=7, **sizes, recon_loss_weight=0.25)
proprio, extero, privileged = torch.rand(1, 31), torch.rand(1, 4, 12), torch.rand(1, 9)
assert anymal.forward_teacher(proprio, extero, privileged).shape == (1, 7)
anymal.init_student_with_teacher()
loss, hiddens = anymal(proprio, extero, privileged)
loss.backward()
anymal.eval()
dist, hiddens = anymal.forward_student(proprio, extero, return_action_categorical_dist=True)
assert dist.sample().shape == (1,)
""",
    "teacher's training": """
import torch
from ts_locomotion.training.anymal import PPO, Anymal
from ts_locomotion.training.anymal.ppo import MockEnv

sizes = dict(extero_dim=12, proprio_dim=31, privileged_dim=9)
anymal = Anymal(num_actions=7, num_legs=4, recon_loss_weight=0.25, **sizes)
clips = dict(eps_clip=0.1, value_clip=0.3, beta_s=0.02)
steps = dict(max_timesteps=900, update_timesteps=300)
ppo = PPO(env=MockEnv(**sizes), anymal=anymal, epochs=3, lr=1e-4, **clips, **steps)
ppo()
ppo()
torch.save(anymal.state_dict(), "./taught.pt")
Anymal(num_actions=7, num_legs=4, **sizes).load_state_dict(torch.load("./taught.pt"))
""",
    "student's training": """
from ts_locomotion.training.anymal import Anymal
from ts_locomotion.training.anymal.ppo import MockEnv
from ts_locomotion.training.anymal.trainer import StudentTrainer

sizes = dict(extero_dim=12, proprio_dim=31, privileged_dim=9)
anymal = Anymal(num_actions=7, num_legs=4, recon_loss_weight=0.25, **sizes)
trainer = StudentTrainer(anymal=anymal, env=MockEnv(**sizes))
trainer()
trainer()
""",
}
"""What the README of the original calls, one by one, in sizes and words of ours."""


@pytest.mark.parametrize("called", CALLS)
def test_the_calls_of_the_original_are_understood_where_it_is_not_installed(called, run):
    run(CALLS[called])
