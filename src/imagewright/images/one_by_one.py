"""Pictures decoded one by one, at the size that each has in its source or at a given one, without a cache."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from imagewright.errors import DataError
from imagewright.images import notices
from imagewright.images.decoding.formats import Decoding, Unreadable, decode
from imagewright.images.decoding.layered import decode_layer
from imagewright.images.decoding.opening import read_encoded
from imagewright.images.decoding.preprocessing import Preprocessing, plain_layer
from imagewright.images.images import Images
from imagewright.images.single import settle_values

if TYPE_CHECKING:
    from torch import Tensor


def read_picture(path: str | Path, channels: int) -> Tensor:
    """A picture file at its own size, uint8 (C, H, W). Raises `DataError` if it is missing or not a picture.

    One with more than 8 bits is read by the value range of the block around (`opening_choices`).
    """
    try:
        payload = read_encoded(path)
        values, notes = settle_values(payload, path)
        picture = _as_tensor(np.array(decode(payload, channels, Decoding(values))))
    except OSError as error:
        raise DataError(f"The picture {path} cannot be read ({error.strerror}).") from None
    except Unreadable as reason:
        raise DataError(f"The picture {path} cannot be read: {reason}.") from None
    notices.add_notes(notes)
    return picture


def read_one_by_one(
    images: Images, channels: int, size: tuple[int, int] | None = None, layer: str | None = None
) -> Iterator[tuple[int, Tensor]]:
    """The number of each picture in `images`, and the picture as uint8 (C, H, W), in the order of the source.

    Unreadable pictures are left out and named in `images.skipped`.

    channels: 1, 3 or 4.
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
    preprocessing = None if size is None else Preprocessing(*size, plain_layer(channels), "centre", "lanczos")
    for number, payload in zip(order.tolist(), source.read(chosen[order]), strict=True):
        try:
            picture = decode_layer(payload, images.layers, name, channels, how)
            # A copy, since Pillow's own pixels are read-only.
            pixels = np.array(picture if preprocessing is None else preprocessing.apply(picture))
        except Unreadable as reason:
            images.skipped.append((source.name(int(chosen[number])), str(reason)))
            notices.add_unreadable(source.typed, images.skipped[-1:])
            continue
        yield number, _as_tensor(pixels)


def _as_tensor(pixels: np.ndarray) -> Tensor:
    """(H, W) or (H, W, C) to (C, H, W)."""
    import torch

    return torch.from_numpy(pixels if pixels.ndim == 3 else pixels[..., None]).permute(2, 0, 1).contiguous()
