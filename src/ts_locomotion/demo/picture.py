"""A film of the run without OpenGL: flat shaded polygons, the farthest painted first."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

from ts_locomotion.demo import body, dots
from ts_locomotion.demo.camera import (
    FOCAL_LENGTH,
    HEIGHT,
    SCALE,
    WIDTH,
    Camera,
    Polygon,
    pairs,
    shaded,
)
from ts_locomotion.demo.recording import Recording
from ts_locomotion.demo.stage import Stage
from ts_locomotion.modes import Mode
from ts_locomotion.robot import Array

PERIOD, PERIOD_STEP = 0.1, 0.02
"""Shortest time between two pictures, and how much it grows at a time for a smaller file [s]."""
COLOURS = 96
LARGEST_FILE = 6_000_000
"""In bytes; for less, there are fewer pictures."""
TRIALS = 24
"""Pictures from all over the run that tell its colours and how large a picture gets."""
SKY_TOP, SKY_BOTTOM = (214, 226, 236), (244, 243, 238)
INK = (40, 44, 52)


def film(recording: Recording, path: Path) -> int:
    """Write the run as a GIF; returns its size in bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stage, targets = Stage(recording), _smooth_path(recording)

    def drawn(indices: Array) -> list[Image.Image]:
        return [draw(recording, stage, int(index), targets[index]) for index in indices]

    trial = drawn(np.linspace(0, len(recording.time) - 1, TRIALS).astype(int))
    palette = _palette(trial)
    share = _write([_reduced(picture, palette) for picture in trial], PERIOD, path) / TRIALS
    lasting = float(recording.time[-1] - recording.time[0])
    while True:
        steps = np.ceil(lasting * share / LARGEST_FILE / PERIOD_STEP)
        period = max(PERIOD, PERIOD_STEP * float(steps))
        shown = drawn(_every(period, recording))
        size = _write([_reduced(picture, palette) for picture in shown], period, path)
        if size <= LARGEST_FILE or len(shown) < 4:
            return size
        share = 1.1 * size / len(shown)


def pictures(recording: Recording, period: float) -> Iterator[Image.Image]:
    """The run in pictures, one every `period` seconds."""
    stage, targets = Stage(recording), _smooth_path(recording)
    for index in _every(period, recording):
        yield draw(recording, stage, int(index), targets[index])


def _every(period: float, recording: Recording) -> Array:
    """Indices of the samples that are shown."""
    count = int((recording.time[-1] - recording.time[0]) / period) + 1
    times = recording.time[0] + np.arange(count) * period
    return np.minimum(np.searchsorted(recording.time, times), len(recording.time) - 1)


def _write(pictures: list[Image.Image], period: float, path: Path) -> int:
    pictures[0].save(
        path,
        save_all=True,
        append_images=pictures[1:],
        duration=round(1000 * period),
        loop=0,
    )
    return path.stat().st_size


def draw(recording: Recording, stage: Stage, index: int, target: Array) -> Image.Image:
    """One picture: sample `index` of the recording, seen by a camera that looks at `target`."""
    camera = Camera(target)
    image = _sky()
    brush = ImageDraw.Draw(image, "RGBA")
    pose = (
        recording.position[index],
        recording.orientation[index],
        recording.joint_positions[index],
    )
    capsules, blocks = body.shapes(*pose)
    parts = list(_block_polygons(blocks, camera))
    for capsule in capsules:
        parts += _capsule_polygons(capsule, camera)
    parts.sort(key=lambda polygon: -polygon.distance)
    ground_first = (*stage.plain(camera, target), *stage.polygons(camera, target))
    for polygon in (*ground_first, *stage.shadows(camera, pose)):
        brush.polygon(polygon.points, fill=polygon.colour)
    shown = dots.picture(recording, index) if recording.looked else None
    if shown is not None:
        dots.paint(brush, shown, camera)
    for polygon in parts:
        brush.polygon(polygon.points, fill=polygon.colour)
    image = image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    _caption(image, recording, index)
    if shown is not None:
        dots.caption(image, shown, recording, index)
    return image


