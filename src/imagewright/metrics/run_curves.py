"""The curves of runs by name: scores, losses, derived metrics and figures of the work, over images seen or seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from imagewright.errors import RunError, UserError, nearest_name
from imagewright.runs.report.curves import Points
from imagewright.runs.report.history import LongCurve, TrainingHistory
from imagewright.runs.report.score_tables import make_columns
from imagewright.runs.run import Run
from imagewright.runs.scores import by_distribution, read_scores

Curves = dict[str, Points]
OVER = ("images_seen", "seconds")
SCORE, LOSS, RATE = "score: ", "loss: ", "learning rate: "
WORK = ("images a second", "memory", "learning rate")  # curves of the work, not of its quality
MOST_LOSSES, APART = 3, 8  # of the curves that are shown if none is named: one a phase, whose sizes differ less
NAMED = 12  # curves in a sentence


def run_curves(runs: Mapping[str, Run], over: str = "images_seen") -> dict[str, Curves]:
    """All curves of runs: points (x, y) by the name of the curve, by the name of the run.

    over: "images_seen" or "seconds" of training, which x is.

    A score is a curve, "score: TITLE", if one of the runs has it at two or more checkpoints; one that has it once is
    then a point. Equal titles have equal recipes.
    """
    found = {name: _curves_of_reports(run, over) for name, run in runs.items()}
    for name, own in _score_curves(runs).items():
        seconds = seconds_at(runs[name].reports()) if over == "seconds" and own else None
        for title, points in own.items():
            found[name][title] = points if seconds is None else [(seconds(x), y) for x, y in points]
    return found


def curve_names(found: Mapping[str, Curves]) -> list[str]:
    """The names of all curves: what tells of quality first, then what most runs have."""
    names = {name for own in found.values() for name in own}

    def rank(name: str) -> tuple[bool, int, str]:
        return name.startswith(WORK), -sum(name in own for own in found.values()), name

    return sorted(names, key=rank)


def find_curve(found: Mapping[str, Curves], name: str) -> str:
    """The full name of a curve, of which "loss: " or "score: " may be left out. Raises `UserError` for another one."""
    names = curve_names(found)
    meant = [each for each in names if name in (each, each.partition(": ")[2])]
    if not meant:
        shown = ", ".join(names[:NAMED]) + (" ..." if len(names) > NAMED else "")
        raise UserError(f"There is no curve {name!r}.{nearest_name(name, names)} There are: {shown or 'none'}.")
    return meant[0]


def main_curves(found: Mapping[str, Curves]) -> list[str]:
    """The names of the curves to show if none is named: a score that all runs have, or else losses.

    Of a run's losses they are the largest of each phase. Losses that are much smaller or larger than the first one are
    left out, as one axis would flatten them.
    """
    shared = [name for name in curve_names(found) if all(name in own for own in found.values())]
    scores = [name for name in shared if name.startswith(SCORE)]
    if scores:
        return scores[:1]
    by_phase: dict[str, str] = {}  # the same of all runs, as far as they have it
    for own in found.values():
        for name in _main_losses(own):
            by_phase.setdefault(name.partition("/")[0], name)
    return [name for name in curve_names(found) if name in by_phase.values()]


def _main_losses(own: Curves) -> list[str]:
    sizes = {name: float(np.median([abs(y) for _, y in own[name]])) for name in own if name.startswith(LOSS)}
    phases: dict[str, str] = {}
    for name, size in sizes.items():
        phase = name.partition("/")[0]
        if phase not in phases or size > sizes[phases[phase]]:
            phases[phase] = name
    chosen: list[str] = []
    for name in phases.values():
        low, high = sorted((sizes[name], sizes[chosen[0]])) if chosen else (1.0, 1.0)
        if high <= APART * low and len(chosen) < MOST_LOSSES:
            chosen.append(name)
    return chosen


def seconds_at(reports: Iterable[Mapping[str, Any]]) -> Callable[[float], float]:
    """The seconds of training after a number of images, between two reports in proportion."""
    seen, seconds = [0.0], [0.0]
    for report in reports:
        if isinstance(report.get("seconds"), int | float) and report["images_seen"] > seen[-1]:
            seen.append(float(report["images_seen"]))
            seconds.append(float(report["seconds"]))
    return lambda images_seen: float(np.interp(images_seen, seen, seconds))


def _curves_of_reports(run: Run, over: str) -> Curves:
    history = TrainingHistory.gather(run.reports(), over)
    groups: dict[str, Mapping[str, LongCurve]] = {LOSS: history.losses, "": history.derived, RATE: history.rates}
    found = {f"{group}{name}": curve.points() for group, curves in groups.items() for name, curve in curves.items()}
    found |= {"images a second": history.speed.points(), "memory, MiB": history.memory.points()}
    return {name: points for name, points in found.items() if points}


def _score_curves(runs: Mapping[str, Run]) -> dict[str, Curves]:
    """Of samples as a run makes them by default. A damaged file of scores counts as none."""
    scores = {}
    for name, run in runs.items():
        try:
            scores[name] = by_distribution(name, read_scores(run.path)).get(name, [])
        except RunError:
            scores[name] = []
    columns = make_columns([score for own in scores.values() for score in own])
    found = {name: {f"{SCORE}{each.title}": each.points(own) for each in columns} for name, own in scores.items()}
    grows = {title for own in found.values() for title, points in own.items() if len(points) > 1}
    return {
        name: {title: points for title, points in own.items() if points and title in grows}
        for name, own in found.items()
    }
