"""Single pictures, for tools that take a few and not a set: files, Pillow images, arrays and tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from PIL import Image

from imagewright.errors import DataError
from imagewright.images import notices
from imagewright.images.decoding.formats import (
    Decoding,
    Header,
    Unreadable,
    decode,
    deep_values,
    from_array,
    read_header,
)
from imagewright.images.decoding.opening import read_encoded
from imagewright.images.decoding.preprocessing import Preprocessing, plain_layer
from imagewright.images.decoding.value_range import AUTO, DeepValues, ValueRange
from imagewright.images.opening import resolve_choices
from imagewright.images.sources.arrays import CHANNELS
from imagewright.images.sources.collection import read_item
from imagewright.images.sources.levels import as_levels
from imagewright.pixels import size_text

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class HeldPicture:
    """A picture that Python holds, under a name for labels and messages.

    name: the file that a Pillow image was opened from, else "picture 2" by its place in the list, from 0.
    content: encoded, or uint8 (H, W, C).
    """

    name: str
    content: bytes | np.ndarray


SinglePicture: TypeAlias = str | Path | HeldPicture


def is_held(thing: Any) -> bool:
    """Whether something is one picture in memory: a Pillow image, or an array or tensor of two or three axes."""
    return isinstance(thing, Image.Image) or (hasattr(thing, "shape") and len(thing.shape) in (2, 3))


def is_one_picture(thing: Any, channels: int) -> bool:
    """Whether something in memory is one picture and no set, for a model of so many channels.

    An array (H, W), (H, W, C) or (1, H, W) is one, and so is (C, H, W) with the C of the model; other arrays of three
    axes are sets of grey pictures (N, H, W).
    """
    if isinstance(thing, Image.Image):
        return True
    shape = tuple(getattr(thing, "shape", ()))
    return len(shape) == 2 or (len(shape) == 3 and (shape[2] in CHANNELS or shape[0] in {1, channels}))


def as_source(thing: Any, channels: int) -> Any:
    """What `open_images` takes: one picture in memory in a list, and all else as it is. See `is_one_picture`."""
    return [thing] if is_one_picture(thing, channels) else thing


def hold_pictures(things: Sequence[Any]) -> tuple[list[Any], list[str]]:
    """A list with each picture in memory as a `HeldPicture`, all else as it is; and notes for the user.

    things: Pillow images; arrays and tensors (C, H, W), (H, W, C) or (H, W), uint8, or floats that plainly run from 0
        to 1, for all of which one range holds; anything else.
    Raises `DataError` for an array that is no picture, and for an image that cannot be read.
    """
    held: dict[int, HeldPicture] = {}
    for place, thing in enumerate(things):
        if is_held(thing):
            name = Path(getattr(thing, "filename", "") or f"picture {place}").name
            content = read_item(thing, name)
            if isinstance(content, Unreadable):
                raise DataError(f"The picture {name} cannot be read: {content}.")
            held[place] = HeldPicture(name, content)
    arrays = {place: each for place, each in held.items() if isinstance(each.content, np.ndarray)}
    typed = " and ".join(dict.fromkeys(each.name for each in arrays.values()))
    levels, notes = as_levels([np.asarray(each.content) for each in arrays.values()], typed)
    for (place, each), pixels in zip(arrays.items(), levels, strict=True):
        held[place] = HeldPicture(each.name, pixels)
    return [held.get(place, thing) for place, thing in enumerate(things)], notes


def name_of(picture: SinglePicture) -> str:
    """The name of a picture without its folder."""
    return picture.name if isinstance(picture, HeldPicture) else Path(picture).name


def read_pictures(pictures: Sequence[SinglePicture], size: tuple[int, int], channels: int) -> tuple[Tensor, list[str]]:
    """Pictures at one size, and a sentence on each that had to be changed for it.

    pictures: files, or pictures in memory (`hold_pictures`).
    size: (height, width). A picture of another shape is scaled (Lanczos) to cover it, and the rest is cut off evenly,
        as `open_images` does.
    channels: 1, 3 or 4.
    Returns uint8 (N, C, H, W). Raises `DataError` for a file that is missing or no picture.
    """
    import torch

    preprocessing = Preprocessing(*size, plain_layer(channels), "centre", "lanczos")
    pixels, notes = [], []
    for picture in pictures:
        decoded, header, range_notes = _decode(picture, channels)
        pixels.append(preprocessing.apply(decoded).transpose(2, 0, 1))
        notes += range_notes
        changed = []
        if (header.height, header.width) != size:
            changed.append(f"resized from {size_text((header.height, header.width))} to {size_text(size)}")
        if header.channels != channels:
            named = {1: "grey", 3: "RGB", 4: "RGBA"}
            changed.append(f"converted from {named[header.channels]} to {named[channels]}")
        if changed:
            notes.append(f"{name_of(picture)} is {' and '.join(changed)}, as the model takes it.")
    return torch.from_numpy(np.stack(pixels)), notes


def read_picture(picture: SinglePicture, channels: int) -> Tensor:
    """A picture at its own size, uint8 (C, H, W). Raises `DataError` if it is missing or not a picture.

    One with more than 8 bits is read by the value range of the block around (`opening_choices`).
    """
    import torch

    decoded, _, notes = _decode(picture, channels)
    notices.add_notes(notes)
    pixels = np.array(decoded)  # a copy, since Pillow's own pixels are read-only
    return torch.from_numpy(pixels if pixels.ndim == 3 else pixels[..., None]).permute(2, 0, 1).contiguous()


def _decode(picture: SinglePicture, channels: int) -> tuple[Image.Image, Header, list[str]]:
    """A picture in `channels`, what it was before, and notes on its value range."""
    where = picture.name if isinstance(picture, HeldPicture) else str(picture)
    try:
        content = picture.content if isinstance(picture, HeldPicture) else read_encoded(Path(picture))
        if isinstance(content, np.ndarray):
            mode = {1: "L", 3: "RGB", 4: "RGBA"}[content.shape[2]]
            return from_array(content, channels), Header(content.shape[1], content.shape[0], mode, "array"), []
        header = read_header(content)
        values, notes = _settle_values(content, name_of(picture))
        return decode(content, channels, Decoding(values)), header, notes
    except OSError as error:
        raise DataError(f"The picture {where} cannot be read ({error.strerror}).") from None
    except Unreadable as reason:
        raise DataError(f"The picture {where} cannot be read: {reason}.") from None


def _settle_values(payload: bytes, name: str) -> tuple[ValueRange | None, list[str]]:
    """The value range of one picture by the option `--value-range` of the block around, and notes. Raises `Unreadable`.

    payload: the bytes of the file.
    name: of the picture, for the notes.
    """
    wanted = resolve_choices(None, None, None, None).value_range
    found = DeepValues()
    values = deep_values(payload)
    if values is not None:
        found.add(values)
    elif wanted == AUTO:
        return None, []
    return found.settle(wanted, name)
