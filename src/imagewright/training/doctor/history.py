"""What a run has reported so far, as the rules ask for it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# A rule looks at no more than this many of the latest reports, so that judging each of thousands stays cheap.
REMEMBERED = 60

# Nothing is said of a model that has hardly begun: its pictures are all alike, its discriminator has won.
BEGINNING_SHARE = 0.2  # of the training that is planned
BEGINNING_STEPS = 200  # a short run's fifth is not yet a start

GROWN = 1.05


def as_table(value: Any) -> Mapping[str, Any]:
    """A part of a report or record, empty where a damaged file has something else there."""
    return value if isinstance(value, Mapping) else {}


@dataclass(frozen=True)
class History:
    """Reports of a run, earliest first, up to one of them; and what the run was told."""

    lines: Sequence[Mapping[str, Any]]
    record: Mapping[str, Any]

    @property
    def images_seen(self) -> int:
        """At the last report."""
        return int(self.lines[-1]["images_seen"])

    @property
    def has_begun(self) -> bool:
        """Whether training has gone on for long enough to be judged by what it makes."""
        total, batch = self.planned("images_seen"), self.planned("batch_size")
        return self.images_seen >= max(BEGINNING_SHARE * total, BEGINNING_STEPS * batch)

    def planned(self, name: str) -> float:
        """A number of the training's plan, 0 where it has none."""
        value = as_table(self.record.get("plan")).get(name)
        return float(value) if isinstance(value, int | float) else 0.0

    def has_option(self, name: str) -> bool:
        """Whether the model has an option of this name."""
        return name in as_table(self.record.get("config"))

    def option(self, name: str) -> Any:
        """The value of an option of the model, None where it has no such option."""
        return as_table(self.record.get("config")).get(name)

    def figures(self, name: str) -> list[float]:
        """A figure at each remembered report that has it."""
        found = (as_table(line.get("health")).get(name) for line in self.lines[-REMEMBERED:])
        return [float(figure) for figure in found if isinstance(figure, int | float) and math.isfinite(figure)]

    def latest(self, name: str, count: int = 3) -> list[float]:
        """A figure at the last `count` reports; empty where there are fewer."""
        found = self.figures(name)[-count:]
        return found if len(found) == count else []

    def grows(self, name: str) -> bool:
        """Whether a figure was larger by more than a twentieth in the last five reports than in the five before.

        A game may pause for six of 25 reports before its pictures go on to part. Of fewer than ten nothing can be said
        yet, and the benefit of the doubt is the training's.
        """
        found = self.figures(name)[-10:]
        return len(found) < 10 or sum(found[5:]) > GROWN * sum(found[:5])

    def names(self, start: str, end: str) -> list[str]:
        """What stands between `start` and `end` in names of figures of the last report: the phases, the networks."""
        health = as_table(self.lines[-1].get("health"))
        return [
            name[len(start) : len(name) - len(end)] for name in health if name.startswith(start) and name.endswith(end)
        ]
