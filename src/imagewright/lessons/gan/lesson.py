"""Lesson: a generator and a discriminator, step by step, beside the best discriminator there could be.

The picture is figure 1 of Goodfellow et al. 2014, arXiv:1406.2661, computed from a training.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

from pydantic import Field

from imagewright.lessons.base import Numbers, Place, Seed, lesson
from imagewright.lessons.gan import figures as draw
from imagewright.lessons.gan.data import DATA, DataName
from imagewright.lessons.gan.model import GameName
from imagewright.lessons.gan.training import Look, Rules, Table, play, spread_looks

RULES: dict[DataName, Rules] = {
    "line": Rules(penalty=0.1, steps=1500, generator_every=3),
    "ring": Rules(penalty=0.3, steps=1500),
    "grid": Rules(penalty=0.03, steps=2500, width=128, betas=(0.0, 0.99)),
    "moons": Rules(penalty=0.1, steps=1500),
}
STRIP = 6  # looks in the figure

Steps = Annotated[int | None, Field(ge=10, le=1_000_000, description="of training; as many as the data needs")]
BatchSize = Annotated[int, Field(ge=2, le=65_536, description="points of one step")]
LearningRate = Annotated[float, Field(gt=0, le=1, description="of Adam, for both players")]
Frames = Annotated[int, Field(ge=STRIP, le=1000, description="looks at the game, more of them at the start")]


@lesson(figures=("steps",), animations=("training",))
def gan(
    place: Place,
    *,
    data: Annotated[
        DataName, Field(description="two modes on a line; in the plane a ring of 8, a grid of 25, moons")
    ] = ("line"),
    loss: Annotated[GameName, Field(description="the game that is played")] = "non_saturating",
    penalty: Annotated[
        float | None, Field(ge=0, le=1e3, description="gamma of R1 (relativistic: of R1 and R2); what suits the data")
    ] = None,
    steps: Steps = None,
    batch_size: BatchSize = 256,
    learning_rate: LearningRate = 1e-3,
    frames: Frames = 60,
    seed: Seed = 0,
) -> Numbers:
    """Data and generated density, D(x) beside D*, and the map from z to x, from step 0 to convergence."""
    given: dict[str, Any] = {"penalty": penalty, "steps": steps}
    rules = dataclasses.replace(
        RULES[data],
        loss=loss,
        batch_size=batch_size,
        learning_rate=learning_rate,
        **{name: value for name, value in given.items() if value is not None},
    )
    table = Table(DATA[data](), seed)
    every = spread_looks(rules.steps, frames)
    strip = spread_looks(rules.steps, STRIP)
    looks_at = sorted({*strip, *(every if place.is_animated else ())})
    total = 2 * rules.steps if place.is_animated else rules.steps  # drawing takes as long as training
    _, looks = play(table, rules, looks_at, seed, lambda step: place.progress(step, total))
    draw.strip(place, table, [look for look in looks if look.step in strip])
    if place.is_animated:
        draw.training(place, table, looks, lambda share: place.progress(round(rules.steps * (1 + share)), total))
    modes = len(table.data.modes)
    first, last = looks[0], looks[-1]
    return {
        "summary": [
            f"In {rules.steps:,} steps the Wasserstein distance of generated points to data fell from "
            f"{first.distance:.3f} to {last.distance:.3f}; {last.modes} of {modes} modes are covered. "
            f"|D - D*| is {discriminator_gap(table, last):.3f} on average.",
        ],
        "rules": dataclasses.asdict(rules),
        "modes": modes,
        "looks": [numbers_of(table, look) for look in looks],
    }


def numbers_of(table: Table, look: Look) -> Numbers:
    """What is worth keeping of a look."""
    return {
        "step": look.step,
        "wasserstein_distance": look.distance,
        "modes_covered": look.modes,
        "discriminator_gap": discriminator_gap(table, look),
        "losses": look.losses,
    }


def discriminator_gap(table: Table, look: Look) -> float:
    """Mean of |D - D*| over the points that the discriminator is shown: half data, half generated."""
    weights = table.density + look.generated
    known = weights > 0
    gaps = abs(look.judged - table.density / weights.clip(1e-300))
    return float((gaps * weights)[known].sum() / weights.sum())
