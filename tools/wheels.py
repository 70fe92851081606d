"""Mends what pip and the ROS wheels leave unfit: paths of the machine that built them, halves."""

import re
import shutil
from pathlib import Path

BUILD_PYTHON = r"/opt/python/[^/]+"
BUILD_NUMPY_HEADERS = re.compile(BUILD_PYTHON + r"/lib/[^/]+/site-packages/numpy/_core/include")
BUILD_PYTHON_HEADERS = re.compile(BUILD_PYTHON + r"/include/python[\d.]+t?")


def mend_exports(share: Path, python_headers: str, numpy_headers: str) -> int:
    """Put this machine's header folders into the CMake exports; return how many changed."""
    changed = 0
    for export in share.glob("*/cmake/*Export.cmake"):
        text = export.read_text()
        mended = BUILD_NUMPY_HEADERS.sub(numpy_headers, text)
        mended = BUILD_PYTHON_HEADERS.sub(python_headers, mended)
        if mended != text:
            export.write_text(mended)
            changed += 1
    return changed


def forget_halves(site_packages: Path) -> list[str]:
    """Drop the metadata of packages cut off while being installed: pip installs them anew.

    pip writes a package's METADATA before its libraries and INSTALLER after all else.
    """
    halves = [
        info for info in site_packages.glob("*.dist-info") if not (info / "INSTALLER").is_file()
    ]
    for info in halves:
        shutil.rmtree(info)
    return sorted(info.name for info in halves)
