"""The reports of a run up to one of them, with the look-ups that the rules need."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imagewright.training.plan import fewest_images

# A rule reads at most this many of the latest reports, so that diagnosing each of thousands of reports stays fast.
LATEST_REPORTS = 60

# Samples of a model that has hardly begun to train are all similar, and its discriminator is far ahead. Rules about
# samples wait until training has gone on for this share of its length, and for this number of steps.
BEGINNING_SHARE = 0.2
BEGINNING_STEPS = 200

GROWN = 1.05  # ratio of the means of a figure over five reports, above which it grows


def as_mapping(value: Any) -> Mapping[str, Any]:
    """A value from a report or record; an empty mapping if it is none, as in a damaged file."""
    return value if isinstance(value, Mapping) else {}


@dataclass(frozen=True)
class History:
    """The reports of a run up to one of them.

    reports: lines of metrics.jsonl, earliest first, at least one.
    record: the content of run.json.
    ended: whether the training is over, at its end or stopped before: then it is judged as it is.
    """

    reports: Sequence[Mapping[str, Any]]
    record: Mapping[str, Any]
    ended: bool = False

    @property
    def images_seen(self) -> int:
        """Images seen at the last report."""
        return int(self.reports[-1]["images_seen"])

    @property
    def begins_at(self) -> int:
        """Images seen from which on samples can be diagnosed. The planned length of an ended training is no matter."""
        total, batch = self.planned("images_seen"), self.planned("batch_size")
        return math.ceil(max(0 if self.ended else BEGINNING_SHARE * total, BEGINNING_STEPS * batch))

    @property
    def has_begun(self) -> bool:
        """Whether training has gone on for long enough that its samples can be diagnosed."""
        return self.images_seen >= self.begins_at

    @property
    def fewest_images(self) -> int:
        """Images seen in the shortest training that shows whether a network learns."""
        return fewest_images(self.planned("batch_size"))

    def planned(self, name: str) -> float:
        """A number of the training's plan; 0 if it has none of this name."""
        value = as_mapping(self.record.get("plan")).get(name)
        return float(value) if isinstance(value, int | float) else 0.0

    def has_option(self, name: str) -> bool:
        """Whether the model has an option of this name."""
        return name in as_mapping(self.record.get("config"))

    def option(self, name: str) -> Any:
        """The value of an option of the model; None if it has no such option."""
        return as_mapping(self.record.get("config")).get(name)

    def figures(self, name: str) -> list[float]:
        """A figure at each of the latest reports that has it."""
        found = (as_mapping(report.get("health")).get(name) for report in self.reports[-LATEST_REPORTS:])
        return [float(figure) for figure in found if isinstance(figure, int | float) and math.isfinite(figure)]

    def latest(self, name: str, count: int = 3) -> list[float]:
        """A figure at the last `count` reports; empty if fewer reports have it and more may come."""
        found = self.figures(name)[-count:]
        return found if len(found) == count or self.ended else []

    def grows(self, name: str) -> bool:
        """Whether the mean of a figure over the last five reports is over 1.05 times that over the five before.

        True if there are fewer than ten reports, which are too few to tell; of an ended training False, since there it
        grows no more. An adversarial training was observed whose samples stayed similar for six of 25 reports before
        they became diverse.
        """
        found = self.figures(name)[-10:]
        if len(found) < 10:
            return not self.ended
        return sum(found[5:]) > GROWN * sum(found[:5])

    def names(self, start: str, end: str) -> list[str]:
        """The part between `start` and `end` of each figure's name in the last report: phases, networks."""
        figures = as_mapping(self.reports[-1].get("health"))
        return [
            name[len(start) : len(name) - len(end)] for name in figures if name.startswith(start) and name.endswith(end)
        ]
