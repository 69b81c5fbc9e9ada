"""IDX files, the format of the MNIST family: a big-endian header, then bytes; `.gz` or plain."""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from imagewright.archives import refuse_bomb
from imagewright.errors import DataError, short_reason
from imagewright.images.annotations import Annotations
from imagewright.images.label_arrays import labels_from_array
from imagewright.images.sources.arrays import ArraySource, as_pixels
from imagewright.images.sources.levels import as_levels

IDX_NAME = re.compile(r"idx[1-4]-ubyte(\.gz)?$")
PREFIXES = {"train": ("train",), "test": ("t10k", "test")}
DEFLATE_LIMIT = 1100
"""Deflate compresses at most 1,032 to one: a header that declares more than this times the file's size is false."""


def is_idx_name(name: str) -> bool:
    """Whether a file name is that of an IDX file (`train-images-idx3-ubyte.gz`)."""
    return IDX_NAME.search(name) is not None


def read_idx(path: Path) -> np.ndarray:
    """The uint8 array of an IDX file, of 1 to 4 dimensions. A plain file is mapped, so that it takes no memory.

    Raises `DataError` for any other content.
    """
    packed = path.suffix == ".gz"
    try:
        stored = path.stat().st_size
        with gzip.open(path) if packed else open(path, "rb") as file:
            start = file.read(4)
            if len(start) < 4 or start[:3] != b"\x00\x00\x08" or not 1 <= start[3] <= 4:
                raise DataError(f"{path} is no IDX file of bytes: it should start with 00 00 08 and the dimensions.")
            shape = struct.unpack(f">{start[3]}I", file.read(4 * start[3]))
            expected = int(np.prod(shape, dtype=object))
            if expected > stored * (DEFLATE_LIMIT if packed else 1):
                raise DataError(
                    f"{path} declares {shape}, more than its {stored:,} bytes can hold: it is cut, or damaged."
                )
            refuse_bomb(path, expected)
            if not packed and expected and stored == file.tell() + expected:
                return np.memmap(path, np.uint8, "r", file.tell(), shape)
            content = file.read(expected + 1)
    except (OSError, EOFError, struct.error, zlib.error, OverflowError) as error:
        raise DataError(
            f"{path} cannot be read: {short_reason(error)}. It may be cut short; fetch it again."
        ) from error
    if len(content) != expected:
        found = "more" if len(content) > expected else f"{len(content):,}"
        raise DataError(f"{path} declares {expected:,} bytes of pixels and holds {found}: fetch it again.")
    return np.frombuffer(content, np.uint8).reshape(shape)


def labels_beside(path: Path) -> Path | None:
    """The label file of an image file: the same name with `labels` and `idx1`, compressed or not."""
    name = re.sub(r"idx[2-4]", "idx1", path.name.replace("images", "labels"))
    bare = name.removesuffix(".gz")
    return next((path.with_name(end) for end in (name, bare, bare + ".gz") if path.with_name(end).is_file()), None)


def open_idx(path: Path, typed: str, class_names: Sequence[str] | None = None) -> ArraySource:
    """An IDX file of pictures (N, H, W) or (N, H, W, C), with the label file beside it.

    class_names: of the labels 0, 1 ...; by default the classes are called by their numbers.
    """
    values = read_idx(path)
    if values.ndim < 3:
        raise DataError(f"{path} holds {values.ndim} dimensions, as label files do: name the file of the images.")
    label_path = labels_beside(path)
    annotations, notes = Annotations(), list[str]()
    if label_path is not None and label_path != path:
        annotations, notes = labels_from_array(read_idx(label_path), len(values), str(label_path), class_names)
    # An IDX array has its channels last, if any.
    (values,), level_notes = as_levels([values], str(path))
    pixels = values[..., None] if values.ndim == 3 else values
    if pixels.shape[3] not in {1, 3, 4}:
        pixels = as_pixels(values, str(path))
    source = ArraySource(typed, pixels, annotations)
    source.notes += level_notes + notes
    if label_path is None:
        source.notes.append(f"There is no label file beside {path.name}.")
    return source


def open_idx_folder(folder: Path, files: list[Path], typed: str, split: str | None) -> ArraySource:
    """A folder of IDX files: the part `split`, "train" (the default) or "test"."""
    images = [path for path in files if is_idx_name(path.name) and "labels" not in path.name]
    wanted = split or "train"
    if wanted not in PREFIXES:
        raise DataError(f"{folder} holds IDX files, with the parts train and test; there is no part {wanted!r}.")
    matching = [path for path in images if path.name.startswith(PREFIXES[wanted])]
    if not matching and split is None and len(images) == 1:
        matching = images
    if not matching:
        found = ", ".join(path.name for path in images) or "label files only"
        raise DataError(f"{folder} has no IDX images of the part {wanted!r}; it holds {found}.")
    return open_idx(matching[0], typed)
