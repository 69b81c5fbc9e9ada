"""Pictures that Python holds: lists of files, of Pillow images, of arrays or tensors; one Pillow image; one array.

The order is that of the list, so that labels can be given in it. A list of arrays of one shape is the same set as the
array of them all.
"""

from __future__ import annotations

import io
import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from imagewright.errors import DataError, an, count_text
from imagewright.files import cache_folder
from imagewright.images.cache.management import SAMPLES
from imagewright.images.decoding.opening import load_image, read_encoded, reasons
from imagewright.images.decoding.unreadable import Unreadable
from imagewright.images.sources.arrays import ArraySource, as_array, as_picture, open_array
from imagewright.images.sources.base import ListedSource, Picture, PictureSource, digest
from imagewright.images.sources.folder import FolderSource
from imagewright.images.sources.levels import as_levels
from imagewright.images.sources.listing import Listing
from imagewright.images.sources.name_filter import ALL_NAMES

ITEMS = "expected files of pictures, Pillow images, or arrays of one picture each"
NO_LIST = (Mapping, Set, bytes, bytearray)
PLAIN_MODES = ("L", "RGB", "RGBA")
SAVED_AS = {
    **dict.fromkeys(("1", "P", "LA", *PLAIN_MODES), "PNG"),
    **dict.fromkeys(("CMYK", "LAB", "I", "F", "I;16", "I;16B", "I;16L"), "TIFF"),
}
"""A format that keeps all of a mode, so that it is decoded as from a file."""


class CollectionSource(PictureSource):
    """Pictures in memory that differ in size or kind. The identity is a digest of their content."""

    in_memory = True

    def __init__(self, typed: str, pictures: list[Picture]) -> None:
        super().__init__(typed)
        self._pictures = pictures
        self.identity = digest(*(part for picture in pictures for part in _content(picture)))

    def __len__(self) -> int:
        return len(self._pictures)

    def name(self, index: int) -> str:
        return f"{index:06d}"

    def read(self, indices: np.ndarray) -> Iterator[Picture]:
        return (self._pictures[index] for index in indices)


class FileListSource(FolderSource):
    """Files in the order of a list, whose folders are no classes. `root` is the folder that all of them are in."""

    def __init__(self, typed: str, root: Path, listing: Listing) -> None:
        ListedSource.__init__(self, typed, root, listing)
        self.names_taken, self._samples = ALL_NAMES, None
        self._saved = cache_folder(None) / SAMPLES


def _content(picture: Picture) -> tuple[str | bytes | np.ndarray, ...]:
    if isinstance(picture, np.ndarray):
        return str(picture.shape), picture
    return ("encoded", picture) if isinstance(picture, bytes) else ("unreadable", str(picture))


def open_object(source: Any, expected: str) -> PictureSource:
    """The source of an object that is no path: an array, a Pillow image, or a list of pictures.

    expected: what can be opened, for the message.
    Raises `DataError` for another object, or for an item that is no picture.
    """
    if isinstance(source, Image.Image):
        return _open_pictures([source], f"{source.width}x{source.height} picture")
    if hasattr(source, "shape"):
        values = as_array(source, f"The {type(source).__name__}")
        if values.dtype.kind not in "OUS":
            return open_array(values)
        source = values.reshape(-1).tolist()
    if not isinstance(source, Iterable) or isinstance(source, NO_LIST):
        if isinstance(source, Set):
            raise DataError(
                f"A {type(source).__name__} of pictures has no order, which labels need: give a list, such as "
                "sorted(files)."
            )
        raise DataError(f"{an(type(source).__name__)} cannot be opened: {expected}.")
    return open_collection(list(source))


def open_collection(items: list[Any]) -> PictureSource:
    """A list of files, Pillow images, and arrays or tensors (H, W), (C, H, W) or (H, W, C).

    Raises `DataError` for an empty list, a file that is not there, or an item that is no picture.
    """
    if not items:
        raise DataError(f"The list is empty: {ITEMS}.")
    if all(isinstance(item, (str, os.PathLike)) for item in items):
        return _open_files([Path(item).expanduser() for item in items])
    return _open_pictures(items, f"list of {count_text(len(items), 'picture')}")


