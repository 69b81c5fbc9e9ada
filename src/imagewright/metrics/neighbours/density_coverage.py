"""Density and coverage: how many real neighbourhoods generated pictures lie in, and how many they reach.

Naeem et al. 2020, arXiv:2002.09797, eq. 4 and 5, with balls around real pictures only: one outlier among the generated
ones widens nothing. As in the authors' code a ball is open: a picture exactly at its edge is outside, and a real
picture with as many equal ones as there are neighbours has a ball that nothing lies in. Pictures of the real
distribution have a density of 1 and, for N real and M generated ones, a coverage of
1 - (N-1)...(N-k) / ((M+N-1)...(M+N-k)) in expectation (their lemma 2): 0.969 for many and k = 5. A density above 1 says
that pictures crowd where real ones are close together.
"""

from __future__ import annotations

import dataclasses

from imagewright.metrics.intervals import bootstrap
from imagewright.metrics.metric import Metric, Output, Sample, Setting, Value
from imagewright.metrics.neighbours.neighbourhoods import DENSITY_COVERAGE, counts_of
from imagewright.metrics.neighbours.shares import share_of


def _compute(sample: Sample, reference: Sample | None, setting: Setting) -> dict[str, Value]:
    assert reference is not None
    balls, counts = counts_of(sample, reference, DENSITY_COVERAGE.closed, setting)
    generated, real = len(counts.real_balls), len(counts.generated_inside)
    density = bootstrap(counts.real_balls / balls.neighbours, seed=setting.seed, what="generated pictures")
    return {
        "density": dataclasses.replace(density, interval=f"{density.interval}, the {real:,} real ones given"),
        "coverage": share_of(
            counts.generated_inside > 0, f"{real:,} real pictures, the {generated:,} generated ones given"
        ),
    }


METRIC = Metric(
    name="density_coverage",
    outputs=(Output("density", "density", "higher"), Output("coverage", "coverage", "higher")),
    needs=frozenset({"features", "reference"}),
    compute=_compute,
    source="Naeem et al. 2020, arXiv:2002.09797",
    least=DENSITY_COVERAGE.neighbours + 1,
    advised=10_000,
    why_advised="the fewer the real pictures, the wider their balls: poor pictures then still lie in them",
    options={"neighbours": DENSITY_COVERAGE.neighbours, "equal_counts": True},
)
