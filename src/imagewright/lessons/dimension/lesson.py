"""Lesson: why high dimensions are empty, measured. Cover a cube, throw dice, compare distances between random points.

Covering: R. Bellman, Adaptive Control Processes (1961), the "curse of dimensionality". Distances: Beyer, Goldstein,
Ramakrishnan & Shaft 1999, "When is nearest neighbor meaningful?".
"""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from pydantic import Field

from imagewright.lessons.base import LessonOutput, Numbers, Seed, define_lesson
from imagewright.lessons.dimension import figures as draw
from imagewright.lessons.dimension.measures import (
    REACH,
    contrast,
    expected_throws,
    intrinsic_dimension,
    pairwise_distances,
    samples_until_covered,
    throws_until_all,
)
from imagewright.lessons.dimension.patches import cut_patches
from imagewright.seeds import derive_seed

COVERED = 1 - math.exp(-1)  # the share of the cube that 10^d random samples cover, borders ignored
SIDES = (1, 2, 3, 5, 7, 10, 14, 19)  # of square pictures: 1 to 361 pixels
MOST_DICE = 3
MOST_MEASURED = 3  # dimensions up to which covering is measured; a fourth would take ten times as long as the third


@define_lesson(figures=("coverage", "dice", "distances", "patches"), animations=("concentration",))
def dimension(
    output: LessonOutput,
    *,
    samples: Annotated[int, Field(ge=50, le=20_000, description="points whose distances are measured")] = 1000,
    repeats: Annotated[int, Field(ge=2, le=10_000, description="times a cube is covered, or dice are thrown")] = 100,
    pictures: Annotated[
        str | None, Field(description="a source to cut patches of; scikit-image's photographs by default")
    ] = None,
    seed: Seed = 0,
) -> Numbers:
    """Samples that cover a cube, outcomes of dice, and distances in pictures of up to 19x19 pixels."""

    def generator_for(purpose: str) -> np.random.Generator:
        return np.random.default_rng(derive_seed(seed, "dimension", purpose))

    parts = 3 + MOST_DICE
    patches = cut_patches(pictures, samples, SIDES, generator_for("patches"))  # first, since a source may be wrong
    waits = {}
    for dimensions in range(1, MOST_MEASURED + 1):
        waits[dimensions] = samples_until_covered(dimensions, repeats, generator_for(f"cover {dimensions}"))
        output.progress(dimensions, parts)
    needed = {dimensions: float(np.quantile(each, COVERED)) for dimensions, each in waits.items()}
    slope, offset = np.polyfit(list(needed), np.log10(list(needed.values())), 1)
    throws = {
        dice: throws_until_all(6**dice, repeats, generator_for(f"dice {dice}")) for dice in range(1, MOST_DICE + 1)
    }
    noise = {side: generator_for(f"noise {side}").random((samples, side * side)) for side in SIDES}
    distances = {
        kind: {side * side: pairwise_distances(points) for side, points in sets.items()}
        for kind, sets in (("noise", noise), ("patches", patches))
    }
    output.progress(4, parts)
    intrinsic = {
        kind: {side * side: intrinsic_dimension(points) for side, points in sets.items()}
        for kind, sets in (("noise", noise), ("patches", patches))
    }
    output.progress(5, parts)

    draw.coverage(output, waits, needed, (float(slope), float(offset)), generator_for("examples"))
    draw.dice(output, throws)
    draw.distances(output, distances["noise"])
    draw.patches(output, patches[SIDES[-1]], noise[SIDES[-1]], distances, intrinsic)
    draw.concentration(output, generator_for("animation"), samples)
    output.progress(parts, parts)
    largest = SIDES[-1] ** 2
    spread = {
        kind: {dimensions: contrast(each) for dimensions, each in sets.items()} for kind, sets in distances.items()
    }
    return {
        "summary": [
            f"Samples needed so that {COVERED:.0%} of all points have one within {REACH} on every axis: "
            f"{', '.join(f'{count:,.0f}' for count in needed.values())} in 1, 2, 3 dimensions, {10**slope:.1f} times "
            f"as many for each further dimension. {largest} dimensions would need 10^{slope * largest + offset:.0f}.",
            f"Distances between pictures of {largest} pixels vary by {spread['noise'][largest]['variation']:.1%} of "
            f"their mean in noise, by {spread['patches'][largest]['variation']:.0%} in photographs, which lie near a "
            f"set of about {intrinsic['patches'][largest]:.0f} dimensions.",
        ],
        "reach": REACH,
        "covered_share": COVERED,
        "samples_needed": needed,
        "extrapolation": {"log10_slope": slope, "log10_offset": offset},
        "throws_until_all_outcomes": {
            dice: {"outcomes": 6**dice, "measured": each.mean(), "expected": expected_throws(6**dice)}
            for dice, each in throws.items()
        },
        "distances": spread,
        "intrinsic_dimension": intrinsic,
    }
