"""The result of `check_swap`: the measurements, and the series that its figure shows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagewright.errors import count_text
from imagewright.face_swap.check.reference_faces import ReferenceFaces
from imagewright.face_swap.check.series import Series
from imagewright.face_swap.check.shown import ShownPair
from imagewright.face_swap.measures.measure import MeasuredValue
from imagewright.output.names import encode_text
from imagewright.output.tables import write_table
from imagewright.output.writing import check_suffix, new_file

FIGURES = (".png", ".svg", ".pdf")
SUFFIXES = (*FIGURES, ".json", ".csv")
VERDICTS = {True: "met", False: "not met", None: ""}
COLUMNS = ("name", "title", "value", "low", "high", "unit", "aim", "met", "note", "key")


@dataclass(frozen=True, eq=False)
class SwapCheck:
    """The measures of a swap.

    Attributes:
        swapped, original: names of both.
        measurements: each with its value, interval, aim and recipe.
        series: the values over time.
        people: the faces that were given, by "source" and "target".
        shown: pairs of crops for the figure.
        notes: sentences for the user.
    """

    swapped: str
    original: str
    measurements: Sequence[MeasuredValue]
    series: Series
    people: Mapping[str, ReferenceFaces]
    shown: Sequence[ShownPair]
    notes: Sequence[str]

    def __getitem__(self, name: str) -> float:
        """The value of a measure by its name, such as "pose/error". Raises `KeyError` if it was not measured."""
        for each in self.measurements:
            if each.measure.name == name and each.value is not None:
                return each.value.value
        raise KeyError(name)

    def __repr__(self) -> str:
        return "\n".join(self.lines())

    @property
    def headline(self) -> str:
        """How many frames were measured, and how many aims are met."""
        return self.headline_of()

    def headline_of(self, *, short: bool = False) -> str:
        """The headline, with the names of files alone if it should be short."""
        ours, theirs = (Path(name).name if short else name for name in (self.swapped, self.original))
        measured = len(self.series.places)
        judged = [each for each in self.measurements if each.met is not None]
        met = sum(bool(each.met) for each in judged)
        return (
            f"{ours} against {theirs}: the face in {measured:,} of "
            f"{count_text(self.series.pairs, 'frame')}; {met} of {len(judged)} aims met"
        )

    def lines(self) -> list[str]:
        """The headline, then a line for each measure: value, interval, aim and note."""
        rows = [("measure", "value", "95 % interval", "aim", "", "")]
        for each in self.measurements:
            value, aim = each.value, each.measure.aim
            share = each.measure.unit == "share"
            unit = f" {each.measure.unit}" if each.measure.unit and not share else ""
            low, high = (None, None) if value is None else (value.low, value.high)
            between = "" if low is None else f"{_number(low, share=share)} to {_number(high, share=share)}"
            rows.append(
                (
                    each.measure.title,
                    "not measured" if value is None else _number(value.value, share=share) + unit,
                    between,
                    "" if aim is None else f"{aim.kind} {aim.limit:.0%}" if share else str(aim),
                    VERDICTS[each.met],
                    each.note,
                )
            )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return [self.headline, "", *table, "", "Aims are guidance: what is good depends on the footage."]

    def to_dict(self) -> dict[str, Any]:
        """JSON values: every measurement with its recipe, counts of frames, notes."""
        series = self.series
        return {
            "swapped": self.swapped,
            "original": self.original,
            "frames": series.pairs,
            "measured": len(series.places),
            "without_face": series.without_face,
            "lost": series.lost,
            "measurements": [each.to_dict() for each in self.measurements],
            "notes": list(self.notes),
        }

    def write(self, path: str | Path, *, force: bool = False) -> Path:
        """Write a figure (.png, .svg, .pdf), the measurements with their recipes (.json), or a table (.csv).

        Raises `UserError` for another suffix, `RunError` for a file that exists without `force`.
        """
        suffix = check_suffix(path, list(SUFFIXES))
        if suffix in FIGURES:
            from imagewright.face_swap.check.figure import write_figure

            return write_figure(self, path, force=force)
        if suffix == ".csv":
            rows = [[each.to_dict()[column] for column in COLUMNS] for each in self.measurements]
            return write_table(path, COLUMNS, rows, force=force)
        with new_file(path, force=force) as file:
            file.write(encode_text(json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"))
        return Path(path)


def _number(value: float | None, *, share: bool = False) -> str:
    if value is None:
        return ""
    if share:
        return f"{value:.1%}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
