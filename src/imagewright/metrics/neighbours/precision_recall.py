"""Improved precision and recall.

Kynkaanniemi et al. 2019, arXiv:1904.06991, eq. 1 and 2: the manifold of a set is the union of balls around its
pictures, each reaching to the third nearest other picture of the set. Precision is the share of generated pictures in
the real manifold, recall the share of real pictures in the generated manifold. As in the paper balls are closed: a
picture exactly at the edge is inside. A picture of the set itself thus always lies in its manifold, and duplicates
have balls of radius 0. The paper uses features of a VGG-16, most others Inception's; the two are not comparable.
"""

from __future__ import annotations

from imagewright.metrics.metric import Metric, MetricContext, MetricOutput, Sample, Value
from imagewright.metrics.neighbours.neighbourhoods import PRECISION_RECALL, count_neighbourhoods
from imagewright.metrics.neighbours.shares import wilson_share


def _compute(sample: Sample, reference: Sample | None, context: MetricContext) -> dict[str, Value]:
    assert reference is not None
    _, counts = count_neighbourhoods(sample, reference, PRECISION_RECALL.closed, context)
    generated, real = len(counts.real_balls), len(counts.generated_balls)
    return {
        "precision": wilson_share(
            counts.real_balls > 0, f"{generated:,} generated pictures, the {real:,} real ones fixed"
        ),
        "recall": wilson_share(
            counts.generated_balls > 0, f"{real:,} real pictures, the {generated:,} generated ones fixed"
        ),
    }


METRIC = Metric(
    name="precision_recall",
    outputs=(MetricOutput("precision", "precision", "higher"), MetricOutput("recall", "recall", "higher")),
    needs=frozenset({"features", "reference"}),
    compute=_compute,
    source="Kynkaanniemi et al. 2019, arXiv:1904.06991",
    summary="fidelity and diversity, from nearest-neighbour balls of both sets",
    least=PRECISION_RECALL.neighbours + 1,
    advised=10_000,
    why_advised="with fewer pictures the balls between them are wider, and contain poor pictures too",
    options={"neighbours": PRECISION_RECALL.neighbours, "equal_counts": True},
)
