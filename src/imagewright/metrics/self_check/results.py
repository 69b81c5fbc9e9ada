"""What a self-check found: each number under each corruption, what was expected of it, and what it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from imagewright.metrics.metric import Output
from imagewright.metrics.self_check.corruptions import CORRUPTIONS
from imagewright.metrics.self_check.expectations import Expected, Verdict


@dataclass(frozen=True)
class Reading:
    """One number under one corruption: `values` of levels 1 to 5, what was expected, and what it did.

    failed: why the number could not be computed, where it could not; values are then NaN from that level on.
    """

    output: Output
    corruption: str
    values: tuple[float, ...]
    expected: Expected
    verdict: Verdict
    failed: str = ""


@dataclass(frozen=True)
class SelfCheck:
    """What a self-check found. count: pictures of each half. clean: of each output, its values for clean halves.

    left_out: metrics that cannot be checked so, each with the reason. modes: what was dropped as a mode. shown: of each
    corruption, pictures uint8 (6, P, C, H, W) by level: one, or sixteen where it is a set that changes.
    """

    source: str
    count: int
    features: str | None
    modes: str
    corruptions: tuple[str, ...]
    clean: Mapping[str, tuple[float, ...]]
    readings: tuple[Reading, ...]
    left_out: Mapping[str, str]
    shown: Mapping[str, np.ndarray] = field(compare=False, repr=False, default_factory=dict)

    @property
    def outputs(self) -> list[Output]:
        """The numbers that were looked at."""
        return list({reading.output.name: reading.output for reading in self.readings}.values())

    @property
    def suspicious(self) -> list[Reading]:
        """Those that did not do what they should."""
        return [each for each in self.readings if each.verdict.judgement not in ("as it should", "open")]

    def lines(self) -> list[str]:
        """A sentence on each reading, those that are not as they should be first."""
        first = self.suspicious
        return [said(each) for each in [*first, *(each for each in self.readings if each not in first)]]

    def record(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        return {
            "source": self.source,
            "count": self.count,
            "features": self.features,
            "modes": self.modes,
            "clean": {name: list(values) for name, values in self.clean.items()},
            "readings": [
                {
                    "output": each.output.name,
                    "corruption": each.corruption,
                    "values": [value if np.isfinite(value) else None for value in each.values],
                    "expected": each.expected.way,
                    "judgement": each.verdict.judgement,
                    "why": each.failed or each.verdict.why,
                    "from_level": each.verdict.from_level,
                }
                for each in self.readings
            ],
            "left_out": dict(self.left_out),
        }


def said(reading: Reading) -> str:
    """A sentence: `fd and blurred pictures: as it should, from level 1 on`."""
    verdict = reading.verdict
    start = f"{reading.output.name}, {CORRUPTIONS[reading.corruption].title}"
    if reading.failed:
        return f"{start}: not defined: {reading.failed}"
    seen = "" if verdict.from_level is None else f", beyond chance from level {verdict.from_level}"
    why = f" ({verdict.why})" if verdict.why else ""
    words = {
        "as it should": "holds still, as it should" if reading.expected.way == "holds" else "moves as it should",
        "unevenly": "moves the right way, but not further at each level",
        "did not move": "does not move, though it should",
        "wrong way": "moves the wrong way",
        "moved": "moves, though it should hold still",
        "open": "nothing is promised",
        "not defined": "is no finite number",
    }[verdict.judgement]
    return f"{start}: {words}{seen}{why}"
