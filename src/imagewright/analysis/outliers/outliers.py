"""Outliers: pictures that differ from the other pictures of a set, or from pictures that are known to be ordinary."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.analysis.outliers.evaluation import RankingMetrics, known_outliers, ranking_metrics
from imagewright.analysis.outliers.moving import check_move, is_within, move_files
from imagewright.analysis.outliers.scoring import ENSEMBLE, ensemble_ranks, outlier_scores, select_methods
from imagewright.analysis.sheets import sheet_size
from imagewright.analysis.spaces import at_working_size
from imagewright.errors import DataError, UserError, nearest_name
from imagewright.images import Images, open_images
from imagewright.model import Model
from imagewright.output.tables import write_table
from imagewright.output.writing import new_file, refuse_existing, write_image
from imagewright.progress import Progress
from imagewright.verbs.apply import RunLike, resolve_model

SCORES, SHEET, FAILURES, REPORT = "scores.csv", "sheet.png", "where.png", "report.json"
SHOWN = 16
"""Default number of pictures on each half of the sheet."""
NAMED = 8  # pictures named in `Outliers.lines`


@dataclass(kw_only=True)
class Outliers:
    """What `outliers` returns: N pictures ranked from the strangest to the most ordinary."""

    images: Images
    clean: Images | None  # the pictures that were learned from, if they were others
    run: Model | None
    method: str  # the method that ranks
    scores: dict[str, np.ndarray]  # of every method, float64 (N,), higher for outliers
    order: np.ndarray  # indices, the strangest first
    is_outlier: np.ndarray | None  # bool (N,), if it is known
    metrics: dict[str, RankingMetrics]  # of every method, if it is known which pictures are outliers
    seed: int
    sheet_size: tuple[int, int]  # (height, width) of the pictures on the sheet
    notes: list[str] = field(default_factory=list)

    @property
    def score(self) -> np.ndarray:
        """The scores of the method that ranks, float64 (N,). The ensemble's is the mean rank, from 0 to 1."""
        return self.scores[self.method]

    def strangest(self, count: int | None = None, fraction: float | None = None) -> list[str]:
        """The names of the `count` strangest pictures, or of a fraction of all (at least one)."""
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
            "metrics": {name: vars(found) for name, found in self.metrics.items()},
            "notes": self.notes,
        }

    def lines(self) -> list[str]:
        """A summary in sentences: notes, the strangest pictures, and the metrics of every method if known."""
        lines = [*self.notes, f"outliers by {self.method}: {', '.join(self.strangest(NAMED))}"]
        if not self.metrics:
            if self.images.labels is not None:
                lines.append("The pictures have labels: --normal CLASS evaluates the detectors by them.")
            return lines
        first = next(iter(self.metrics.values()))
        lines.append(f"{first.strange:,} known outliers, {first.ordinary:,} normal")
        lines.append(f"{'method':<22}{'AUROC':>8}{'average precision':>20}")
        lines += [
            f"{name:<22}{found.auroc:>8.4f}{found.average_precision:>20.4f}" for name, found in self.metrics.items()
        ]
        return lines

    def write(self, folder: str | Path, *, count: int = SHOWN, force: bool = False) -> list[Path]:
        """Write `scores.csv`, `sheet.png`, `where.png` and `report.json`; returns their paths.

        folder: created if it is missing.
        count: pictures on each half of the sheet.
        force: whether to replace existing files.

        Raises `RunError` if a file exists (without `force`) or cannot be written.
        """
        from imagewright.analysis.outliers.sheet import draw_extremes, draw_failures

        paths = output_paths(folder)
        refuse_existing(paths, force=force)
        images = self.images
        write_table(paths[0], *self._table(), force=force)
        title = f"{Path(images.source).name}: {len(images):,} pictures by {self.method} (higher is stranger)"
        write_image(draw_extremes(images, self.order, self.score, title, count, self.sheet_size), paths[1], force=force)
        draw_failures(images, self.order, self.clean, self.run, self.seed, paths[2], force=force)
        with new_file(paths[3], force=force) as file:
            file.write(json.dumps(self.to_dict(), indent=2).encode())
        return paths

    def move(
        self, target: str | Path, *, count: int | None = None, fraction: float | None = None, copy: bool = False
    ) -> Path:
        """Move the files of the strangest pictures out of their folder; returns the list of moves, which can undo it.

        target: a folder outside of the source. Sub-folders are kept; nothing is overwritten.
        count: number of pictures.
        fraction: of all pictures, instead of `count`.
        copy: whether to copy the files instead.

        Raises `UserError` if the source is no folder or contains the target, and without `count` or `fraction`;
        `RunError`, before anything is moved, if a file is missing or a target exists.
        """
        if (count is None) == (fraction is None):
            raise UserError("How many of the strangest pictures are to be moved? Give count or fraction.")
        root = check_move(self.images.source, target)
        return move_files(root, self.strangest(count, fraction), target, copy=copy)

    def _table(self) -> tuple[list[str], list[list[object]]]:
        """Name, rank, label, and every method's score and rank; the strangest first."""
        from scipy.stats import rankdata

        images = self.images
        ranks = {name: rankdata(-scores, method="min").astype(int) for name, scores in self.scores.items()}
        has_labels = images.labels is not None and images.class_names is not None
        header = ["name", "rank", *(["label"] if has_labels else [])]
        header += ["strange"] if self.is_outlier is not None else []
        for name in self.scores:
            header += [name, f"{name} rank"]
        rows: list[list[object]] = []
        for place, index in enumerate(self.order.tolist(), 1):
            row: list[object] = [images.name(index), place]
            if images.labels is not None and images.class_names is not None:
                row.append(images.class_name(index) or "")
            if self.is_outlier is not None:
                row.append(int(self.is_outlier[index]))
            for name, scores in self.scores.items():
                row += [f"{scores[index]:.8g}", ranks[name][index]]
            rows.append(row)
        return header, rows


