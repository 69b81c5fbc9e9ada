"""Corrupted copies of a whole set: each picture corrupted, others mixed in, modes dropped, or few pictures repeated.

A copy has as many pictures as the clean set, and makes them on request. Shape letters: N pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from imagewright.errors import DataError
from imagewright.images.decoding.preprocessing import random_words
from imagewright.metrics.metric import Pictures
from imagewright.metrics.self_check.corruptions import corrupt_pictures, corruption_named
from imagewright.seeds import derive_seed

# By level, from 1 to 5.
CONTAMINATED_SHARES = (0.05, 0.12, 0.25, 0.45, 0.75)  # of the pictures
DROPPED_SHARES = (0.10, 0.25, 0.45, 0.65, 0.85)  # of the classes or clusters
DISTINCT_SHARES = (0.50, 0.25, 0.10, 0.04, 0.015)  # of the pictures


def corrupt_set(
    clean: Pictures,
    name: str,
    level: int,
    *,
    seed: int = 0,
    groups: np.ndarray | None = None,
    others: Pictures | None = None,
) -> Pictures:
    """A corrupted copy of a set.

    clean: the set.
    name: the corruption.
    level: from 1 to 5; 0 is the clean set.
    seed: for all random draws.
    groups: class or cluster of each picture, int64 (N,), for `mode_dropping`.
    others: pictures of another kind, for `contamination`.

    Raises `ConfigError` for an unknown name, `DataError` if `groups` or `others` is missing.
    """
    if corruption_named(name).of == "pictures":
        return CorruptedPictures(clean, name, level, seed)
    if name == "duplication":
        return PictureSubset(clean, rows_repeated(len(clean), level, seed))
    if name == "mode_dropping":
        if groups is None:
            raise DataError("Dropping modes needs the class or the cluster of each picture.")
        return PictureSubset(clean, rows_without_modes(groups, level, seed))
    if others is None:
        raise DataError(
            "contamination mixes in pictures of a second set, and none was given: name it with --others SOURCE."
        )
    return MixedPictures(clean, others, contaminated_rows(len(clean), level, seed))


@dataclass(frozen=True)
class CorruptedPictures:
    """The pictures of `clean`, each corrupted by itself on request."""

    clean: Pictures
    name: str
    level: int
    seed: int = 0

    def __len__(self) -> int:
        return len(self.clean)

    def pictures(self, rows: np.ndarray) -> Tensor:
        """uint8 (n, C, H, W) of the rows int64 (n,)."""
        return corrupt_pictures(self.clean.pictures(rows), rows, self.name, self.level, self.seed)


@dataclass(frozen=True)
class PictureSubset:
    """The rows `chosen` int64 (N,) of other pictures, in that order; rows may repeat."""

    whole: Pictures
    chosen: np.ndarray

    def __len__(self) -> int:
        return len(self.chosen)

    def pictures(self, rows: np.ndarray) -> Tensor:
        """uint8 (n, C, H, W) of the rows int64 (n,)."""
        return self.whole.pictures(self.chosen[rows])


@dataclass(frozen=True)
class MixedPictures:
    """The pictures of `clean`, with row k replaced by row k (modulo its length) of `others` if `replaced[k]`."""

    clean: Pictures
    others: Pictures
    replaced: np.ndarray  # bool (N,)

    def __len__(self) -> int:
        return len(self.clean)

    def pictures(self, rows: np.ndarray) -> Tensor:
        """uint8 (n, C, H, W) of the rows int64 (n,)."""
        result = self.clean.pictures(rows).clone()
        theirs = np.flatnonzero(self.replaced[rows])
        if len(theirs):
            other = self.others.pictures(rows[theirs] % len(self.others))
            if other.shape[1:] != result.shape[1:]:
                raise DataError(
                    f"Pictures of {tuple(other.shape[1:])} cannot be mixed into pictures of {tuple(result.shape[1:])} "
                    "(channels, height, width): open both at the same size and channels."
                )
            result[torch.from_numpy(theirs)] = other
        return result


def contaminated_rows(count: int, level: int, seed: int = 0) -> np.ndarray:
    """bool (count,): the rows that are replaced. Each level replaces all rows of the level before, and more."""
    share = (0.0, *CONTAMINATED_SHARES)[level]
    return _rank(count, seed, "contamination") < round(share * count)


def rows_without_modes(groups: np.ndarray, level: int, seed: int = 0) -> np.ndarray:
    """int64 (N,): row k if its group is not dropped, else a row of a remaining group. The size of the set is unchanged.

    groups: class or cluster of each picture, int64 (N,).
    level: each level drops all groups of the level before, and at least one more while two are left.
    seed: decides which groups are dropped, and the rows that replace theirs.

    Raises `DataError` for a single group.
    """
    names = np.unique(groups)
    if len(names) < 2:
        raise DataError("Modes cannot be dropped from pictures of one class or cluster: at least two are needed.")
    rows = np.arange(len(groups))
    if level == 0:
        return rows
    share = DROPPED_SHARES[level - 1]
    dropped_count = min(len(names) - 1, max(level, round(share * len(names))))
    dropped = names[_rank(len(names), seed, "mode_dropping") < dropped_count]
    lost = np.isin(groups, dropped)
    remaining = np.flatnonzero(~lost)
    words = random_words(derive_seed(seed, "corruption", "mode_dropping"), rows)
    return np.where(lost, remaining[(words % np.uint64(len(remaining))).astype(np.int64)], rows)


def rows_repeated(count: int, level: int, seed: int = 0) -> np.ndarray:
    """int64 (count,): few distinct rows, repeated equally often. Each level uses a subset of the level before."""
    share = (1.0, *DISTINCT_SHARES)[level]
    ranks = _rank(count, seed, "duplication")
    order = np.argsort(ranks)
    distinct = max(1, round(share * count))
    return order[ranks % distinct]


def _rank(count: int, seed: int, purpose: str) -> np.ndarray:
    """int64 (count,): the position of each row in a random order."""
    words = random_words(derive_seed(seed, "corruption", purpose), np.arange(count))
    return np.argsort(np.argsort(words, kind="stable"), kind="stable")
