"""Pictures that are in memory already: arrays and tensors, and `.npz` files; the base of IDX and the built-in sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.archives import StoredArray, open_arrays
from imagewright.errors import DataError
from imagewright.images.annotations import Annotations
from imagewright.images.label_arrays import labels_from_array
from imagewright.images.sources.base import Picture, PictureSource, digest
from imagewright.images.sources.levels import as_levels

IMAGE_KEYS = ("images", "x", "arr_0")
LABEL_KEYS = ("labels", "y", "arr_1")
PERHAPS_LABEL_KEYS = ("label", "targets", "target")
"""Keys of labels, or of something else to be predicted, such as boxes: what cannot be labels is passed over."""
CHANNELS = (1, 3, 4)
PIXELS = "expected uint8 pixels 0 to 255"
NAME_KEYS = ("class_names", "label_names", "attribute_names")


class ArraySource(PictureSource):
    """A uint8 array (N, H, W, C), in memory or mapped from a file. The identity is a digest of its bytes."""

    in_memory = True

    def __init__(self, typed: str, pixels: np.ndarray, annotations: Annotations | None = None) -> None:
        super().__init__(typed)
        if len(pixels) == 0:
            raise DataError(f"{typed} holds no pictures.")
        self.pixels = pixels
        self.identity = digest(str(pixels.shape), pixels)
        if annotations is not None:
            self.annotations = annotations

    def __len__(self) -> int:
        return len(self.pixels)

    def name(self, index: int) -> str:
        return f"{index:06d}"

    def read(self, indices: np.ndarray) -> Iterator[Picture]:
        return (self.pixels[index] for index in indices)


def as_pixels(values: np.ndarray, typed: str, *, prefer_last: bool = False) -> np.ndarray:
    """An array of pictures as (N, H, W, C), with C of 1, 3 or 4. Raises `DataError` for another shape.

    values: uint8 (N, C, H, W), (N, H, W, C) or (N, H, W).
    typed: how the user named it, for messages.
    prefer_last: which axis has the channels if both could: the last one, or by default the second one.
    """
    expected = f"{PIXELS} of shape (N, C, H, W), (N, H, W, C) or (N, H, W), with C of 1, 3 or 4"
    return _channels_last(values, typed, expected, prefer_last=prefer_last)


def as_picture(values: np.ndarray, typed: str) -> np.ndarray:
    """An array of one picture, (H, W), (C, H, W) or (H, W, C), as (H, W, C). Raises `DataError` for another shape."""
    expected = f"{PIXELS} of one picture, (C, H, W), (H, W, C) or (H, W), with C of 1, 3 or 4"
    if values.ndim not in {2, 3}:
        raise DataError(f"{typed}: the shape is {tuple(values.shape)}; {expected}.")
    try:
        return _channels_last(values[None], typed, expected)[0]
    except DataError:  # which names the shape of a set
        raise DataError(f"{typed}: the shape is {tuple(values.shape)}; {expected}.") from None


def _channels_last(values: np.ndarray, typed: str, expected: str, *, prefer_last: bool = False) -> np.ndarray:
    if values.ndim == 3:
        values = values[..., None]
    elif values.ndim == 4 and values.shape[1] in CHANNELS and not (prefer_last and values.shape[3] in CHANNELS):
        values = values.transpose(0, 2, 3, 1)
    if values.ndim != 4 or values.shape[3] not in CHANNELS or 0 in values.shape[1:]:
        raise DataError(f"{typed}: the shape is {tuple(values.shape)}; {expected}.")
    return values


def as_array(values: Any, typed: str) -> np.ndarray:
    """A numpy array, a torch tensor on any device, or another object with a shape, as a numpy array.

    Raises `DataError` if it cannot be one.
    """
    try:
        if hasattr(values, "detach"):
            values = values.detach().cpu()
            return values.float().numpy() if str(values.dtype) == "torch.bfloat16" else values.numpy()
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{typed} cannot be read as an array ({error}).") from None


def open_array(values: Any) -> ArraySource:
    """A numpy array or a torch tensor of pictures (see `as_pixels`), or of one; float pixels as by `as_levels`.

    An array (H, W) or (H, W, C) is one picture: no set has pictures of 1, 3 or 4 pixels' width.
    """
    array = as_array(values, f"The {type(values).__name__}")
    typed = f"array {tuple(array.shape)}"
    (levels,), notes = as_levels([array], typed)
    # A copy, since the digest would be false if the caller changed the array afterwards.
    is_one = levels.ndim == 2 or (levels.ndim == 3 and levels.shape[2] in CHANNELS)
    pixels = as_picture(levels, typed)[None] if is_one else as_pixels(levels, typed)
    source = ArraySource(typed, np.array(pixels, order="C"))
    source.notes += notes
    return source


def _unused(headers: Mapping[str, StoredArray], used: set[str | None], count: int) -> list[str]:
    """The keys of further arrays with a value or row for each of `count` pictures."""
    return [name for name, each in headers.items() if name not in used and each.shape[:1] == (count,)]


def open_npz(path: Path, typed: str, split: str | None) -> ArraySource:
    """A `.npz` file: pictures in `images`, `x`, `arr_0` or `x_train` / `x_test`, labels in `labels`, `y` and so on.

    `class_names`, if it is there, names the classes or attributes.

    Raises `DataError` for a damaged file, one without such an array, one with pickles, or unusable labels.
    """
    with open_arrays(path) as stored:
        known = stored.headers
        part = split or "train"
        parts = [f"x_{part}", f"images_{part}", f"{part}_images"]
        names = parts if split or any(name in known for name in parts) else []
        key = next((key for key in (*names, *([] if split else IMAGE_KEYS)) if key in known), None)
        if key is None:
            wanted = f"x_{split} or images_{split}" if split else "images, x, arr_0 or x_train"
            raise DataError(f"{path} holds {', '.join(known) or 'nothing'}; expected the key {wanted}.")
        perhaps = [name for name in PERHAPS_LABEL_KEYS if name in known and not known[name].dtype.hasobject]
        label_keys = [f"y_{part}", f"labels_{part}", f"{part}_labels"] if key in names else [*LABEL_KEYS, *perhaps]
        label_key = next((name for name in label_keys if name in known), None)
        (levels,), level_notes = as_levels([stored.read(key)], f"{path} ({key})")
        pixels = as_pixels(levels, f"{path} ({key})", prefer_last=True)
        labels = None if label_key is None else stored.read(label_key)
        name_key = next((name for name in NAME_KEYS if name in known), None)
        unused = [] if key in names else _unused(stored.headers, {key, label_key, name_key}, len(pixels))
        class_names = None if name_key is None else [str(name) for name in stored.read(name_key).reshape(-1)]
    source = ArraySource(typed, np.ascontiguousarray(pixels))
    source.notes += level_notes
    if unused:
        keys = ", ".join(unused)
        source.notes.append(f"{path.name} holds more with a value for each picture, which is not used: {keys}.")
    if labels is not None:
        _annotate(source, labels, f"{path} ({label_key})", class_names, must_fit=label_key not in perhaps)
    return source


def _annotate(
    source: ArraySource, labels: np.ndarray, where: str, class_names: list[str] | None, *, must_fit: bool
) -> None:
    """Give a source labels. `must_fit`: unusable ones raise `DataError`, and are else passed over with a note."""
    try:
        source.annotations, notes = labels_from_array(labels, len(source), where, class_names)
    except DataError as error:
        if must_fit:
            raise
        notes = [f"No labels were read: {error}"]
    source.notes += notes
