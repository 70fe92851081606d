"""A small exact task for the anymal tests: what is right is known, and so is the best return."""

import torch
from torch import Tensor

from ts_locomotion.training.anymal import Anymal

LEGS = 3
ACTIONS = 2 * 2**LEGS
SIZES = {"proprio_dim": 3, "extero_dim": 4, "privileged_dim": 2, "num_legs": LEGS}
SMALL = {
    "latent_extero_dim": 8,
    "latent_privileged_dim": 6,
    "teacher_extero_encoder_hidden": (24, 16),
    "student_extero_encoder_hidden": (24, 16),
    "teacher_privileged_encoder_hidden": (16, 12),
    "student_belief_state_dim": 8 * LEGS + 6,
    "student_belief_state_encoder_hiddens": (24, 24),
    "student_extero_gate_encoder_hiddens": (24, 24),
    "student_gru_hidden_size": 24,
    "student_privileged_decoder_hiddens": (16, 16),
    "student_extero_decoder_hiddens": (16, 16),
    "mlp_hidden": (48, 32, 24),
}


def anymal(**changes) -> Anymal:
    """A small one for the task."""
    return Anymal(ACTIONS, **(SIZES | SMALL | changes))


class Secret:
    """Right is one of eight: whether the ground rises at either leg, and a secret of the episode.

    The privileged state always tells the secret, proprioception only at an episode's first step:
    a student has to see and to remember. Reward 1 for the right action, 0 for others.
    """

    def __init__(self, robots: int | None, length: tuple[int, int]) -> None:
        """So many robots, or a single one, in episodes of a random length in a range."""
        self.num_envs, self.length = robots, length
        self.count = robots or 1
        self.secret, self.left = torch.zeros(self.count), torch.zeros(self.count)
        self.fresh = torch.ones(self.count, dtype=torch.bool)

    def reset(self):
        self._begin(torch.ones(self.count, dtype=torch.bool))
        return self._look()

    def step(self, action: Tensor):
        reward = (action.reshape(-1) == self.right()).float()
        self.left -= 1
        done = self.left <= 0
        if self.num_envs is not None:
            self._begin(done)
        else:
            self.fresh[:] = False
        return self._look(), reward, done, None

    def right(self) -> Tensor:
        bits = torch.column_stack((self.slope > 0, self.secret > 0)).long()
        return (bits * 2 ** torch.arange(LEGS + 1)).sum(1)

    def _begin(self, rows: Tensor) -> None:
        self.fresh = rows
        number = int(rows.sum())
        self.secret[rows] = torch.randint(0, 2, (number,)) * 2.0 - 1.0
        shortest, longest = self.length
        self.left[rows] = torch.randint(shortest, longest + 1, (number,)).float()

    def _look(self):
        # In metres, and not about zero: whoever forgets to normalise sees little.
        self.slope = torch.randn(self.count, LEGS)
        ground = 0.5 + 0.1 * self.slope[..., None] * torch.tensor([-1.5, -0.5, 0.5, 1.5])
        extero = ground + 0.01 * torch.randn(self.count, LEGS, 4)
        told = torch.where(self.fresh, self.secret, 0.0)
        proprio = torch.stack((told, self.fresh.float(), torch.randn(self.count)), dim=1)
        privileged = torch.stack((self.secret, torch.randn(self.count)), dim=1)
        states = proprio, extero, privileged
        return states if self.num_envs else tuple(part[0] for part in states)
