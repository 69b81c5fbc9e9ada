"""Sprites as pixels: colour pictures, outlines, label maps. The same factors give the same pixels on any machine.

Edges are smooth because each pixel is covered by as much as its distance to the outline says. All is arithmetic on
blocks of pictures. Shape letters: N sprites, S side in pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from imagewright.images.shapes.factors import SHAPES, TEXTURES, Sprites
from imagewright.images.shapes.geometry import distance_of
from imagewright.images.shapes.oklab import to_srgb

AT_ONCE_PIXELS = 2**18  # of the pictures that are drawn together: what fits into a processor's cache
PERIOD = 0.46  # of stripes and dots, in sizes of the sprite
DOT = 0.15  # radius of a dot
HALO, HALO_DEPTH = 0.3, 0.24  # of the shadow around a sprite: its width in sizes, and how much light it takes
LINE = 1 / 48  # width of an outline, in sides of the picture, and a pixel and a half at least
GRADE = 0.09  # how much darker a background is at its bottom

# Lightness and chroma of the sprite, of its stripes and of its dots; clipping to sRGB changes neither by much.
BASE, STRIPE, DOTS = (0.70, 0.150), (0.50, 0.120), (0.86, 0.095)
GLOSS = 0.1  # how much lighter a sprite is at its upper left, and darker at its lower right


def draw_sprites(sprites: Sprites, side: int) -> np.ndarray:
    """Colour pictures uint8 (N, S, S, 3)."""
    return _draw(sprites, side, 3, _paint)


def draw_outlines(sprites: Sprites, side: int) -> np.ndarray:
    """The outlines alone, dark on white, uint8 (N, S, S, 1)."""

    def outline(part: Sprites, x: np.ndarray, y: np.ndarray, distance: np.ndarray, out: np.ndarray) -> None:
        half = max(LINE * side, 1.5) / 2
        covered = _covered(np.abs(distance) * _pixels_of(part, side) - half)
        out[..., 0] = (255.5 - 225 * covered).astype(np.uint8)

    return _draw(sprites, side, 1, outline)


def draw_labels(sprites: Sprites, side: int) -> np.ndarray:
    """Label maps uint8 (N, S, S, 1): 0 is the background, k + 1 the shape number k."""

    def fill(part: Sprites, x: np.ndarray, y: np.ndarray, distance: np.ndarray, out: np.ndarray) -> None:
        out[..., 0] = (distance < 0) * (part.shape + 1).astype(np.uint8)[:, None, None]

    return _draw(sprites, side, 1, fill)


LABEL_CLASSES = len(SHAPES) + 1
Fill = Callable[[Sprites, np.ndarray, np.ndarray, np.ndarray, np.ndarray], None]
"""Writes pixels from the sprites, the places x and y of pixels in each sprite, and their distance to its outline."""


def _draw(sprites: Sprites, side: int, channels: int, fill: Fill) -> np.ndarray:
    pixels = np.empty((len(sprites), side, side, channels), np.uint8)
    order = np.argsort(sprites.shape, kind="stable")  # sprites of a shape lie together, and are drawn together
    step = max(1, AT_ONCE_PIXELS // side**2)
    for start in range(0, len(order), step):
        rows = order[start : start + step]
        part = sprites.take(rows)
        x, y = _places(part, side)
        distance = np.empty_like(x)
        for shape in np.unique(part.shape):
            same = slice(*np.searchsorted(part.shape, (shape, shape + 1)))
            distance[same] = distance_of(int(shape), x[same], y[same])
        block = np.empty((len(rows), side, side, channels), np.uint8)
        fill(part, x, y, distance, block)
        pixels[rows] = block
    return pixels


def _places(part: Sprites, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The middles of pixels in the frame of each sprite, in its sizes: float32 (N, S, S) each."""
    middles = (np.arange(side) + 0.5) / side
    right = (middles[None] - part.x[:, None]) / part.size[:, None]
    down = (middles[None] - part.y[:, None]) / part.size[:, None]
    cosine, sine = np.cos(np.radians(part.turn))[:, None], np.sin(np.radians(part.turn))[:, None]
    x = _outer_sum(sine * down, cosine * right)
    y = _outer_sum(cosine * down, -sine * right)
    return x, y


