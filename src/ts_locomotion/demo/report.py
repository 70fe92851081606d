"""What is told of a run: the figures of report.json and the table at the end."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ts_locomotion import rotation, safety, unitree
from ts_locomotion.command import AXES
from ts_locomotion.demo import knowledge
from ts_locomotion.demo.course import COURSE_ENDS, Outcome, crossing_time
from ts_locomotion.demo.recording import Recording
from ts_locomotion.modes import Mode
from ts_locomotion.robot import Array

PERCENTILES = ("p50", "p99", "p999", "max")
TRAJECTORY_STRIDE = 5
"""report.json keeps every fifth sample of the trajectory, that is 10 Hz."""


def summarise(
    recording: Recording, settings: Mapping[str, Any], cpu_percent: Mapping[str, float]
) -> dict[str, Any]:
    """All figures of a run, as plain values; `settings` are repeated in front."""
    simulator = recording.diagnostics.get("simulator", {})
    falls = count_falls(recording)
    complaints = list(recording.complaints)
    return {
        **settings,
        "outcome": recording.outcome,
        "falls": falls,
        "healthy": recording.outcome == Outcome.FINISHED.value and not complaints,
        "complaints": complaints,
        "missed_ticks": _integer(simulator.get("missed_ticks")),
        "control_ticks": _integer(simulator.get("control_ticks")),
        "missed_steps": _integer(simulator.get("missed_steps")),
        "age_ms": _percentiles(simulator, "age_ms"),
        "loop_period_ms": _percentiles(simulator, "period_ms"),
        "velocity_error": velocity_error(recording),
        "displacement": displacement(recording),
        "course": way_along(recording, settings.get("terrain", "")),
        "belief": knowledge.figures(recording),
        "cpu_percent": dict(cpu_percent),
        "legs": [_leg(recording, index) for index in range(len(recording.leg_names))],
        "diagnostics": recording.diagnostics,
        "trajectory": _trajectory(recording),
    }


def count_falls(recording: Recording) -> int:
    """How often the robot tipped over, or went down in damping while it was walking."""
    tipped = rotation.tilt(recording.orientation) > safety.FALLEN_TILT
    damped = recording.mode == Mode.DAMP
    tips = int(np.count_nonzero(tipped[1:] & ~tipped[:-1]))
    drops = int(np.count_nonzero(damped[1:] & (recording.mode[:-1] == Mode.WALK)))
    return max(tips, drops)


def velocity_error(recording: Recording) -> dict[str, float | None]:
    """Mean absolute error while walking, by axis [m/s, rad/s]."""
    walking = recording.mode == Mode.WALK
    if not walking.any():
        return dict.fromkeys(AXES)
    error = np.abs(recording.command - recording.velocity)[walking].mean(axis=0)
    return {axis: round(float(value), 4) for axis, value in zip(AXES, error, strict=True)}


def displacement(recording: Recording) -> dict[str, Any]:
    """Where the walk was to lead and led, in the base's own directions [m, m, rad]."""
    walking = recording.mode == Mode.WALK
    steps = np.diff(recording.position, axis=0)[walking[:-1]]
    start, end = recording.position[[0, -1]]
    return {
        "commanded": _rounded(commanded(recording, walking)),
        "achieved": _rounded(achieved(recording, walking)),
        "path": round(float(np.linalg.norm(steps[:, :2], axis=1).sum()), 3),
        "from_start_to_end": _rounded(end - start),
    }


def way_along(recording: Recording, terrain: str) -> dict[str, float] | None:
    """How far the robot came on a course and where that ends [m]; nothing on other ground."""
    if terrain not in COURSE_ENDS:
        return None
    reached = float(recording.position[recording.mode == Mode.WALK, 0].max(initial=0.0))
    return {"reached": round(reached, 3), "end": COURSE_ENDS[terrain]}


def shortfall(report: Mapping[str, Any]) -> str:
    """What is to say of a course that was not crossed in a walk long enough; empty otherwise."""
    way, needed = report["course"], crossing_time(report["terrain"])
    if way is None or _is_crossed(way) or report["duration"] < needed:
        return ""
    return (
        f"the robot came to x = {way['reached']:g} m of a course that ends at {way['end']:g} m,"
        f" expected to cross it: {report['duration']:g} s of walking were allowed,"
        f" {needed:g} s are needed"
    )


def commanded(recording: Recording, chosen: NDArray[np.bool_]) -> Array:
    """Integral of the commanded velocity over the chosen samples. Shape (3,)."""
    lasting = np.diff(recording.time, append=recording.time[-1:])
    return (recording.command * lasting[:, None])[chosen].sum(axis=0)


