"""Improved precision and recall: the share of generated pictures that could be real ones, and the other way round.

Kynkaanniemi et al. 2019, arXiv:1904.06991, eq. 1 and 2: a set's manifold is the union of balls around its pictures,
each reaching to the third nearest other picture of the set. As in the paper a picture exactly at an edge is inside, so
a picture of the set itself always is, and equal pictures have balls that hold copies of them alone. The paper takes
features of a VGG-16, others mostly Inception's; numbers of the two differ.
"""

from __future__ import annotations

from imagewright.metrics.metric import Metric, Output, Sample, Setting, Value
from imagewright.metrics.neighbours.neighbourhoods import PRECISION_RECALL, counts_of
from imagewright.metrics.neighbours.shares import share_of


def _compute(sample: Sample, reference: Sample | None, setting: Setting) -> dict[str, Value]:
    assert reference is not None
    _, counts = counts_of(sample, reference, PRECISION_RECALL.closed, setting)
    generated, real = len(counts.real_balls), len(counts.generated_balls)
    return {
        "precision": share_of(counts.real_balls > 0, f"{generated:,} generated pictures, the {real:,} real ones given"),
        "recall": share_of(
            counts.generated_balls > 0, f"{real:,} real pictures, the {generated:,} generated ones given"
        ),
    }


METRIC = Metric(
    name="precision_recall",
    outputs=(Output("precision", "precision", "higher"), Output("recall", "recall", "higher")),
    needs=frozenset({"features", "reference"}),
    compute=_compute,
    source="Kynkaanniemi et al. 2019, arXiv:1904.06991",
    least=PRECISION_RECALL.neighbours + 1,
    advised=10_000,
    why_advised="the fewer the pictures, the wider the balls between them: poor ones then still lie in some",
    options={"neighbours": PRECISION_RECALL.neighbours, "equal_counts": True},
)
