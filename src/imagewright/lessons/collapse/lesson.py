"""Lesson: a generator that gives up most of the data, and what keeps it from doing so.

The same networks, data, seed and optimiser play several games; only what is named differs. R1: Mescheder et al. 2018,
arXiv:1801.04406. Relativistic loss with R1 and R2: Huang et al. 2024 (R3GAN), arXiv:2501.05441.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Annotated, Literal

from pydantic import Field

from imagewright.lessons.base import Numbers, Place, Seed, lesson
from imagewright.lessons.collapse import figures as draw
from imagewright.lessons.gan.data import DATA
from imagewright.lessons.gan.lesson import RULES, BatchSize, Frames, LearningRate, Steps, numbers_of
from imagewright.lessons.gan.training import Look, Rules, Table, play, spread_looks

STRIP = 5  # looks in the figure


def games(rules: Rules) -> dict[str, Rules]:
    """The games that are compared, by what is different in them. The first is the one that collapses."""
    return {
        "no penalty": dataclasses.replace(rules, penalty=0.0),
        "no penalty, 4 times the batch": dataclasses.replace(rules, penalty=0.0, batch_size=4 * rules.batch_size),
        "R1 penalty": rules,
        "relativistic, R1 and R2": dataclasses.replace(rules, loss="relativistic"),
    }


def _progress(place: Place, begun: int, total: int, step: int) -> None:
    place.progress(begun + step, total)


@lesson(figures=("collapse",), animations=("collapse",))
def collapse(
    place: Place,
    *,
    data: Annotated[Literal["ring", "grid"], Field(description="8 modes on a circle, or 25 on a grid")] = "ring",
    penalty: Annotated[
        float | None, Field(gt=0, le=1e3, description="gamma of the games that have one; what suits the data")
    ] = None,
    steps: Steps = None,
    batch_size: BatchSize = 256,
    learning_rate: LearningRate = 1e-3,
    frames: Frames = 48,
    seed: Seed = 0,
) -> Numbers:
    """Modes covered over the steps of a game that collapses, and of others that differ from it in one thing."""
    usual = RULES[data]
    rules = dataclasses.replace(
        usual,
        penalty=usual.penalty if penalty is None else penalty,
        steps=steps or usual.steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        wide_start=False,  # all games begin where one ends that has collapsed: at points that lie together
    )
    table = Table(DATA[data](), seed)
    strip = spread_looks(rules.steps, STRIP)
    looks_at = sorted({*strip, *spread_looks(rules.steps, frames)})
    compared = games(rules)
    total = (len(compared) + int(place.is_animated)) * rules.steps
    played: dict[str, list[Look]] = {}
    for number, (name, game) in enumerate(compared.items()):
        _, played[name] = play(table, game, looks_at, seed, partial(_progress, place, number * rules.steps, total))
    draw.strip(place, table, played, strip)
    if place.is_animated:
        done = len(compared) * rules.steps
        draw.animation(place, table, played, lambda share: place.progress(done + round(share * rules.steps), total))
    modes = len(table.data.modes)
    return {
        "summary": [
            f"{name}: {looks[-1].modes} of {modes} modes covered at the end." for name, looks in played.items()
        ],
        "modes": modes,
        "games": {
            name: {"rules": dataclasses.asdict(compared[name]), "looks": [numbers_of(table, look) for look in looks]}
            for name, looks in played.items()
        },
    }
