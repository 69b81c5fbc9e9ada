"""The points of a training at which reports and checkpoints are due: soon after its start, then ever more rarely.

They are chosen once, from the measured rate, and are then a function of images seen alone, so that a resumed training
has the same ones as an unbroken one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

REPORTS = 25  # of a training, besides the first ones
CHECKPOINTS = 5  # the same
FIRST_REPORT, LATEST_FIRST_REPORT = 5.0, 10.0  # seconds
# A report with its grid and the doctor's examination takes about as long as training on so many images, and these
# seconds more.
IMAGES_A_REPORT, SECONDS_A_REPORT = 60, 0.1
FIRST_CHECKPOINT, RAREST_CHECKPOINT = 30.0, 900.0  # seconds
SHARE = 0.05  # of the time that reports may take, and that checkpoints may take
WRITTEN_A_SECOND = 2e8  # bytes, by which the seconds that a checkpoint takes are estimated


@dataclass(frozen=True)
class Milestones:
    """Points of a training, in images seen: each is twice the one before, until they are `largest` apart.

    first: the first point.
    largest: images between two points, once twice as many would be further away.

    >>> points = Milestones(10, 30)
    >>> [points.count(seen) for seen in (9, 10, 20, 39, 40, 69, 70, 100)]
    [0, 1, 2, 2, 3, 3, 4, 5]
    """

    first: int
    largest: int

    def count(self, images_seen: int) -> int:
        """The number of points up to `images_seen`."""
        doublings = max(0, math.ceil(math.log2(self.largest / self.first)))
        evenly_from = self.first * 2**doublings
        if images_seen >= evenly_from:
            return doublings + 1 + (images_seen - evenly_from) // self.largest
        return 0 if images_seen < self.first else int(math.log2(images_seen / self.first)) + 1


Every = int | Milestones
"""When something is due: each so many images, or at milestones."""


def is_due(every: Every, before: int, seen: int) -> bool:
    """Whether a point lies in the step from `before` to `seen` images."""
    if isinstance(every, Milestones):
        return every.count(before) != every.count(seen)
    return before // every != seen // every


@dataclass(frozen=True)
class Pace:
    """When the reports and the checkpoints of a training are due, where the user did not say."""

    reports: Milestones
    checkpoints: Milestones

    @classmethod
    def from_dict(cls, record: Any) -> Pace | None:
        """The pace in the record of a run; None if there is none, as in runs of older versions."""
        try:
            points = {name: Milestones(int(record[name]["first"]), int(record[name]["largest"])) for name in FIELDS}
        except (KeyError, TypeError, ValueError):
            return None
        return cls(**points) if all(min(each.first, each.largest) > 0 for each in points.values()) else None


FIELDS = ("reports", "checkpoints")


def plan_pace(rate: float, total: int, batch_size: int, *, from_image: int, checkpoint_bytes: int) -> Pace:
    """Choose the points of a training.

    rate: images a second in steps.
    total: images of the training.
    batch_size: images of one step; points are whole steps.
    from_image: no point is before it.
    checkpoint_bytes: of a checkpoint's files.
    """
    seconds = total / rate
    bounded = (SECONDS_A_REPORT + IMAGES_A_REPORT / rate) / SHARE
    # The first reports may take more than their share, since somebody is waiting for them.
    first = max(min(FIRST_REPORT, seconds / REPORTS), min(LATEST_FIRST_REPORT, bounded))
    writing = checkpoint_bytes / WRITTEN_A_SECOND / SHARE
    first_checkpoint = max(writing, FIRST_CHECKPOINT)
    rarest = max(first_checkpoint, min(RAREST_CHECKPOINT, seconds / CHECKPOINTS))

    def images(seconds: float, least: int = batch_size) -> int:
        return max(least, math.ceil(seconds * rate / batch_size) * batch_size)

    start = from_image + batch_size
    return Pace(
        reports=Milestones(images(first, start), images(max(bounded, seconds / REPORTS))),
        checkpoints=Milestones(images(first_checkpoint, start), images(rarest)),
    )
