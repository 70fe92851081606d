"""Parameters of the simulator, and what is made of them."""

from collections.abc import Callable
from dataclasses import dataclass, fields

from ts_locomotion.nodes import pacing
from ts_locomotion.nodes.parameters import setting
from ts_locomotion.simulation.courses import COURSES
from ts_locomotion.simulation.map_sensor import MapOptions
from ts_locomotion.simulation.robot_simulator import STEP_MS, RobotOptions
from ts_locomotion.simulation.terrain import KINDS


@dataclass(frozen=True)
class SimulatorSettings:
    """Parameters of the simulator. None can be changed while it runs."""

    terrain: str = setting(RobotOptions.terrain, "Name of the ground", choices=(*KINDS, *COURSES))
    difficulty: float = setting(
        RobotOptions.difficulty, "Of the terrain", minimum=0.0, maximum=1.0
    )
    size: float = setting(
        0.0,
        "Of the terrain's obstacles, see terrain.KINDS, instead of a difficulty; 0: by difficulty",
        unit="m",
        minimum=0.0,
        maximum=1.0,
    )
    seed: int = setting(RobotOptions.seed, "Of everything random", minimum=0, maximum=999_999_999)
    pace: str = setting(
        "realtime",
        "With the wall clock, the same but waiting for a late policy, as fast as it can, or"
        " waiting for each command",
        choices=("realtime", "patient", "fast", "lockstep"),
    )
    paused: bool = setting(False, "Only ~/advance lets time pass")
    gantry: bool = setting(RobotOptions.gantry, "Hang until the robot stands and its policy runs")
    view: bool = setting(False, "Open the MuJoCo viewer")
    low_cmd_timeout: float = setting(
        RobotOptions.low_cmd_timeout,
        "Without a valid /lowcmd for longer the motors damp",
        unit="s",
        minimum=0.002,
        maximum=10.0,
    )
    map_layer: str = setting("elevation", "Layer of the elevation map")
    map_resolution: float = setting(
        MapOptions.resolution, "Side of a cell", unit="m", minimum=0.01, maximum=1.0
    )
    map_length: float = setting(
        MapOptions.length, "Side of the map", unit="m", minimum=0.5, maximum=20.0
    )
    map_rate: float = setting(
        MapOptions.rate, "Of the map; 0: no map", unit="Hz", minimum=0.0, maximum=50.0
    )
    map_noise: float = setting(
        MapOptions.noise, "Standard deviation of a cell", unit="m", minimum=0.0, maximum=1.0
    )
    map_delay: float = setting(
        MapOptions.delay, "From measurement to delivery", unit="s", minimum=0.0, maximum=5.0
    )
    map_drift: float = setting(
        MapOptions.drift,
        "Random walk against the odometry, after one second",
        unit="m",
        minimum=0.0,
        maximum=1.0,
    )
    map_holes: float = setting(
        MapOptions.holes, "Share of the ground that is never seen", minimum=0.0, maximum=1.0
    )
    map_cut_from: float = setting(
        MapOptions.cut_from,
        "No map arrives while the robot's x is from here",
        unit="m",
        minimum=-1000.0,
        maximum=1000.0,
    )
    map_cut_to: float = setting(
        MapOptions.cut_to,
        "to here; everywhere one arrives if this is not larger",
        unit="m",
        minimum=-1000.0,
        maximum=1000.0,
    )

    @property
    def robot_options(self) -> RobotOptions:
        """Of the MuJoCo Go2 and its ground."""
        return RobotOptions(
            self.terrain,
            self.difficulty,
            self.seed,
            self.gantry,
            self.low_cmd_timeout,
            self.size or None,
        )

    @property
    def map_options(self) -> MapOptions:
        """Of the elevation map."""
        names = [field.name for field in fields(MapOptions)]
        return MapOptions(**{name: getattr(self, f"map_{name}") for name in names})


def make_pace(name: str) -> pacing.Pace:
    """The pace of that name."""
    period = STEP_MS * 1e-3
    paces: dict[str, Callable[[], pacing.Pace]] = {
        "realtime": lambda: pacing.RealTime(period),
        "patient": lambda: pacing.Patient(period),
        "fast": pacing.Fast,
        "lockstep": lambda: pacing.Lockstep(period),
    }
    return paces[name]()