# Files


def _open_files(paths: list[Path]) -> FileListSource:
    whole = [os.path.abspath(path) for path in paths]
    root = Path(os.path.commonpath([os.path.dirname(path) for path in whole]))
    listing = Listing()
    for path, status in zip(whole, _look_at(paths), strict=True):
        listing.add(Path(path).relative_to(root).as_posix(), status.st_size, status.st_mtime_ns)
    listing.finish(sort=False)
    source = FileListSource(f"list of {count_text(len(paths), 'file')}", root, listing)
    again = sum(count - 1 for count in Counter(whole).values())
    if again:
        source.notes.append(f"The list names {count_text(again, 'file')} a second time: these pictures count again.")
    return source


def _look_at(paths: list[Path]) -> list[os.stat_result]:
    """The state of each file. Raises `DataError` if some are not there, or are no files."""
    found, missing = [], []
    for path in paths:
        try:
            status = path.stat()
        except (OSError, ValueError):
            missing.append(path)
            continue
        if stat.S_ISDIR(status.st_mode):
            raise DataError(f"The list holds the folder {path}: open the folder itself, or list its files.")
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"The list holds {path}, which is no regular file.")
        found.append(status)
    if missing:
        raise DataError(
            f"There is no file {missing[0]}"
            + (f", and {len(missing) - 1:,} more of {len(paths):,} in the list are not there." if missing[1:] else ".")
        )
    return found


# Pictures in memory


def _open_pictures(items: list[Any], typed: str) -> PictureSource:
    read = [read_item(item, f"{typed}, number {place} (from 0)") for place, item in enumerate(items)]
    places = [place for place, picture in enumerate(read) if isinstance(picture, np.ndarray)]
    levels, notes = as_levels([read[place] for place in places], typed)  # type: ignore[misc]
    for place, picture in zip(places, levels, strict=True):
        # A copy, since the digest would be false if the caller changed the array afterwards.
        read[place] = np.array(picture, order="C")
    shapes = {picture.shape for picture in levels}
    source: PictureSource
    if len(places) == len(read) and len(shapes) == 1:
        source = ArraySource(typed, np.stack(levels))
    else:
        source = CollectionSource(typed, read)
    source.notes += notes
    return source


def read_item(item: Any, where: str) -> Picture:
    """Encoded bytes, or pixels (H, W, C) of any type of numbers; a picture that cannot be read says why."""
    if isinstance(item, Image.Image):
        return _read_pillow(item)
    if isinstance(item, (str, os.PathLike)):
        _look_at([Path(item)])
        try:
            return read_encoded(Path(item))
        except OSError as error:
            return Unreadable(f"the file cannot be read ({error.strerror})")
        except Unreadable as reason:
            return reason
    if hasattr(item, "shape"):
        return as_picture(as_array(item, where), where)
    hint = " Give pictures and labels apart, as source and labels." if isinstance(item, tuple) else ""
    raise DataError(f"{where} is a {type(item).__name__}: {ITEMS}.{hint}")


def _read_pillow(image: Image.Image) -> Picture:
    """A Pillow image as its file would be read: turned as EXIF says, with all bits and its transparency."""
    try:
        with reasons(b""):
            load_image(image)
            image = ImageOps.exif_transpose(image)
            if image.mode in PLAIN_MODES and "transparency" not in image.info:
                return np.array(image).reshape(image.height, image.width, -1)
            if image.mode not in SAVED_AS:
                image = image.convert({"La": "LA", "PA": "RGBA", "RGBa": "RGBA"}.get(image.mode, "RGB"))
            encoded = io.BytesIO()
            image.save(encoded, SAVED_AS[image.mode])
            return encoded.getvalue()
    except Unreadable as reason:
        return reason
