"""Damaged copies of a whole set: pictures damaged one by one, mixed with others, without some modes, or repeated.

Each is pictures by number, as many as the clean set has, made as they are asked for. Shape letters: N pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from imagewright.errors import DataError
from imagewright.images.decoding.preprocessing import random_words
from imagewright.metrics.metric import Pictures
from imagewright.metrics.self_check.corruptions import corruption_named, damaged
from imagewright.seeds import derive_seed

# By level, from 1 to 5.
CONTAMINATED_SHARES = (0.05, 0.12, 0.25, 0.45, 0.75)  # of the pictures
DROPPED_SHARES = (0.10, 0.25, 0.45, 0.65, 0.85)  # of the classes or clusters
DISTINCT_SHARES = (0.50, 0.25, 0.10, 0.04, 0.015)  # of the pictures


def corrupted(
    clean: Pictures,
    name: str,
    level: int,
    *,
    seed: int = 0,
    groups: np.ndarray | None = None,
    others: Pictures | None = None,
) -> Pictures:
    """A damaged copy of a set. `groups` int64 (N,): class or cluster of each, for `mode_dropping`. `others`: pictures
    of another kind, for `contamination`. Level 0 is the clean set.
    """
    if corruption_named(name).of == "pictures":
        return DamagedPictures(clean, name, level, seed)
    if name == "duplication":
        return ChosenPictures(clean, rows_repeated(len(clean), level, seed))
    if name == "mode_dropping":
        if groups is None:
            raise DataError("Dropping modes needs the class or the cluster of each picture.")
        return ChosenPictures(clean, rows_without_modes(groups, level, seed))
    if others is None:
        raise DataError("Mixing other pictures in needs a second set of pictures, of the same size and channels.")
    return MixedPictures(clean, others, contaminated_rows(len(clean), level, seed))


@dataclass(frozen=True)
class DamagedPictures:
    """Pictures of which each is damaged as it is asked for."""

    clean: Pictures
    name: str
    level: int
    seed: int = 0

    def __len__(self) -> int:
        return len(self.clean)

    def pictures(self, rows: np.ndarray) -> Tensor:
        """uint8 (n, C, H, W) of the rows int64 (n,)."""
        return damaged(self.clean.pictures(rows), rows, self.name, self.level, self.seed)


@dataclass(frozen=True)
class ChosenPictures:
    """Pictures of which each row is a row of others: `chosen` int64 (N,)."""

    whole: Pictures
    chosen: np.ndarray

    def __len__(self) -> int:
        return len(self.chosen)

    def pictures(self, rows: np.ndarray) -> Tensor:
        """uint8 (n, C, H, W) of the rows int64 (n,)."""
        return self.whole.pictures(self.chosen[rows])


@dataclass(frozen=True)
class MixedPictures:
    """Pictures of which some are replaced by pictures of another set: row k by row k of it, round and round."""

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
    """bool (count,): the rows to be replaced; those of a level are among those of the next."""
    share = (0.0, *CONTAMINATED_SHARES)[level]
    return _rank(count, seed, "contamination") < round(share * count)


def rows_without_modes(groups: np.ndarray, level: int, seed: int = 0) -> np.ndarray:
    """int64 (N,): row k stays where its class or cluster, int64 (N,), is kept; else a row of a kept one comes instead.

    A generator that lost modes still makes as many pictures. Which are lost follows from the seed; those of a level are
    among those of the next, one more at least while two are left. Raises `DataError` for a single group.
    """
    names = np.unique(groups)
    if len(names) < 2:
        raise DataError("Modes cannot be dropped from pictures of one class or cluster: two at least are needed.")
    rows = np.arange(len(groups))
    if level == 0:
        return rows
    share = DROPPED_SHARES[level - 1]
    dropped_count = min(len(names) - 1, max(level, round(share * len(names))))
    dropped = names[_rank(len(names), seed, "mode_dropping") < dropped_count]
    lost = np.isin(groups, dropped)
    kept = np.flatnonzero(~lost)
    words = random_words(derive_seed(seed, "corruption", "mode_dropping"), rows)
    return np.where(lost, kept[(words % np.uint64(len(kept))).astype(np.int64)], rows)


def rows_repeated(count: int, level: int, seed: int = 0) -> np.ndarray:
    """int64 (count,): few rows, each as often as the others; those of a level are among those of the one before."""
    share = (1.0, *DISTINCT_SHARES)[level]
    ranks = _rank(count, seed, "duplication")
    order = np.argsort(ranks)
    distinct = max(1, round(share * count))
    return order[ranks % distinct]


def _rank(count: int, seed: int, purpose: str) -> np.ndarray:
    """int64 (count,): the place of each row in a random order."""
    words = random_words(derive_seed(seed, "corruption", purpose), np.arange(count))
    return np.argsort(np.argsort(words, kind="stable"), kind="stable")
