"""The interface of every source: a fixed order of pictures, their labels, an identity, and reading by index."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.images.decoding.formats import Unreadable
from imagewright.images.labels import Annotations
from imagewright.images.sources.listing import Listing

Payload = bytes | np.ndarray | Unreadable
"""One picture as read: encoded bytes, uint8 pixels (H, W, C), or why it could not be read."""


class Source(ABC):
    """Pictures in a fixed order. A source can be read from several threads at once.

    `identity`: hex digest that differs as soon as the pictures differ. `notes`: sentences for the user.
    `in_order`: reading starts from the beginning each time (video, packed tars), so it is read in one go.
    """

    identity: str
    in_order = False

    def __init__(self, typed: str) -> None:
        self.typed = typed
        self.notes: list[str] = []
        self.annotations = Annotations()

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def name(self, index: int) -> str:
        """The file name of picture `index`, relative to the source."""

    @abstractmethod
    def read(self, indices: np.ndarray) -> Iterator[Payload]:
        """The pictures of `indices` (rising), in that order. Raises `DataError` when the source itself is gone."""

    def shards(self) -> list[tuple[int, int]]:
        """Ranges [start, stop) that are read best in one go each, such as the shards of a tar set."""
        return [(0, len(self))]


class ListedSource(Source):
    """A source whose pictures are files or members: a listing, and a digest of it."""

    def __init__(self, typed: str, root: Path, listing: Listing) -> None:
        super().__init__(typed)
        self.root = root
        self.listing = listing

    def __len__(self) -> int:
        return len(self.listing)

    def name(self, index: int) -> str:
        return self.listing.name(index)


def digest(*parts: str | bytes | np.ndarray) -> str:
    """Hex digest over the parts, each with its length, so that no two lists of parts run together."""
    result = hashlib.blake2b(digest_size=16)
    for part in parts:
        data: Any = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
        if isinstance(data, np.ndarray):
            data = np.ascontiguousarray(data).reshape(-1).view(np.uint8)
        view = memoryview(data)
        result.update(len(view).to_bytes(8, "little"))
        result.update(view)
    return result.hexdigest()
