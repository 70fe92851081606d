"""What a rollout leaves of the past of its robots, for the regression of the history encoder.

Letters: B robots, R of them kept, T time, H frames, N frame size, L latent, S state, M samples.
A sample is a transition as the flattened storage counts it: its step times B plus its robot.
"""

from collections.abc import Mapping
from typing import Protocol

import torch
from rsl_rl.storage import RolloutStorage
from tensordict import TensorDict
from torch import Tensor

from ts_locomotion.training.history_encoders import HistoryEncoder, Recurrent, WindowEncoder
from ts_locomotion.training.mirror import Mirror


class Recollection(Protocol):
    """The past as one kind of encoder needs it."""

    def guess(self, obs: TensorDict) -> Tensor:
        """Latents (A, L) of the robots that act by them, after what all observe now."""
        ...

    def forget(self, ended: Tensor) -> None:
        """Episodes ended, a flag (B,) for each robot."""
        ...

    def items(self) -> Tensor:
        """Numbers of what can be learned from by itself."""
        ...

    def samples(self, items: Tensor) -> Tensor:
        """The samples (M,) in some items."""
        ...

    def latents(self, items: Tensor, mirrored: bool) -> Tensor:
        """Guesses (M, L) of the latents at `samples(items)`, as felt or as felt in the mirror."""
        ...

    def state(self) -> dict[str, Tensor]:
        """What outlives a rollout."""
        ...

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Inverse of `state`."""
        ...


class Windows:
    """Of encoders that see the last frames at once: each kept transition with its history."""

    def __init__(
        self,
        encoder: WindowEncoder,
        mirror: Mirror,
        storage: RolloutStorage,
        kept: Tensor,
        acting: Tensor,
    ) -> None:
        self._encoder, self._mirror, self._storage = encoder, mirror, storage
        self._kept, self._acting = kept, acting
        steps = storage.num_transitions_per_env
        self._histories = torch.zeros(steps, len(kept), encoder.frames, encoder.frame_size)

    def guess(self, obs: TensorDict) -> Tensor:
        """Latents (A, L) of the robots that act by them."""
        history = obs["history"]
        torch.index_select(history, 0, self._kept, out=self._histories[self._storage.step])
        return self._encoder(history[self._acting])

    def forget(self, ended: Tensor) -> None:
        """Nothing: the environment's histories begin anew with each episode."""

    def items(self) -> Tensor:
        """One for each kept transition, those of one step together."""
        return torch.arange(self._histories.shape[0] * self._histories.shape[1])

    def samples(self, items: Tensor) -> Tensor:
        """The sample of each item."""
        step = items.div(len(self._kept), rounding_mode="floor")
        return step * self._storage.num_envs + self._kept[items % len(self._kept)]

    def latents(self, items: Tensor, mirrored: bool) -> Tensor:
        """Guesses (M, L) at some transitions."""
        history = self._histories.flatten(0, 1)[items]  # (T, R, H, N) -> (M, H, N)
        return self._encoder(self._mirror.history(history) if mirrored else history)

    def state(self) -> dict[str, Tensor]:
        """Nothing outlives a rollout."""
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Nothing to restore."""


class Sequences:
    """Of recurrent encoders: the whole rollout of a kept robot is one item.

    Gradients flow back through the steps of the rollout, no further (truncated backpropagation
    through time). The hidden state at its first step comes from the rollout before, as the weights
    of then left it.
    """

    def __init__(
        self,
        encoder: Recurrent,
        mirror: Mirror,
        storage: RolloutStorage,
        kept: Tensor,
        acting: Tensor,
    ) -> None:
        self._encoder, self._mirror, self._storage = encoder, mirror, storage
        self._kept, self._acting = kept, torch.searchsorted(kept, acting)
        # As felt and as felt in the mirror: the image of a hidden state is not known.
        self._states = torch.zeros(2, len(kept), encoder.state_size)
        self._first = torch.zeros_like(self._states)

    def guess(self, obs: TensorDict) -> Tensor:
        """Latents (A, L) of the robots that act by them; all hidden states advance."""
        if self._storage.step == 0:
            self._first.copy_(self._states)
        frames = obs["frame"][self._kept]
        both = torch.cat([frames, self._mirror.history(frames)])  # (2 * R, N)
        latents, states = self._encoder.step(both, self._states.flatten(0, 1))
        self._states.copy_(states.unflatten(0, self._states.shape[:2]))
        return latents[self._acting]

    def forget(self, ended: Tensor) -> None:
        """Hidden states of robots that begin anew are zero."""
        self._states.mul_((~ended[self._kept])[:, None])

    def items(self) -> Tensor:
        """One for each kept robot."""
        return torch.arange(len(self._kept))

    def samples(self, items: Tensor) -> Tensor:
        """All samples of some robots, those of one step together."""
        steps = torch.arange(self._storage.num_transitions_per_env)
        return (steps[:, None] * self._storage.num_envs + self._kept[items]).flatten()

    def latents(self, items: Tensor, mirrored: bool) -> Tensor:
        """Guesses (M, L) along the rollouts of some robots."""
        robots = self._kept[items]
        frames = self._storage.observations["frame"][:, robots]
        frames = self._mirror.history(frames) if mirrored else frames
        ended = self._storage.dones[:, robots, 0].bool()
        first = self._first[int(mirrored), items]
        return self._encoder.sequence(frames, first, ended).flatten(0, 1)  # (T, R, L) -> (M, L)

    def state(self) -> dict[str, Tensor]:
        """The hidden states."""
        return {"states": self._states.clone()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Inverse of `state`."""
        self._states.copy_(state["states"])


def recollection(
    encoder: HistoryEncoder, mirror: Mirror, storage: RolloutStorage, kept: Tensor, acting: Tensor
) -> Recollection:
    """The past of the robots `kept`, of which those `acting` act by it; both in rising order."""
    if isinstance(encoder, Recurrent):
        return Sequences(encoder, mirror, storage, kept, acting)
    assert isinstance(encoder, WindowEncoder)
    return Windows(encoder, mirror, storage, kept, acting)
