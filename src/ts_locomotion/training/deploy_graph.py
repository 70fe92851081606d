"""Both networks of a bundle as one, for controllers that know a single policy.

Letters: B batch, H frames of history, N_b entries of a frame.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ts_locomotion import observation
from ts_locomotion.contract import Contract
from ts_locomotion.gait import MOVING
from ts_locomotion.training.onnx_graph import Graph, samples


class Fused(nn.Module):
    """Belief, then policy: an observation of all terms and what else the belief takes."""

    def __init__(self, contract: Contract, belief: nn.Module, policy: nn.Module) -> None:
        super().__init__()
        self.belief, self.policy = belief, policy
        self.terms = terms_of(contract)
        self.columns = observation.layout(self.terms)
        self.belief_terms = contract.belief_observation
        self.policy_terms = contract.policy_observation
        self.clip = contract.action_clip

    def forward(self, observed: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        """Clipped action (B, J), and what the belief tells beyond the belief."""
        parts = {name: observed[:, place] for name, place in self.columns.items()}
        if "gait_clock" in parts and "command" in parts:
            # Controllers let the clock run; a robot that stands was trained to see none.
            speed = parts["command"].norm(dim=1, keepdim=True) / observation.TERMS["command"].scale
            moving = speed > MOVING
            parts["gait_clock"] = parts["gait_clock"] * moving
        believed, *rest = self.belief(_joined(parts, self.belief_terms), *others)
        action = self.policy(_joined(parts, self.policy_terms), believed)
        return action.clamp(-self.clip, self.clip), *rest


class WithHistory(nn.Module):
    """A policy whose memory is what it has observed, given whole as controllers stack it.

    The input holds each term of a frame H times, oldest first, one term after the other; then
    once each the terms that only the policy sees.
    """

    def __init__(self, fused: Fused, frames: int) -> None:
        super().__init__()
        self.fused, self.frames = fused, frames
        self.sizes = [stacked_size(fused, name, frames) for name in fused.terms]

    def forward(self, obs: Tensor) -> Tensor:
        """Clipped action (B, J) for stacked observations."""
        stacked = dict(zip(self.fused.terms, obs.split(self.sizes, dim=1), strict=True))
        history = torch.cat(
            [stacked[name].unflatten(1, (self.frames, -1)) for name in self.fused.belief_terms],
            dim=2,
        )  # (B, H, N_b)
        # The network drops the oldest frame of its memory when it takes in the newest.
        memory = torch.cat([history[:, :1], history[:, :-1]], dim=1).flatten(1)
        newest = [stacked[name][:, -observation.TERMS[name].size :] for name in self.fused.terms]
        action, *_ = self.fused(torch.cat(newest, dim=1), memory)
        return action


def terms_of(contract: Contract) -> tuple[str, ...]:
    """All observation terms: those of the belief, then those that only the policy sees."""
    return tuple(dict.fromkeys(contract.belief_observation + contract.policy_observation))


def stacked_size(fused: Fused, name: str, frames: int) -> int:
    """Entries of a term in the input of WithHistory."""
    return observation.TERMS[name].size * (frames if name in fused.belief_terms else 1)


def frames_of(contract: Contract, belief: Graph) -> int:
    """How many frames a belief network remembers when its state is those frames; 0 otherwise."""
    size = observation.size(contract.belief_observation)
    if list(belief.inputs) != ["observation", "state"] or contract.state_size % size:
        return 0
    observed, state = samples(belief, 3)
    with torch.no_grad():
        _, state_out, *_ = belief.network(observed, state)
    kept = torch.cat([state[:, size:], observed], dim=1)
    return contract.state_size // size if torch.equal(state_out, kept) else 0


def fuse(contract: Contract, belief: Graph, policy: Graph) -> Graph:
    """One network for a controller; with the state as an input unless it is a history."""
    fused, frames = Fused(contract, belief.network, policy.network), frames_of(contract, belief)
    if frames:
        stacked = WithHistory(fused, frames)
        return Graph("policy.onnx", stacked, {"obs": sum(stacked.sizes)}, ("actions",))
    others = {name: size for name, size in belief.inputs.items() if name != "observation"}
    inputs = {"obs": observation.size(fused.terms), **others}
    return Graph("policy.onnx", fused, inputs, ("actions", *belief.outputs[1:]))


def _joined(parts: Mapping[str, Tensor], names: tuple[str, ...]) -> Tensor:
    return torch.cat([parts[name] for name in names], dim=1)
