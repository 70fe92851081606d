"""The ground of a run as a camera sees it: the farthest painted first."""

from collections.abc import Iterator

import numpy as np

from ts_locomotion import robot, rotation
from ts_locomotion.demo import ground
from ts_locomotion.demo.camera import LIGHT, Camera, Polygon, pairs, shaded
from ts_locomotion.demo.recording import Recording
from ts_locomotion.robot import Array

REACH = 4.5
"""Ground further from the robot than this is not drawn [m]."""
TILE = 0.4
NEIGHBOUR = 0.8
"""Every second box is lit less, so that steps are told apart from above."""
PLAIN, RAISED = (205, 199, 184), (150, 170, 150)
SHADOW = (30, 34, 40, 70)


class Stage:
    """The ground of a recording, cut into tiles and coloured once."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        start = recording.position[:1]
        self._level = float(ground.height(recording, start[:, 0], start[:, 1])[0])
        self._tiles = ground.tiles(recording, largest=TILE)
        self._centres = self._tiles.corners.mean(axis=1)
        self._colours = [
            shaded(_ground_colour(centre, self._level), normal * NEIGHBOUR ** (box % 2))
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
            yield Polygon(float(pixels[:, 2].mean()), pairs(pixels), self._colours[index])

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
                colour = shaded(_ground_colour(points.mean(axis=0), self._level), LIGHT)
                yield Polygon(float(pixels[:, 2].mean()), pairs(pixels), colour)

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
            yield Polygon(0.0, pairs(camera.project(outline)), SHADOW)


def _ground_colour(centre: Array, level: float) -> tuple[int, int, int]:
    height = float(np.clip((centre[2] - level) / 0.7, 0.0, 1.0))
    chequer = 0.96 if (np.floor(centre[:2] / (2 * TILE)).sum() % 2) else 1.0
    mixed = (np.array(PLAIN) * (1 - height) + np.array(RAISED) * height) * chequer
    return int(mixed[0]), int(mixed[1]), int(mixed[2])
