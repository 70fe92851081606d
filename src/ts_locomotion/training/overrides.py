"""Editing a frozen configuration by `path=value`, with the value as YAML."""

import math
from collections.abc import Sequence
from dataclasses import MISSING, Field, asdict, fields, is_dataclass, replace
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import yaml

from ts_locomotion.errors import ConfigurationError

Config = TypeVar("Config")


def override(config: Config, edits: Sequence[str]) -> Config:
    """`config` with each edit "a.b=value" or "a.0.b=value" applied in order.

    Raises ConfigurationError for a name that does not exist, a value of another type, and one
    that no setting has: a count below 1, no entries or too many, a number that is not finite.
    """
    for edit in edits:
        path, given, text = edit.partition("=")
        if not given:
            raise ConfigurationError(f"--set needs path=value, given {edit!r}")
        config = _set(config, path.strip().split("."), _parsed(text, path), path)
    return config


def differences(old: Any, new: Any, path: str = "") -> list[str]:
    """Edits "path=value" that make `new` of `old`.

    `override` refuses one that gives a list of configs another length, or a value another type.
    """
    if _is_config(old) and type(old) is type(new):
        parts = [(f.name, getattr(old, f.name), getattr(new, f.name)) for f in fields(old)]
    elif isinstance(old, tuple) and _holds_configs(old) and len(old) == len(new):
        parts = [(str(place), *pair) for place, pair in enumerate(zip(old, new, strict=True))]
    else:
        return [] if old == new else [f"{path}={_text(new)}"]
    above = f"{path}." if path else ""
    return [edit for key, a, b in parts for edit in differences(a, b, above + key)]


def as_plain(config: Any) -> dict[str, Any]:
    """A configuration as nested dictionaries and lists, ready for YAML."""
    return _plain(config)


def from_plain(template: Any, plain: Any) -> Any:
    """A configuration like `template` with the values that `as_plain` gave of another one.

    A setting that is newer than those values has its own default, which is how it was before.
    """
    if plain is None:
        return None
    if _is_config(template):
        values = {
            field.name: from_plain(getattr(template, field.name), plain[field.name])
            if field.name in plain
            else _default(field, template)
            for field in fields(template)
        }
        return replace(template, **values)
    if isinstance(template, tuple) and _holds_configs(template):
        return tuple(from_plain(template[0], item) for item in plain)
    return tuple(plain) if isinstance(template, tuple) else plain


def _parsed(text: str, path: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigurationError(f"{path}: {text!r} is not YAML") from None


def _default(field: Field, template: Any) -> Any:
    if field.default is not MISSING:
        return field.default
    if field.default_factory is not MISSING:
        return field.default_factory()
    return getattr(template, field.name)


def _text(value: Any) -> str:
    text = yaml.safe_dump(_plain(value), default_flow_style=True, sort_keys=False, width=math.inf)
    # YAML marks the end of what is neither list nor mapping.
    return text.removesuffix("...\n").strip()


def _plain(value: Any) -> Any:
    if _is_config(value):
        value = asdict(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _set(node: Any, keys: list[str], value: Any, path: str) -> Any:
    if not keys:
        return _converted(node, value, path)
    key, rest = keys[0], keys[1:]
    if isinstance(node, tuple):
        index = _index(node, key, path)
        return (*node[:index], _set(node[index], rest, value, path), *node[index + 1 :])
    names = [field.name for field in fields(node)] if _is_config(node) else []
    if key not in names:
        raise ConfigurationError(
            f"{path}: no setting {key!r}; valid: {', '.join(names) or 'none'}"
        )
    edited = _set(getattr(node, key), rest, value, path)
    _check_length(node, key, edited, path)
    return replace(node, **{key: edited})


def _check_length(node: Any, key: str, edited: Any, path: str) -> None:
    """Refuse another length where the annotation fixes it, as that of a pair of bounds."""
    hint = get_type_hints(type(node))[key]
    parts = get_args(hint)
    if get_origin(hint) is tuple and ... not in parts and len(edited) != len(parts):
        raise ConfigurationError(
            f"{path}: {list(edited)} given, expected {len(parts)} entries like"
            f" {list(getattr(node, key))}"
        )


def _index(node: tuple, key: str, path: str) -> int:
    if not key.isdigit() or int(key) >= len(node):
        raise ConfigurationError(f"{path}: no entry {key!r}; valid: 0 to {len(node) - 1}")
    return int(key)


def _converted(old: Any, new: Any, path: str) -> Any:
    """`new` as the type of `old`."""
    if isinstance(old, float) and isinstance(new, int | float) and not isinstance(new, bool):
        return _finite(float(new), path)
    if isinstance(old, float) and isinstance(new, str):
        return _finite(_as_float(new, path), path)
    if isinstance(old, tuple) and isinstance(new, list) and not _holds_configs(old):
        if old and not new:
            raise ConfigurationError(f"{path}: no entries given, expected like {old!r}")
        sample = old[0] if old else None
        return tuple(_converted(sample, item, path) if old else item for item in new)
    if type(old) is not type(new):
        raise ConfigurationError(f"{path}: {new!r} given, expected like {old!r}")
    if isinstance(old, int) and isinstance(new, int) and not isinstance(new, bool):
        return _counted(new, path)
    return new


def _counted(count: int, path: str) -> int:
    """All whole numbers are counts of something there is."""
    if count < 1:
        raise ConfigurationError(f"{path}: {count} given, at least 1")
    return count


def _finite(number: float, path: str) -> float:
    if not math.isfinite(number):
        raise ConfigurationError(f"{path}: {number} given, expected a finite number")
    return number


def _as_float(text: str, path: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigurationError(f"{path}: {text!r} given, expected a number") from None


def _holds_configs(values: tuple) -> bool:
    return any(_is_config(value) for value in values)


def _is_config(node: Any) -> bool:
    return is_dataclass(node)
