"""The ground around the feet in the film: as measured and as believed, in the colours of RViz."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ts_locomotion import belief_picture
from ts_locomotion.belief_picture import MEASURED, RECONSTRUCTED, BeliefPicture, Points, Stance
from ts_locomotion.demo.camera import HEIGHT, SCALE, WIDTH, Camera
from ts_locomotion.demo.knowledge import STALE
from ts_locomotion.demo.recording import Recording
from ts_locomotion.perception import FootScanArrays
from ts_locomotion.robot import Array

RADIUS_MEASURED, RADIUS_BELIEVED = 1.5, 2.4
"""Of a dot in pixels of the film; where both agree, the measured one lies in the believed one."""
INK, ALARM = (40, 44, 52), (176, 32, 32)
PAPER, BAND = (244, 243, 238, 190), 20


def picture(recording: Recording, index: int) -> BeliefPicture:
    """What was measured and believed in one sample of a recording."""
    stance = Stance(
        recording.position[index], recording.orientation[index], recording.joint_positions[index]
    )
    scans = FootScanArrays(recording.measured[index].astype(np.float32), recording.valid[index])
    return belief_picture.draw(
        stance,
        scans,
        _told(recording.believed[index]),
        _told(recording.gate[index]),
        recording.command[index],
    )


def colours() -> list[tuple[int, int, int]]:
    """Those that a film must not lack, though few pixels have them."""
    shades = [
        (1.0 - share) * np.array(palette.shut) + share * np.array(palette.open)
        for palette in (MEASURED, RECONSTRUCTED)
        for share in np.linspace(0.0, 1.0, 4)
    ]
    return [_rgb(shade) for shade in shades] + [ALARM]


def paint(brush: ImageDraw.ImageDraw, shown: BeliefPicture, camera: Camera) -> None:
    """Believed points first, measured ones onto them; what the map does not know has none."""
    _paint(brush, shown.reconstructed, camera, RADIUS_BELIEVED)
    _paint(brush, shown.measured, camera, RADIUS_MEASURED)


def caption(image: Image.Image, shown: BeliefPicture, recording: Recording, index: int) -> None:
    """What the dots mean, how far the gate is open, and whether maps arrive."""
    brush = ImageDraw.Draw(image, "RGBA")
    brush.rectangle((0, HEIGHT - BAND, WIDTH, HEIGHT), fill=PAPER)
    font, x, y = ImageFont.load_default(11), 8.0, HEIGHT - BAND / 2
    for name, points, radius in (
        ("measured", shown.measured, RADIUS_MEASURED),
        ("believed", shown.reconstructed, RADIUS_BELIEVED),
    ):
        if len(points.colours):
            _disc(brush, (x + 3, y), 1.4 * radius, points.colours.mean(axis=0))
            brush.text((x + 10, y), name, fill=INK, font=font, anchor="lm")
        x += 22 + font.getlength(name)
    if shown.feet.gate.size:
        gate = f"gate {shown.feet.gate.mean():.2f}"
        brush.text((x, y), gate, fill=INK, font=font, anchor="lm")
    age = float(recording.map_age[index])
    if age > STALE:
        lost = "no map" if np.isinf(age) else f"no map for {age:.1f} s"
        brush.text((WIDTH - 8, y), lost, fill=ALARM, font=font, anchor="rm")


def _paint(brush: ImageDraw.ImageDraw, points: Points, camera: Camera, radius: float) -> None:
    for (x, y, _), colour in zip(camera.project(points.positions), points.colours, strict=True):
        _disc(brush, (x, y), radius * SCALE, colour)


def _disc(
    brush: ImageDraw.ImageDraw, centre: tuple[float, float], radius: float, colour: Array
) -> None:
    x, y = centre
    brush.ellipse((x - radius, y - radius, x + radius, y + radius), fill=_rgb(colour))


def _rgb(colour: Array) -> tuple[int, int, int]:
    red, green, blue = (round(255 * float(part)) for part in colour)
    return red, green, blue


def _told(values: Array) -> Array:
    """The values, or none of them when the bundle does not tell them."""
    return values.astype(float) if np.isfinite(values).all() else np.empty(0)
