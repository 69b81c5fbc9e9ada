"""Measures of sprites in pictures: the factors, found again in pixels, of pictures that the set or a model made.

A sprite is what is more colourful than any background of the set. Its area, its centre of mass and its mean hue are
moments of that mask; its shape and its turn are those of the template that covers the mask best.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from imagewright.images.shapes.factors import RANGES, SHAPES
from imagewright.images.shapes.geometry import distance_of
from imagewright.images.shapes.oklab import from_uint8

CHROMA = 0.055  # in Oklab: backgrounds have 0.035 at most, sprites 0.06 at least
LEAST, MOST = 0.01, 0.5  # areas of a sprite, of the picture's
FRAME, REACH = 32, 1.0  # templates have so many points a side, from -REACH to REACH in sizes of the sprite
TURNS = np.arange(RANGES["turn"][0], RANGES["turn"][1] + 1, 2)
ROUND = [SHAPES.index(name) for name in ("circle", "ring")]
DARK, BRIGHT, SHARE = (
    0.59,
    0.81,
    0.07,
)  # lightness of stripes and of dots, and the share of a sprite that is at least so
AT_ONCE = 256


@dataclass(frozen=True)
class MeasuredSprites:
    """The sprites of N pictures; numbers are NaN in a picture without one.

    found: bool (N,).
    shape: int64 (N,), of `SHAPES`; -1 in a picture without a sprite.
    texture: int64 (N,), of `TEXTURES`; -1 likewise.
    hue, size, x, y, turn: float64 (N,), as in `Sprites`; the turn of a circle and of a ring is NaN.
    """

    found: np.ndarray
    shape: np.ndarray
    texture: np.ndarray
    hue: np.ndarray
    size: np.ndarray
    x: np.ndarray
    y: np.ndarray
    turn: np.ndarray


def measure_sprites(pixels: np.ndarray) -> MeasuredSprites:
    """Find the sprite of each picture, and measure it.

    pixels: uint8 (N, S, S, 3).
    """
    parts = [_measure(pixels[start : start + AT_ONCE]) for start in range(0, len(pixels), AT_ONCE)]
    names = MeasuredSprites.__dataclass_fields__
    return MeasuredSprites(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def _measure(pixels: np.ndarray) -> MeasuredSprites:
    lab = from_uint8(pixels)
    masks = np.stack([_largest_part(each) for each in np.hypot(lab[..., 1], lab[..., 2]) > CHROMA])
    side = pixels.shape[1]
    area = masks.sum((1, 2))
    found = (area >= LEAST * side**2) & (area <= MOST * side**2)
    middles = (np.arange(side) + 0.5) / side
    whole = np.maximum(area, 1)
    x, y = (masks.sum(1) * middles).sum(1) / whole, (masks.sum(2) * middles).sum(1) / whole
    size = np.sqrt(whole) / side
    mean = (lab[..., 1:] * masks[..., None]).sum((1, 2)) / whole[:, None]
    shape, turn = _fit_templates(masks, size, x, y)
    texture = _texture(lab[..., 0], masks, whole)
    missing = np.where(found, 0.0, np.nan)
    return MeasuredSprites(
        found=found,
        shape=np.where(found, shape, -1),
        texture=np.where(found, texture, -1),
        hue=np.degrees(np.arctan2(mean[:, 1], mean[:, 0])) % 360 + missing,
        size=size + missing,
        x=x + missing,
        y=y + missing,
        turn=turn + missing,
    )


def _largest_part(mask: np.ndarray) -> np.ndarray:
    """The largest connected part of a mask, without single pixels that a model drew elsewhere."""
    from scipy.ndimage import label

    parts, count = label(mask, structure=np.ones((3, 3)))
    if count < 2:
        return mask
    largest: np.ndarray = parts == np.bincount(parts.reshape(-1))[1:].argmax() + 1
    return largest


@cache
def _templates() -> np.ndarray:
    """float32 (shapes x turns, FRAME x FRAME): 1 inside and -1 outside."""
    x, y = _frame()
    found = []
    for shape in range(len(SHAPES)):
        for turn in TURNS:
            cosine, sine = np.cos(np.radians(turn)), np.sin(np.radians(turn))
            inside = distance_of(shape, x * cosine + y * sine, y * cosine - x * sine) < 0
            found.append(np.where(inside, 1, -1))
    return np.array(found, np.float32).reshape(len(found), -1)


def _frame() -> tuple[np.ndarray, np.ndarray]:
    places = (np.arange(FRAME) + 0.5) / FRAME * 2 * REACH - REACH
    x, y = np.meshgrid(places, places)
    return x, y


def _fit_templates(masks: np.ndarray, size: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The shape, int64 (N,), and the turn, float64 (N,), of the template that agrees with each mask at most points."""
    from scipy.ndimage import map_coordinates

    side = masks.shape[1]
    right, down = _frame()
    rows, columns = (
        (centre[:, None, None] + offset * size[:, None, None]) * side - 0.5
        for centre, offset in ((y, down), (x, right))
    )
    numbers = np.broadcast_to(np.arange(len(masks))[:, None, None], rows.shape)
    framed = map_coordinates(masks.astype(np.float32), [numbers, rows, columns], order=1)
    agreement = (2 * framed.reshape(len(masks), -1) - 1) @ _templates().T
    best = agreement.argmax(1)
    shape = best // len(TURNS)
    return shape, np.where(np.isin(shape, ROUND), np.nan, TURNS[best % len(TURNS)])


def _texture(lightness: np.ndarray, masks: np.ndarray, area: np.ndarray) -> np.ndarray:
    """1 for sprites with dark parts (stripes), 2 for those with bright parts (dots), whichever is more; else 0."""
    dark = ((lightness < DARK) & masks).sum((1, 2)) / area
    bright = ((lightness > BRIGHT) & masks).sum((1, 2)) / area
    return np.where(np.maximum(dark, bright) < SHARE, 0, np.where(dark > bright, 1, 2))
