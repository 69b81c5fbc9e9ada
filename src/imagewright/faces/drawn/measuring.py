"""Measures of drawn heads in crops: whose head it is and its pose, found again in pixels of the set or of a model.

Templates of both people are drawn on a grid of poses. A picture is explained by the template that needs the least
change, where the changes are small turns, shifts and scales, expressions, a blur, the colour of the face's light and
that of the ground, each linear. The pose is that of the template with its turn. Light is a change because a swap takes
that of the frame, and must not count as another person. Shape letters: N pictures, S side, K templates, P pixels times
channels, Q changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image
from scipy.ndimage import affine_transform, gaussian_filter

from imagewright.faces.crops import SQUARES
from imagewright.faces.drawn.heads import ANNA, BERT, MIDDLE, CartoonPerson, Expression, draw_head, draw_silhouette
from imagewright.faces.pose import Pose, rotation_of

PEOPLE = (ANNA, BERT)
SIDE = 32  # pixels at which pictures are compared
CROP = "whole"  # what a picture shows of the head, whose middle is in the middle of the picture
STEP = 12.0  # degrees between templates
YAWS, PITCHES = np.arange(-48.0, 49, STEP), np.arange(-24.0, 25, STEP)
BLUR, BLURRED = 0.8, 1.6  # sigma in pixels of templates and pictures, and of the further blur that a model may add
GROUND = 200  # grey level behind templates
OUTSIDE = 0.1  # weight of hair and ground, which a swap is not trained to draw
NOISE = 8.0  # grey levels that are left of a picture whose template is right
PLAIN = Expression(0.3, 0.0, 0.72, 0.0)
EXPRESSIONS = {
    "opening": Expression(0.8, 0.0, 0.72, 0.0),
    "smile": Expression(0.3, 0.7, 0.72, 0.0),
    "lids": Expression(0.3, 0.0, 1.0, 0.0),
    "gaze": Expression(0.3, 0.0, 0.72, 0.7),
}
# How far each change usually goes: degrees, shares of the side, steps of expression, blurs, grey levels.
USUAL = {
    "yaw": STEP / 2, "pitch": STEP / 2, "roll": 8.0, "x": 0.04, "y": 0.04, "scale": 0.05,
    "opening": 1.0, "smile": 1.0, "lids": 1.0, "gaze": 1.0, "blur": 1.0, "red": 60.0, "green": 60.0, "blue": 60.0,
    "face_red": 20.0, "face_green": 20.0, "face_blue": 20.0,
}  # fmt: skip
LEAST_EXPLAINED = 0.5  # of the variance of the face: with less there is no head


@dataclass(frozen=True)
class MeasuredHeads:
    """The heads of N pictures; numbers are NaN in a picture without one.

    found: bool (N,).
    person: int64 (N,), of `PEOPLE`; -1 in a picture without a head.
    yaw, pitch, roll: float64 (N,), degrees as in `Pose`.
    x, y: float64 (N,), the middle of the head, in sides of the picture.
    opening: float64 (N,), of the mouth, as in `Expression`; it is out of its range in blurred pictures.
    """

    found: np.ndarray
    person: np.ndarray
    yaw: np.ndarray
    pitch: np.ndarray
    roll: np.ndarray
    x: np.ndarray
    y: np.ndarray
    opening: np.ndarray

    @property
    def poses(self) -> np.ndarray:
        """Yaw, pitch and roll in degrees, float64 (N, 3)."""
        return np.stack([self.yaw, self.pitch, self.roll], 1)


def measure_heads(pixels: np.ndarray) -> MeasuredHeads:
    """Find the drawn head of each picture, and measure it.

    pixels: uint8 (N, S, S, 3), crops as those of `data shapes people`.
    """
    pictures = np.stack([_reduce(picture) for picture in pixels])
    first = _explain(pictures)
    # Large moves are not linear: they are undone, and what is left is measured.
    second = _explain(np.stack([_undo(*each) for each in zip(pictures, *first.moved("roll", "x", "y"), strict=True)]))
    roll, x, y = np.add(first.moved("roll", "x", "y"), second.moved("roll", "x", "y"))
    yaw, pitch, opening = second.moved("yaw", "pitch", "opening")
    found = second.explained > LEAST_EXPLAINED
    missing = np.where(found, 0.0, np.nan)
    return MeasuredHeads(
        found=found,
        person=np.where(found, [each.person for each in second.chosen], -1),
        yaw=np.array([each.pose.yaw for each in second.chosen]) + yaw + missing,
        pitch=np.array([each.pose.pitch for each in second.chosen]) + pitch + missing,
        roll=roll + missing,
        x=0.5 + x + missing,
        y=0.5 + y + missing,
        opening=PLAIN.opening + (EXPRESSIONS["opening"].opening - PLAIN.opening) * opening + missing,
    )


@dataclass(frozen=True, eq=False)
class _Explained:
    """The template that explains each of N pictures, its changes in usual sizes (N, Q), the share that is explained."""

    chosen: list[_Template]
    changes: np.ndarray
    explained: np.ndarray

    def moved(self, *names: str) -> np.ndarray:
        """Changes by their names, in the units of `USUAL`: float64 (changes, N)."""
        places = [list(USUAL).index(name) for name in names]
        moved: np.ndarray = self.changes[:, places].T * np.array([[USUAL[name]] for name in names])
        return moved


def _explain(pictures: np.ndarray) -> _Explained:
    """pictures: of `_reduce`, (N, S, S, 3)."""
    templates = _templates()
    flat = pictures.reshape(len(pictures), -1)
    costs = np.empty((len(flat), len(templates)))
    changes = np.empty((len(flat), len(templates), len(USUAL)))
    for place, each in enumerate(templates):
        apart = (flat - each.picture) * each.weights
        changes[:, place] = apart @ each.solver.T
        left = apart - changes[:, place] @ each.directions.T
        costs[:, place] = np.square(left).sum(1) + NOISE**2 * np.square(changes[:, place]).sum(1)
    best = costs.argmin(1)
    chosen = [templates[place] for place in best]
    whole = np.array([each.variance_of(picture) for each, picture in zip(chosen, flat, strict=True)])
    explained = 1 - costs.min(1) / np.maximum(whole, 1e-9)
    return _Explained(chosen, changes[np.arange(len(best)), best], explained)


def _undo(picture: np.ndarray, roll: float, x: float, y: float) -> np.ndarray:
    """The picture (S, S, 3) of a head that is moved and rolled, as if it were not: degrees, and shares of the side."""
    turn = np.radians(roll)
    rotation = np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])  # of (row, column)
    middle = np.full(2, (SIDE - 1) / 2)
    offset = middle + SIDE * np.array([y, x]) - rotation @ middle
    channels = [affine_transform(picture[..., each], rotation, offset, order=1, mode="nearest") for each in range(3)]
    return np.stack(channels, -1)


@dataclass(frozen=True, eq=False)
class _Template:
    """A drawn head, and what small changes of it do.

    person: of `PEOPLE`.
    picture: float32 (P,).
    weights: of its pixels, float32 (P,).
    directions: weighted change of the picture by each change of its usual size, float32 (P, Q).
    solver: from a weighted difference to the changes that explain it, float32 (Q, P).
    """

    person: int
    pose: Pose
    picture: np.ndarray
    weights: np.ndarray
    directions: np.ndarray
    solver: np.ndarray

    def variance_of(self, picture: np.ndarray) -> float:
        """The weighted squared distance of a picture (P,) to its mean colour."""
        pixels, weights = picture.reshape(-1, 3), self.weights.reshape(-1, 3) ** 2
        mean = (pixels * weights).sum(0) / weights.sum(0)
        return float((np.square(pixels - mean) * weights).sum())


def _reduce(picture: np.ndarray) -> np.ndarray:
    """A picture at `SIDE` pixels with little detail, float32 (S, S, 3)."""
    small = Image.fromarray(picture).resize(
        (SIDE, SIDE), Image.Resampling.BOX if len(picture) > SIDE else Image.Resampling.BICUBIC
    )
    return gaussian_filter(np.asarray(small, np.float32), (BLUR, BLUR, 0))


@cache
def _templates() -> list[_Template]:
    """The templates of both people in all poses of the grid but its border, whose poses have no neighbours."""
    found = []
    for number, person in enumerate(PEOPLE):
        grid = {
            (yaw, pitch): _draw(person, Pose(yaw, pitch, 0.0))
            for yaw in np.arange(YAWS[0] - STEP, YAWS[-1] + 2 * STEP, STEP)
            for pitch in np.arange(PITCHES[0] - STEP, PITCHES[-1] + 2 * STEP, STEP)
        }
        for yaw in YAWS:
            for pitch in PITCHES:
                turns = [
                    (grid[yaw + STEP, pitch] - grid[yaw - STEP, pitch]) / (2 * STEP),
                    (grid[yaw, pitch + STEP] - grid[yaw, pitch - STEP]) / (2 * STEP),
                ]
                found.append(
                    _make_template(number, person, Pose(float(yaw), float(pitch), 0.0), grid[yaw, pitch], turns)
                )
    return found


def _make_template(
    number: int, person: CartoonPerson, pose: Pose, picture: np.ndarray, turns: list[np.ndarray]
) -> _Template:
    down, across = np.gradient(picture, axis=(0, 1))
    places = np.arange(SIDE) + 0.5 - SIDE / 2
    x, y = np.meshgrid(places, places)
    x, y = x[..., None], y[..., None]
    directions = {
        "yaw": turns[0],
        "pitch": turns[1],
        "roll": np.radians(1) * (across * y - down * x),
        "x": -across * SIDE,
        "y": -down * SIDE,
        "scale": -(across * x + down * y),
        **{name: _draw(person, pose, each) - picture for name, each in EXPRESSIONS.items()},
        "blur": gaussian_filter(picture, (BLURRED, BLURRED, 0)) - picture,
    }
    centre, side = _middle(pose)
    face = draw_silhouette(pose, size=SIDE, centre=centre, side=side).astype(np.float32)[..., None] / 255
    behind = (_draw(person, pose, ground=GROUND + 50) - picture) / 50
    for place, name in enumerate(("red", "green", "blue")):
        directions[name] = behind * np.eye(3)[place]
        directions[f"face_{name}"] = face * np.eye(3)[place]
    weights = np.repeat(OUTSIDE + (1 - OUTSIDE) * face, 3, 2).reshape(-1)
    matrix = np.stack([directions[name].reshape(-1) * size for name, size in USUAL.items()], 1) * weights[:, None]
    solver = np.linalg.solve(matrix.T @ matrix + NOISE**2 * np.eye(len(USUAL)), matrix.T)
    return _Template(number, pose, picture.reshape(-1), weights, matrix, solver)


def _middle(pose: Pose) -> tuple[tuple[float, float], float]:
    """The centre and the side of the brows' square, with which the middle of the head is in the middle of a crop."""
    side = SIDE / SQUARES[CROP][0]
    x, y = SIDE / 2 - side * (rotation_of(pose) @ MIDDLE)[:2]
    return (float(x), float(y)), side


def _draw(person: CartoonPerson, pose: Pose, expression: Expression = PLAIN, ground: int = GROUND) -> np.ndarray:
    centre, side = _middle(pose)
    picture = draw_head(person, pose, expression, size=SIDE, centre=centre, side=side, ground=(ground,) * 3)
    return gaussian_filter(picture.astype(np.float32), (BLUR, BLUR, 0))
