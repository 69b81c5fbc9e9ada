"""The factors of the sprites of `shapes`: what each picture shows, drawn independently of one another.

After dSprites (Matthey et al. 2017) and 3D Shapes (Burgess & Kim 2018): factors are uniform and independent, so that a
latent that knows one of them knows nothing of the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from imagewright.errors import ConfigError
from imagewright.images.annotations import Annotations
from imagewright.seeds import derive_seed

SHAPES = ("circle", "square", "triangle", "star", "heart", "ring", "cross")
TEXTURES = ("plain", "striped", "dotted")
RANGES = {
    "hue": (0.0, 360.0),
    "size": (0.24, 0.4),
    "x": (0.35, 0.65),
    "y": (0.35, 0.65),
    "turn": (-30.0, 30.0),
    "background": (0.0, 1.0),
}
"""Of the factors that are numbers. With a turn of at most 30 degrees no two turns of a shape look the same."""
FACTORS = ("texture", *RANGES)
ATTRIBUTES = ("striped", "dotted", "large", "left", "high", "warm")
WARM = (20.0, 110.0)  # degrees of hue from red to yellow, and the same on the other side
MOST = 10_000_000  # sprites of a set


@dataclass(frozen=True)
class Sprites:
    """The factors of N sprites.

    shape: int64 (N,), of `SHAPES`.
    texture: int64 (N,), of `TEXTURES`.
    hue: float64 (N,), degrees in Oklab.
    size: float64 (N,), the side of the square of equal area, in sides of the picture.
    x, y: float64 (N,), the centre of mass in sides of the picture, from the left and the top.
    turn: float64 (N,), degrees clockwise.
    background: float64 (N,), from 0 (cream) over pink to 1 (a darker blue).
    """

    shape: np.ndarray
    texture: np.ndarray
    hue: np.ndarray
    size: np.ndarray
    x: np.ndarray
    y: np.ndarray
    turn: np.ndarray
    background: np.ndarray

    def __len__(self) -> int:
        return len(self.shape)

    def take(self, rows: np.ndarray | slice) -> Sprites:
        """The factors of some sprites, int64 (n,) or a slice."""
        return Sprites(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})

    def with_texture(self, texture: str) -> Sprites:
        """The same sprites in one texture of `TEXTURES`."""
        return replace(self, texture=np.full(len(self), TEXTURES.index(texture), np.int64))

    def annotations(self) -> Annotations:
        """The shape as class, the factors as numbers, and 0/1 attributes that follow from them."""
        warm = (self.hue < WARM[1]) | (self.hue > 360 - WARM[0])
        middle = {name: sum(RANGES[name]) / 2 for name in ("size", "x", "y")}
        attributes = [
            self.texture == TEXTURES.index("striped"),
            self.texture == TEXTURES.index("dotted"),
            self.size > middle["size"],
            self.x < middle["x"],
            self.y < middle["y"],
            warm,
        ]
        return Annotations(
            labels=self.shape,
            class_names=SHAPES,
            attributes=np.stack(attributes, 1).astype(np.float32),
            attribute_names=ATTRIBUTES,
            factors=np.stack([getattr(self, name) for name in FACTORS], 1).astype(np.float64),
            factor_names=FACTORS,
        )


def sample_sprites(count: int, seed: int) -> Sprites:
    """The first sprites of a seed: sprite k is the same whatever the count.

    Raises `ConfigError` for a count below 1 or above 10 million.
    """
    if not 1 <= count <= MOST:
        raise ConfigError(f"count={count}: a set of shapes has from 1 to {MOST:,} pictures.")
    drawn = np.random.default_rng(derive_seed(seed, "shapes")).random((count, 2 + len(RANGES)))
    numbers = {
        name: low + (high - low) * drawn[:, 2 + place] for place, (name, (low, high)) in enumerate(RANGES.items())
    }
    shape, texture = ((drawn[:, place] * len(of)).astype(np.int64) for place, of in enumerate((SHAPES, TEXTURES)))
    return Sprites(shape=shape, texture=texture, **numbers)
