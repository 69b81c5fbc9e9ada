"""Lesson: mode collapse, and the regularisers that prevent it.

Several variants of one training, with the same networks, data, seed and optimiser. R1: Mescheder et al. 2018,
arXiv:1801.04406. Relativistic loss with R1 and R2: Huang et al. 2024 (R3GAN), arXiv:2501.05441.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal

from pydantic import Field

from imagewright.lessons.base import LessonOutput, Numbers, Seed, define_lesson
from imagewright.lessons.collapse import figures as draw
from imagewright.lessons.gan.data import DATA
from imagewright.lessons.gan.lesson import SETTINGS, BatchSize, Frames, LearningRate, Steps, snapshot_numbers
from imagewright.lessons.gan.training import Reference, Snapshot, TrainingSettings, spread_steps, train_gan
from imagewright.progress import ProgressCounter

STRIP = 5  # snapshots in the figure


def variants(settings: TrainingSettings) -> dict[str, TrainingSettings]:
    """The trainings that are compared, by name. The first one collapses; each other name says what differs from it."""
    return {
        "no penalty": dataclasses.replace(settings, penalty=0.0),
        "no penalty, 4 times the batch": dataclasses.replace(settings, penalty=0.0, batch_size=4 * settings.batch_size),
        "R1 penalty": settings,
        "relativistic, R1 and R2": dataclasses.replace(settings, loss="relativistic"),
    }


@define_lesson(figures=("collapse",), animations=("collapse",))
def collapse(
    output: LessonOutput,
    *,
    data: Annotated[Literal["ring", "grid"], Field(description="8 modes on a circle, or 25 on a grid")] = "ring",
    penalty: Annotated[
        float | None,
        Field(gt=0, le=1e3, description="gamma of the variants with a penalty; by default what suits the data"),
    ] = None,
    steps: Steps = None,
    batch_size: BatchSize = 256,
    learning_rate: LearningRate = 1e-3,
    frames: Frames = 48,
    seed: Seed = 0,
) -> Numbers:
    """Modes covered over the steps of a training that collapses, and of variants that do not."""
    usual = SETTINGS[data]
    settings = dataclasses.replace(
        usual,
        penalty=usual.penalty if penalty is None else penalty,
        steps=steps or usual.steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        wide_start=False,  # all variants start collapsed: with generated points that lie together
    )
    reference = Reference(DATA[data](), seed)
    strip = spread_steps(settings.steps, STRIP)
    snapshot_steps = sorted({*strip, *spread_steps(settings.steps, frames)})
    compared = variants(settings)
    total = (len(compared) + int(output.is_animated)) * settings.steps
    trained: dict[str, list[Snapshot]] = {}
    counter = ProgressCounter(total, output.progress)

    def count_steps(step: int) -> None:
        counter.advance(len(trained) * settings.steps + step - counter.done)

    for name, variant in compared.items():
        _, trained[name] = train_gan(reference, variant, snapshot_steps, seed, count_steps)
    draw.strip(output, reference, trained, strip)
    if output.is_animated:
        draw.animation(output, reference, trained, lambda share: count_steps(round(share * settings.steps)))
    modes = len(reference.data.modes)
    return {
        "summary": [
            f"{name}: {snapshots[-1].modes} of {modes} modes covered at the end." for name, snapshots in trained.items()
        ],
        "modes": modes,
        "variants": {
            name: {
                "settings": dataclasses.asdict(compared[name]),
                "snapshots": [snapshot_numbers(reference, snapshot) for snapshot in snapshots],
            }
            for name, snapshots in trained.items()
        },
    }
