"""The policy as a lifecycle node: what the robot believes in, joint targets out."""

import sys
import time
from dataclasses import dataclass

import numpy as np

from ts_locomotion import observation, ticks
from ts_locomotion.contract import DEFAULT_BUNDLE
from ts_locomotion.errors import InvalidInput
from ts_locomotion.nodes import bundles, conversions, parameters, spin
from ts_locomotion.nodes.diagnostics import ERROR, OK, Health
from ts_locomotion.nodes.parameters import setting
from ts_locomotion.nodes.stage import StageNode
from ts_locomotion.policy import PolicyStage
from ts_locomotion_msgs.msg import Belief, JointTargets

WARM_UP_STEPS = 5


@dataclass(frozen=True)
class PolicySettings:
    """Parameters of the policy node."""

    bundle: str = setting(DEFAULT_BUNDLE, "Model bundle: a name below models/, or a folder")


class PolicyNode(StageNode):
    """Answers each belief with joint targets, which keep the stamp of the robot state."""

    def __init__(self) -> None:
        super().__init__("policy", PolicySettings)
        self._broken = ""

    def configure(self) -> None:
        """Load the bundle and run it once, so that the first answer is as quick as any."""
        settings = parameters.read(self, PolicySettings)
        loaded = bundles.load(settings.bundle)
        self._contract = loaded.contract
        self._sizes = (
            observation.size(loaded.contract.policy_observation),
            loaded.contract.belief_size,
        )
        self._stage = PolicyStage(loaded)
        for _ in range(WARM_UP_STEPS):
            self._stage.step(*(np.zeros((1, size), np.float32) for size in self._sizes))
        self._publisher = self.announce(JointTargets, "joint_targets")
        self.listen(Belief, "belief", self._answer)

    def restart(self) -> None:
        """Nothing is kept between beliefs."""
        self._broken = ""

    def details(self) -> Health:
        """Whether the network's last answer was usable."""
        values = {"bundle": self._contract.name}
        return Health(ERROR if self._broken else OK, self._broken, values)

    def _answer(self, message: Belief) -> None:
        started = time.monotonic()
        thought = conversions.thought(message, *self._sizes)
        try:
            output = self._stage.step(thought.observation[None], thought.belief[None])
        except InvalidInput as refusal:
            self._broken = f"no joint targets: {refusal}"
            raise
        self._broken = ""
        self._publisher.publish(
            conversions.joint_targets_message(
                thought.stamp,
                thought.sequence,
                output.positions[0],
                self._contract.stiffness,
                self._contract.damping,
                output.action[0],
            )
        )
        self.ticks.note(ticks.tick_of(thought.stamp), started)


def main() -> None:
    """Entry point."""
    sys.exit(spin.run(PolicyNode))


if __name__ == "__main__":
    main()