def _outer_sum(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """(N, S) and (N, S) to float32 (N, S, S)."""
    found: np.ndarray = rows.astype(np.float32)[:, :, None] + columns.astype(np.float32)[:, None, :]
    return found


def _pixels_of(part: Sprites, side: int) -> np.ndarray:
    """Pixels of a size of each sprite, float32 (N, 1, 1)."""
    return (part.size * side).astype(np.float32)[:, None, None]


def _covered(distance: np.ndarray) -> np.ndarray:
    """How much of a pixel is inside, from its distance to the outline in pixels."""
    return np.clip(np.float32(0.5) - distance, 0, 1)


def _paint(part: Sprites, x: np.ndarray, y: np.ndarray, distance: np.ndarray, out: np.ndarray) -> None:
    scale = _pixels_of(part, out.shape[1])
    covered = _covered(distance * scale)
    shadow = np.clip(1 - distance / np.float32(HALO), 0, 1)
    shadow *= shadow
    light = 1 - np.float32(HALO_DEPTH) * shadow
    textured = _textured(part, x, y, scale)
    gloss = 1 - np.float32(GLOSS) * np.clip(x + y, -1, 1)
    base, other = _colours(part)
    top, bottom = _grounds(part)
    rows = np.linspace(0, 1, out.shape[1], dtype=np.float32)[None, :, None]
    for channel in range(3):
        ground = (top[:, channel] + (bottom[:, channel] - top[:, channel]) * rows) * light
        colour = base[:, channel] + (other[:, channel] - base[:, channel]) * textured
        colour *= gloss
        np.minimum(colour, 255, out=colour)
        colour -= ground
        colour *= covered
        colour += ground
        colour += np.float32(0.5)
        out[..., channel] = colour


def _textured(part: Sprites, x: np.ndarray, y: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """How much of each pixel has the second colour, float32 (N, S, S): stripes, dots, or none."""
    found = np.zeros_like(x)
    period = np.float32(PERIOD)
    for texture in (1, 2):
        rows = np.flatnonzero(part.texture == texture)
        if not len(rows):
            continue
        # The distance to the middle of the stripe or the dot, in sizes.
        across = np.abs((x[rows] / period + np.float32(0.5)) % 1 - np.float32(0.5)) * period
        if TEXTURES[texture] == "striped":
            distance = across - period / 4
        else:
            down = np.abs((y[rows] / period + np.float32(0.5)) % 1 - np.float32(0.5)) * period
            distance = np.sqrt(across * across + down * down) - np.float32(DOT)
        found[rows] = _covered(distance * scale[rows])
    return found


def _colours(part: Sprites) -> tuple[np.ndarray, np.ndarray]:
    """The first and the second colour of each sprite, float32 (N, 3, 1, 1) from 0 to 255."""
    striped = part.texture == TEXTURES.index("striped")
    lightness, chroma = (np.where(striped, *pair) for pair in zip(STRIPE, DOTS, strict=True))
    return _levels(to_srgb(*BASE, part.hue)), _levels(to_srgb(lightness, chroma, part.hue))  # type: ignore[arg-type]


def _grounds(part: Sprites) -> tuple[np.ndarray, np.ndarray]:
    """The colours of each background at its top and its bottom: from cream over pink to a darker blue."""
    lightness = 0.975 - 0.16 * part.background
    hue = 85 - 190 * part.background
    top = to_srgb(lightness, np.full(len(part), 0.020), hue)
    bottom = to_srgb(lightness - GRADE, np.full(len(part), 0.034), hue)
    return _levels(top), _levels(bottom)


def _levels(colours: np.ndarray) -> np.ndarray:
    return (colours * 255).astype(np.float32)[:, :, None, None]
