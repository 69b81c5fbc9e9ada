"""Heads of two drawn people in any pose: polygons on an ellipsoid, turned and drawn, with the points of the mesh.

The points where the mesh's mean face has them are that mean face (`faces/landmarks.py`), so that the pose, the crop and
the mask of a drawn head are computed as those of a photograph. Units: the brows span 1; x to the right, y down, depth
away from the camera.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from imagewright.faces.detections import Face
from imagewright.faces.landmarks import FIRST, MEAN_FACE, MEAN_RIGID, MESH_OF_68, OVAL, RIGID
from imagewright.faces.pose import Pose, rotation_of

MESH_POINTS = 468
EYES, EYE_HEIGHT = 0.74, -0.28  # of the mean rigid points: their unit, and the height of the eyes
AXES, MIDDLE = np.array([0.64, 0.80, 0.62]), np.array([0.0, 0.02, 0.42])  # of the ellipsoid
FINER = 4  # drawn so many times as large, and reduced
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class CartoonPerson:
    """How a person looks.

    hair_length: how far down hair reaches at the sides, from -0.4 (short) to 0.9.
    brow: thickness of the brows.
    mouth: half the width of the mouth.
    beard: whether there is one, in the colour of the hair.
    """

    name: str
    skin: Colour
    hair: Colour
    iris: Colour
    lips: Colour
    hair_length: float
    brow: float
    mouth: float
    beard: bool


ANNA = CartoonPerson("anna", (247, 206, 180), (178, 72, 38), (60, 140, 90), (205, 70, 85), 0.85, 0.035, 0.17, False)
BERT = CartoonPerson("bert", (206, 152, 112), (52, 44, 48), (70, 90, 170), (160, 84, 76), -0.3, 0.075, 0.22, True)


@dataclass(frozen=True)
class Expression:
    """opening: of the mouth, from 0 to 1. smile: from -1 to 1. lids: how far the eyes are open, from 0.3 to 1.
    gaze: to the right, from -1 to 1.
    """

    opening: float
    smile: float
    lids: float
    gaze: float


def cartoon_face(pose: Pose, centre: tuple[float, float], side: float) -> Face:
    """The points of a drawn head in pixels, as the mesh would give them.

    centre: of the brows' square, (x, y). side: pixels between the outer ends of the brows.
    """
    points = np.zeros((MESH_POINTS, 3))
    around = 2 * np.pi * np.arange(len(OVAL)) / len(OVAL)
    outline = np.stack([np.sin(around), -np.cos(around), 0 * around], 1)
    points[OVAL] = MIDDLE + AXES * outline
    points[MESH_OF_68[FIRST:]] = _on_head(MEAN_FACE - 0.5)
    points[RIGID] = MEAN_RIGID * EYES + (0, EYE_HEIGHT, 0)
    points = side * points @ rotation_of(pose).T + (*centre, 0)
    shown = points[np.union1d(np.union1d(OVAL, MESH_OF_68), RIGID)]
    points[np.setdiff1d(np.arange(MESH_POINTS), np.union1d(np.union1d(OVAL, MESH_OF_68), RIGID))] = shown.mean(0)
    return Face(np.concatenate([shown[:, :2].min(0), shown[:, :2].max(0)]), points, 1.0, "mesh")


def draw_head(
    person: CartoonPerson,
    pose: Pose,
    expression: Expression,
    *,
    size: int,
    centre: tuple[float, float],
    side: float,
    ground: Colour,
) -> np.ndarray:
    """A picture of a head, uint8 (size, size, 3). ground: the colour behind it; the others as for `cartoon_face`."""
    canvas = Image.new("RGB", (size * FINER, size * FINER), ground)
    pen = _Pen(ImageDraw.Draw(canvas), rotation_of(pose), np.array(centre) * FINER, side * FINER)
    _draw_hair_behind(pen, person)
    pen.hull(_ellipsoid(), person.skin)
    _draw_hair(pen, person)
    _draw_face(pen, person, expression)
    return np.asarray(canvas.reduce(FINER))


def draw_silhouette(pose: Pose, *, size: int, centre: tuple[float, float], side: float) -> np.ndarray:
    """Where the head without its hair is in a picture, uint8 (size, size) from 0 to 255. As for `draw_head`."""
    canvas = Image.new("RGB", (size * FINER, size * FINER))
    pen = _Pen(ImageDraw.Draw(canvas), rotation_of(pose), np.array(centre) * FINER, side * FINER)
    pen.hull(_ellipsoid(), (255, 255, 255))
    return np.asarray(canvas.reduce(FINER))[..., 0]


@dataclass(frozen=True)
class _Pen:
    canvas: ImageDraw.ImageDraw
    rotation: np.ndarray
    centre: np.ndarray
    side: float

    def polygon(self, points: np.ndarray, colour: Colour) -> None:
        """Fill a polygon of points (n, 3), or of places on the face (n, 2)."""
        self.canvas.polygon([tuple(place) for place in self._project(points)], fill=colour)

    def hull(self, points: np.ndarray, colour: Colour) -> None:
        from scipy.spatial import ConvexHull

        placed = self._project(points)
        self.canvas.polygon([tuple(place) for place in placed[ConvexHull(placed).vertices]], fill=colour)

    def _project(self, points: np.ndarray) -> np.ndarray:
        solid = _on_head(points) if points.shape[1] == 2 else points
        return (solid @ self.rotation.T)[:, :2] * self.side + self.centre


def _on_head(places: np.ndarray) -> np.ndarray:
    """Places (n, 2) on the front of the head, (n, 3)."""
    beside = (places - MIDDLE[:2]) / AXES[:2]
    depth = MIDDLE[2] - AXES[2] * np.sqrt(np.clip(1 - np.square(beside).sum(1), 0, 1))
    return np.concatenate([places, depth[:, None]], 1)


def _ellipsoid(larger: float = 1.0) -> np.ndarray:
    """Points on the head, (n, 3)."""
    across, down = np.meshgrid(np.linspace(0, 2 * np.pi, 48), np.linspace(0, np.pi, 24))
    sphere = np.stack([np.sin(down) * np.cos(across), -np.cos(down), np.sin(down) * np.sin(across)], -1).reshape(-1, 3)
    found: np.ndarray = MIDDLE + AXES * larger * sphere
    return found


def _ellipse(x: float, y: float, width: float, height: float) -> np.ndarray:
    around = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    return np.stack([x + width * np.cos(around), y + height * np.sin(around)], 1)


def _draw_hair_behind(pen: _Pen, person: CartoonPerson) -> None:
    points = _ellipsoid(1.13)
    cap = points[points[:, 1] < max(person.hair_length, 0.0)]
    ends = cap[cap[:, 1] > -0.2] * (1.06, 1, 1) + (0, person.hair_length * 0.3, 0)
    pen.hull(np.concatenate([cap, ends]) if person.hair_length > 0 else cap, _shade(person.hair, 0.8))


def _draw_hair(pen: _Pen, person: CartoonPerson) -> None:
    """The hair above the forehead, and the beard: what lies on the front of the head above or below a line."""
    points = _ellipsoid(1.02)
    behind = points[:, 2] > MIDDLE[2] - 0.1
    pen.hull(points[(points[:, 1] < -0.52) | (behind & (points[:, 1] < -0.45))], person.hair)
    if person.beard:
        x = np.linspace(-0.5, 0.5, 24)
        upper = np.stack([x, 0.30 - 0.1 * np.cos(np.pi * x)], 1)
        lower = np.stack([x[::-1], 0.74 - 0.9 * x[::-1] ** 2], 1)
        pen.polygon(np.concatenate([upper, lower]), person.hair)


def _draw_face(pen: _Pen, person: CartoonPerson, expression: Expression) -> None:
    for sign in (-1, 1):
        pen.polygon(_ellipse(sign * 0.33, 0.14, 0.12, 0.08), _mixed(person.skin, person.lips, 0.25))
        eye = sign * 0.27
        pen.polygon(_ellipse(eye, EYE_HEIGHT, 0.125, 0.075 * expression.lids), (252, 252, 250))
        iris = eye + 0.045 * expression.gaze
        pen.polygon(_ellipse(iris, EYE_HEIGHT, 0.058, 0.058 * min(1, 1.2 * expression.lids)), person.iris)
        pen.polygon(_ellipse(iris, EYE_HEIGHT, 0.026, 0.026), (24, 22, 26))
        brow = np.linspace(-0.17, 0.17, 12)
        above = EYE_HEIGHT - 0.17 - 0.05 * np.cos(brow * 8)
        edges = [np.stack([eye + brow, above], 1), np.stack([eye + brow[::-1], above[::-1] + person.brow], 1)]
        pen.polygon(np.concatenate(edges), _shade(person.hair, 0.9))
    _draw_nose(pen, _shade(person.skin, 0.86))
    _draw_mouth(pen, person, expression)


def _draw_nose(pen: _Pen, colour: Colour) -> None:
    """A wedge that stands out from the face, so that it moves to the side when the head is turned."""
    root, left, right = _on_head(np.array([(0.0, -0.22), (-0.09, 0.1), (0.09, 0.1)]))
    tip = _on_head(np.array([(0.0, 0.08)]))[0] - (0, 0, 0.2)
    pen.polygon(np.stack([root, left, right]), colour)
    pen.polygon(np.stack([root, left, tip]), colour)
    pen.polygon(np.stack([root, right, tip]), _shade(colour, 0.92))
    pen.polygon(np.stack([left, right, tip]), _shade(colour, 0.84))


def _draw_mouth(pen: _Pen, person: CartoonPerson, expression: Expression) -> None:
    x = np.linspace(-1, 1, 24)
    bend = 0.32 - 0.07 * expression.smile * (x**2 - 0.5)
    arch = np.sqrt(np.clip(1 - x**2, 0, 1))
    inner = 0.1 * expression.opening
    for thickness, colour in ((0.045, person.lips), (0.0, (92, 30, 40))):
        up, down = bend - arch * (thickness + inner * 0.4), bend + arch * (thickness * 1.3 + inner)
        edges = [np.stack([x * person.mouth, up], 1), np.stack([x[::-1] * person.mouth, down[::-1]], 1)]
        pen.polygon(np.concatenate(edges), colour)


def _shade(colour: Colour, factor: float) -> Colour:
    return _mixed((0, 0, 0), colour, factor)


def _mixed(one: Sequence[int], other: Sequence[int], share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue
