"""A survey of a source: each picture is decoded once, for its header and hashes, or the reason why it is unreadable."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from dataclasses import dataclass

import numpy as np
from PIL import Image

from imagewright.images.checks.groups import PictureHashes
from imagewright.images.checks.perceptual_hashes import SIDE, compute_hashes, is_flat, small_picture
from imagewright.images.decoding.decode_all import split_into_ranges
from imagewright.images.decoding.formats import (
    EXACT,
    MODE_OF_CHANNELS,
    Decoding,
    Header,
    Unreadable,
    decode,
    from_array,
    read_header,
)
from imagewright.images.decoding.opening import bands
from imagewright.images.decoding.parallel import Range, map_ranges
from imagewright.images.sources.base import Picture, PictureSource
from imagewright.progress import ProgressCounter

RANGE_PICTURES = 64


class HeaderCounts:
    """How many pictures have each size (width, height), mode, format and number of channels."""

    def __init__(self) -> None:
        self.sizes: Counter[tuple[int, int]] = Counter()
        self.modes: Counter[str] = Counter()
        self.formats: Counter[str] = Counter()
        self.channels: Counter[int] = Counter()

    def add(self, header: Header) -> None:
        """Count one picture."""
        self.sizes[header.width, header.height] += 1
        self.modes[header.mode] += 1
        self.formats[header.format] += 1
        self.channels[header.channels] += 1


@dataclass
class Survey:
    """All pictures of a source: counts of their headers, their hashes, and (index, reason) of unreadable ones."""

    headers: HeaderCounts
    pictures: PictureHashes
    unreadable: list[tuple[int, str]]


@dataclass
class _RangeSurvey:
    """The same for one range of pictures."""

    headers: list[Header]
    pictures: PictureHashes
    unreadable: list[tuple[int, str]]


def survey(source: PictureSource, workers: int | None, counter: ProgressCounter, how: Decoding = EXACT) -> Survey:
    """Decode every picture of a source in threads (None: one a core); `counter` counts the pictures done."""
    headers, hashes, unreadable = HeaderCounts(), [], []

    def work(bounds: Range, stop: threading.Event) -> _RangeSurvey:
        return _survey_range(source, bounds, stop, how)

    for found in map_ranges(split_into_ranges(source, RANGE_PICTURES), work, workers, counter.report):
        for header in found.headers:
            headers.add(header)
        hashes.append(found.pictures)
        unreadable += found.unreadable
        counter.add(len(found.headers) + len(found.unreadable))
    parts = ([getattr(each, name) for each in hashes] for name in ("indices", "digests", "hashes", "flat"))
    return Survey(headers, PictureHashes(*(np.concatenate(part) for part in parts)), sorted(unreadable))


def _survey_range(source: PictureSource, bounds: Range, stop: threading.Event, how: Decoding) -> _RangeSurvey:
    headers: list[Header] = []
    good: list[int] = []
    bad: list[tuple[int, str]] = []
    digests = bytearray()
    small = np.empty((bounds[1] - bounds[0], SIDE, SIDE), np.uint8)
    for index, payload in enumerate(source.read(np.arange(*bounds)), bounds[0]):
        if stop.is_set():
            break
        try:
            header, picture = decode_with_header(payload, how)
        except Unreadable as reason:
            bad.append((index, str(reason)))
            continue
        small[len(good)] = small_picture(picture)
        headers.append(header)
        good.append(index)
        digests += _digest(header, picture)
    small = small[: len(good)]
    whole = np.frombuffer(bytes(digests), np.uint64).reshape(-1, 2)
    hashes = PictureHashes(np.array(good, np.int64), whole, compute_hashes(small), is_flat(small))
    return _RangeSurvey(headers, hashes, bad)


def _digest(header: Header, picture: Image.Image) -> bytes:
    """16 bytes that differ as soon as the pixels do, from bands of rows: a copy of a large picture would be large."""
    found = hashlib.blake2b(f"{header.width} {header.channels} ".encode(), digest_size=16)
    for _, band in bands(picture):
        found.update(band.tobytes())
    return found.digest()


def decode_with_header(payload: Picture, how: Decoding) -> tuple[Header, Image.Image]:
    """The header and the pixels of one picture. Raises `Unreadable`."""
    if isinstance(payload, Unreadable):
        raise payload
    if isinstance(payload, np.ndarray):
        channels = payload.shape[2]
        header = Header(payload.shape[1], payload.shape[0], MODE_OF_CHANNELS[channels], "array")
        return header, from_array(payload, channels)
    header = read_header(payload)
    return header, decode(payload, header.channels, how)
