"""Density and coverage.

Naeem et al. 2020, arXiv:2002.09797, eq. 4 and 5. Density is the mean number of real k-nearest-neighbour balls that
contain a generated picture, over k; coverage is the share of real balls that contain any. Only real pictures have
balls, so that an outlier among the generated pictures widens nothing. As in the authors' code a ball is open: a picture
exactly at its edge is outside, and a real picture with k or more duplicates has an empty ball. Pictures of the real
distribution have an expected density of 1 and, for N real and M generated pictures, an expected coverage of
1 - (N-1)...(N-k) / ((M+N-1)...(M+N-k)) (their lemma 2): 0.969 for many pictures and k = 5. A density above 1 means that
generated pictures concentrate where real pictures are dense.
"""

from __future__ import annotations

import dataclasses

from imagewright.metrics.intervals import bootstrap
from imagewright.metrics.metric import Metric, MetricContext, MetricOutput, Sample, Value
from imagewright.metrics.neighbours.neighbourhoods import DENSITY_COVERAGE, count_neighbourhoods
from imagewright.metrics.neighbours.shares import wilson_share


def _compute(sample: Sample, reference: Sample | None, context: MetricContext) -> dict[str, Value]:
    assert reference is not None
    balls, counts = count_neighbourhoods(sample, reference, DENSITY_COVERAGE.closed, context)
    generated, real = len(counts.real_balls), len(counts.generated_inside)
    density = bootstrap(counts.real_balls / balls.neighbours, seed=context.seed, what="generated pictures")
    return {
        "density": dataclasses.replace(density, interval=f"{density.interval}, the {real:,} real ones fixed"),
        "coverage": wilson_share(
            counts.generated_inside > 0, f"{real:,} real pictures, the {generated:,} generated ones fixed"
        ),
    }


METRIC = Metric(
    name="density_coverage",
    outputs=(MetricOutput("density", "density", "higher"), MetricOutput("coverage", "coverage", "higher")),
    needs=frozenset({"features", "reference"}),
    compute=_compute,
    source="Naeem et al. 2020, arXiv:2002.09797",
    summary="fidelity and diversity, from balls around real pictures only",
    least=DENSITY_COVERAGE.neighbours + 1,
    advised=10_000,
    why_advised="with fewer real pictures their balls are wider, and contain poor pictures too",
    options={"neighbours": DENSITY_COVERAGE.neighbours, "equal_counts": True},
)
