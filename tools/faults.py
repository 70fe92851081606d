"""Says in one sentence why a step of the set-up failed."""

import errno
import re
from pathlib import Path

FULL_DISK = re.compile(r"No space left on device|Errno 28|Disk quota exceeded")
NO_NETWORK = re.compile(
    r"connection broken by|Temporary failure in name resolution|Network is unreachable"
    r"|\b(NewConnection|ConnectTimeout|NameResolution|ReadTimeout|MaxRetry|Proxy|SSL)Error\b"
)
FIRST_ERROR = re.compile(r"^.*\berror\b.*?(?:[^:]|:\s*\n.+)$", re.IGNORECASE | re.MULTILINE)


class SetupError(Exception):
    """A failure of the set-up, told in one sentence that says what to do."""


def explain_output(step: str, output: str, log: Path) -> str:
    """Say why a command of a step failed, going by what it printed."""
    if FULL_DISK.search(output):
        return full_disk(log.parent)
    if NO_NETWORK.search(output):
        return (
            "the Python package index cannot be reached: check the network"
            f" (or pip's index and proxy settings) and call make again; details in {log}"
        )
    error = FIRST_ERROR.search(output)
    reason = f" ({' '.join(error.group().split())})" if error else ""
    return f"step '{step}' failed{reason}; details in {log}"


def explain_os_error(error: OSError, place: Path) -> str:
    """Say why writing an own file failed."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return full_disk(place)
    return f"{error.filename or place}: {error.strerror}"


def full_disk(place: Path) -> str:
    """Say that the disk is full."""
    return f"the disk that holds {place} is full: free some space and call make again"
