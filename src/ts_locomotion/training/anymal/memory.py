"""What was lived through between two updates, in tensors that are allocated once."""

import torch
from torch import Tensor


class Memory:
    """T steps of B robots, each a row of named tensors (B, ...)."""

    def __init__(self, steps: int) -> None:
        self.steps, self.filled = steps, 0
        self.rows: dict[str, Tensor] = {}

    @property
    def full(self) -> bool:
        """Whether there is no room for another step."""
        return self.filled == self.steps

    def append(self, **row: Tensor) -> None:
        """Add a step; the first one says what a step consists of."""
        for name, tensor in row.items():
            if name not in self.rows:
                shape = (self.steps, *tensor.shape)
                self.rows[name] = torch.zeros(shape, dtype=tensor.dtype, device=tensor.device)
            self.rows[name][self.filled] = tensor
        self.filled += 1

    def clear(self) -> None:
        """Make room; tensors that were handed out are overwritten from now on."""
        self.filled = 0

    def __getitem__(self, name: str) -> Tensor:
        """All steps of one name. Shape (T, B, ...)."""
        return self.rows[name][: self.filled]

    def all(self) -> dict[str, Tensor]:
        """All steps of every name, each (T, B, ...)."""
        return {name: self[name] for name in self.rows}
