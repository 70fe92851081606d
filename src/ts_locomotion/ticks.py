"""Control ticks: one per control period of the robot state's stamp, whatever the wall clock does."""

CONTROL_PERIOD_NS = 20_000_000
CONTROL_PERIOD = CONTROL_PERIOD_NS / 1e9
"""Time between two control ticks [s]."""


def tick_of(stamp_ns: int) -> int:
    """The control tick that a robot state of this stamp [ns] belongs to."""
    return stamp_ns // CONTROL_PERIOD_NS
