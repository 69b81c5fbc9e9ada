"""Pictures decoded one by one, at the size that each has in its source or at a given one, without a cache."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from imagewright.errors import DataError
from imagewright.images import notices
from imagewright.images.decoding.formats import Decoding, Unreadable, read_header
from imagewright.images.decoding.layered import decode_layer
from imagewright.images.decoding.preprocessing import Preprocessing, plain_layer
from imagewright.images.images import Images
from imagewright.images.layers import MOST_CLASSES

DEEP_SUFFIXES = (".png", ".tif", ".tiff")

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor


def read_one_by_one(
    images: Images, channels: int | None, size: tuple[int, int] | None = None, layer: str | None = None
) -> Iterator[tuple[int, Tensor]]:
    """The number of each picture in `images`, and the picture as uint8 (C, H, W), in the order of the source.

    Unreadable pictures are left out and named in `images.skipped`.

    channels: 1, 3 or 4; None for the classes of label maps, 0 to 255 in one channel, resized by nearest neighbour.
    size: (height, width); scaled to cover it, and cropped at the centre, as `open_images` does. None: each picture's
        own, whatever the size of `images`.
    layer: the name of the layer that is read, for pictures with several.
    Raises `DataError` for pictures with several layers if none is named.
    """
    source, selection = images._prepared.source, images._selection
    if layer is None and not images._prepared.preprocessing.is_plain:
        names = ", ".join(each.name for each in images.layers)
        raise DataError(f"The pictures of {images.source} have the layers {names}: open the folder of one layer alone.")
    chosen = np.arange(len(source)) if selection is None else selection
    order = np.argsort(chosen, kind="stable")
    name = layer or images.layers[0].name
    how = Decoding(images.value_range)
    preprocessing = None if size is None else Preprocessing(*size, plain_layer(channels or 1), "centre", "lanczos")
    for number, payload in zip(order.tolist(), source.read(chosen[order]), strict=True):
        try:
            picture = decode_layer(payload, images.layers, name, channels, how)
            if channels is None:
                pixels = _classes(picture, preprocessing)
            else:
                # A copy, since Pillow's own pixels are read-only.
                pixels = np.array(picture if preprocessing is None else preprocessing.apply(picture))
        except Unreadable as reason:
            images.skipped.append((source.name(int(chosen[number])), str(reason)))
            notices.add_unreadable(source.typed, images.skipped[-1:])
            continue
        yield number, _as_tensor(pixels)


def read_encoded_pictures(images: Images) -> Iterator[tuple[int, bytes]]:
    """The number of each picture in `images` and its encoded bytes, in the order of the source, for what files hold
    beside pixels. Raises `DataError` for pictures that are no files, and for those that cannot be read."""
    source, selection = images._prepared.source, images._selection
    chosen = np.arange(len(source)) if selection is None else selection
    order = np.argsort(chosen, kind="stable")
    for number, payload in zip(order.tolist(), source.read(chosen[order]), strict=True):
        if isinstance(payload, Unreadable):
            raise DataError(f"{images.name(number)} cannot be read: {payload}.")
        if not isinstance(payload, bytes):
            raise DataError(f"The pictures of {images.source} are no files, in which records could be.")
        yield number, payload


def count_deep(images: Images) -> int:
    """How many pictures have numbers of more than 8 bits, by their headers. Formats that never have are not read."""
    source, selection = images._prepared.source, images._selection
    chosen = np.arange(len(source)) if selection is None else selection
    may_be = [place for place in sorted(chosen.tolist()) if source.name(place).lower().endswith(DEEP_SUFFIXES)]
    count = 0
    for payload in source.read(np.array(may_be, np.int64)) if may_be else ():
        with suppress(Unreadable):
            count += isinstance(payload, bytes) and read_header(payload).deep
    return count


def _classes(picture: Image.Image, preprocessing: Preprocessing | None) -> np.ndarray:
    """The classes of a label map, uint8 (H, W). Raises `Unreadable` for numbers that are none."""
    least, largest = picture.getextrema()
    if least < 0 or largest >= MOST_CLASSES:  # type: ignore[operator]
        raise Unreadable(f"its numbers run from {least} to {largest}, and classes are 0 to {MOST_CLASSES - 1}")
    return np.asarray(picture if preprocessing is None else preprocessing.resized(picture, "nearest")).astype(np.uint8)


def _as_tensor(pixels: np.ndarray) -> Tensor:
    """(H, W) or (H, W, C) to (C, H, W)."""
    import torch

    return torch.from_numpy(pixels if pixels.ndim == 3 else pixels[..., None]).permute(2, 0, 1).contiguous()
