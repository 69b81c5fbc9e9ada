"""The result of a self-check: each output under each corruption, its expected change, and its observed change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.files import written_together
from imagewright.metrics.metric import MetricOutput
from imagewright.metrics.self_check.corruptions import CORRUPTIONS
from imagewright.metrics.self_check.expectations import Expected, Verdict
from imagewright.notebooks import NotebookDisplay
from imagewright.output.writing import check_suffix, new_file, refuse_existing, write_image

FIGURES = (".png", ".svg", ".pdf")
OUTCOME_WORDS = {
    "as expected": "changes as expected",
    "not monotonic": "changes in the expected direction, but not further at each level",
    "no change": "does not change, but a change was expected",
    "wrong direction": "changes in the wrong direction",
    "changed": "changes, but was expected to stay constant",
    "no expectation": "either direction is acceptable",
    "undefined": "is not a finite number",
}


@dataclass(frozen=True)
class Measurement:
    """One output of a metric under one corruption.

    output: the output measured.
    corruption: the corruption's name.
    values: the output at levels 1 to 5; NaN from the first level at which the metric could not be computed.
    expected: the change that more damage should cause.
    verdict: the change that more damage did cause.
    failed: why the metric could not be computed, else "".
    """

    output: MetricOutput
    corruption: str
    values: tuple[float, ...]
    expected: Expected
    verdict: Verdict
    failed: str = ""

    @property
    def is_unexpected(self) -> bool:
        """Whether the measurement contradicts its expectation, or is undefined."""
        return self.verdict.outcome not in ("as expected", "no expectation")

    def line(self) -> str:
        """One line: `fd, blurred: changes as expected, beyond chance from level 1`."""
        verdict = self.verdict
        start = f"{self.output.name}, {CORRUPTIONS[self.corruption].title}"
        if self.failed:
            return f"{start}: undefined: {self.failed}"
        beyond = "" if verdict.from_level is None else f", beyond chance from level {verdict.from_level}"
        why = f" ({verdict.why})" if verdict.why else ""
        words = OUTCOME_WORDS[verdict.outcome]
        if verdict.outcome == "as expected" and self.expected.direction == "constant":
            words = "stays constant, as expected"
        return f"{start}: {words}{beyond}{why}"


@dataclass(frozen=True)
class SelfCheck(NotebookDisplay):
    """The result of a self-check.

    source: where the pictures come from.
    count: pictures in each half.
    features: the name of the feature network, None if no metric needed one.
    modes: what `mode_dropping` dropped, in words: classes or clusters.
    corruptions: names of the corruptions applied.
    clean: for each output that depends on the scored half, its values between two halves without damage, one per random
        split.
    measurements: one for each output under each corruption.
    left_out: names of metrics (or `mode_dropping`) that could not be checked, each with the reason.
    shown: for each corruption, pictures uint8 (6, P, C, H, W) by level; P is at most 16, and 1 if pictures are
        corrupted one by one.
    """

    source: str
    count: int
    features: str | None
    modes: str
    corruptions: tuple[str, ...]
    clean: Mapping[str, tuple[float, ...]]
    measurements: tuple[Measurement, ...]
    left_out: Mapping[str, str]
    shown: Mapping[str, np.ndarray] = field(compare=False, repr=False, default_factory=dict)

    @property
    def outputs(self) -> list[MetricOutput]:
        """The outputs that were measured."""
        return list({each.output.name: each.output for each in self.measurements}.values())

    @property
    def unexpected(self) -> list[Measurement]:
        """The measurements that contradict their expectation, or are undefined."""
        return [each for each in self.measurements if each.is_unexpected]

    def lines(self) -> list[str]:
        """A heading, then a line for each measurement, unexpected ones first."""
        ordered = sorted(self.measurements, key=lambda each: not each.is_unexpected)
        heading = f"{self.count:,} pictures of {self.source} against {self.count:,} others; modes: {self.modes}"
        return [heading, *(each.line() for each in ordered)]

    def to_dict(self) -> dict[str, Any]:
        """All numbers, ready for JSON. Values that are not finite become None."""
        return {
            "source": self.source,
            "count": self.count,
            "features": self.features,
            "modes": self.modes,
            "clean": {name: list(values) for name, values in self.clean.items()},
            "measurements": [
                {
                    "output": each.output.name,
                    "corruption": each.corruption,
                    "values": [value if np.isfinite(value) else None for value in each.values],
                    "expected": each.expected.direction,
                    "outcome": each.verdict.outcome,
                    "why": each.failed or each.verdict.why,
                    "from_level": each.verdict.from_level,
                }
                for each in self.measurements
            ],
            "left_out": dict(self.left_out),
        }

    @written_together()
    def write(self, path: str | Path, *, force: bool = False) -> list[Path]:
        """Write the result; returns the paths of the files written.

        path: `.json` for all numbers; `.png`, `.svg` or `.pdf` for a figure of the curves. With a figure,
            the sheet of corrupted pictures is written beside it as NAME-pictures.png.
        force: overwrite files that exist.

        Raises `UserError` for another suffix, and for files that exist without `force`.
        """
        from imagewright.metrics.self_check.figures import draw_sheet, save_curves

        paths = check_outputs(path, force=force)
        if paths[0].suffix.lower() == ".json":
            with new_file(paths[0], force=force) as file:
                file.write(json.dumps(self.to_dict(), indent=1).encode())
        else:
            save_curves(self, paths[0], force=force)
            write_image(draw_sheet(self), paths[1], force=force)
        return paths


def check_outputs(path: str | Path, *, force: bool = False) -> list[Path]:
    """The files that `SelfCheck.write` writes for a path.

    Raises `UserError` for what `write` would refuse; call it before measuring.
    """
    path = Path(path)
    suffix = check_suffix(path, [*FIGURES, ".json"])
    paths = [path] if suffix == ".json" else [path, path.with_name(f"{path.stem}-pictures.png")]
    refuse_existing(paths, force=force)
    return paths
