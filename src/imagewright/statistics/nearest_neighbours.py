"""Exact nearest neighbours in a streamed set: one pass over its blocks, in memory that does not grow with the set.

Shape letters: Q queries, F features of a row, B rows of a block, K nearest rows.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

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
    centre = queries.mean(0)  # centring avoids cancellation in the products
    queries = queries - centre
    lengths = queries.square().sum(1)
    squares = torch.full((len(queries), count), torch.inf)
    places = torch.full((len(queries), count), -1)
    first = 0
    for block in blocks:
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
        first += len(rows)
    return squares.sqrt(), torch.where(squares.isinf(), -1, places)


def _squared_distances(queries: Tensor, rows: Tensor, query_numbers: Tensor, row_numbers: Tensor) -> Tensor:
    """Squared distances of P pairs of a query and a row, (P,), computed in parts of bounded size."""
    step = max(1, COMPARED // queries.shape[1])
    pairs = zip(query_numbers.split(step), row_numbers.split(step), strict=True)
    found = [(queries[query] - rows[row]).square().sum(1) for query, row in pairs]
    return torch.cat(found) if found else torch.empty(0)
