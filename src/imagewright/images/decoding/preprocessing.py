"""Pictures to one size, and the random views of training: all pixels are Pillow's, to the bit.

The recipe: `PIL.ImageOps.fit(image, (width, height), method=FILTER)`: the largest centred window of the wanted aspect
is scaled to the target with antialiasing (Lanczos unless told otherwise). That is "scale until the picture covers the
target, crop the centre" in one pass. With `crop="none"` the whole picture is scaled:
`image.resize((width, height), FILTER)`. With `crop="random"` the recipe makes a canvas of 9/8 of the target, and each
view is a window of the target's size in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from imagewright.errors import ConfigError, nearest_name

FILTERS = {
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "box": Image.Resampling.BOX,
    "nearest": Image.Resampling.NEAREST,
}
CROPS = ("centre", "random", "none")
SIDE_LIMIT = 16384


@dataclass(frozen=True)
class Recipe:
    """What is done to each picture: the target `height` and `width`, `channels`, and names of crop and filter."""

    height: int
    width: int
    channels: int
    crop: str = "centre"
    resize: str = "lanczos"

    @property
    def canvas(self) -> tuple[int, int]:
        """(height, width) of what is kept of each picture: the target, or 9/8 of it (rounded up) for random crops."""
        if self.crop != "random":
            return self.height, self.width
        return self.height + -(-self.height // 8), self.width + -(-self.width // 8)

    def apply(self, image: Image.Image) -> np.ndarray:
        """The picture on the canvas: uint8 (H, W, C). `image` has the right mode already."""
        height, width = self.canvas
        if image.size != (width, height):
            method = FILTERS[self.resize]
            if self.crop == "none":
                image = image.resize((width, height), method)
            else:
                image = ImageOps.fit(image, (width, height), method=method)
        return np.asarray(image).reshape(height, width, self.channels)


def check_options(crop: str, resize: str) -> None:
    """Raise `ConfigError` for a crop or a filter that does not exist."""
    if crop not in CROPS:
        raise ConfigError(f"There is no crop {crop!r}: expected {', '.join(CROPS)}.{nearest_name(crop, CROPS)}")
    if resize not in FILTERS:
        raise ConfigError(
            f"There is no filter {resize!r}: expected {', '.join(FILTERS)}.{nearest_name(resize, FILTERS)}"
        )


def checked_size(size: int | tuple[int, int]) -> tuple[int, int]:
    """(height, width) of a side or a pair. Raises `ConfigError` outside 1 to 16,384."""
    pair = (size, size) if not isinstance(size, (tuple, list)) else tuple(size)
    if len(pair) != 2 or not all(isinstance(side, (int, np.integer)) and 1 <= side <= SIDE_LIMIT for side in pair):
        raise ConfigError(f"The size {size!r} cannot be: expected a side or (height, width) from 1 to {SIDE_LIMIT:,}.")
    return int(pair[0]), int(pair[1])


def checked_channels(channels: int) -> int:
    """1, 3 or 4. Raises `ConfigError` for others."""
    if channels not in {1, 3, 4}:
        raise ConfigError(f"{channels!r} channels cannot be: expected 1 (grey), 3 (RGB) or 4 (RGBA).")
    return int(channels)


def random_words(seed: int, views: np.ndarray) -> np.ndarray:
    """64 random bits for each view, of (seed, view) alone: the finaliser of SplitMix64 over a Weyl sequence."""
    with np.errstate(over="ignore"):
        state = np.asarray(views).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        for added in (np.uint64(seed % 2**64), np.uint64(0xD1B54A32D192ED03)):
            state = state + added
            state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            state = state ^ (state >> np.uint64(31))
    return state


def take_views(
    store: np.ndarray, rows: np.ndarray, recipe: Recipe, *, flip: bool, views: np.ndarray | None, seed: int
) -> np.ndarray:
    """Rows of the store (N, canvas height, canvas width, C) as pictures of the target size, in memory of their own.

    `views` None gives the centre window, not flipped; else row k is cropped and flipped as (seed, views[k]) decides.
    """
    spare_height, spare_width = store.shape[1] - recipe.height, store.shape[2] - recipe.width
    words = None if views is None else random_words(seed, views)
    if spare_height == 0 and spare_width == 0:
        pictures = store.take(rows, axis=0)
    elif words is None:
        top, left = spare_height // 2, spare_width // 2
        pictures = store[rows, top : top + recipe.height, left : left + recipe.width]
    else:
        # Every window of every picture, as a view without a copy: one indexing then gathers the batch.
        windows = np.lib.stride_tricks.sliding_window_view(store, (recipe.height, recipe.width), axis=(1, 2))
        tops = ((words >> np.uint64(1)) & np.uint64(0xFFFF)) % np.uint64(spare_height + 1)
        lefts = ((words >> np.uint64(17)) & np.uint64(0xFFFF)) % np.uint64(spare_width + 1)
        pictures = windows.transpose(0, 1, 2, 4, 5, 3)[rows, tops.astype(np.int64), lefts.astype(np.int64)]
    if flip and words is not None:
        mirrored = np.flatnonzero(words & np.uint64(1))
        pictures[mirrored] = pictures[mirrored][:, :, ::-1]
    return np.ascontiguousarray(pictures)
