"""Outliers: which pictures of a set are strange beside the others, or beside pictures known to be ordinary."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.analysis.outliers.evaluation import Judgement, judge, truth_of
from imagewright.analysis.outliers.moving import check_move, is_within, move_files
from imagewright.analysis.outliers.scoring import ENSEMBLE, Progress, chosen_methods, ranked_ensemble, strangeness
from imagewright.analysis.outliers.sheet import draw_extremes, draw_failures
from imagewright.analysis.sheets import shown_size
from imagewright.analysis.spaces import at_working_size
from imagewright.errors import DataError, UserError, nearest_name
from imagewright.images import Images, open_images
from imagewright.output.writing import new_file, refuse_existing, write_image
from imagewright.verbs.apply import RunLike, resolve_model

SCORES, SHEET, FAILURES, REPORT = "scores.csv", "sheet.png", "where.png", "report.json"
SHOWN = 16
"""Pictures on each half of the sheet, unless told otherwise."""


@dataclass
class Outliers:
    """What `find_outliers` found.

    `images`: the pictures judged. `scores`: each method's score, float64 (N,), higher is stranger; with the ensemble
    also its own, the mean rank from 0 to 1. `method`: the one that ranks. `order`: indices, the strangest first.
    `shown_size`: (height, width) on sheets.
    `judgements`: AUROC and average precision of each method where it is known which are strange. `notes`: sentences.
    """

    images: Images
    clean: Images | None
    method: str
    scores: dict[str, np.ndarray]
    order: np.ndarray
    truth: np.ndarray | None
    judgements: dict[str, Judgement]
    seed: int
    shown_size: tuple[int, int]
    notes: list[str] = field(default_factory=list)

    @property
    def score(self) -> np.ndarray:
        """The scores that rank, float64 (N,)."""
        return self.scores[self.method]

    def strangest(self, count: int | None = None, fraction: float | None = None) -> list[str]:
        """Names of the strangest pictures: so many, or such a share of all (at least one)."""
        if fraction is not None:
            count = max(1, round(fraction * len(self.order)))
        return [self.images.name(int(index)) for index in self.order[:count]]

    def to_dict(self) -> dict[str, Any]:
        """A summary, ready for JSON."""
        return {
            "source": self.images.source,
            "count": len(self.images),
            "learned_from": self.images.source if self.clean is None else self.clean.source,
            "method": self.method,
            "seed": self.seed,
            "strangest": self.strangest(SHOWN),
            "judgements": {name: vars(found) for name, found in self.judgements.items()},
            "notes": self.notes,
        }


def find_outliers(
    source: Any,
    *,
    train_on: Any = None,
    run: RunLike | None = None,
    method: str = ENSEMBLE,
    normal: Sequence[str] = (),
    strange: Sequence[str] = (),
    labels: str | Path | None = None,
    split: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Outliers:
    """Rank the pictures of a source (as for `open_images`) by strangeness.

    `train_on`: a source of ordinary pictures to learn from, or the name of a class of the source, whose pictures are
    then learned from and not judged. `run`: a trained model whose own scores and latents join in. `method`: the one
    that ranks (`scoring.chosen_methods`). `normal`, `strange`: classes, or 0/1 attributes, that are known to be
    ordinary or strange: each method is then judged by them. Equal seeds give equal scores.

    Raises `DataError` for sources that cannot be used and labels that are not there, `UserError` for other mistakes.
    """
    run = None if run is None else resolve_model(run)
    methods = chosen_methods(method, run)
    opened = open_images(source, labels=labels, split=split)
    images = at_working_size(opened).prepare()
    notes: list[str] = []
    images, clean = _learned_from(images, train_on, notes)
    truth = truth_of(images, normal, strange)
    if run is not None and (images.size != run.config.size or images.channels != run.config.channels):
        notes.append(
            f"For the run the pictures were resized to {run.config.size[0]}x{run.config.size[1]}, "
            f"{run.config.channels} channel{'s' if run.config.channels > 1 else ''}."
        )
    if clean is None and truth is not None:
        notes.append("The pictures judged were also learned from (each by detectors that had not seen it).")
    scores = strangeness(images, clean, methods, run=run, seed=seed, progress=progress, notes=notes)
    if method == ENSEMBLE:
        scores = {ENSEMBLE: ranked_ensemble(scores), **scores}
    order = np.lexsort((np.arange(len(images)), -scores[method]))
    judgements = {} if truth is None else {name: judge(truth, found) for name, found in scores.items()}
    return Outliers(
        images, clean, method, scores, order, truth, judgements, seed, shown_size(opened.size), images.notes + notes
    )


def _learned_from(images: Images, train_on: Any, notes: list[str]) -> tuple[Images, Images | None]:
    """The pictures to judge, and those to learn from where they are others."""
    if train_on is None:
        return images, None
    is_path = not isinstance(train_on, str) or Path(train_on).expanduser().exists()
    if not is_path and images.class_names is not None and images.labels is not None:
        if train_on in images.class_names:
            ordinary = images.labels == images.class_names.index(train_on)
            if ordinary.all() or not ordinary.any():
                raise DataError(
                    f"The class {train_on!r} holds {ordinary.sum():,} of {len(images):,}: none is to judge."
                )
            notes.append(f"Learned from the {ordinary.sum():,} pictures of {train_on}; the others were judged.")
            return images.subset(~ordinary), images.subset(ordinary)
        close = nearest_name(train_on, images.class_names)
        if close:
            raise DataError(f"train_on={train_on!r} is neither a source nor a class of {images.source}.{close}")
    return images, open_images(train_on, size=images.size, channels=images.channels).prepare()


def write_outliers(
    found: Outliers,
    folder: str | Path,
    *,
    count: int = SHOWN,
    run: RunLike | None = None,
    force: bool = False,
) -> list[Path]:
    """Write `scores.csv`, `sheet.png`, `where.png` and `report.json` into a folder. Returns their paths."""
    folder = Path(folder)
    paths = output_paths(folder)
    refuse_existing(paths, force=force)
    with new_file(paths[0], force=force) as file:
        file.write(_table(found).encode("utf-8", "surrogateescape"))
    title = f"{Path(found.images.source).name}: {len(found.images):,} pictures by {found.method} (higher is stranger)"
    sheet = draw_extremes(found.images, found.order, found.score, title, count, found.shown_size)
    write_image(sheet, paths[1], force=force)
    draw_failures(found.images, found.order, found.clean, run, found.seed, paths[2], force=force)
    with new_file(paths[3], force=force) as file:
        file.write(json.dumps(found.to_dict(), indent=2).encode("utf-8", "replace"))
    return paths


def output_paths(folder: str | Path) -> list[Path]:
    """What `write_outliers` writes into a folder."""
    return [Path(folder) / name for name in (SCORES, SHEET, FAILURES, REPORT)]


def check_outputs(
    source: Any,
    folder: Path,
    *,
    move_to: Path | None = None,
    copy_to: Path | None = None,
    count: int | None = None,
    fraction: float | None = None,
    force: bool = False,
) -> Path | None:
    """Everything about the outputs that can be wrong, checked before the long work; the folder to move from, if any."""
    refuse_existing(output_paths(folder), force=force)
    if isinstance(source, str | Path) and Path(source).expanduser().is_dir() and is_within(folder, source):
        raise UserError(
            f"{folder} lies in the source {source}: its sheets would be taken for pictures of the set next time. "
            "Choose a folder outside."
        )
    if count is not None and count < 1:
        raise UserError(f"count={count}, but there must be one picture at least.")
    if fraction is not None and not 0 < fraction <= 1:
        raise UserError(f"fraction={fraction:g}, but a share of the pictures is above 0 and at most 1.")
    if count is not None and fraction is not None:
        raise UserError("count and fraction both say how many pictures: give one of them.")
    if move_to is not None and copy_to is not None:
        raise UserError("The strangest pictures can be moved or copied: give --move-to or --copy-to, not both.")
    target = move_to or copy_to
    if target is None:
        return None
    if count is None and fraction is None:
        raise UserError("How many of the strangest pictures are to be moved or copied? Say --count or --fraction.")
    return check_move(source, target)


def take_strangest(
    found: Outliers,
    root: Path,
    target: Path,
    *,
    count: int | None = None,
    fraction: float | None = None,
    copy: bool = False,
) -> tuple[int, Path]:
    """Move or copy the files of the strangest pictures; how many, and the list that undoes it."""
    names = found.strangest(count, fraction)
    return len(names), move_files(root, names, target, copy=copy)


def _table(found: Outliers) -> str:
    """Name, rank, label and every method's score and rank; the strangest first."""
    from scipy.stats import rankdata

    images, text = found.images, io.StringIO()
    ranks = {name: rankdata(-scores, method="min").astype(int) for name, scores in found.scores.items()}
    known = images.labels is not None and images.class_names is not None
    header = ["name", "rank", *(["label"] if known else []), *(["strange"] if found.truth is not None else [])]
    for name in found.scores:
        header += [name, f"{name} rank"]
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(header)
    for place, index in enumerate(found.order.tolist(), 1):
        row: list[object] = [images.name(index), place]
        if images.labels is not None and images.class_names is not None:
            row.append(images.class_names[images.labels[index]])
        if found.truth is not None:
            row.append(int(found.truth[index]))
        for name, scores in found.scores.items():
            row += [f"{scores[index]:.8g}", ranks[name][index]]
        rows.writerow(row)
    return text.getvalue()
