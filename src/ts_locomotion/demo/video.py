"""Films by the ending of their file: GIF by ourselves, MP4 by ffmpeg."""

import shutil
import subprocess
from pathlib import Path

from ts_locomotion.demo import picture
from ts_locomotion.demo.camera import HEIGHT, WIDTH
from ts_locomotion.demo.recording import Recording
from ts_locomotion.errors import ConfigurationError

FRAME_RATE = 25
ENDINGS = (".gif", ".mp4")


def check(path: Path) -> None:
    """Raises ConfigurationError when no film can be written there: to be asked before walking."""
    if path.suffix not in ENDINGS:
        raise ConfigurationError(f"{path}: a film ends in {' or '.join(ENDINGS)}")
    if path.suffix != ".gif" and shutil.which("ffmpeg") is None:
        raise ConfigurationError(f"{path}: needs ffmpeg, which is not installed; a .gif does not")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be written: {error.strerror}") from error


def film(recording: Recording, path: Path) -> None:
    """Write the run as a film. Raises ConfigurationError for one that cannot be written."""
    check(path)
    if path.suffix == ".gif":
        picture.film(recording, path)
        return
    form = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}"]
    source = [*form, "-r", str(FRAME_RATE), "-i", "-"]
    # Players know no other colours than these, and ffmpeg would keep those of the source.
    goal = ["-pix_fmt", "yuv420p", str(path)]
    with subprocess.Popen(
        ["ffmpeg", "-y", "-loglevel", "error", *source, *goal],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as encoder:
        assert encoder.stdin is not None
        try:
            for image in picture.pictures(recording, 1.0 / FRAME_RATE):
                encoder.stdin.write(image.convert("RGB").tobytes())
        except BrokenPipeError:
            pass  # it has ended, and its own words say why
        _, told = encoder.communicate()
    if encoder.returncode != 0:
        raise ConfigurationError(f"{path}: ffmpeg failed: {told.decode().strip()}")
