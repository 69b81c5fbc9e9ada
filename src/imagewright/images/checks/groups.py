"""Groups of equal and of nearly equal pictures within one source, and pairs of them shared by two sources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from imagewright.images.checks.near_duplicates import Pairs, find_candidates, select_same
from imagewright.images.checks.perceptual_hashes import SIDE, small_picture
from imagewright.images.decoding.formats import Unreadable, decode, from_array
from imagewright.images.sources.base import Picture


class Readable(Protocol):
    """Pictures that can be read again: a source of single pictures, or the pixels of opened images."""

    def read(self, indices: np.ndarray) -> Iterator[Picture]:
        """The pictures of `indices` (rising), in that order."""
        ...


@dataclass
class PictureHashes:
    """Hashes of the readable pictures of a source, 80 bytes each.

    Attributes:
        indices: int64 (N,), places in the source.
        digests: uint64 (N, 2), of the pixels: equal for equal pictures.
        hashes: uint64 (N, W), perceptual hashes of W windows: near each other for similar pictures.
        flat: bool (N,), pictures with too little contrast for a perceptual hash.
    """

    indices: np.ndarray
    digests: np.ndarray
    hashes: np.ndarray
    flat: np.ndarray

    def of(self, rows: np.ndarray) -> PictureHashes:
        """The hashes of some pictures, as of a source that consists of these."""
        return PictureHashes(np.arange(len(rows)), self.digests[rows], self.hashes[rows], self.flat[rows])


@dataclass
class SharedPictures:
    """Pictures that are in two sources.

    Attributes:
        equal: int64 (P, 2), the place in the first source and in the second of each pair of equal pictures.
        near: the same for nearly equal pictures. A picture of the first source is in one pair at most.
        note: a sentence on the search, or "".
    """

    equal: np.ndarray
    near: np.ndarray
    note: str = ""


@dataclass
class Groups:
    """Groups of places in a source, each in rising order. `note`: a sentence on the search, or ""."""

    groups: list[list[int]] = field(default_factory=list)
    note: str = ""

    @property
    def count(self) -> int:
        """How many pictures are superfluous: all but one of each group."""
        return sum(len(group) - 1 for group in self.groups)


def equal_groups(pictures: PictureHashes) -> Groups:
    """Groups of pictures whose pixels are equal."""
    order = np.lexsort((pictures.indices, pictures.digests[:, 1], pictures.digests[:, 0]))
    ordered = pictures.digests[order]
    same = np.flatnonzero((ordered[1:] == ordered[:-1]).all(axis=1))  # with the next one
    first = np.flatnonzero(np.diff(same, prepend=-2) > 1)
    runs = np.split(same, first[1:]) if len(same) else []
    groups = [pictures.indices[order[run[0] : run[-1] + 2]].tolist() for run in runs]
    return Groups(sorted(groups))


def near_groups(source: Readable, pictures: PictureHashes, equal: Groups) -> Groups:
    """Groups of pictures that look the same without being equal. Of equal pictures only the first is compared."""
    repeated = {index for group in equal.groups for index in group[1:]}
    compared = np.flatnonzero(~pictures.flat & ~np.isin(pictures.indices, list(repeated)))
    places = pictures.indices[compared]
    small = _SmallPictures(source, places)
    found = select_same(find_candidates(pictures.hashes[compared]), lambda at, _: small(at), len(compared))
    return Groups(_connected(places[found.first], places[found.second]), found.note)


def shared_pictures(
    source: Readable, pictures: PictureHashes, other: Readable, others: PictureHashes
) -> SharedPictures:
    """Pictures of one source that are in the other: equal, or nearly equal."""
    place_of = {bytes(row): int(index) for row, index in zip(others.digests[::-1], others.indices[::-1], strict=True)}
    equal = [
        (int(index), place_of[bytes(row)])
        for row, index in zip(pictures.digests, pictures.indices, strict=True)
        if bytes(row) in place_of
    ]
    compared = np.flatnonzero(~pictures.flat & ~np.isin(pictures.indices, [mine for mine, _ in equal]))
    theirs = np.flatnonzero(~others.flat)
    small = _SmallPictures(source, pictures.indices[compared]), _SmallPictures(other, others.indices[theirs])
    found: Pairs = select_same(
        find_candidates(pictures.hashes[compared], others.hashes[theirs]),
        lambda at, second: small[second](at),
        len(compared) + len(theirs),
    )
    near = np.stack([pictures.indices[compared][found.first], others.indices[theirs][found.second]], axis=1)
    near = near[np.unique(near[:, 0], return_index=True)[1]]
    return SharedPictures(np.array(equal, np.int64).reshape(-1, 2), near, found.note)


class _SmallPictures:
    """Reads pictures again, at 32x32: only the pictures of the pairs that are compared are in memory."""

    def __init__(self, source: Readable, places: np.ndarray) -> None:
        self._source, self._places = source, places

    def __call__(self, at: np.ndarray) -> np.ndarray:
        found = np.zeros((len(at), SIDE, SIDE), np.uint8)
        for row, payload in enumerate(self._source.read(self._places[at])):
            found[row] = _as_small(payload)
        return found


def _as_small(payload: Picture) -> np.ndarray:
    """A picture at 32x32; black if it can no longer be read."""
    if isinstance(payload, np.ndarray):
        return small_picture(from_array(payload, payload.shape[2]))
    try:
        if isinstance(payload, Unreadable):
            raise payload
        return small_picture(decode(payload, 1))
    except Unreadable:
        return np.zeros((SIDE, SIDE), np.uint8)


def _connected(first: np.ndarray, second: np.ndarray) -> list[list[int]]:
    """The connected components of the graph whose edges are the pairs."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    if not len(first):
        return []
    members, ends = np.unique(np.concatenate([first, second]), return_inverse=True)
    pairs = ends.reshape(2, -1)
    graph = coo_matrix((np.ones(pairs.shape[1]), (pairs[0], pairs[1])), shape=(len(members), len(members)))
    labels = connected_components(graph, directed=False)[1]
    order = np.argsort(labels, kind="stable")
    return sorted(part.tolist() for part in np.split(members[order], np.flatnonzero(np.diff(labels[order])) + 1))
