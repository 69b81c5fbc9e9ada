"""Divergences of a generated density from the data's, over the cells of a grid."""

from __future__ import annotations

import numpy as np


def divergences(density: np.ndarray, generated: np.ndarray, cell: float) -> dict[str, float]:
    """Distances of the generated density from the data's, in nats.

    `kl`: KL(p || q), which is large where data are not generated. `js`: the Jensen-Shannon divergence, from 0 to
    ln 2 = 0.69. Each cell gets a thousandth of an even distribution besides, since KL is infinite where q alone is 0.

    density, generated: over equal cells. What lies outside of all cells counts as one cell more.
    cell: length or area of a cell.
    """
    p, q = (_shares(each * cell) for each in (density, generated))
    mean = (p + q) / 2
    js = (p * np.log(p / mean)).sum() / 2 + (q * np.log(q / mean)).sum() / 2
    return {"kl": float((p * np.log(p / q)).sum()), "js": float(js)}


def _shares(inside: np.ndarray) -> np.ndarray:
    """The share of each cell and, last, of what is outside; with a thousandth of an even distribution."""
    shares = np.append(inside.ravel(), max(0.0, 1 - inside.sum()))
    mixed: np.ndarray = 0.999 * shares / shares.sum() + 0.001 / len(shares)
    return mixed
