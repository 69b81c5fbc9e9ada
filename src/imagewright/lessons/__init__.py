"""Lessons: figures that explain, computed by the package's own code. This file is light: listing them imports nothing.

To add a lesson:

1. `lessons/NAME.py`: a function under `@lesson(figures=(...))` of `lessons/base.py`, which shows how;
2. one line in `LESSONS` below: `"NAME": Entry("imagewright.lessons.NAME:FUNCTION", "What it shows, in one line.")`;
3. a section in `docs/lessons.md`, and a test in `tests/lessons/test_NAME_lesson.py`.

The command `imagewright lesson NAME`, its options and their help follow from the function's signature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from imagewright.errors import UserError, nearest_name

if TYPE_CHECKING:
    from imagewright.lessons.base import Lesson


class Entry(NamedTuple):
    """Where a lesson is, as `"module:function"`, and what it shows."""

    path: str
    summary: str


LESSONS: dict[str, Entry] = {
    "dimension": Entry(
        "imagewright.lessons.dimension.lesson:dimension",
        "Why high dimensions are empty: samples to cover a cube, outcomes of dice, distances that grow alike.",
    ),
    "eigenfaces": Entry(
        "imagewright.lessons.eigenfaces.lesson:eigenfaces",
        "Pictures as a mean and a sum of axes: eigenfaces by k, a change of basis, and the axis that is dropped.",
    ),
    "jpeg": Entry(
        "imagewright.lessons.jpeg.lesson:jpeg",
        "How JPEG makes a picture small: 64 basis pictures, a block through every stage, where the bits go.",
    ),
    "gan": Entry(
        "imagewright.lessons.gan.lesson:gan",
        "A generator and a discriminator step by step: densities, D(x) beside its optimum, the map from z to x.",
    ),
    "collapse": Entry(
        "imagewright.lessons.collapse.lesson:collapse",
        "A GAN that gives up most of the data, beside the same one with what keeps it from doing so.",
    ),
    "boundary": Entry(
        "imagewright.lessons.boundary.lesson:boundary",
        "Generative against discriminative: what each learns of two classes, from few points and when a class moves.",
    ),
}


def lesson_of(name: str) -> Lesson:
    """The lesson of that name; raises `UserError` with the nearest name for another."""
    import importlib

    if name not in LESSONS:
        raise UserError(f"There is no lesson {name!r}.{nearest_name(name, LESSONS)} Known: {', '.join(LESSONS)}.")
    module, _, function = LESSONS[name].path.partition(":")
    lesson: Lesson = getattr(importlib.import_module(module), function)
    return lesson
