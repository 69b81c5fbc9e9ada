"""A measure of a swap with its recipe, and a value that was measured.

The recipe holds every number that changes the value, so that values of equal keys are comparable. Published numbers of
face swapping are not: which pose network, crop or mask was used is seldom said.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from imagewright.metrics.metric import Value
from imagewright.versions import versions

FORMAT = 1  # raised when the arithmetic of a measure changes


@dataclass(frozen=True)
class Aim:
    """What a good swap reaches: guidance, since what is good depends on the footage.

    kind: whether values from `limit` up are good, or values up to `limit`.
    """

    kind: Literal["at least", "at most"]
    limit: float

    def is_met(self, value: float) -> bool:
        """Whether a value is good."""
        return value >= self.limit if self.kind == "at least" else value <= self.limit

    def __str__(self) -> str:
        return f"{self.kind} {self.limit:g}"


@dataclass(frozen=True)
class Measure:
    """What is measured.

    name: its key, such as "pose/error".
    title: for tables.
    unit: such as "degrees"; empty for a ratio, a share or a correlation.
    better: the better direction.
    source: the paper, or what it follows.
    settings: every number that changes the value, by name.
    aim: what a good swap reaches; None without a common answer.
    """

    name: str
    title: str
    unit: str
    better: Literal["lower", "higher", "near 1"]
    source: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    aim: Aim | None = None


@dataclass(frozen=True)
class MeasuredValue:
    """A value of a measure.

    measure: what was measured.
    value: the number with its interval; None if it could not be measured, with the reason in `note`.
    settings: what this measurement adds to the recipe, such as the method of the optical flow.
    note: what a reader should know.
    """

    measure: Measure
    value: Value | None
    settings: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None without an aim or a value."""
        if self.value is None or self.measure.aim is None:
            return None
        return self.measure.aim.is_met(self.value.value)

    def recipe(self) -> dict[str, Any]:
        """Everything that changes the value, ready for JSON."""
        settings = {**self.measure.settings, **self.settings}
        return {"format": FORMAT, "measure": self.measure.name, "settings": dict(sorted(settings.items()))}

    def to_dict(self) -> dict[str, Any]:
        """JSON values: the number, its interval, the aim, the recipe and the key of the recipe."""
        value, aim = self.value, self.measure.aim
        return {
            "name": self.measure.name,
            "title": self.measure.title,
            "unit": self.measure.unit,
            "better": self.measure.better,
            "value": None if value is None else value.value,
            "low": None if value is None else value.low,
            "high": None if value is None else value.high,
            "interval": "" if value is None else value.interval,
            "aim": None if aim is None else str(aim),
            "met": self.met,
            "note": self.note,
            "key": recipe_key(self.recipe()),
            "recipe": self.recipe() | {"source": self.measure.source, "versions": versions()},
        }


def recipe_key(recipe: Mapping[str, Any]) -> str:
    """A digest of a recipe, 12 hex digits: equal if values are comparable."""
    compared = {name: recipe.get(name) for name in ("format", "measure", "settings")}
    return hashlib.sha256(json.dumps(compared, sort_keys=True).encode()).hexdigest()[:12]
