"""Text files that are written whole or not at all."""

from pathlib import Path


def write(path: Path, text: str) -> None:
    """Write so that a kill or a full disk at any moment leaves the previous file."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text)
    partial.replace(path)
