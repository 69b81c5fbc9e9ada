"""Decoding of pictures with several layers: one file for each layer, or one file with the layers side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from imagewright.images.decoding.formats import (
    EXACT,
    Decoding,
    Unreadable,
    as_numbers,
    decode,
    decode_numbers,
    from_array,
    with_channels,
)
from imagewright.images.decoding.preprocessing import Preprocessing
from imagewright.images.layers import MOST_IDS, Layer
from imagewright.images.sources.base import Payload, Picture
from imagewright.pixels import size_text

SHAPE_TOLERANCE = 0.02
"""Layers whose aspects differ by more than this share are refused: a centre crop would no longer align them."""


def layered_pixels(payload: Payload, preprocessing: Preprocessing) -> np.ndarray:
    """The layers of one picture on the canvas, their channels side by side: uint8 (H, W, stored channels).

    payload: a tuple with one picture for each layer, or a single picture that holds the layers side by side in equal
        widths.
    Raises `Unreadable`.
    """
    layers = preprocessing.layers
    if isinstance(payload, tuple):
        how = preprocessing.decoding()
        images = [_decode_named(part, layer, how) for part, layer in zip(payload, layers, strict=True)]
        _check_aspects(images, preprocessing)
    else:
        images = _cut(payload, layers, preprocessing.decoding())
    parts = [
        preprocessing.apply(image) if layer.kind == "picture" else _numbers(image, layer, preprocessing)
        for image, layer in zip(images, layers, strict=True)
    ]
    return np.concatenate(parts, axis=2)


def decode_layer(
    payload: Payload, layers: Sequence[Layer], name: str, channels: int | None, how: Decoding = EXACT
) -> Image.Image:
    """The layer `name` of one picture at its own size, with `channels`; None: the numbers of a map.

    Raises `Unreadable`.
    """
    place = [layer.name for layer in layers].index(name)
    if isinstance(payload, tuple):
        return _decode(payload[place], channels, how)
    return _crop(_decode(payload, channels, how), place, len(layers))


def _decode_named(payload: Picture, layer: Layer, how: Decoding) -> Image.Image:
    try:
        return _decode(payload, layer.channels if layer.kind == "picture" else None, how)
    except Unreadable as reason:
        raise type(reason)(f"layer {layer.name}: {reason}") from reason


def _decode(payload: Picture, channels: int | None, how: Decoding = EXACT) -> Image.Image:
    """A picture with `channels`, or for None the numbers of a map."""
    if isinstance(payload, Unreadable):
        raise payload
    if isinstance(payload, np.ndarray):
        return from_array(payload, channels) if channels else as_numbers(from_array(payload, payload.shape[2]))
    return decode(payload, channels, how) if channels else decode_numbers(payload)


def layer_width(width: int, count: int) -> int:
    """The width of each of `count` layers side by side. Raises `Unreadable` if they do not fill the picture."""
    if width % count:
        raise Unreadable(f"its width of {width} is no multiple of {count}, the number of layers side by side")
    return width // count


def decode_map(payload: Picture, place: int = 0, count: int = 1) -> Image.Image:
    """The numbers of a label or instance map, mode "I": part `place` of `count` side by side. Raises `Unreadable`."""
    return _crop(_decode(payload, None), place, count)


def _cut(payload: Picture, layers: Sequence[Layer], how: Decoding) -> list[Image.Image]:
    """The layers of a picture that holds them side by side."""
    pictures = [layer.channels for layer in layers if layer.kind == "picture"]
    # Layers side by side are cut at whole pixels, which a reduced scale would round.
    whole = _decode(payload, max(pictures), replace(how, at_least=None))
    numbers = _decode(payload, None) if len(pictures) < len(layers) else whole
    return [
        with_channels(_crop(whole, place, len(layers)), layer.channels)
        if layer.kind == "picture"
        else _crop(numbers, place, len(layers))
        for place, layer in enumerate(layers)
    ]


def _crop(image: Image.Image, place: int, count: int) -> Image.Image:
    width = layer_width(image.width, count)
    return image.crop((place * width, 0, (place + 1) * width, image.height))


def _check_aspects(images: Sequence[Image.Image], preprocessing: Preprocessing) -> None:
    if preprocessing.crop == "none":
        return
    aspects = [image.width / image.height for image in images]
    if max(aspects) > min(aspects) * (1 + SHAPE_TOLERANCE):
        sizes = ", ".join(
            f"{layer.name} {size_text((image.height, image.width))}"
            for layer, image in zip(preprocessing.layers, images, strict=True)
        )
        raise Unreadable(
            f"its layers have different shapes ({sizes}), which a crop would put out of place; "
            "--crop none changes the aspect ratios instead"
        )


def _numbers(image: Image.Image, layer: Layer, preprocessing: Preprocessing) -> np.ndarray:
    """A label or instance map on the canvas, by nearest neighbour: uint8 (H, W, 1), or (H, W, 2) for ids."""
    least, largest = image.getextrema()
    if layer.kind == "labels" and largest >= (layer.classes or 0):  # type: ignore[operator]
        raise Unreadable(
            f"layer {layer.name}: it holds class {largest:.0f}, and there are {layer.classes} classes: "
            f"name their number by kinds={layer.name}=labels:NUMBER"
        )
    if least < 0 or largest >= MOST_IDS:  # type: ignore[operator]
        raise Unreadable(f"layer {layer.name}: its numbers run from {least} to {largest}; 0 to 65,535 was expected")
    values = np.asarray(preprocessing.resized(image, "nearest"))
    if layer.kind == "labels":
        return values.astype(np.uint8)[:, :, None]
    return np.stack([values & 0xFF, values >> 8], axis=2).astype(np.uint8)
