"""What a sample of the pictures of a source says of all: the commonest size and channels, and the number of classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from imagewright.errors import DataError
from imagewright.images.decoding.formats import MODE_OF_CHANNELS, Header, Unreadable, read_header
from imagewright.images.sources.base import ListedSource, PictureSource
from imagewright.pixels import size_text

if TYPE_CHECKING:
    from imagewright.images.images import Images

SAMPLE, FEW = 256, 8
"""So many headers are read to find the commonest size and channels; at least the second number of them."""
SAMPLE_OF_FORMATS = 64
SAMPLE_BYTES = 2**28
"""Fewer are read if that many would be more bytes than this."""


def sample_indices(source: PictureSource, most: int = SAMPLE) -> np.ndarray:
    """Indices of at most `most` pictures spread over the source, or of the first few if it is read in order."""
    if source.in_order:
        return np.arange(min(len(source), FEW))
    if isinstance(source, ListedSource):
        most = int(np.clip(SAMPLE_BYTES // max(1.0, source.listing.sizes.mean()), FEW, most))
    return np.unique(np.linspace(0, len(source) - 1, most).astype(np.int64))


def commonest_header(source: PictureSource) -> tuple[Header, list[str]]:
    """The commonest size and channels in a sample of the pictures, and a note if some have another size.

    Raises `DataError` if no picture of the sample can be read.
    """
    indices = sample_indices(source)
    sample = list(_headers(source, indices))
    good = [header for header in sample if isinstance(header, Header)]
    if not good:
        raise DataError(
            f"None of the {len(sample):,} pictures looked at in {source.typed} can be read; "
            f"the first is {source.name(int(indices[0]))}: {sample[0]}."
        )
    (width, height), count = Counter((header.width, header.height) for header in good).most_common(1)[0]
    channels = Counter(header.channels for header in good).most_common(1)[0][0]
    note = [
        f"{len(good) - count:,} of {len(good):,} pictures looked at have another size than "
        f"{size_text((height, width))}: they are resized and cropped."
    ]
    return Header(width, height, MODE_OF_CHANNELS[channels], ""), note if count < len(good) else []


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
