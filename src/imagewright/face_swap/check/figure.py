"""The figure of a check: frames before and after, and under them the values over time."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imagewright.face_swap.measures.expression import eye_opening, mouth_opening
from imagewright.face_swap.measures.identity import people_of, person_distances
from imagewright.face_swap.measures.jitter import between_two, shakes
from imagewright.face_swap.measures.pose import pose_differences
from imagewright.faces.identities import SAME_PERSON
from imagewright.output.figures import COLOURS, new_figure, save_figure
from imagewright.output.provenance import COMPOSITE, make_record

if TYPE_CHECKING:
    from imagewright.face_swap.check.result import SwapCheck
    from imagewright.face_swap.check.shown import ShownPair

WIDTH, PICTURES_HEIGHT, CURVE_HEIGHT = 14.0, 3.9, 1.7
LEAST_FRAMES = 3  # of curves
LONGEST_NAME = 24
Line = tuple[str, np.ndarray, np.ndarray]
"""A label, places (n,) among the measured frames, and values (n,)."""
Panel = tuple[str, list[Line], float | None]
"""A title, lines, and a level to mark."""


def write_figure(check: SwapCheck, path: str | Path, *, force: bool = False) -> Path:
    """Write the figure. Raises as `save_figure` does."""
    panels = _panels(check) if len(check.series.places) >= LEAST_FRAMES else []
    rows = -(-len(panels) // 2)
    with new_figure(WIDTH, PICTURES_HEIGHT + CURVE_HEIGHT * rows) as figure:
        above: Any = figure
        if panels:
            parts: Any = figure.subfigures(2, 1, height_ratios=[PICTURES_HEIGHT, CURVE_HEIGHT * rows])
            above, below = parts
            _draw_panels(below, check, panels, rows)
        above.suptitle(check.headline_of(short=True), fontsize=11)
        _draw_pictures(above, check)
        record = make_record("swap check", model="face networks", source_type=COMPOSITE)
        return save_figure(figure, path, record, force=force)


def _draw_panels(below: Any, check: SwapCheck, panels: list[Panel], rows: int) -> None:
    series = check.series
    across = np.array(series.times if series.timed else series.places)
    for axis, panel in zip_longest(below.subplots(rows, 2, squeeze=False).flat, panels):
        if panel is None:
            axis.set_visible(False)
        else:
            _draw_panel(axis, across, *panel)
            axis.set_xlabel("seconds" if series.timed else "picture", fontsize=8)


def _draw_pictures(above: Any, check: SwapCheck) -> None:
    shown = check.shown
    axes = above.subplots(2, max(len(shown), 1), squeeze=False)
    for column, pair in enumerate(shown):
        for row, pixels in enumerate((pair.original, pair.swapped)):
            axis = axes[row, column]
            axis.imshow(pixels)
            axis.set_xticks([])
            axis.set_yticks([])
            axis.grid(visible=False)
            for side in axis.spines.values():
                side.set_visible(False)
        axes[0, column].set_title(_title_of(check, pair), fontsize=9)
    for row, label in enumerate(("original", "swapped")):
        axes[row, 0].set_ylabel(label)


def _title_of(check: SwapCheck, pair: ShownPair) -> str:
    series = check.series
    if not series.timed:
        return pair.name if len(pair.name) <= LONGEST_NAME else f"{pair.name[: LONGEST_NAME - 3]}..."
    if pair.place not in series.places:
        return f"frame {pair.place:,}"
    return f"frame {pair.place:,}, {series.times[series.places.index(pair.place)]:.1f} s"


def _panels(check: SwapCheck) -> list[Panel]:
    """The title, the lines and the level to mark of each plot."""
    series = check.series
    every = np.arange(len(series.places))
    ours, theirs = series.aligned()
    openings = [("swapped", every, mouth_opening(ours)), ("original", every, mouth_opening(theirs))]
    differences = pose_differences(np.stack(series.poses[0]), np.stack(series.poses[1]))
    eyes = [("swapped", every, eye_opening(ours)), ("original", every, eye_opening(theirs))]
    panels: list[Panel] = [
        ("distance of the swapped face to the person", _identity_lines(check), SAME_PERSON),
        ("mouth opening, % of eye distance", openings, None),
        ("eye opening, % of eye distance", eyes, None),
        ("pose error, degrees", [("swapped", every, np.linalg.norm(differences, axis=1))], 5.0),
    ]
    points = [np.stack(side) for side in series.points]
    shots = series.shots_in_a_row()
    shaken = _both(between_two(shots), shakes(points[0], points[1], shots))
    panels.append(("shake, % of eye distance", shaken, None))
    flickers = np.array(series.flickers).reshape(-1, 3)
    panels.append(("flicker, grey levels", _both(flickers[:, 0].astype(int), flickers[:, 1:]), None))
    seams = np.array(series.seams).reshape(-1, 4)
    panels.append(("detail inside the face, grey levels", _both(every, np.array(series.contrasts)), None))
    places = seams[:, 0].astype(int)
    steps = [("colour step over the footage's", places, seams[:, 1]), ("change of colour inside", places, seams[:, 3])]
    panels.append(("edge of the face, Lab units", steps, 2.0))
    return [panel for panel in panels if any(len(line[1]) for line in panel[1])]


def _identity_lines(check: SwapCheck) -> list[Line]:
    series = check.series
    ours, theirs = (np.stack(side) for side in series.identities)
    places = np.array(series.identified)
    source, target = check.people.get("source"), check.people.get("target")
    lines = [] if source is None else [("to the source", places, person_distances(ours, source.identities))]
    person = people_of(theirs) if target is None else target.identities
    return [*lines, ("to the target", places, person_distances(ours, person))]


def _both(places: np.ndarray, values: np.ndarray) -> list[Line]:
    """Lines of the two columns of (n, 2)."""
    return [(label, places[: len(values)], values[:, side]) for side, label in enumerate(("swapped", "original"))]


def _draw_panel(axis: Any, times: np.ndarray, title: str, lines: list[Line], level: float | None) -> None:
    for order, (label, places, values) in enumerate(lines):
        colour = (COLOURS[0], COLOURS[6])[order]
        axis.plot(times[places], values, label=label, color=colour, linewidth=1.2, zorder=4 - order)
    if level is not None:
        axis.axhline(level, color=COLOURS[1], linewidth=1, linestyle="--")
    axis.set_title(title, fontsize=10, loc="left")
    axis.tick_params(labelsize=8)
    if len(lines) > 1:
        axis.legend(fontsize=8, loc="lower right", ncols=2, bbox_to_anchor=(1, 0.97), borderaxespad=0)
