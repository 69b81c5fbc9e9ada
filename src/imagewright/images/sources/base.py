"""The interface of every source: pictures in a fixed order, their annotations, an identity, and reading by index."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from imagewright.images.annotations import Annotations
from imagewright.images.decoding.formats import Unreadable
from imagewright.images.sources.listing import Listing
from imagewright.images.sources.name_filter import NameFilter

Picture = bytes | np.ndarray | Unreadable
"""One picture as read: encoded bytes, uint8 pixels (H, W, C), or the reason why it cannot be read."""
Payload = Picture | tuple[Picture, ...]
"""The same, or one picture for each layer."""


class Source(ABC):
    """Pictures in a fixed order. Several threads may read a source at once.

    Attributes:
        typed: the source as the user named it.
        notes: sentences for the user.
        annotations: labels and attributes of the pictures.
        names_taken: the patterns of names that the user gave.
        in_order: every reading starts from the beginning (video, packed tars), so one pass should read all.
        encoded: pictures are encoded files, which take long enough to decode to be worth worker processes.
        in_memory: pictures are arrays already, so small sets need no cache.
        follows: pictures are made from the records of another layer's, by whose name both are called.
        drawn: pictures are drawn as they are read, at the size that is wanted (`drawn_at`).
        facts: JSON values that the record of a layer of this source has besides.
        shard_numbers: int (N,), the shard that each picture is in, of shards with an index; None for other sources.
    """

    in_order = False
    encoded = False
    in_memory = False
    follows = False
    drawn = False

    def __init__(self, typed: str) -> None:
        self.typed = typed
        self.notes: list[str] = []
        self.annotations = Annotations()
        self.names_taken = NameFilter()
        self.facts: dict[str, Any] = {}
        self.shard_numbers: np.ndarray | None = None

    @cached_property
    def identity(self) -> str:
        """Hex digest that differs as soon as the pictures differ."""
        raise NotImplementedError

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def name(self, index: int) -> str:
        """The file name of picture `index`, relative to the source."""

    @abstractmethod
    def read(self, indices: np.ndarray) -> Iterator[Payload]:
        """The pictures of `indices` (rising), in that order. Raises `DataError` if the source itself is gone."""

    def drawn_at(self, size: tuple[int, int]) -> Self:
        """The same pictures for a use at (height, width). What is stored is resized later, and is returned as it is;
        what is drawn as it is read is drawn at that size.
        """
        return self

    def shards(self) -> list[tuple[int, int]]:
        """Ranges [start, stop) that are best read in one go each, such as the shards of a tar set."""
        return [(0, len(self))]

    def absent(self) -> np.ndarray:
        """int64, rising: pictures whose bytes this machine does not have, as those of shards on another one."""
        return np.empty(0, np.int64)


class PictureSource(Source):
    """A source of single pictures: every source except `LayeredSource`."""

    @abstractmethod
    def read(self, indices: np.ndarray) -> Iterator[Picture]: ...


class ListedSource(PictureSource):
    """A source whose pictures are files or members of archives: a listing, and a digest of it."""

    encoded = True

    def __init__(self, typed: str, root: Path, listing: Listing) -> None:
        super().__init__(typed)
        self.root = root
        self.listing = listing

    def __len__(self) -> int:
        return len(self.listing)

    def name(self, index: int) -> str:
        return self.listing.name(index)


def digest(*parts: str | bytes | np.ndarray) -> str:
    """Hex digest over the parts and the length of each, so that two different lists of parts never run together."""
    result = hashlib.blake2b(digest_size=16)
    for part in parts:
        data: Any = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        if isinstance(data, np.ndarray):
            data = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
        view = memoryview(data)
        result.update(len(view).to_bytes(8, "little"))
        result.update(view)
    return result.hexdigest()
