"""Parameters of the robot bridge, and what is made of them."""

from dataclasses import dataclass

from ts_locomotion.bridge import BridgeOptions
from ts_locomotion.errors import ConfigurationError
from ts_locomotion.nodes.parameters import setting
from ts_locomotion.safety import SafetyLimits


@dataclass(frozen=True)
class BridgeSettings:
    """Parameters of the bridge."""

    robot: str = setting("mujoco", "What is behind /lowcmd", choices=("mujoco", "go2"))
    dry_run: bool = setting(True, "Publish no /lowcmd; has no effect on the simulator")
    lockstep: bool = setting(False, "Answer control ticks of the simulator with their own targets")
    state_every: int = setting(2, "robot_state carries every n-th state", minimum=1, maximum=10)
    slow_every: int = setting(
        10, "joint_states and imu/data carry every n-th state", minimum=1, maximum=500
    )
    silence: float = setting(
        0.1,
        f"Without /lowstate for longer, damping is sent; at least {SafetyLimits.state_gap}",
        unit="s",
        minimum=0.01,
        maximum=10.0,
    )
    tilt_limit: float = setting(
        SafetyLimits.tilt,
        "Beyond this tilt the robot is damped",
        unit="rad",
        minimum=0.1,
        maximum=3.2,
    )
    hold_age: float = setting(
        SafetyLimits.hold_age,
        "Older joint targets are only held",
        unit="s",
        minimum=0.02,
        maximum=1.0,
    )
    target_age: float = setting(
        SafetyLimits.target_age,
        "Joint targets older than this damp the robot",
        unit="s",
        minimum=0.02,
        maximum=2.0,
    )

    def __post_init__(self) -> None:
        if self.lockstep and not self.simulated:
            raise ConfigurationError("lockstep is true, expected false with a real robot")
        if self.silence < SafetyLimits.state_gap:
            raise ConfigurationError(
                f"silence is {self.silence} s, expected at least {SafetyLimits.state_gap} s,"
                " the pause of the robot state that latches a fault"
            )

    def check_clock(self, use_sim_time: bool) -> None:
        """Raises ConfigurationError for /clock with a real robot, whose pauses it would hide."""
        if use_sim_time and not self.simulated:
            raise ConfigurationError("use_sim_time is true, expected false with a real robot")

    @property
    def simulated(self) -> bool:
        """Whether the robot is the simulator's."""
        return self.robot == "mujoco"

    @property
    def mute(self) -> bool:
        """Whether /lowcmd is kept to ourselves."""
        return self.dry_run and not self.simulated

    @property
    def bridge_options(self) -> BridgeOptions:
        """Of the bridge; raises ConfigurationError for limits that make no sense."""
        limits = SafetyLimits(
            tilt=self.tilt_limit, hold_age=self.hold_age, target_age=self.target_age
        )
        return BridgeOptions(self.simulated, self.lockstep, limits)
