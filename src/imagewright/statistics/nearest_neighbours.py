"""The nearest rows of a set too large to hold: one pass over blocks of it, in memory that does not grow with the set.

Shape letters: Q queries, F numbers of a row, B rows of a block, K nearest that are kept.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

COMPARED = 2**24  # numbers of the differences in memory at once
SLACK = 1e-4  # of a squared length: what a product in single precision may be off by, with room


def nearest(
    queries: Tensor, blocks: Iterable[Tensor], count: int, *, leave_out: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Euclidean distances to the `count` nearest rows, nearest first, and their places: (Q, count) each.

    `blocks`: the rows (B, F), in order, from place 0 on. `leave_out` (Q,): a place for each query that does not count,
    such as its own; -1 for none. Where there are fewer rows than `count` the rest are infinitely far, at -1.
    Found by matrix products; what is near is measured again by differences, so that a copy is at distance 0.
    """
    centre = queries.mean(0)  # what all rows share would cost digits
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
        hopeful = near < squares[:, -1:] + SLACK * lengths[:, None]
        near[~hopeful] = torch.inf
        near[hopeful] = _measured(queries, rows, hopeful.nonzero()[:, 0], at[hopeful])
        squares, chosen = torch.cat([squares, near], 1).sort(dim=1, stable=True)
        places = torch.cat([places, at + first], 1).gather(1, chosen)[:, :count]
        squares = squares[:, :count]
        first += len(rows)
    return squares.sqrt(), torch.where(squares.isinf(), -1, places)


def _measured(queries: Tensor, rows: Tensor, asked: Tensor, at: Tensor) -> Tensor:
    """Squared distances of pairs (P,), a bounded number of them at a time."""
    step = max(1, COMPARED // queries.shape[1])
    pairs = zip(asked.split(step), at.split(step), strict=True)
    found = [(queries[query] - rows[row]).square().sum(1) for query, row in pairs]
    return torch.cat(found) if found else torch.empty(0)
