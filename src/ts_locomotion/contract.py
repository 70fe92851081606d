"""The learned contract: what a model bundle promises about its networks and its robot."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from typing import Any, NamedTuple

import numpy as np

from ts_locomotion import command, observation, perception, robot, ticks
from ts_locomotion.action import ActionForm
from ts_locomotion.errors import BundleMismatch, ConfigurationError
from ts_locomotion.robot import Array

FORMAT_VERSION = 1
NETWORK_FILES = ("belief.onnx", "policy.onnx")
DEFAULT_BUNDLE = "go2_belief"
"""The one that is run where none is named."""
JOINT_ARRAYS = ("stand_pose", "stiffness", "damping", "action_scale")
OBSERVATIONS = ("belief_observation", "policy_observation")


class Scan(NamedTuple):
    """Circles of height samples around each foot."""

    radii: tuple[float, ...]  # [m]
    points: tuple[int, ...]  # on each circle


class Gait(NamedTuple):
    """The trot clock that the observation may contain."""

    frequency_hz: float


SCAN = Scan(perception.SCAN_RADII, perception.SCAN_POINTS)


@dataclass(frozen=True, eq=False, kw_only=True)
class Contract:
    """Everything the runtime must know of a trained policy. Joint arrays have shape (J,)."""

    name: str
    task: str
    stiffness: Array
    """Position gains [N m/rad]."""
    damping: Array
    """Velocity gains [N m s/rad]."""
    action_scale: Array
    """Offset of each joint [rad] per unit of action."""
    action_clip: float
    """Actions beyond this magnitude are clipped."""
    belief_observation: tuple[str, ...]
    policy_observation: tuple[str, ...]
    """Names of observation terms (observation.TERMS), in order."""
    state_size: int
    belief_size: int
    command_limits: Mapping[str, tuple[float, float]]
    """Lowest and highest linear_x, linear_y [m/s] and angular_z [rad/s]."""
    gait: Gait
    action: ActionForm = dataclass_field(default_factory=ActionForm)
    exteroception: bool = False
    gate_size: int = 0
    reconstructed_heights: bool = False
    privileged: Mapping[str, int] = dataclass_field(default_factory=dict)
    """Name and size of the reconstructed privileged entries, in order."""
    files: Mapping[str, str] = dataclass_field(default_factory=dict)
    """SHA-256 of each network file; filled in when the bundle is written."""
    training: Mapping[str, Any] = dataclass_field(default_factory=dict)
    """Command, seed, steps, commit and versions of the training run."""
    scores: Mapping[str, Any] = dataclass_field(default_factory=dict)
    step_time: float = ticks.CONTROL_PERIOD
    joints: tuple[str, ...] = robot.JOINTS
    stand_pose: Array = dataclass_field(default_factory=robot.STAND_POSE.copy)
    scan: Scan = SCAN

    def __post_init__(self) -> None:
        for name in JOINT_ARRAYS:
            array = np.array(getattr(self, name), dtype=np.float64)
            array.setflags(write=False)
            object.__setattr__(self, name, array)
        _check(self)

    @property
    def privileged_size(self) -> int:
        """Length of the reconstructed privileged vector."""
        return sum(self.privileged.values())


def mismatch(field: str, given: object, expected: object) -> BundleMismatch:
    """The one form of every complaint about a bundle."""
    return BundleMismatch(f"{field}: given {given}, expected {expected}")


def to_mapping(contract: Contract) -> dict[str, Any]:
    """The contract as plain YAML values, one per field."""
    values: dict[str, Any] = {"format_version": FORMAT_VERSION}
    values |= {field: getattr(contract, field) for field in READERS}
    for field in JOINT_ARRAYS:
        values[field] = values[field].tolist()
    for field in OBSERVATIONS:
        values[field] = [
            {"name": n, "size": observation.TERMS[n].size, "scale": observation.TERMS[n].scale}
            for n in values[field]
        ]
    values["joints"] = list(contract.joints)
    values["scan"] = {name: list(part) for name, part in contract.scan._asdict().items()}
    values["privileged"] = _sizes_values(contract.privileged)
    values["command_limits"] = {a: list(contract.command_limits[a]) for a in command.AXES}
    values["gait"] = contract.gait._asdict()
    values["action"] = _action_values(contract.action)
    return values


def from_mapping(values: object) -> Contract:
    """The contract from YAML values. Raises BundleMismatch naming the first field at fault."""
    fields = _mapping("contract", values)
    version = fields.get("format_version")
    if version != FORMAT_VERSION:
        raise mismatch("format_version", version, FORMAT_VERSION)
    fields = {**OMITTED, **fields}
    _exact_keys("contract", fields, ("format_version", *READERS))
    return Contract(**{field: read(field, fields[field]) for field, read in READERS.items()})


def _check(contract: Contract) -> None:
    fixed = {"step_time": ticks.CONTROL_PERIOD, "joints": robot.JOINTS, "scan": SCAN}
    for field, expected in fixed.items():
        if getattr(contract, field) != expected:
            raise mismatch(field, getattr(contract, field), expected)
    _check_joint_arrays(contract)
    _check_numbers(contract)
    for field in OBSERVATIONS:
        names = getattr(contract, field)
        unknown = sorted(set(names) - set(observation.TERMS))
        if unknown or not names or len(set(names)) != len(names):
            raise mismatch(field, list(names), f"distinct names of {sorted(observation.TERMS)}")
        try:
            contract.action.check_terms(names, acts=field == "policy_observation")
        except ConfigurationError as error:
            raise BundleMismatch(f"{field}: {error}") from error
    files = contract.files
    if files and set(files) != set(NETWORK_FILES):
        raise mismatch("files", sorted(files), sorted(NETWORK_FILES))


def _check_joint_arrays(contract: Contract) -> None:
    for field in JOINT_ARRAYS:
        array = getattr(contract, field)
        if array.shape != (len(robot.JOINTS),):
            raise mismatch(field, f"shape {array.shape}", f"shape ({len(robot.JOINTS)},)")
        if field != "stand_pose" and not (np.isfinite(array).all() and (array >= 0).all()):
            raise mismatch(field, array.tolist(), "finite numbers >= 0")
    # The observation table subtracts the same pose.
    if not np.array_equal(contract.stand_pose, robot.STAND_POSE):
        raise mismatch("stand_pose", contract.stand_pose.tolist(), robot.STAND_POSE.tolist())


def _check_numbers(contract: Contract) -> None:
    positive = {
        "action_clip": contract.action_clip,
        "gait.frequency_hz": contract.gait.frequency_hz,
    }
    for field, value in positive.items():
        if not (math.isfinite(value) and value > 0):
            raise mismatch(field, value, "a finite number > 0")
    sizes = {f"privileged.{name}": size for name, size in contract.privileged.items()}
    sizes["belief_size"] = contract.belief_size
    for field, size in sizes.items():
        if size < 1:
            raise mismatch(field, size, "a size >= 1")
    for field in ("state_size", "gate_size"):
        if getattr(contract, field) < 0:
            raise mismatch(field, getattr(contract, field), "a size >= 0")
    if set(contract.command_limits) != set(command.AXES):
        raise mismatch("command_limits", sorted(contract.command_limits), sorted(command.AXES))
    for axis, (low, high) in contract.command_limits.items():
        if not (math.isfinite(low) and math.isfinite(high) and low <= 0 <= high):
            raise mismatch(f"command_limits.{axis}", [low, high], "finite [low <= 0, high >= 0]")


def _terms(field: str, value: object) -> tuple[str, ...]:
    names = []
    for entry in _sequence(field, value):
        term = _mapping(field, entry)
        _exact_keys(field, term, ("name", "size", "scale"))
        name = _text(field, term["name"])
        if name not in observation.TERMS:
            raise mismatch(field, name, f"a name of {sorted(observation.TERMS)}")
        for part in ("size", "scale"):
            expected = getattr(observation.TERMS[name], part)
            if _number(f"{field}.{name}.{part}", term[part]) != expected:
                raise mismatch(f"{field}.{name}.{part}", term[part], expected)
        names.append(name)
    return tuple(names)


def _sizes(field: str, value: object) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for entry in _sequence(field, value):
        item = _mapping(field, entry)
        _exact_keys(field, item, ("name", "size"))
        name = _text(field, item["name"])
        if name in sizes:
            raise mismatch(field, f"{name} twice", "distinct names")
        sizes[name] = _integer(f"{field}.{name}", item["size"])
    return sizes


def _sizes_values(sizes: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"name": name, "size": size} for name, size in sizes.items()]


def _exact_keys(field: str, given: Mapping[str, Any], expected: Sequence[str]) -> None:
    if set(given) != set(expected):
        missing = sorted(set(expected) - set(given))
        unknown = sorted(str(key) for key in set(given) - set(expected))
        raise mismatch(field, f"missing {missing}, unknown {unknown}", f"{list(expected)}")


def _mapping(field: str, value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise mismatch(field, value, "a mapping")
    return dict(value)


def _sequence(field: str, value: object) -> list[Any]:
    if not isinstance(value, list):
        raise mismatch(field, value, "a list")
    return value


def _text(field: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise mismatch(field, value, "a text")
    return value


def _flag(field: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise mismatch(field, value, "true or false")
    return value


def _integer(field: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise mismatch(field, value, "an integer")
    return value


def _number(field: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise mismatch(field, value, "a number")
    return float(value)


def _numbers(field: str, value: object) -> tuple[float, ...]:
    return tuple(_number(field, item) for item in _sequence(field, value))


def _array(field: str, value: object) -> Array:
    return np.array(_numbers(field, value))


def _names(field: str, value: object) -> tuple[str, ...]:
    return tuple(_text(field, item) for item in _sequence(field, value))


def _scan(field: str, value: object) -> Scan:
    scan = _mapping(field, value)
    _exact_keys(field, scan, Scan._fields)
    points = _sequence(f"{field}.points", scan["points"])
    return Scan(
        _numbers(f"{field}.radii", scan["radii"]),
        tuple(_integer(f"{field}.points", count) for count in points),
    )


def _limits(field: str, value: object) -> dict[str, tuple[float, float]]:
    limits = _mapping(field, value)
    _exact_keys(field, limits, command.AXES)
    return {axis: _interval(f"{field}.{axis}", limits[axis]) for axis in command.AXES}


def _interval(field: str, value: object) -> tuple[float, float]:
    numbers = _numbers(field, value)
    if len(numbers) != 2:
        raise mismatch(field, value, "[low, high]")
    return numbers[0], numbers[1]


def _gait(field: str, value: object) -> Gait:
    gait = _mapping(field, value)
    _exact_keys(field, gait, Gait._fields)
    return Gait(_number(f"{field}.frequency_hz", gait["frequency_hz"]))


def _action(field: str, value: object) -> ActionForm:
    given = _mapping(field, value)
    try:
        form = ActionForm(_text(f"{field}.kind", given.get("kind")))
        _exact_keys(field, given, ("kind", "parts", *form.settings))
        parts = _sizes(f"{field}.parts", given["parts"])
        if list(parts.items()) != list(form.parts.items()):
            raise mismatch(f"{field}.parts", parts, form.parts)
        return replace(form, **{n: _number(f"{field}.{n}", given[n]) for n in form.settings})
    except ConfigurationError as error:
        raise BundleMismatch(str(error)) from error


def _action_values(form: ActionForm) -> dict[str, Any]:
    settings = {name: getattr(form, name) for name in form.settings}
    return {"kind": form.kind, "parts": _sizes_values(form.parts), **settings}


# How each field of contract.yaml is read, in the order it is written.
READERS: Mapping[str, Callable[[str, object], Any]] = {
    "name": _text,
    "task": _text,
    "step_time": _number,
    "joints": _names,
    "stand_pose": _array,
    "stiffness": _array,
    "damping": _array,
    "action_scale": _array,
    "action_clip": _number,
    "action": _action,
    "belief_observation": _terms,
    "policy_observation": _terms,
    "exteroception": _flag,
    "scan": _scan,
    "state_size": _integer,
    "belief_size": _integer,
    "gate_size": _integer,
    "reconstructed_heights": _flag,
    "privileged": _sizes,
    "command_limits": _limits,
    "gait": _gait,
    "files": _mapping,
    "training": _mapping,
    "scores": _mapping,
}

OMITTED: Mapping[str, Any] = {"action": _action_values(ActionForm())}
"""Values of fields that bundles were once written without."""
