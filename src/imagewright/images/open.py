"""`open_images`: find out what a source is, and open it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from imagewright.errors import DataError
from imagewright.images.cache.prepared import Prepared
from imagewright.images.decoding.formats import MODE_OF_CHANNELS, Header, Unreadable, read_header
from imagewright.images.decoding.preprocessing import Recipe, check_options, checked_channels, checked_size
from imagewright.images.images import Images
from imagewright.images.labels import TABLE_NAMES, match_table, read_table
from imagewright.images.sources.base import ListedSource, Source
from imagewright.images.sources.finding import find_source

SAMPLE, FEW = 256, 8
"""Headers looked at to find the commonest size and channels."""
SAMPLE_BYTES = 2**28
"""Fewer are looked at where that many would be more bytes than this."""


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
    cache: bool = True,
    cache_dir: str | Path | None = None,
) -> Images:
    """Open a set of pictures. Nothing is decoded yet; `Images.prepare()` or the first batch does that.

    `source`: a folder (searched through; sub-folders become classes), a `.zip` of the same, tar shards in WebDataset
    layout, IDX files or a folder of them, `.npz`, a video, a uint8 array or tensor (N, C, H, W), a name (`digits`,
    `faces`, `mnist`, `fashion-mnist`, `cifar10`), or images opened before.
    A path that exists goes before a name. `size`: side, or (height, width), in pixels; None takes the commonest of the
    source. `channels`: 1, 3 or 4; None takes the commonest. `crop`: `centre` fills the target and cuts what hangs over,
    `random` cuts elsewhere in each view, `none` keeps all of the picture and changes its aspect. `flip`: views are
    mirrored at random. `resize`: the antialiasing filter. `labels`: a CSV or JSON file; one beside the pictures is
    found by itself. `split`: a part (`train`, `test`, a sub-folder). `strict`: an unreadable picture is an error and
    not skipped. `cache`: False decodes pictures each time they are asked for, for sets larger than the disk.
    `cache_dir`: where prepared pixels are kept.

    Raises `DataError` for a source that cannot be used, `ConfigError` for an option that cannot.
    """
    check_options(crop, resize)
    if isinstance(source, Images):
        return source if size is None and channels is None else source.with_size(size, channels)
    height_and_width = None if size is None else checked_size(size)
    wanted_channels = None if channels is None else checked_channels(channels)
    opened = find_source(source, split, cache_dir)
    attach_labels(opened, labels)
    if height_and_width is None or wanted_channels is None:
        usual, note = commonest_header(opened)
        if height_and_width is None:
            height_and_width = (usual.height, usual.width)
            opened.notes += note
        wanted_channels = wanted_channels or usual.channels
    if not cache and opened.in_order:
        raise DataError(
            f"{opened.typed} can only be read from its start to its end, so its pictures cannot be decoded as they are "
            "asked for: unpack it (plain .tar shards, a folder), or leave --no-cache out (cache=False)."
        )
    recipe = Recipe(*height_and_width, wanted_channels, crop, resize)
    return Images(Prepared(opened, recipe, strict, cache_dir, cache), flip=flip, size_given=size is not None)


def attach_labels(source: Source, labels: str | Path | None) -> None:
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


def headers(source: Source, indices: np.ndarray) -> Iterator[Header | Unreadable]:
    """What the headers of some pictures say, or why they cannot be read."""
    for payload in source.read(indices):
        if isinstance(payload, bytes):
            try:
                yield read_header(payload)
            except Unreadable as reason:
                yield reason
        elif isinstance(payload, np.ndarray):
            yield Header(payload.shape[1], payload.shape[0], MODE_OF_CHANNELS[payload.shape[2]], "array")
        else:
            yield payload


def _sample(source: Source) -> np.ndarray:
    """Indices of some pictures spread over the source, or of its first ones where it must be read in order."""
    if source.in_order:
        return np.arange(min(len(source), FEW))
    count = SAMPLE
    if isinstance(source, ListedSource):
        count = int(np.clip(SAMPLE_BYTES // max(1.0, source.listing.sizes.mean()), FEW, SAMPLE))
    return np.unique(np.linspace(0, len(source) - 1, count).astype(np.int64))


def commonest_header(source: Source) -> tuple[Header, list[str]]:
    """The commonest size and channels among a sample of the pictures, and a note if some have another size."""
    indices = _sample(source)
    looked_at = list(headers(source, indices))
    good = [header for header in looked_at if isinstance(header, Header)]
    if not good:
        raise DataError(
            f"None of the {len(looked_at):,} pictures looked at in {source.typed} can be read; "
            f"the first is {source.name(int(indices[0]))}: {looked_at[0]}."
        )
    (width, height), count = Counter((header.width, header.height) for header in good).most_common(1)[0]
    channels = Counter(header.channels for header in good).most_common(1)[0][0]
    note = [
        f"{len(good) - count:,} of {len(good):,} pictures looked at have another size than {height}x{width}: "
        "they are resized and cropped."
    ]
    return Header(width, height, MODE_OF_CHANNELS[channels], ""), note if count < len(good) else []
