"""A film of the run without OpenGL: flat shaded polygons, the farthest painted first."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageColor, ImageDraw, ImageFont

from ts_locomotion import robot, rotation
from ts_locomotion.demo import body, ground
from ts_locomotion.demo.recording import Recording
from ts_locomotion.modes import Mode
from ts_locomotion.robot import Array

WIDTH, HEIGHT = 416, 240
SCALE = 2
"""Painted this much larger, then shrunk: smooth edges."""
FRAMES_PER_SECOND = 10
COLOURS = 64
LARGEST_FILE = 4_000_000
"""More bytes than this, and every second picture is left out."""

EYE = np.array([-0.8, -1.75, 0.75])
"""Where the camera is, seen from the robot [m]."""
FOCAL_LENGTH = 1.45
"""In heights of the picture."""
REACH = 4.5
"""Ground further from the robot than this is not drawn [m]."""
TILE = 0.4
LIGHT = np.array([-0.35, -0.5, 0.79])
NEIGHBOUR = 0.8
"""Every second box is lit less, so that steps are told apart from above."""
SKY_TOP, SKY_BOTTOM = (214, 226, 236), (244, 243, 238)
PLAIN, RAISED = (205, 199, 184), (150, 170, 150)
INK = (40, 44, 52)
SHADOW = (30, 34, 40, 70)


class Polygon(NamedTuple):
    """Something flat to be painted; the farthest first."""

    distance: float
    points: list[tuple[float, float]]
    colour: tuple[int, ...]


class Camera:
    """A pinhole that looks at a point from `EYE` beside it."""

    def __init__(self, target: Array) -> None:
        self.position = target + EYE
        forward = -EYE / np.linalg.norm(EYE)
        right = np.cross(forward, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        self._axes = np.stack([right, np.cross(forward, right), forward], axis=1)

    def project(self, points: Array) -> Array:
        """Pixels right and down, and the depth [m]. Shape (..., 3) gives (..., 3)."""
        seen = (points - self.position) @ self._axes
        depth = np.maximum(seen[..., 2:], 0.05)
        scale = FOCAL_LENGTH * HEIGHT * SCALE / depth
        centre = np.array([WIDTH, HEIGHT * 1.05]) * SCALE / 2
        return np.concatenate([centre + scale * seen[..., :2], depth], axis=-1)


class Stage:
    """The ground of a recording, cut into tiles and coloured once."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self._tiles = ground.tiles(recording, largest=TILE)
        self._centres = self._tiles.corners.mean(axis=1)
        self._colours = [
            _shaded(_ground_colour(centre), normal * NEIGHBOUR ** (box % 2))
            for centre, normal, box in zip(self._centres, *self._tiles[1:], strict=True)
        ]

    def polygons(self, camera: Camera, target: Array) -> Iterator[Polygon]:
        """Tiles near the target that face the camera; the boxes stand beside each other."""
        near = np.linalg.norm((self._centres - target)[:, :2], axis=1) < REACH
        sight = camera.position - self._centres
        facing = np.sum(sight * self._tiles.normals, axis=1) > 0
        chosen = np.flatnonzero(near & facing)
        away = np.linalg.norm((self.recording.box_centres - camera.position)[:, :2], axis=1)
        chosen = chosen[np.argsort(-away[self._tiles.box[chosen]], kind="stable")]
        for index, pixels in zip(chosen, camera.project(self._tiles.corners[chosen]), strict=True):
            yield Polygon(float(pixels[:, 2].mean()), _pairs(pixels), self._colours[index])

    def plain(self, camera: Camera, target: Array) -> Iterator[Polygon]:
        """The chequered plane below everything."""
        size = 2 * TILE
        span = np.arange(-REACH, REACH, size)
        x, y = np.meshgrid(*(np.floor(target[:2] / size) * size + span[:, None]).T, indexing="ij")
        corners = np.zeros((x.size, 4, 3))
        square = size * np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
        corners[..., :2] = np.stack([x.ravel(), y.ravel()], axis=-1)[:, None] + square
        for pixels, points in zip(camera.project(corners), corners, strict=True):
            if (pixels[:, 2] > 0.3).all():
                colour = _shaded(_ground_colour(points.mean(axis=0)), LIGHT)
                yield Polygon(float(pixels[:, 2].mean()), _pairs(pixels), colour)

    def shadows(self, camera: Camera, pose: tuple[Array, Array, Array]) -> Iterator[Polygon]:
        """Where trunk and feet would touch the ground, were they lowered onto it."""
        position, orientation, joint_positions = pose
        feet = position + rotation.rotate(
            orientation[None], robot.foot_position_in_base(joint_positions)
        )
        turn = np.linspace(0, 2 * np.pi, 20, endpoint=False)
        circle = np.stack([np.cos(turn), np.sin(turn), 0 * turn], axis=1)
        ellipse = rotation.rotate(orientation[None], circle * [0.3, 0.13, 0.0])
        for outline in (position + ellipse, *(foot + 0.05 * circle for foot in feet)):
            outline[:, 2] = ground.height(self.recording, outline[:, 0], outline[:, 1])
            yield Polygon(0.0, _pairs(camera.project(outline)), SHADOW)


