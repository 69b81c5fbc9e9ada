"""What a sample of the pictures of a source says of all: the commonest size and channels, and the number of classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imagewright.errors import DataError, none_readable
from imagewright.images.decoding.formats import (
    MODE_OF_CHANNELS,
    SCALED_FORMATS,
    Header,
    Unreadable,
    deep_values,
    read_header,
)
from imagewright.images.decoding.value_range import DeepValues
from imagewright.images.notices import SizesNote
from imagewright.images.sources.base import ListedSource, PictureSource
from imagewright.images.sources.indexed_shards import IndexedShards
from imagewright.images.sources.shard_index import PictureFile
from imagewright.pixels import size_text

if TYPE_CHECKING:
    from imagewright.images.images import Images

SAMPLE, FEW = 256, 8
"""So many headers are read to find the commonest size and channels; at least the second number of them."""
DEEP_SAMPLE = 32
"""Of so many pictures with more than 8 bits, spread over those of the sample, the numbers are looked at."""
SAMPLE_OF_FORMATS = 64
SAMPLE_BYTES = 2**28
"""Fewer are read if that many would be more bytes than this."""


def sample_indices(source: PictureSource, most: int = SAMPLE) -> np.ndarray:
    """Indices of at most `most` pictures spread over the source, or of the first few if it is read in order."""
    if source.in_order:
        return np.arange(min(len(source), FEW))
    if isinstance(source, ListedSource):
        most = int(np.clip(SAMPLE_BYTES // max(1.0, source.listing.sizes.mean()), FEW, most))
    here = np.setdiff1d(np.arange(len(source)), absent) if len(absent := source.absent()) else None
    places = np.unique(np.linspace(0, (len(source) if here is None else len(here)) - 1, most).astype(np.int64))
    return places if here is None else here[places]


@dataclass
class HeaderSample:
    """What a sample of the pictures of a source says of all.

    Attributes:
        usual: the commonest size and channels.
        most_channels: the most that any of them has.
        notes: a sentence if some have another size.
        scalable: the commonest size if the commonest format can be decoded at a reduced scale, else None.
        deep: the numbers of those with more than 8 bits.
    """

    usual: Header
    most_channels: int
    notes: list[str]
    scalable: tuple[int, int] | None
    deep: DeepValues


def sample_headers(source: PictureSource, most: int = SAMPLE) -> HeaderSample:
    """Look at some pictures of a source, or at the index of its shards. Raises `DataError` if none can be read.

    most: so many at most.
    """
    if isinstance(source, IndexedShards) and source.usual is not None:
        return _as_indexed(source.usual, len(source), source.values)
    indices = sample_indices(source, most)
    sample = list(_headers(source, indices))
    good = [header for header in sample if isinstance(header, Header)]
    if not good:
        raise DataError(
            f"{none_readable(len(sample), f'looked at in {source.typed}')}; "
            f"the first is {source.name(int(indices[0]))}: {sample[0]}."
        )
    (width, height), count = Counter((header.width, header.height) for header in good).most_common(1)[0]
    channels = Counter(header.channels for header in good).most_common(1)[0][0]
    kind = Counter(header.format for header in good).most_common(1)[0][0]
    return HeaderSample(
        usual=Header(width, height, MODE_OF_CHANNELS[channels], kind),
        most_channels=max(header.channels for header in good),
        notes=_notes_on_sizes(len(good) - count, len(good), (height, width), "pictures looked at"),
        scalable=(height, width) if kind in SCALED_FORMATS else None,
        deep=_deep_values(source, indices[[isinstance(header, Header) and header.deep for header in sample]]),
    )


def _notes_on_sizes(differing: int, count: int, size: tuple[int, int], looked_at: str) -> list[str]:
    """A note on the pictures that have another size than the commonest, if there are any."""
    others = f"{differing:,} of {count:,} {looked_at} have another size than {size_text(size)}"
    return [SizesNote(f"{others}: they are resized and cropped.")] if differing else []


def _as_indexed(known: PictureFile, count: int, values: DeepValues | None) -> HeaderSample:
    """What the index of shards says of all pictures, which were looked at when the shards were written.

    values: the numbers of those with more than 8 bits; None if there are none.
    """
    height, width = known.size
    return HeaderSample(
        usual=Header(width, height, MODE_OF_CHANNELS[known.channels], known.format),
        most_channels=known.most_channels,
        notes=_notes_on_sizes(known.differing, count, known.size, "pictures"),
        scalable=known.size if known.format in SCALED_FORMATS else None,
        deep=values or DeepValues(),
    )


def count_jpegs(images: Images) -> tuple[int, int]:
    """How many of a sample of the pictures of a set are JPEG files of its size, and how many were looked at."""
    source = images._prepared.source
    if not isinstance(source, PictureSource):
        return 0, 0
    indices = sample_indices(source, SAMPLE_OF_FORMATS)
    found = [header for header in _headers(source, indices) if isinstance(header, Header)]
    own = [header for header in found if (header.height, header.width) == images.size]
    return sum(header.format == "JPEG" for header in own), len(found)


def _headers(source: PictureSource, indices: np.ndarray) -> Iterator[Header | Unreadable]:
    """The header of each of some pictures, or why it cannot be read."""
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


def _deep_values(source: PictureSource, indices: np.ndarray) -> DeepValues:
    """The numbers of some of the pictures `indices`, which have more than 8 bits: as many as are looked at, evenly.

    Of shards they are those that the index names, of all pictures.
    """
    if isinstance(source, IndexedShards) and source.values is not None:
        return source.values
    places = np.linspace(0, len(indices) - 1, min(DEEP_SAMPLE, len(indices))).astype(np.int64)
    found = DeepValues()
    for payload in source.read(indices[places]):
        with suppress(Unreadable):  # damaged pixels under a good header are found when all are decoded
            if isinstance(payload, bytes) and (values := deep_values(payload)) is not None:
                found.add(values)
    return found
