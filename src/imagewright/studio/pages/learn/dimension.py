"""What covers a line, a square and a cube, and how distances between random points gather."""

from __future__ import annotations

from typing import Any

import numpy as np

from imagewright.lessons.dimension.measures import cells_hit, contrast, expected_share, pairwise_distances
from imagewright.studio.pages.learn.sessions import packed
from imagewright.studio.serving.asked import Asked
from imagewright.studio.serving.studio import Studio

MOST_SAMPLES, SHOWN = 20_000, 4000
POINTS = 300  # whose distances are measured
BINS = np.linspace(0, 2.5, 101)


def cover(_: Studio, asked: Asked) -> dict[str, Any]:
    """Random points of [0, 1]^d, which of the cells of side 0.1 they hit, and how many samples that takes elsewhere."""
    dimensions, samples = asked.whole("dimensions", 2, low=1, high=3), asked.whole("samples", 100, high=MOST_SAMPLES)
    points = np.random.default_rng(asked.whole("seed", 0)).random((MOST_SAMPLES, dimensions))[:samples]
    hit = cells_hit(points)
    return {
        "points": packed(points[:SHOWN]),
        "hit": packed(hit),
        "share": float(hit.mean()),
        "expected": expected_share(samples, dimensions),
        "elsewhere": [expected_share(samples, each) for each in (1, 2, 3, 4)],
    }


def distances(_: Studio, asked: Asked) -> dict[str, Any]:
    """How the distances between random points of [0, 1]^d spread around their mean."""
    dimensions = asked.whole("dimensions", 2, low=1, high=1000)
    points = np.random.default_rng(asked.whole("seed", 0)).random((POINTS, dimensions))
    found = pairwise_distances(points)
    counts, _edges = np.histogram(found / found.mean(), BINS)
    return {"counts": counts, "edges": BINS, **contrast(found)}