def _block_polygons(blocks: list[body.Block], camera: Camera) -> Iterator[Polygon]:
    for block in blocks:
        for corners, normal in zip(block.corners, block.normals, strict=True):
            if (camera.position - corners.mean(axis=0)) @ normal > 0:
                pixels = camera.project(corners)
                colour = shaded(ImageColor.getrgb(block.colour)[:3], normal)
                yield Polygon(float(pixels[:, 2].mean()), pairs(pixels), colour)


def _capsule_polygons(capsule: body.Capsule, camera: Camera) -> list[Polygon]:
    """Outline of the rod, and a brighter, slimmer one on its lit side."""
    start, end = camera.project(np.stack([capsule.start, capsule.end]))
    distance = float((start[2] + end[2]) / 2)
    size = FOCAL_LENGTH * HEIGHT * SCALE * capsule.radius
    colour = np.array(ImageColor.getrgb(capsule.colour)[:3])
    radii = size / start[2], size / end[2]
    lit = np.array([-0.3, -0.35])
    outlines = ((1.0, 0.72), (0.62, 1.0))
    polygons = []
    for layer, (width, light) in enumerate(outlines):
        shift = lit * radii[0] * layer * 0.7
        points = _outline(start[:2] + shift, end[:2] + shift, radii[0] * width, radii[1] * width)
        shade = tuple(int(v) for v in np.clip(colour * light, 0, 255))
        polygons.append(Polygon(distance - 1e-6 * layer, points, shade))
    return polygons


def _outline(start: Array, end: Array, first: float, second: float) -> list[tuple[float, float]]:
    along = end - start
    angle = np.arctan2(along[1], along[0])
    turn = np.linspace(-np.pi / 2, np.pi / 2, 7)
    tip = np.stack([np.cos(angle + turn), np.sin(angle + turn)], axis=1)
    return pairs(np.concatenate([end + second * tip, start - first * tip]))


def _sky() -> Image.Image:
    fade = np.linspace(0, 1, 12)[:, None]
    rows = np.array(SKY_TOP) * (1 - fade) + np.array(SKY_BOTTOM) * fade
    bands = Image.fromarray(rows[:, None, :].astype(np.uint8))
    return bands.resize((WIDTH * SCALE, HEIGHT * SCALE), Image.Resampling.NEAREST)


def _caption(image: Image.Image, recording: Recording, index: int) -> None:
    brush = ImageDraw.Draw(image)
    name = recording.leg_names[int(recording.leg[index])]
    mode = Mode(int(recording.mode[index]))
    asked, got = recording.command[index], recording.velocity[index]
    elapsed = recording.time[index] - recording.time[0]
    brush.text((8, 5), f"{name}", fill=INK, font=ImageFont.load_default(15))
    small = ImageFont.load_default(11)
    brush.text((8, 24), f"{mode}   {elapsed:5.1f} s", fill=INK, font=small)
    velocity = f"v_x {got[0]:5.2f} of {asked[0]:.2f} m/s"
    brush.text((WIDTH - 8, 8), velocity, fill=INK, font=small, anchor="ra")


def _smooth_path(recording: Recording) -> Array:
    """Where the camera looks: the base, without its bobbing. Shape (N, 3)."""
    width = 61
    padded = np.pad(recording.position, ((width // 2, width // 2), (0, 0)), mode="edge")
    total = np.cumsum(np.vstack([np.zeros(3), padded]), axis=0)
    return (total[width:] - total[:-width]) / width


def _palette(pictures: list[Image.Image]) -> Image.Image:
    """The colours of some pictures, for all of them, and those of the dots, which are too few."""
    sheet = Image.new("RGB", (WIDTH, len(pictures) * HEIGHT))
    for row, picture in enumerate(pictures):
        sheet.paste(picture, (0, row * HEIGHT))
    rare = dots.colours()
    count = COLOURS - len(rare)
    common = sheet.quantize(count, method=Image.Quantize.MEDIANCUT).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette(common[: 3 * count] + [part for colour in rare for part in colour])
    return palette


def _reduced(picture: Image.Image, palette: Image.Image) -> Image.Image:
    return picture.quantize(palette=palette, dither=Image.Dither.NONE)
