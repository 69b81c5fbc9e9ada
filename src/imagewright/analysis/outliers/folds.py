"""Folds of out-of-fold scoring: no picture is scored by a detector that was fitted to it, or to a copy of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from imagewright.seeds import derive_seed

MANY, FEW = 20_000, 2_000  # pictures: two folds above MANY, ten up to FEW, five in between
COPY = 0.02  # root mean square of the differences of copies in smoothed pixels in [-1, 1]: 2.5 grey levels
COPY_SHARE = 0.1  # or this share of the median distance of two pictures, if that is less
LARGEST_GROUP = 0.2  # of the set: what is more common than that is no outlier, and its pictures are compared
SKETCH = 32  # dimensions of the random projection in which candidates are found
CANDIDATES = 4
BLOCK = 1024


def fold_numbers(count: int, seed: int, groups: np.ndarray | None = None) -> np.ndarray:
    """The fold of each of N pictures, int64 (N,): ten folds for few pictures, fewer for many.

    seed: of the order.
    groups: int64 (N,); pictures of one group get one fold.
    """
    groups = np.arange(count) if groups is None else groups
    numbers, place = np.unique(groups, return_inverse=True)
    folds = min(len(numbers), 2 if count > MANY else 10 if count <= FEW else 5)
    return (np.random.default_rng(derive_seed(seed, "folds")).permutation(len(numbers)) % folds)[place]


def split_folds(fold_of: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each fold the indices of the pictures to fit to, and of those to score, ascending."""
    for fold in range(int(fold_of.max()) + 1):
        yield np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)


def sample_indices(count: int, most: int, purpose: str, seed: int) -> np.ndarray | None:
    """`most` of the indices below `count`, chosen at random, ascending; None, for all, if there are no more."""
    if count <= most:
        return None
    return np.sort(np.random.default_rng(derive_seed(seed, purpose)).choice(count, most, replace=False))


def copy_groups(rows: Tensor, seed: int) -> np.ndarray:
    """The group of each picture, int64 (N,): copies of one picture have one number.

    Copies are chains of pictures that differ by less than `COPY`, or less than a tenth of what two pictures of the set
    differ by. Two equal outliers would otherwise vouch for each other. A chain of more than a fifth of the set is no
    group. Candidates are the nearest later pictures in a random projection: among all, or of more than `MANY` pictures
    among the next in the order of one coordinate.

    rows: smoothed pixels (N, D).
    """
    count = len(rows)
    limit = _copy_distance(rows, seed)
    if not limit > 0:
        return np.arange(count)
    generator = torch.Generator().manual_seed(derive_seed(seed, "sketch") % 2**63)
    width = min(SKETCH, rows.shape[1])
    sketch = (rows - rows.mean(0)) @ torch.linalg.qr(torch.randn(rows.shape[1], width, generator=generator))[0]
    candidates = _nearest_later(sketch) if count <= MANY else _next_in_order(sketch[:, 0])
    parents = np.arange(count)
    for first, second in candidates:
        near = (rows[first] - rows[second]).norm(dim=1) <= limit
        for one, other in zip(first[near].tolist(), second[near].tolist(), strict=True):
            roots = sorted((_root(parents, one), _root(parents, other)))
            parents[roots[1]] = roots[0]
    groups = np.array([_root(parents, index) for index in range(count)])
    sizes = np.bincount(groups, minlength=count)[groups]
    return np.where(sizes <= LARGEST_GROUP * count, groups, np.arange(count))


def _nearest_later(sketch: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Pairs (P,), (P,) of each picture and the nearest `CANDIDATES` of those after it, a block at a time."""
    count, lengths = len(sketch), sketch.square().sum(1)
    for start in range(0, count - 1, BLOCK):
        here = torch.arange(start, min(start + BLOCK, count - 1))
        squares = torch.addmm(lengths[start:], sketch[here], sketch[start:].T, alpha=-2)
        squares.masked_fill_(torch.ones_like(squares, dtype=torch.bool).tril(), torch.inf)
        wanted = min(CANDIDATES, squares.shape[1] - 1)
        values, near = squares.topk(wanted, dim=1, largest=False)
        is_later = values.isfinite()
        yield here[:, None].expand_as(near)[is_later], near[is_later] + start


def _next_in_order(places: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Pairs (P,), (P,) of each picture and the `CANDIDATES` next ones in ascending order of `places` (N,)."""
    order = places.argsort(stable=True)
    for step in range(1, CANDIDATES + 1):
        yield order[:-step], order[step:]


def _copy_distance(rows: Tensor, seed: int) -> float:
    """The distance below which two pictures are copies."""
    generator = np.random.default_rng(derive_seed(seed, "pairs"))
    pairs = torch.from_numpy(generator.integers(0, len(rows), (2, 1000)))
    pairs = pairs[:, pairs[0] != pairs[1]]
    typical = float((rows[pairs[0]] - rows[pairs[1]]).norm(dim=1).median()) if pairs.shape[1] else 0.0
    return min(COPY * rows.shape[1] ** 0.5, COPY_SHARE * typical)


def _root(parents: np.ndarray, index: int) -> int:
    while parents[index] != index:
        parents[index] = parents[parents[index]]
        index = parents[index]
    return int(index)
