"""`open_images`: find out what a source is, and open it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Literal

import numpy as np

from imagewright.errors import ConfigError, DataError, nearest_name
from imagewright.images.decoding import Header, Unreadable, read_header
from imagewright.images.images import Images, Prepared
from imagewright.images.labels import TABLE_NAMES, match_table, read_table
from imagewright.images.listing import is_picture_name, scan_folder
from imagewright.images.sources.archive import ZipSource
from imagewright.images.sources.arrays import open_array, open_npz
from imagewright.images.sources.base import Source
from imagewright.images.sources.builtin import BUILTIN
from imagewright.images.sources.folder import FolderSource
from imagewright.images.sources.idx import is_idx_name, open_idx, open_idx_folder
from imagewright.images.transforms import CROPS, FILTERS, Recipe

SIDE_LIMIT = 16384
SAMPLE = 256
"""Headers looked at to find the commonest size and channels."""
WHAT_OPENS = (
    "expected a folder of pictures, a .zip, .tar shards (such as 'shards/{000..003}.tar'), IDX, .npz, a video, "
    "an array, or one of the names "
)


def open_images(
    source: str | Path | Images | np.ndarray | Any,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    *,
    crop: Literal["centre", "random", "none"] = "centre",
    flip: bool = False,
    resize: Literal["lanczos", "bicubic", "bilinear", "box", "nearest"] = "lanczos",
    labels: str | Path | None = None,
    split: str | None = None,
    strict: bool = False,
    cache_dir: str | Path | None = None,
) -> Images:
    """Open a set of pictures. Nothing is decoded yet; `Images.prepare()` or the first batch does that.

    `source`: a folder (searched through; sub-folders become classes), a `.zip` of the same, tar shards in WebDataset
    layout, IDX files or a folder of them, `.npz`, a video, a uint8 array or tensor (N, C, H, W), a name (`digits`,
    `faces`, `mnist`, `fashion-mnist`, `cifar10`), or images opened before.
    `size`: side, or (height, width), in pixels; None takes the commonest of the source. `channels`: 1, 3 or 4; None
    takes the commonest. `crop`: `centre` fills the target and cuts what hangs over, `random` cuts elsewhere in each view,
    `none` keeps all of the picture and changes its aspect. `flip`: views are mirrored at random. `resize`: the
    antialiasing filter. `labels`: a CSV or JSON file; one beside the pictures is found by itself. `split`: a part
    (`train`, `test`, a sub-folder). `strict`: an unreadable picture is an error and not skipped.
    `cache_dir`: where prepared pixels are kept.

    Raises `DataError` for a source that cannot be used, `ConfigError` for an option that cannot.
    """
    _check_options(crop, resize)
    if isinstance(source, Images):
        return source if size is None and channels is None else source.with_size(size, channels)
    height_and_width = None if size is None else checked_size(size)
    wanted_channels = None if channels is None else checked_channels(channels)
    opened = find_source(source, split)
    _attach_labels(opened, labels)
    if height_and_width is None or wanted_channels is None:
        usual = commonest_header(opened)
        if height_and_width is None:
            height_and_width = (usual.height, usual.width)
        wanted_channels = wanted_channels or usual.channels
    recipe = Recipe(*height_and_width, wanted_channels, crop, resize)
    return Images(Prepared(opened, recipe, strict, cache_dir), flip=flip)


def _check_options(crop: str, resize: str) -> None:
    if crop not in CROPS:
        raise ConfigError(f"There is no crop {crop!r}: expected {', '.join(CROPS)}.{nearest_name(crop, CROPS)}")
    if resize not in FILTERS:
        raise ConfigError(
            f"There is no filter {resize!r}: expected {', '.join(FILTERS)}.{nearest_name(resize, FILTERS)}"
        )


def checked_size(size: int | tuple[int, int]) -> tuple[int, int]:
    """(height, width) of a side or a pair. Raises `ConfigError` outside 1 to 16,384."""
    pair = (size, size) if isinstance(size, (int, np.integer)) else tuple(size)
    if len(pair) != 2 or not all(isinstance(side, (int, np.integer)) and 1 <= side <= SIDE_LIMIT for side in pair):
        raise ConfigError(f"The size {size!r} cannot be: expected a side or (height, width) from 1 to {SIDE_LIMIT:,}.")
    return int(pair[0]), int(pair[1])


def checked_channels(channels: int) -> int:
    """1, 3 or 4. Raises `ConfigError` for others."""
    if channels not in {1, 3, 4}:
        raise ConfigError(f"{channels!r} channels cannot be: expected 1 (grey), 3 (RGB) or 4 (RGBA).")
    return int(channels)


def find_source(source: Any, split: str | None) -> Source:
    """The source behind a path, a name or an array. Raises `DataError`."""
    if not isinstance(source, (str, Path)):
        if hasattr(source, "shape"):
            return open_array(source)
        raise DataError(f"A {type(source).__name__} cannot be opened: {WHAT_OPENS}{', '.join(BUILTIN)}.")
    typed = str(source)
    path = Path(typed).expanduser()
    if isinstance(source, str) and typed in BUILTIN and not path.exists():
        return BUILTIN[typed]()
    if path.is_dir():
        return _open_folder(path, typed, split)
    if path.is_file():
        return _open_file(path, typed, split)
    raise DataError(f"There is nothing at {typed!r}: {WHAT_OPENS}{', '.join(BUILTIN)}.{nearest_name(typed, BUILTIN)}")


def _open_folder(path: Path, typed: str, split: str | None) -> Source:
    listing, others = scan_folder(path)
    if len(listing):
        return FolderSource(typed, path, listing, split)
    if any(is_idx_name(other.name) for other in others):
        return open_idx_folder(path, others, typed, split)
    archives = [other for other in others if other.suffix.lower() in {".zip", ".npz"}]
    if split is not None and any(archive.stem == split for archive in archives):
        return _open_file(next(archive for archive in archives if archive.stem == split), typed, None)
    if len(archives) == 1:
        return _open_file(archives[0], typed, split)
    if archives:
        raise DataError(f"{typed} holds {len(archives)} archives: name one, such as {archives[0]}.")
    found = f"{listing.ignored:,} other files" if listing.ignored else "nothing"
    raise DataError(f"{typed} holds no pictures (PNG, JPEG, WebP, TIFF, BMP, GIF or PGM), but {found}.")


def _open_file(path: Path, typed: str, split: str | None) -> Source:
    suffix = path.suffix.lower()
    if is_idx_name(path.name):
        return open_idx(path, typed)
    if suffix == ".zip":
        return ZipSource(typed, path, split)
    if suffix == ".npz":
        return open_npz(path, typed, split)
    if is_picture_name(path.name):
        raise DataError(f"{typed} is one picture: open the folder that holds it.")
    raise DataError(f"{typed} is a file of a kind that is not known: {WHAT_OPENS}{', '.join(BUILTIN)}.")


def _attach_labels(source: Source, labels: str | Path | None) -> None:
    """Give the source the annotations of the file named, or of a table that lies beside its pictures."""
    found: Path | None
    if labels is not None:
        found = Path(labels).expanduser()
        if not found.is_file():
            raise DataError(f"There is no label file {found}.")
    else:
        found = _table_beside(source)
    if found is None:
        return
    names = (source.name(index) for index in range(len(source)))
    matched = match_table(read_table(found), names, required=labels is not None)
    if matched is None:
        source.notes.append(f"{found.name} names none of the pictures: it is passed over.")
        return
    annotations, notes = matched
    if annotations.labels is not None:
        source.annotations.labels, source.annotations.class_names = annotations.labels, annotations.class_names
    if annotations.attributes is not None:
        source.annotations.attributes = annotations.attributes
        source.annotations.attribute_names = annotations.attribute_names
    source.notes += notes


def _table_beside(source: Source) -> Path | None:
    root = getattr(source, "root", None)
    if not isinstance(root, Path):
        return None
    folder = root if root.is_dir() else root.parent
    own = () if root.is_dir() else (f"{root.stem}.csv", f"{root.stem}.json")
    return next((folder / name for name in (*own, *TABLE_NAMES) if (folder / name).is_file()), None)


def headers(source: Source, indices: np.ndarray) -> list[Header | Unreadable]:
    """What the headers of some pictures say, or why they cannot be read."""
    found: list[Header | Unreadable] = []
    for payload in source.read(indices):
        if isinstance(payload, np.ndarray):
            mode = {1: "L", 3: "RGB", 4: "RGBA"}[payload.shape[2]]
            found.append(Header(payload.shape[1], payload.shape[0], mode, "array"))
        elif isinstance(payload, Unreadable):
            found.append(payload)
        else:
            try:
                found.append(read_header(payload))
            except Unreadable as reason:
                found.append(reason)
    return found


def commonest_header(source: Source) -> Header:
    """The commonest size and mode among a sample of the pictures; others than that size are noted on the source."""
    indices = np.unique(np.linspace(0, len(source) - 1, SAMPLE).astype(np.int64))
    if source.in_order:
        indices = indices[:1]
    looked_at = headers(source, indices)
    good = [header for header in looked_at if isinstance(header, Header)]
    if not good:
        raise DataError(
            f"None of the {len(looked_at):,} pictures looked at in {source.typed} can be read; "
            f"the first is {source.name(int(indices[0]))}: {looked_at[0]}."
        )
    (width, height), count = Counter((header.width, header.height) for header in good).most_common(1)[0]
    channels = Counter(header.channels for header in good).most_common(1)[0][0]
    if count < len(good):
        source.notes.append(
            f"{len(good) - count:,} of {len(good):,} pictures looked at have another size than {width}x{height}: "
            "they are resized and cropped."
        )
    return Header(width, height, {1: "L", 3: "RGB", 4: "RGBA"}[channels], "")
