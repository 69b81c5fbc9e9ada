"""Exact nearest neighbours in a streamed set: one pass over its blocks, in memory that does not grow with the set.

Shape letters: Q queries, F features of a row, B rows of a block, K nearest rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor

from imagewright.shared_work import shared_map, sharing_ranks

COMPARED = 2**24  # elements of the differences in memory at once
SLACK = 1e-4  # bound of the error of float32 products, relative to the squared length, with a margin


def nearest(
    queries: Tensor, blocks: Iterable[Tensor], count: int, *, leave_out: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The `count` nearest rows of each query: Euclidean distances, nearest first, and row numbers, (Q, count) each.

    Candidates are found by matrix products, and their distances computed again from differences, so that a copy of a
    query is at distance 0. If there are fewer rows than `count`, the remaining distances are infinite and numbers -1.

    queries: (Q, F).
    blocks: the rows, (B, F) each, in order.
    count: K.
    leave_out: (Q,), a row number that is ignored for each query, such as its own; -1 for none.
    """
    squares, places = _search(queries, _numbered(blocks), count, leave_out)
    return squares.sqrt(), places


def nearest_in_blocks(
    queries: Tensor,
    rows: Callable[[int], Tensor],
    blocks: int,
    size: int,
    count: int,
    *,
    leave_out: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """As `nearest`. In a block of `sharing_work` each rank searches in some of the blocks, and all get the same result.

    rows: the rows of a block by its number, (B, F).
    blocks: how many there are.
    size: B, the rows of each but the last.
    """
    ranks = sharing_ranks()

    def search(rank: int) -> tuple[Tensor, Tensor]:
        own = ((number * size, rows(number)) for number in range(rank, blocks, ranks))
        return _search(queries, own, count, leave_out)

    found = list(shared_map(search, range(ranks)))
    squares, places = (torch.cat(parts, 1) for parts in zip(*found, strict=True))
    if ranks > 1:  # of equal distances the first block's comes first, as in one search through all
        order = places.where(places >= 0, torch.iinfo(torch.int64).max).div(size, rounding_mode="floor")
        order = order.sort(dim=1, stable=True).indices
        squares, places = squares.gather(1, order), places.gather(1, order)
        squares, order = squares.sort(dim=1, stable=True)
        places = places.gather(1, order)
    return squares[:, :count].sqrt(), places[:, :count]


def _numbered(blocks: Iterable[Tensor]) -> Iterator[tuple[int, Tensor]]:
    """Each block with the number of its first row."""
    first = 0
    for block in blocks:
        yield first, block
        first += len(block)


def _search(
    queries: Tensor, blocks: Iterable[tuple[int, Tensor]], count: int, leave_out: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Squared distances and numbers of the nearest rows, (Q, count) each. Each block is given with its first number."""
    centre = queries.mean(0)  # centring avoids cancellation in the products
    queries = queries - centre
    lengths = queries.square().sum(1)
    squares = torch.full((len(queries), count), torch.inf)
    places = torch.full((len(queries), count), -1)
    for first, block in blocks:
        rows = block - centre
        far = lengths[:, None] + rows.square().sum(1) - 2 * queries @ rows.T
        if leave_out is not None:
            own = leave_out - first
            here = ((own >= 0) & (own < len(rows))).nonzero()[:, 0]
            far[here, own[here]] = torch.inf
        near, at = far.topk(min(count, len(rows)), largest=False)
        candidates = near < squares[:, -1:] + SLACK * lengths[:, None]
        near[~candidates] = torch.inf
        near[candidates] = _squared_distances(queries, rows, candidates.nonzero()[:, 0], at[candidates])
        squares, chosen = torch.cat([squares, near], 1).sort(dim=1, stable=True)
        places = torch.cat([places, at + first], 1).gather(1, chosen)[:, :count]
        squares = squares[:, :count]
    return squares, torch.where(squares.isinf(), -1, places)


def _squared_distances(queries: Tensor, rows: Tensor, query_numbers: Tensor, row_numbers: Tensor) -> Tensor:
    """Squared distances of P pairs of a query and a row, (P,), computed in parts of bounded size."""
    step = max(1, COMPARED // queries.shape[1])
    pairs = zip(query_numbers.split(step), row_numbers.split(step), strict=True)
    found = [(queries[query] - rows[row]).square().sum(1) for query, row in pairs]
    return torch.cat(found) if found else torch.empty(0)
