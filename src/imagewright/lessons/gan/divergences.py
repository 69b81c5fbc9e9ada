"""Divergences of a generated density from the data's, over the cells of a grid."""

from __future__ import annotations

import numpy as np


def divergences(density: np.ndarray, generated: np.ndarray) -> dict[str, float]:
    """Distances of the generated density from the data's, both over equal cells, in nats.

    `kl`: KL(p || q), which is large where data are not generated. `js`: the Jensen-Shannon divergence, from 0 to
    ln 2 = 0.69. Each cell gets a thousandth of an even distribution besides, since KL is infinite where q alone is 0.
    """
    p, q = (0.999 * each / max(each.sum(), 1e-12) + 0.001 / each.size for each in (density, generated))
    mean = (p + q) / 2
    js = (p * np.log(p / mean)).sum() / 2 + (q * np.log(q / mean)).sum() / 2
    return {"kl": float((p * np.log(p / q)).sum()), "js": float(js)}
