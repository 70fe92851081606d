"""Parameters of the nodes, each node's declared from one frozen dataclass of settings."""

from collections.abc import Callable, Sequence
from dataclasses import Field, field, fields
from math import isfinite
from typing import Any, NamedTuple, TypeVar

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

Settings = TypeVar("Settings")


class Setting(NamedTuple):
    """What a user is told about a parameter, and what is checked."""

    description: str
    unit: str
    minimum: float | None
    maximum: float | None
    choices: tuple[str, ...]
    live: bool


def setting(
    default: Any,
    description: str,
    *,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
    live: bool = False,
) -> Any:
    """A dataclass field that becomes a parameter; `minimum` and `maximum` come together.

    A `live` one may be changed while the node runs, even if `declare` is told of no lock.
    """
    about = Setting(description, unit, minimum, maximum, choices, live)
    return field(default=default, metadata={"setting": about})


def declare(node: Node, settings: type, locked: Callable[[], str] | None = None) -> None:
    """Declare every field of the dataclass `settings`.

    A later change is refused while `locked()` gives a reason; without a lock only `live` ones can
    be changed. Out of range, of the wrong type or not among the choices: the exceptions of rclpy.
    """
    abouts = {item.name: _about(item) for item in fields(settings)}
    declared: set[str] = set()

    def check(changes: Sequence[Parameter]) -> SetParametersResult:
        for change in changes:
            if change.name not in abouts:
                continue
            reason = _objection(abouts[change.name], change.value)
            reason = reason or (locked() if locked and change.name in declared else "")
            if reason:
                return SetParametersResult(successful=False, reason=f"{change.name}: {reason}")
        return SetParametersResult(successful=True)

    node.add_on_set_parameters_callback(check)
    for item in fields(settings):
        node.declare_parameter(item.name, item.default, _descriptor(item, locked is None))
        declared.add(item.name)


def read(node: Node, settings: type[Settings]) -> Settings:
    """The parameters' values, as an object of the dataclass they were declared from."""
    names = [item.name for item in fields(settings)]  # pyright: ignore[reportArgumentType]
    return settings(**{name: _frozen(node.get_parameter(name).value) for name in names})


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _about(item: Field[Any]) -> Setting:
    return item.metadata["setting"]


def _objection(about: Setting, value: Any) -> str:
    if isinstance(value, float) and not isfinite(value):
        return f"{value} is not finite"
    if about.choices and value not in about.choices:
        return f"'{value}' is not one of {list(about.choices)}"
    return ""


def _descriptor(item: Field[Any], fixed: bool) -> ParameterDescriptor:
    about = _about(item)
    unit = f" [{about.unit}]" if about.unit else ""
    descriptor = ParameterDescriptor(
        description=about.description + unit,
        read_only=fixed and not about.live,
        additional_constraints=f"one of {list(about.choices)}" if about.choices else "",
    )
    if about.minimum is not None and about.maximum is not None:
        if isinstance(item.default, int):
            span = IntegerRange(from_value=int(about.minimum), to_value=int(about.maximum))
            descriptor.integer_range = [span]
        else:
            limits = FloatingPointRange(
                from_value=float(about.minimum), to_value=float(about.maximum)
            )
            descriptor.floating_point_range = [limits]
    return descriptor
