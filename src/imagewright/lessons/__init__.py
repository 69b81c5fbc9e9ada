"""Lessons: figures that explain, computed by the package's own code. This file is light: listing them imports nothing.

To add a lesson:

1. a folder `lessons/NAME/` with a `lesson.py`: a function under `@define_lesson(figures=(...))` (`lessons/base.py`);
2. one line in `LESSONS` below: `LessonEntry("NAME", "imagewright.lessons.NAME.lesson:FUNCTION", "What it shows.")`;
3. a section in `docs/lessons.md`, and a test in `tests/lessons/test_NAME_lesson.py`.

The command `imagewright lesson NAME`, its options and their help follow from the function's signature.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple

from imagewright.errors import UserError, nearest_name

if TYPE_CHECKING:
    from imagewright.lessons.base import Lesson


class LessonEntry(NamedTuple):
    """A lesson: its name, where its function is (`"module:function"`), and what it shows."""

    name: str
    target: str
    summary: str


_ENTRIES = (
    LessonEntry(
        "dimension",
        "imagewright.lessons.dimension.lesson:dimension",
        "Why high dimensions are empty: samples to cover a cube, outcomes of dice, distances that become equal.",
    ),
    LessonEntry(
        "eigenfaces",
        "imagewright.lessons.eigenfaces.lesson:eigenfaces",
        "Pictures as a mean and a sum of axes: eigenfaces by k, a change of basis, and the axis that is dropped.",
    ),
    LessonEntry(
        "jpeg",
        "imagewright.lessons.jpeg.lesson:jpeg",
        "How JPEG makes a picture small: 64 basis pictures, a block through every stage, where the bits go.",
    ),
    LessonEntry(
        "gan",
        "imagewright.lessons.gan.lesson:gan",
        "A generator and a discriminator step by step: densities, D(x) beside its optimum, the map from z to x.",
    ),
    LessonEntry(
        "collapse",
        "imagewright.lessons.collapse.lesson:collapse",
        "A GAN that loses most modes of the data, beside the same GAN with the regularisers that prevent it.",
    ),
    LessonEntry(
        "boundary",
        "imagewright.lessons.boundary.lesson:boundary",
        "Generative against discriminative: what each learns of two classes, from few points and when a class moves.",
    ),
)
LESSONS: dict[str, LessonEntry] = {entry.name: entry for entry in _ENTRIES}


def list_lessons() -> list[LessonEntry]:
    """Every lesson with its summary. Imports none of them.

    >>> [entry.name for entry in list_lessons()][:2]
    ['dimension', 'eigenfaces']
    """
    return list(LESSONS.values())


def lesson_of(name: str) -> Lesson:
    """The lesson of that name, imported now. Raises `UserError` with the nearest name for an unknown one."""
    if name not in LESSONS:
        raise UserError(f"There is no lesson {name!r}.{nearest_name(name, LESSONS)} Known: {', '.join(LESSONS)}.")
    module, _, function = LESSONS[name].target.partition(":")
    lesson: Lesson = getattr(importlib.import_module(module), function)
    return lesson