def achieved(recording: Recording, chosen: NDArray[np.bool_]) -> Array:
    """Motion over the chosen samples in the base's directions: forward, left, turn. Shape (3,)."""
    heading = rotation.yaw(recording.orientation)
    cosine, sine = np.cos(heading), np.sin(heading)
    moved = np.diff(recording.position, axis=0, append=recording.position[-1:])
    turned = np.diff(np.unwrap(heading), append=np.unwrap(heading)[-1:])
    forward = cosine * moved[:, 0] + sine * moved[:, 1]
    left = -sine * moved[:, 0] + cosine * moved[:, 1]
    return np.stack([forward, left, turned], axis=1)[chosen].sum(axis=0)


def table(report: Mapping[str, Any]) -> str:
    """The report as a person reads it."""
    rows = [
        ("leg", "time [s]", "commanded v_x v_y w_z", "achieved v_x v_y w_z", "moved [m m rad]")
    ]
    for leg in report["legs"]:
        rows.append(
            (
                leg["name"],
                f"{leg['duration']:.1f}",
                _triple(leg["commanded_velocity"]),
                _triple(leg["achieved_velocity"]),
                _triple(leg["displacement"]),
            )
        )
    lag = 1e-3 * unitree.STATE_PERIOD_MS * (report["missed_steps"] or 0)
    cpu = report["cpu_percent"]
    facts = [
        ("outcome", report["outcome"]),
        ("falls", report["falls"]),
        ("healthy", "yes" if report["healthy"] else "; ".join(report["complaints"]) or "no"),
        ("velocity error", _named(report["velocity_error"], "m/s, rad/s")),
        ("path", f"{report['displacement']['path']} m"),
        ("course", _way(report["course"])),
        ("missed ticks", f"{report['missed_ticks']} of {report['control_ticks']}"),
        ("behind real time", f"{lag:.1f} s"),
        ("state to command", _named(report["age_ms"], "ms")),
        ("loop period", _named(report["loop_period_ms"], "ms")),
        ("CPU", _named(cpu, "% of a core") if cpu else "not measured"),
    ]
    facts += _belief(report["belief"])
    return _aligned(rows) + "\n\n" + _aligned([(name, str(value)) for name, value in facts])


def _way(course: Mapping[str, float] | None) -> str:
    if course is None:
        return "none"
    verdict = "crossed" if _is_crossed(course) else "not crossed"
    return f"{verdict}: x up to {course['reached']:g} m, its end is at {course['end']:g} m"


def _is_crossed(course: Mapping[str, float]) -> bool:
    return course["reached"] >= course["end"]


def _belief(figures: Mapping[str, float | None] | None) -> list[tuple[str, str]]:
    if figures is None:
        return []
    wrong = {
        "measured": figures["measured_error"],
        "believed": figures["believed_error"],
        "believed where not measured": figures["believed_error_unmeasured"],
    }
    sight = {"share of points": figures["known_share"], "gate": figures["gate"]}
    return [
        ("error of heights", _named(wrong, "m")),
        ("measured", _named(sight, "1")),
        ("without map", f"{figures['seconds_without_map']:g} s"),
    ]


def _leg(recording: Recording, index: int) -> dict[str, Any]:
    chosen = recording.leg == index
    duration = float(np.diff(recording.time, append=recording.time[-1:])[chosen].sum())
    seconds = duration or float("inf")
    moved = achieved(recording, chosen)
    return {
        "name": recording.leg_names[index],
        "duration": round(duration, 3),
        "commanded_velocity": _rounded(commanded(recording, chosen) / seconds),
        "achieved_velocity": _rounded(moved / seconds),
        "displacement": _rounded(moved),
    }


def _trajectory(recording: Recording) -> dict[str, Any]:
    names = ("time", "position", "orientation", "velocity", "command", "joint_positions")
    return {name: getattr(recording, name)[::TRAJECTORY_STRIDE].tolist() for name in names}


def _percentiles(figures: Mapping[str, str], prefix: str) -> dict[str, float | None]:
    given = {name: figures.get(f"{prefix}_{name}") for name in PERCENTILES}
    return {name: None if value is None else float(value) for name, value in given.items()}


def _integer(text: str | None) -> int | None:
    return None if text is None else int(text)


def _rounded(values: Array) -> list[float]:
    return [round(float(value), 4) for value in values]


def _triple(values: Sequence[float]) -> str:
    return " ".join(f"{value:6.2f}" for value in values)


def _named(values: Mapping[str, float | None], unit: str) -> str:
    shown = [f"{name} {'-' if v is None else f'{v:g}'}" for name, v in values.items()]
    return f"{', '.join(shown)} [{unit}]"


def _aligned(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
