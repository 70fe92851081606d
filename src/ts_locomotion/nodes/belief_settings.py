"""Parameters of the belief node, and what is made of them."""

from dataclasses import dataclass, replace

from ts_locomotion import command
from ts_locomotion.command import CommandLimits
from ts_locomotion.contract import DEFAULT_BUNDLE, Contract
from ts_locomotion.nodes.parameters import setting


@dataclass(frozen=True)
class BeliefSettings:
    """Parameters of the belief node."""

    bundle: str = setting(DEFAULT_BUNDLE, "Model bundle: a name below models/, or a folder")
    command_timeout: float = setting(
        CommandLimits.timeout,
        "A velocity command older than this, in the robot state's time, counts as zero",
        unit="s",
        minimum=0.02,
        maximum=10.0,
    )
    linear_acceleration: float = setting(
        CommandLimits.acceleration[0],
        "Limit of change of the velocity command",
        unit="m/s^2",
        minimum=0.1,
        maximum=20.0,
    )
    angular_acceleration: float = setting(
        CommandLimits.acceleration[2],
        "Limit of change of the turning command",
        unit="rad/s^2",
        minimum=0.1,
        maximum=40.0,
    )
    scan_deadline: float = setting(
        0.008,
        "Go on without the foot scans of a tick at a robot state this much later",
        unit="s",
        minimum=0.001,
        maximum=0.019,
    )
    scan_hold: float = setting(
        0.04,
        "Without the foot scans of a tick, use the last if no further off, rather than be blind",
        unit="s",
        minimum=0.0,
        maximum=1.0,
    )
    lockstep: bool = setting(False, "Wait for foot scans and for the last joint targets")
    lockstep_timeout: float = setting(
        1.0, "Give up that wait after this wall time", unit="s", minimum=0.01, maximum=60.0
    )

    def command_limits(self, contract: Contract) -> CommandLimits:
        """Of the velocity command: how far by the contract, how fast by these settings."""
        return replace(
            command.limits_of(contract.command_limits),
            acceleration=(
                self.linear_acceleration,
                self.linear_acceleration,
                self.angular_acceleration,
            ),
            timeout=self.command_timeout,
        )
