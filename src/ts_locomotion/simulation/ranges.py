"""What the numbers of a configuration may be, checked where they are set."""

import numpy as np

from ts_locomotion.errors import ConfigurationError


def check_above_zero(config: object, path: str, *names: str) -> None:
    """Raises ConfigurationError for a setting, or an end of a range, that is not above 0."""
    for name in names:
        value = getattr(config, name)
        if not np.min(value) > 0.0:
            raise ConfigurationError(f"{path}{name}: {value} given, expected above 0")


def check_not_negative(config: object, path: str, *names: str) -> None:
    """Raises ConfigurationError for a setting below 0."""
    for name in names:
        value = getattr(config, name)
        if not value >= 0.0:
            raise ConfigurationError(f"{path}{name}: {value} given, expected at least 0")


def check_order(config: object, path: str, *names: str) -> None:
    """Raises ConfigurationError for a range that ends before it begins."""
    for name in names:
        low, high = getattr(config, name)
        if not low <= high:
            raise ConfigurationError(
                f"{path}{name}: {[low, high]} given, expected the lower end first"
            )
