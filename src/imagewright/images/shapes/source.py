"""The source `shapes`: pictures that are drawn when they are read, at the size that they are wanted in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Self

import numpy as np

from imagewright.errors import ConfigError, DataError, nearest_name
from imagewright.images.annotations import Annotations
from imagewright.images.shapes.drawing import LABEL_CLASSES, draw_labels, draw_outlines, draw_sprites
from imagewright.images.shapes.factors import SHAPES, TEXTURES, Sprites, sample_sprites
from imagewright.images.shapes.oklab import to_srgb
from imagewright.images.sources.base import Picture, PictureSource, digest

NAME = "shapes"
VERSION = "1"  # part of every identity: change it when the same factors give other pixels
COUNT, SIDE = 2_000, 64
LARGEST = 1024  # pixels of a side; a larger picture is drawn so, and enlarged
AT_ONCE = 64  # pictures drawn together


def draw_pairs(sprites: Sprites, side: int) -> np.ndarray:
    """Each outline with its sprite at its right, uint8 (N, S, 2 S, 3)."""
    outlines = np.repeat(draw_outlines(sprites, side), 3, axis=3)
    return np.concatenate([outlines, draw_sprites(sprites, side)], axis=2)


def draw_label_pairs(sprites: Sprites, side: int) -> np.ndarray:
    """Each label map in colours with its sprite at its right, uint8 (N, S, 2 S, 3)."""
    numbers = np.arange(LABEL_CLASSES)
    colours = to_srgb(np.where(numbers, 0.75, 0.25), np.where(numbers, 0.14, 0.02), 360 * numbers / len(SHAPES))
    maps = np.rint(colours * 255).astype(np.uint8)[draw_labels(sprites, side)[..., 0]]
    return np.concatenate([maps, draw_sprites(sprites, side)], axis=2)


VIEWS: dict[str, Callable[[Sprites, int], np.ndarray]] = {
    "sprites": draw_sprites,
    **dict.fromkeys(TEXTURES, draw_sprites),
    "outlines": draw_outlines,
    "labels": draw_labels,
    "pairs": draw_pairs,
    "label-pairs": draw_label_pairs,
}
"""What is drawn of the same sprites; picture k of each view shows sprite k, so that views pair by their names."""
HOW = (
    f"expected shapes, or shapes:VIEW with one of {', '.join(VIEWS)}, and count=, size= and seed= after commas, as in "
    "shapes:outlines,count=5000,seed=1"
)


class ShapesSource(PictureSource):
    """Sprites of known factors, drawn as they are read.

    typed: the source as the user named it.
    view: of `VIEWS`.
    count, seed: of the sprites.
    side: pixels of a side.
    """

    in_memory = True
    drawn = True

    def __init__(self, typed: str, view: str = "sprites", count: int = COUNT, side: int = SIDE, seed: int = 0) -> None:
        super().__init__(typed)
        if not 8 <= side <= LARGEST:
            raise ConfigError(f"size={side}: shapes are drawn with 8 to {LARGEST:,} pixels a side.")
        self.view, self.seed, self.side = view, seed, side
        sprites = sample_sprites(count, seed)
        self.sprites = sprites.with_texture(view) if view in TEXTURES else sprites
        self.annotations: Annotations = self.sprites.annotations()

    @cached_property
    def identity(self) -> str:
        return digest(NAME, VERSION, self.view, *(str(number) for number in (len(self), self.seed, self.side)))

    def __len__(self) -> int:
        return len(self.sprites)

    def name(self, index: int) -> str:
        return f"{index:06d}"

    def read(self, indices: np.ndarray) -> Iterator[Picture]:
        for start in range(0, len(indices), AT_ONCE):
            yield from VIEWS[self.view](self.sprites.take(indices[start : start + AT_ONCE]), self.side)

    def drawn_at(self, size: tuple[int, int]) -> Self:
        side = min(max(8, *size), LARGEST)
        return self if side == self.side else type(self)(self.typed, self.view, len(self), side, self.seed)


def is_shapes(typed: str) -> bool:
    """Whether a source as typed names the set, with a view and options or without."""
    return typed == NAME or typed.startswith(f"{NAME}:")


def open_shapes(typed: str = NAME) -> ShapesSource:
    """The set by its name: `shapes`, `shapes:outlines`, `shapes:dotted,count=5000,size=128,seed=1`.

    Raises `DataError` for a name of another form, `ConfigError` for numbers out of range.
    """
    view, numbers = "sprites", {"count": COUNT, "size": SIDE, "seed": 0}
    for place, part in enumerate(typed.partition(":")[2].split(",") if ":" in typed else ()):
        option, equals, value = (each.strip() for each in part.partition("="))
        if not equals and place == 0:
            if option not in VIEWS:
                raise DataError(f"{typed}: there is no view {option!r}: {HOW}.{nearest_name(option, VIEWS)}")
            view = option
        elif option not in numbers:
            raise DataError(f"{typed}: {part!r} is no option: {HOW}.{nearest_name(option, numbers)}")
        else:
            numbers[option] = _whole(typed, option, value)
    return ShapesSource(typed, view, numbers["count"], numbers["size"], numbers["seed"])


def _whole(typed: str, option: str, value: str) -> int:
    try:
        return int(value.replace("_", ""))
    except ValueError:
        raise DataError(f"{typed}: {option}={value!r}, but a whole number was expected.") from None
