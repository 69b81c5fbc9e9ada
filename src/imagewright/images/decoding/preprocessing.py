"""Preprocessing of pictures to one size, and the random views of training.

All pixels are Pillow's, to the bit: `PIL.ImageOps.fit(image, (width, height), method=FILTER)` scales the largest
centred window of the target's aspect to the target with antialiasing (Lanczos by default). This is "scale until the
picture covers the target, crop the centre" in one pass. With `crop="none"` the whole picture is scaled:
`image.resize((width, height), FILTER)`. With a load size, pictures are scaled to it, the canvas, in the same way, and
each view of training is a window of the target's size in that canvas; `crop="random"` has a canvas of 9/8 of the target
by default. Label and instance maps always use the filter `nearest`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageOps

from imagewright.errors import ConfigError, nearest_name
from imagewright.images.decoding.formats import Decoding
from imagewright.images.decoding.value_range import ValueRange
from imagewright.images.layers import IMAGE, Layer, image_layer
from imagewright.pixels import SIDE_LIMIT, size_text

FILTERS = {
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "box": Image.Resampling.BOX,
    "nearest": Image.Resampling.NEAREST,
}
CROPS = ("centre", "random", "none")
DECODES = ("auto", "exact", "reduced")
REDUCED_COVERS = 2
"""A reduced scale has at least so many times the pixels of the canvas in each direction."""


@dataclass(frozen=True)
class Preprocessing:
    """How each picture becomes pixels of one size.

    Attributes:
        height: of the target, in pixels.
        width: of the target, in pixels.
        layers: of each picture; a plain picture has one, `Layer("image", channels)`.
        crop: "centre", "random" or "none".
        resize: a name in `FILTERS`, for layers that are pictures.
        decode: "exact", or "reduced": JPEGs of more than four times the canvas are decoded at a half, a quarter or an
            eighth of their size before they are resized.
        values: the numbers that become 0 and 255, of pictures with more than 8 bits; None for 0 and 65,535.
        load: the size of the canvas: its shorter side, with the aspect of the target, or (height, width); None for the
            target's size, or with `crop="random"` for 9/8 of it.

    Raises `ConfigError` for a canvas that is smaller than the target.
    """

    height: int
    width: int
    layers: tuple[Layer, ...]
    crop: str = "centre"
    resize: str = "lanczos"
    decode: str = "exact"
    values: ValueRange | None = None
    load: int | tuple[int, int] | None = None

    def __post_init__(self) -> None:
        height, width = self.canvas
        if height < self.height or width < self.width:
            target = size_text((self.height, self.width))
            raise ConfigError(
                f"The load size {size_text(self.canvas)} is smaller than the size {target} that is cut out of it: give "
                f"--load-size {target} or more, or a smaller --size (load_size and size in Python)."
            )

    @property
    def channels(self) -> int:
        """The channels of `Batch.images`: 1, 3 or 4."""
        return image_layer(self.layers).channels

    @property
    def is_plain(self) -> bool:
        """Whether there is a single layer, a picture."""
        return len(self.layers) == 1 and self.layers[0].kind == "picture"

    @property
    def stored_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of a row of the cache: the canvas, with the channels of all layers side by side."""
        return (*self.canvas, sum(layer.stored_channels for layer in self.layers))

    @property
    def canvas(self) -> tuple[int, int]:
        """(height, width) that pictures are scaled to: the load size, or the target, or 9/8 of it for random crops."""
        if isinstance(self.load, tuple):
            return self.load
        if self.load is not None:
            shorter = min(self.height, self.width)
            height, width = ((side * self.load + shorter // 2) // shorter for side in (self.height, self.width))
            return height, width
        if self.crop != "random":
            return self.height, self.width
        return self.height + -(-self.height // 8), self.width + -(-self.width // 8)

    def decoding(self) -> Decoding:
        """How a file of one layer is decoded."""
        height, width = self.canvas
        covers = (REDUCED_COVERS * height, REDUCED_COVERS * width)
        return Decoding(self.values, covers if self.decode == "reduced" else None)

    def resized(self, image: Image.Image, resize: str | None = None) -> Image.Image:
        """The picture on the canvas, scaled with the filter `resize` (by default that of the preprocessing)."""
        height, width = self.canvas
        if image.size == (width, height):
            return image
        method = FILTERS[resize or self.resize]
        if self.crop == "none":
            return image.resize((width, height), method)
        return ImageOps.fit(image, (width, height), method=method)

    def apply(self, image: Image.Image) -> np.ndarray:
        """The pixels of a picture on the canvas: uint8 (H, W, C). `image` has 8 bits a channel already."""
        return np.asarray(self.resized(image)).reshape(*self.canvas, len(image.getbands()))

    def with_channels(self, channels: dict[str, int]) -> Preprocessing:
        """The same with other channels of the layers named. Raises `ConfigError` for a layer that is no picture."""
        pictures = [layer.name for layer in self.layers if layer.kind == "picture"]
        for name in channels:
            if name not in pictures:
                raise ConfigError(
                    f"channels names {name!r}, but the layers that are pictures are {', '.join(pictures)}."
                )
        layers = tuple(replace(layer, channels=channels.get(layer.name, layer.channels)) for layer in self.layers)
        return replace(self, layers=layers)


def plain_layer(channels: int) -> tuple[Layer, ...]:
    """The layers of a set of plain pictures."""
    return (Layer(IMAGE, channels),)


def check_options(crop: str, resize: str) -> None:
    """Raise `ConfigError` for a crop or a filter that does not exist."""
    if crop not in CROPS:
        raise ConfigError(f"There is no crop {crop!r}: expected {', '.join(CROPS)}.{nearest_name(crop, CROPS)}")
    if resize not in FILTERS:
        raise ConfigError(
            f"There is no filter {resize!r}: expected {', '.join(FILTERS)}.{nearest_name(resize, FILTERS)}"
        )


def check_decode(decode: str) -> str:
    """`decode`, if it is a way to decode. Raises `ConfigError` otherwise."""
    if decode not in DECODES:
        raise ConfigError(
            f"There is no decoding {decode!r}: expected {', '.join(DECODES)}.{nearest_name(str(decode), DECODES)}"
        )
    return decode


def choose_decode(wanted: str, scalable: tuple[int, int] | None, preprocessing: Preprocessing) -> str:
    """ "exact" or "reduced", for "auto" by whether the commonest picture is decoded at half its size at most.

    wanted: "auto", "exact" or "reduced".
    scalable: the commonest (height, width) of the pictures, if their format has reduced scales; else None.
    """
    if wanted != "auto":
        return wanted
    if scalable is None:
        return "exact"
    factor = min(size // (REDUCED_COVERS * side) for size, side in zip(scalable, preprocessing.canvas, strict=True))
    return "reduced" if factor >= 2 else "exact"


def parse_size(size: int | tuple[int, int]) -> tuple[int, int]:
    """(height, width) from a side or a pair. Raises `ConfigError` for sides outside 1 to 16,384."""
    pair = (size, size) if not isinstance(size, (tuple, list)) else tuple(size)
    if len(pair) != 2 or not all(isinstance(side, (int, np.integer)) and 1 <= side <= SIDE_LIMIT for side in pair):
        raise ConfigError(
            f"The size {size!r} cannot be used: expected a side or (height, width) from 1 to {SIDE_LIMIT:,}."
        )
    return int(pair[0]), int(pair[1])


def parse_load(load: int | tuple[int, int] | None) -> int | tuple[int, int] | None:
    """A load size: its shorter side, or (height, width), or None. Raises `ConfigError` as `parse_size` does."""
    if load is None:
        return None
    height, width = parse_size(load)
    return (height, width) if isinstance(load, tuple | list) else height


def check_channels(channels: int) -> int:
    """`channels`, if it is 1, 3 or 4. Raises `ConfigError` otherwise."""
    if channels not in {1, 3, 4}:
        raise ConfigError(f"{channels!r} channels cannot be used: expected 1 (grey), 3 (RGB) or 4 (RGBA).")
    return int(channels)


def random_words(seed: int, views: np.ndarray) -> np.ndarray:
    """64 random bits for each view, uint64, from (seed, view) alone: SplitMix64's finaliser over a Weyl sequence."""
    with np.errstate(over="ignore"):
        state = np.asarray(views).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        for added in (np.uint64(seed % 2**64), np.uint64(0xD1B54A32D192ED03)):
            state = state + added
            state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            state = state ^ (state >> np.uint64(31))
    return state


def take_views(
    store: np.ndarray,
    rows: np.ndarray,
    preprocessing: Preprocessing,
    *,
    flip: bool,
    views: np.ndarray | None,
    seed: int,
) -> np.ndarray:
    """Views of pictures: windows of the target's size, in memory of their own.

    store: uint8 (N, canvas height, canvas width, C).
    rows: int64 (n,), the rows of the store to take.
    flip: whether views may be mirrored.
    views: int64 (n,); row k is cropped and flipped by random bits of (seed, views[k]). None: the centre window, never
        flipped.
    Returns uint8 (n, height, width, C).
    """
    spare_height, spare_width = store.shape[1] - preprocessing.height, store.shape[2] - preprocessing.width
    words = None if views is None else random_words(seed, views)
    if spare_height == 0 and spare_width == 0:
        pictures = store.take(rows, axis=0)
    elif words is None:
        top, left = spare_height // 2, spare_width // 2
        pictures = store[rows, top : top + preprocessing.height, left : left + preprocessing.width]
    else:
        # Every window of every picture, as a view without a copy: one indexing then gathers the batch.
        windows = np.lib.stride_tricks.sliding_window_view(
            store, (preprocessing.height, preprocessing.width), axis=(1, 2)
        )
        tops = ((words >> np.uint64(1)) & np.uint64(0xFFFF)) % np.uint64(spare_height + 1)
        lefts = ((words >> np.uint64(17)) & np.uint64(0xFFFF)) % np.uint64(spare_width + 1)
        pictures = windows.transpose(0, 1, 2, 4, 5, 3)[rows, tops.astype(np.int64), lefts.astype(np.int64)]
    if flip and words is not None:
        mirrored = np.flatnonzero(words & np.uint64(1))
        pictures[mirrored] = pictures[mirrored][:, :, ::-1]
    return np.ascontiguousarray(pictures)
