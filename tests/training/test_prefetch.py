"""Prefetching: batches of an endless stream, read by a thread."""

from __future__ import annotations

import threading
from collections.abc import Generator
from itertools import islice

import numpy as np
import pytest
import torch
from tiny import simple_pictures

import imagewright as iw
from imagewright.errors import DataError
from imagewright.images import Batch, Images
from imagewright.training.data.feeds import FeedReader
from imagewright.training.data.prefetch import prefetch
from imagewright.training.data.sampling_order import ShuffledOrder


class Numbered:
    """Replaces a set of images: image k is one pixel of value k. Calls are recorded."""

    def __init__(self, length: int, fails_after: int | None = None) -> None:
        self.length, self.fails_after = length, fails_after
        self.calls: list[tuple[list[int], list[int], int]] = []

    def __len__(self) -> int:
        return self.length

    def batch(self, indices: np.ndarray, views: np.ndarray | None = None, seed: int = 0) -> Batch:
        if self.fails_after is not None and len(self.calls) >= self.fails_after:
            raise DataError("the pictures are gone")
        self.calls.append((indices.tolist(), views.tolist(), seed))
        return Batch(torch.from_numpy(indices.astype(np.uint8)).reshape(-1, 1, 1, 1))


class FixedSchedule:
    """A schedule with batches of one size, of which this rank takes some rows."""

    def __init__(self, size: int, rows: range) -> None:
        self.size, self._rows = size, rows

    def batch_size(self, images_seen: int) -> int:
        return self.size

    def rows(self, images_seen: int) -> range:
        return self._rows


def stream_of(images: object, first: int = 0, size: int = 4, rows: range | None = None, seed: int = 0) -> Generator:
    readers = {"images": FeedReader(images, ShuffledOrder(len(images), seed), seed)}
    return prefetch(readers, FixedSchedule(size, rows or range(size)), first, pin=False)


def read(images: Numbered, batches: int, first: int = 0, size: int = 4, rows: range = range(4)) -> list[list[int]]:
    stream = stream_of(images, first, size, rows)
    taken = [batch["images"].images.flatten().tolist() for batch in islice(stream, batches)]
    stream.close()
    return taken


def test_a_stream_that_starts_later_continues_the_first() -> None:
    whole = read(Numbered(9), 8)
    assert read(Numbered(9), 3, first=20) == whole[5:8]


def test_two_ranks_read_the_halves_of_each_batch() -> None:
    whole = read(Numbered(9), 5)
    one, other = (read(Numbered(9), 5, rows=rows) for rows in (range(2), range(2, 4)))
    assert [first + second for first, second in zip(one, other, strict=True)] == whole


def test_views_are_positions_in_the_stream() -> None:
    images = Numbered(9)
    read(images, 2, first=8, rows=range(2, 4))
    assert [views for _, views, _ in images.calls[:2]] == [[10, 11], [14, 15]]


def test_flips_do_not_depend_on_the_batch_size() -> None:
    images = iw.open_images(simple_pictures(6), flip=True)

    def stream(size: int, images: Images = images) -> torch.Tensor:
        batches = stream_of(images, size=size, seed=5)
        taken = torch.cat([batch["images"].images for batch in islice(batches, 24 // size)])
        batches.close()
        return taken

    assert torch.equal(stream(4), stream(12))
    plain = stream(4, iw.open_images(simple_pictures(6)))
    same = (stream(4) == plain).flatten(1).all(1)
    assert 4 <= same.sum() <= 20, "about half of the 24 views are mirrored"


def test_an_error_of_the_reader_is_raised_by_the_stream() -> None:
    stream = stream_of(Numbered(9, fails_after=2))
    assert len(list(islice(stream, 2))) == 2
    with pytest.raises(DataError, match="the pictures are gone"):
        next(stream)
    assert not reading_threads()


def test_the_thread_ends_with_the_stream_and_reads_few_batches_ahead() -> None:
    images = Numbered(9)
    stream = stream_of(images)
    next(stream)
    assert reading_threads()
    stream.close()
    assert not reading_threads()
    assert len(images.calls) <= 5


def reading_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "prefetch"]