def outliers(
    source: Any,
    *,
    train_on: Any = None,
    run: RunLike | None = None,
    method: str = ENSEMBLE,
    normal: Sequence[str] = (),
    strange: Sequence[str] = (),
    labels: str | Path | None = None,
    label_column: str | None = None,
    split: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Outliers:
    """Rank the pictures of a source by how much they differ from the others. Equal seeds give equal scores.

    source: as for `open_images`.
    train_on: ordinary pictures to learn from: a source, or the name of a class of `source`, whose pictures are then
        learned from and not ranked. None: each picture is compared with the rest of the set.
    run: a trained model whose scores and latents are used too.
    method: the method that ranks, "ensemble" or one of `scoring.available_methods`.
    normal: classes, or 0/1 attributes, of pictures that are known to be ordinary. All methods are then evaluated.
    strange: classes, or 0/1 attributes, of pictures that are known to be outliers.
    labels: a file of labels or attributes.
    label_column: the column of the labels (see `open_images`).
    split: a part of the source.
    seed: of all that is random.
    progress: called with (done, total).

    Raises `DataError` for sources that cannot be used and missing labels, `UserError` for unknown names.
    """
    model = None if run is None else resolve_model(run)
    methods = select_methods(method, model)
    opened = open_images(source, labels=labels, label_column=label_column, split=split)
    named = {*normal, *strange}  # a picture whose class or attributes are not known is neither
    opened = opened.with_classes() if named & {*(opened.class_names or ())} else opened
    opened = opened.with_known_attributes() if named & {*(opened.attribute_names or ())} else opened
    images = at_working_size(opened).prepare()
    notes: list[str] = []
    images, clean = _separate_training_pictures(images, train_on, notes)
    is_outlier = known_outliers(images, normal, strange)
    if model is not None and (images.size != model.config.size or images.channels != model.config.channels):
        notes.append(
            f"For the run the pictures were resized to {model.config.size[0]}x{model.config.size[1]}, "
            f"{model.config.channels} channel{'s' if model.config.channels > 1 else ''}."
        )
    if clean is None and is_outlier is not None:
        notes.append("The pictures were also learned from (each was scored by detectors fitted to others).")
    scores = outlier_scores(images, clean, methods, run=model, seed=seed, progress=progress, notes=notes)
    if method == ENSEMBLE:
        scores = {ENSEMBLE: ensemble_ranks(scores), **scores}
    metrics = {} if is_outlier is None else {name: ranking_metrics(is_outlier, each) for name, each in scores.items()}
    return Outliers(
        images=images,
        clean=clean,
        run=model,
        method=method,
        scores=scores,
        order=np.lexsort((np.arange(len(images)), -scores[method])),
        is_outlier=is_outlier,
        metrics=metrics,
        seed=seed,
        sheet_size=sheet_size(opened.size),
        notes=images.notes + notes,
    )


def output_paths(folder: str | Path) -> list[Path]:
    """The files that `Outliers.write` writes into a folder."""
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
) -> None:
    """Check all outputs of a search before the long work. Arguments as typed on the command line.

    Raises `UserError` or `RunError` for the first problem.
    """
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
        return
    if count is None and fraction is None:
        raise UserError("How many of the strangest pictures are to be moved or copied? Say --count or --fraction.")
    check_move(source, target)


def _separate_training_pictures(images: Images, train_on: Any, notes: list[str]) -> tuple[Images, Images | None]:
    """The pictures to rank, and the pictures to learn from if they are others."""
    if train_on is None:
        return images, None
    is_path = not isinstance(train_on, str) or Path(train_on).expanduser().exists()
    if not is_path and images.class_names is not None and images.labels is not None:
        if train_on in images.class_names:
            ordinary = images.labels == images.class_names.index(train_on)
            if ordinary.all() or not ordinary.any():
                raise DataError(
                    f"The class {train_on!r} holds {ordinary.sum():,} of {len(images):,} pictures: there must be "
                    "pictures of it to learn from, and others to rank."
                )
            notes.append(f"Learned from the {ordinary.sum():,} pictures of {train_on}; the others were ranked.")
            return images.subset(~ordinary), images.subset(ordinary)
        close = nearest_name(train_on, images.class_names)
        if close:
            raise DataError(f"train_on={train_on!r} is neither a source nor a class of {images.source}.{close}")
    return images, open_images(train_on, size=images.size, channels=images.channels).prepare()