def film(recording: Recording, path: Path) -> int:
    """Write the run as a GIF; returns its size in bytes."""
    pictures = [_reduced(picture) for picture in _pictures(recording)]
    path.parent.mkdir(parents=True, exist_ok=True)
    duration = 1000 // FRAMES_PER_SECOND
    while True:
        pictures[0].save(
            path, save_all=True, append_images=pictures[1:], duration=duration, loop=0
        )
        size = path.stat().st_size
        if size <= LARGEST_FILE or len(pictures) < 4:
            return size
        pictures, duration = pictures[::2], duration * 2


def _pictures(recording: Recording) -> Iterator[Image.Image]:
    stage = Stage(recording)
    targets = _smooth_path(recording)
    count = int((recording.time[-1] - recording.time[0]) * FRAMES_PER_SECOND) + 1
    times = recording.time[0] + np.arange(count) / FRAMES_PER_SECOND
    indices = np.minimum(np.searchsorted(recording.time, times), len(recording.time) - 1)
    for index in indices:
        yield draw(recording, stage, int(index), targets[index])


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
    for polygon in (*ground_first, *stage.shadows(camera, pose), *parts):
        brush.polygon(polygon.points, fill=polygon.colour)
    image = image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    _caption(image, recording, index)
    return image


def _block_polygons(blocks: list[body.Block], camera: Camera) -> Iterator[Polygon]:
    for block in blocks:
        for corners, normal in zip(block.corners, block.normals, strict=True):
            if (camera.position - corners.mean(axis=0)) @ normal > 0:
                pixels = camera.project(corners)
                colour = _shaded(ImageColor.getrgb(block.colour)[:3], normal)
                yield Polygon(float(pixels[:, 2].mean()), _pairs(pixels), colour)


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
    return _pairs(np.concatenate([end + second * tip, start - first * tip]))


def _pairs(pixels: Array) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in pixels[:, :2]]


def _ground_colour(centre: Array) -> tuple[int, int, int]:
    height = float(np.clip(centre[2] / 0.7, 0.0, 1.0))
    chequer = 0.96 if (np.floor(centre[:2] / (2 * TILE)).sum() % 2) else 1.0
    mixed = (np.array(PLAIN) * (1 - height) + np.array(RAISED) * height) * chequer
    return int(mixed[0]), int(mixed[1]), int(mixed[2])


def _shaded(colour: tuple[int, ...], normal: Array) -> tuple[int, int, int]:
    brightness = 0.62 + 0.38 * max(0.0, float(normal @ LIGHT))
    red, green, blue = (int(min(255.0, value * brightness)) for value in colour[:3])
    return red, green, blue


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


def _reduced(picture: Image.Image) -> Image.Image:
    return picture.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
