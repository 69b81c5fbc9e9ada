"""Runs through their training: a sheet of checkpoints for each, and one curve of all, over images and over minutes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from imagewright.errors import ImagewrightError, RunError, UserError
from imagewright.metrics.checkpoint_sheets import COLUMNS, checkpoint_sheet
from imagewright.metrics.run_curves import Curves, find_curve, main_curves, run_curves
from imagewright.output.figures import colour_of, new_figure, render_figure
from imagewright.output.grids import PAPER
from imagewright.output.provenance import to_xmp
from imagewright.output.sheets import Sheet, stack_sheets
from imagewright.output.writing import to_png
from imagewright.runs.report.curves import draw_curves
from imagewright.runs.report.html import panel, picture, section, text
from imagewright.runs.run import Run

ROWS_ON_PAGE = 6  # checkpoints of a run on a page, which shows several runs
FIGURE_INCHES, LEGEND_LETTERS = (7.2, 2.9), 110
AXES = {"images_seen": ("images seen", 1.0), "seconds": ("minutes of training", 60.0)}
CURVES_ON_PAGE = 4


def draw_through_time(
    runs: Mapping[str, Run], *, count: int = COLUMNS, seed: int = 0, curve: str | None = None
) -> tuple[Image.Image, dict[str, Any], list[str]]:
    """A picture: the sheet of each run's checkpoints, and under them a curve of all runs, over images and minutes.

    runs: by name.
    count: samples of each checkpoint.
    seed: of the samples.
    curve: its name, such as "score: FID" or "generator/adversarial"; by default a score, or else the losses.

    Returns the picture, its provenance record and notes. A run that has no sheet is left out with a note. Raises
    `UserError` or `RunError` if none of them has any, and `UserError` for a curve that there is not.
    """
    found = {over: run_curves(runs, over) for over in AXES}
    names = _chosen(found["images_seen"], curve)
    sheets, notes = _sheets(runs, count, seed)
    parts = [stack_sheets(sheets)]
    shown = {over: _lines(own, names) for over, own in found.items()}
    if any(shown["images_seen"].values()):
        parts.append(_draw_figure(shown, names))
    else:
        notes.append("No curve is drawn: there is no report with a loss or a score yet.")
    record = dict(sheets[0].record or {})
    settings = {**record.get("settings", {}), "runs": [sheet.name for sheet in sheets], "curves": names}
    return _stack(parts), record | {"settings": settings}, notes


def time_sections(runs: Mapping[str, Run], seed: int) -> list[str]:
    """The HTML sections of a page: curves over images seen and over time, and the sheet of checkpoints of each run."""
    found = {over: run_curves(runs, over) for over in AXES}
    panels = []
    for name in _chosen(found["images_seen"], None):
        for over, (label, unit) in AXES.items():
            series = {run: [(x / unit, y) for x, y in own[name]] for run, own in found[over].items() if name in own}
            if series:
                panels.append(panel(f"{name}, over {label}", draw_curves(series, x_label=label)))
    figures = []
    for name, run in runs.items():
        try:
            sheet = checkpoint_sheet(run, name, seed=seed, most_rows=ROWS_ON_PAGE)
        except ImagewrightError as error:
            figures.append(f'<p class="faint">{text(name)}: {text(error)}</p>')
            continue
        shown = picture(to_png(sheet.draw(), to_xmp(sheet.record or {})), f"{name} by images seen", sharp=True)
        said = " ".join([f"{name}, a row a checkpoint.", *sheet.notes])
        figures.append(f"<figure>{shown}<figcaption>{text(said)}</figcaption></figure>")
    return [section("Through the training", panels), f"<h2>Checkpoints, samples of seed {seed}</h2>", *figures]


def _chosen(found: Mapping[str, Curves], curve: str | None) -> list[str]:
    """The names of the curves to draw: the one that is named, or the main ones of all runs."""
    if curve is not None:
        return [find_curve(found, curve)]
    return main_curves(found)[:CURVES_ON_PAGE]


def _lines(found: Mapping[str, Curves], names: list[str]) -> Curves:
    """The lines of a figure by their labels: the curve, or the run, or both if there are several of both."""
    lines: Curves = {}
    for run, own in found.items():
        for name in names:
            if name in own:
                label = run if len(names) == 1 else name if len(found) == 1 else f"{run}, {name}"
                lines[label] = own[name]
    return lines


def _sheets(runs: Mapping[str, Run], count: int, seed: int) -> tuple[list[Sheet], list[str]]:
    sheets: list[Sheet] = []
    faults: list[UserError | RunError] = []
    for name, run in runs.items():
        try:
            sheets.append(checkpoint_sheet(run, name, count, seed=seed))
        except (UserError, RunError) as error:
            faults.append(error)
    if not sheets:
        raise faults[0]
    return sheets, [note for sheet in sheets for note in sheet.notes] + [str(error) for error in faults]


def _draw_figure(shown: Mapping[str, Curves], names: list[str]) -> Image.Image:
    """All lines over images seen, and beside it over minutes."""
    with new_figure(*FIGURE_INCHES) as figure:
        axes = figure.subplots(1, len(AXES), sharey=True)
        for place, (each, (over, (label, unit))) in enumerate(zip(axes, AXES.items(), strict=True)):
            for index, (line, points) in enumerate(shown[over].items()):
                x, y = np.array(points).T
                size = 5 if len(points) == 1 else 2.5
                each.plot(x / unit, y, color=colour_of(index), label=line, marker="o", markersize=size, linewidth=1.2)
            each.set_xlabel(label)
            each.ticklabel_format(axis="x", style="plain")
            each.locator_params(axis="x", nbins=5)
            if over == "images_seen":
                each.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
            if place == 0:
                each.set_ylabel(names[0].partition(": ")[2] or names[0] if len(names) == 1 else "loss")
        handles, labels = axes[0].get_legend_handles_labels()
        columns = max(1, min(len(labels), int(LEGEND_LETTERS / (max(map(len, labels), default=1) + 6))))
        figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=7)  # covers no curve
        return Image.fromarray(render_figure(figure))


def _stack(parts: list[Image.Image]) -> Image.Image:
    """Pictures one under the other."""
    size = max(part.width for part in parts), sum(part.height for part in parts)
    whole = Image.new("RGB", size, (PAPER, PAPER, PAPER))
    top = 0
    for part in parts:
        whole.paste(part.convert("RGB"), (0, top))
        top += part.height
    return whole
