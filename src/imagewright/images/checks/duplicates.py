"""Equal and nearly equal pictures, within one source or shared by two: groups and pairs of places."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from imagewright.images.checks.near_duplicates import Pairs, candidates, same_pictures
from imagewright.images.checks.perceptual_hashes import SIDE, small_picture
from imagewright.images.decoding.formats import Unreadable, decode, from_array
from imagewright.images.sources.base import Payload, Source


@dataclass
class Prints:
    """What is kept of the readable pictures of a source: 80 bytes each.

    `indices` int64 (N,) in the source; `digests` uint64 (N, 2) of the pixels; `hashes` uint64 (N, W), near where
    pictures look alike; `flat` bool (N,): too little in it to be told by its looks.
    """

    indices: np.ndarray
    digests: np.ndarray
    hashes: np.ndarray
    flat: np.ndarray


@dataclass
class Shared:
    """Places in one source and in the other, int64 (P, 2), of `equal` and of `near` pictures; each once, by the first
    source. `note`: a word on the search."""

    equal: np.ndarray
    near: np.ndarray
    note: str = ""


@dataclass
class Groups:
    """Groups of places in a source, each in rising order. `note`: a word on the search."""

    groups: list[list[int]] = field(default_factory=list)
    note: str = ""

    @property
    def count(self) -> int:
        """How many pictures could go: all but one of each group."""
        return sum(len(group) - 1 for group in self.groups)


def equal_groups(prints: Prints) -> Groups:
    """Pictures whose pixels are equal."""
    order = np.lexsort((prints.indices, prints.digests[:, 1], prints.digests[:, 0]))
    ordered = prints.digests[order]
    same = np.flatnonzero((ordered[1:] == ordered[:-1]).all(axis=1))  # with the next one
    first = np.flatnonzero(np.diff(same, prepend=-2) > 1)
    runs = np.split(same, first[1:]) if len(same) else []
    groups = [prints.indices[order[run[0] : run[-1] + 2]].tolist() for run in runs]
    return Groups(sorted(groups))


def near_groups(source: Source, prints: Prints, equal: Groups) -> Groups:
    """Pictures that look the same without being equal; of equal ones the first stands for all."""
    again = {index for group in equal.groups for index in group[1:]}
    kept = np.flatnonzero(~prints.flat & ~np.isin(prints.indices, list(again)))
    places = prints.indices[kept]
    looker = _Looker(source, places)
    found = same_pictures(candidates(prints.hashes[kept]), lambda at, _: looker(at), len(kept))
    return Groups(_connected(places[found.first], places[found.second]), found.note)


def shared_pictures(own: Source, prints: Prints, other: Source, others: Prints) -> Shared:
    """Pictures of one source that are in the other: equal, or looking the same."""
    place_of = {bytes(row): int(index) for row, index in zip(others.digests[::-1], others.indices[::-1], strict=True)}
    equal = [
        (int(index), place_of[bytes(row)])
        for row, index in zip(prints.digests, prints.indices, strict=True)
        if bytes(row) in place_of
    ]
    kept = np.flatnonzero(~prints.flat & ~np.isin(prints.indices, [mine for mine, _ in equal]))
    theirs = np.flatnonzero(~others.flat)
    lookers = _Looker(own, prints.indices[kept]), _Looker(other, others.indices[theirs])
    found: Pairs = same_pictures(
        candidates(prints.hashes[kept], others.hashes[theirs]),
        lambda at, second: lookers[second](at),
        len(kept) + len(theirs),
    )
    near = np.stack([prints.indices[kept][found.first], others.indices[theirs][found.second]], axis=1)
    near = near[np.unique(near[:, 0], return_index=True)[1]]
    return Shared(np.array(equal, np.int64).reshape(-1, 2), near, found.note)


class _Looker:
    """Reads small pictures again: only those of the pairs that are compared are ever in memory."""

    def __init__(self, source: Source, places: np.ndarray) -> None:
        self._source, self._places = source, places

    def __call__(self, at: np.ndarray) -> np.ndarray:
        found = np.zeros((len(at), SIDE, SIDE), np.uint8)
        for row, payload in enumerate(self._source.read(self._places[at])):
            found[row] = as_small(payload)
        return found


def as_small(payload: Payload) -> np.ndarray:
    """The small picture of what a source gave; black where it cannot be read any more."""
    if isinstance(payload, np.ndarray):
        return small_picture(from_array(payload, payload.shape[2]))
    try:
        if isinstance(payload, Unreadable):
            raise payload
        return small_picture(decode(payload, 1))
    except Unreadable:
        return np.zeros((SIDE, SIDE), np.uint8)


def _connected(first: np.ndarray, second: np.ndarray) -> list[list[int]]:
    """The groups that pairs make when they are followed from one to the next."""
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
