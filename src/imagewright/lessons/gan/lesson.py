"""Lesson: a generator and a discriminator, step by step, beside the optimal discriminator.

Figure 1 of Goodfellow et al. 2014, arXiv:1406.2661, computed from a training.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

from pydantic import Field

from imagewright.lessons.base import LessonOutput, Numbers, Seed, define_lesson
from imagewright.lessons.gan import figures as draw
from imagewright.lessons.gan.data import DATA, DataName
from imagewright.lessons.gan.model import LossName
from imagewright.lessons.gan.training import Reference, Snapshot, TrainingSettings, spread_steps, train_gan

SETTINGS: dict[DataName, TrainingSettings] = {
    "line": TrainingSettings(penalty=0.1, steps=1500, generator_every=3),
    "ring": TrainingSettings(penalty=0.3, steps=1500),
    "grid": TrainingSettings(penalty=0.03, steps=2500, width=128, betas=(0.0, 0.99)),
    "moons": TrainingSettings(penalty=0.1, steps=1500),
    "comb": TrainingSettings(penalty=0.03, steps=2000, generator_every=2),
    "moon": TrainingSettings(penalty=0.1, steps=1500),
    "spiral": TrainingSettings(penalty=0.3, steps=2000),
}
STRIP = 6  # snapshots in the figure

Steps = Annotated[int | None, Field(ge=10, le=1_000_000, description="of training; by default what the data needs")]
BatchSize = Annotated[int, Field(ge=2, le=65_536, description="points of one step")]
LearningRate = Annotated[float, Field(gt=0, le=1, description="of Adam, for generator and discriminator")]
Frames = Annotated[int, Field(ge=STRIP, le=1000, description="frames of the animation, more of them at the start")]


@define_lesson(figures=("steps",), animations=("training",))
def gan(
    output: LessonOutput,
    *,
    data: Annotated[
        DataName,
        Field(
            description="on a line two modes or a comb of 5; in the plane a ring of 8, a grid of 25, moons, a spiral"
        ),
    ] = "line",
    loss: Annotated[LossName, Field(description="the adversarial loss")] = "non_saturating",
    penalty: Annotated[
        float | None,
        Field(ge=0, le=1e3, description="gamma of R1 (relativistic: of R1 and R2); by default what suits the data"),
    ] = None,
    steps: Steps = None,
    batch_size: BatchSize = 256,
    learning_rate: LearningRate = 1e-3,
    frames: Frames = 60,
    seed: Seed = 0,
) -> Numbers:
    """Data and generated density, D(x) beside D*, and the map from z to x, from step 0 to convergence."""
    given: dict[str, Any] = {"penalty": penalty, "steps": steps}
    settings = dataclasses.replace(
        SETTINGS[data],
        loss=loss,
        batch_size=batch_size,
        learning_rate=learning_rate,
        **{name: value for name, value in given.items() if value is not None},
    )
    reference = Reference(DATA[data](), seed)
    every = spread_steps(settings.steps, frames)
    strip = spread_steps(settings.steps, STRIP)
    snapshot_steps = sorted({*strip, *(every if output.is_animated else ())})
    total = 2 * settings.steps if output.is_animated else settings.steps  # drawing takes as long as training
    _, snapshots = train_gan(reference, settings, snapshot_steps, seed, lambda step: output.progress(step, total))
    draw.strip(output, reference, [snapshot for snapshot in snapshots if snapshot.step in strip])
    if output.is_animated:
        draw.training(
            output, reference, snapshots, lambda share: output.progress(round(settings.steps * (1 + share)), total)
        )
    modes = len(reference.data.modes)
    first, last = snapshots[0], snapshots[-1]
    return {
        "summary": [
            f"In {settings.steps:,} steps the Wasserstein distance of generated points to data fell from "
            f"{first.distance:.3f} to {last.distance:.3f}; {last.modes} of {modes} modes are covered. "
            f"|D - D*| is {discriminator_gap(reference, last):.3f} on average.",
        ],
        "settings": dataclasses.asdict(settings),
        "modes": modes,
        "snapshots": [snapshot_numbers(reference, snapshot) for snapshot in snapshots],
    }


def snapshot_numbers(reference: Reference, snapshot: Snapshot) -> Numbers:
    """The numbers of a snapshot that are written."""
    return {
        "step": snapshot.step,
        "wasserstein_distance": snapshot.distance,
        "modes_covered": snapshot.modes,
        "discriminator_gap": discriminator_gap(reference, snapshot),
        "losses": snapshot.losses,
    }


def discriminator_gap(reference: Reference, snapshot: Snapshot) -> float:
    """The mean of |D - D*| over the distribution that the discriminator is trained on: half data, half generated."""
    weights = reference.density + snapshot.generated
    known = weights > 0
    gaps = abs(snapshot.probability - reference.density / weights.clip(1e-300))
    return float((gaps * weights)[known].sum() / weights.sum())
