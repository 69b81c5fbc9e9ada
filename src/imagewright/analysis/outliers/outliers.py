"""Outliers: pictures that differ from the other pictures of a set, or from pictures that are known to be ordinary."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.analysis.identities import open_space
from imagewright.analysis.outliers.evaluation import RankingMetrics, known_outliers, ranking_metrics
from imagewright.analysis.outliers.methods import ENSEMBLE, EVERY, PATCHES, OutlierMethod, select_methods
from imagewright.analysis.outliers.moving import check_move, is_within, move_files
from imagewright.analysis.outliers.patches import PatchMemory, score_patches
from imagewright.analysis.outliers.preparation import choose_patch_maps, limits_of, separate_training_pictures
from imagewright.analysis.outliers.scores import MethodScores, ensemble_scores, tidy
from imagewright.analysis.outliers.scoring import outlier_scores, picture_groups, require_counts
from imagewright.analysis.sheets import sheet_size
from imagewright.analysis.spaces import at_working_size
from imagewright.errors import UserError
from imagewright.files import written_together
from imagewright.images import Images, open_images
from imagewright.images.label_arrays import LabelsLike
from imagewright.model import Model
from imagewright.notebooks import NotebookDisplay
from imagewright.output.tables import write_table
from imagewright.output.writing import new_file, refuse_existing, write_image
from imagewright.pixels import size_text
from imagewright.progress import Progress
from imagewright.reprs import MORE, WRITES, short_repr
from imagewright.verbs.apply import RunLike, resolve_model

SCORES, SHEET, FAILURES, PATCH_SHEET, REPORT = "scores.csv", "sheet.png", "where.png", "patches.png", "report.json"
SHOWN = 16
"""Default number of pictures on each half of the sheet."""
NAMED = 8  # pictures named in `Outliers.lines`


@dataclass(kw_only=True)
class Outliers(NotebookDisplay):
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
    patches: PatchMemory | None = None  # what patches were compared with, if they were
    notes: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        strangest = self.images.name(int(self.order[0]))
        what = f"{len(self.images):,} pictures ranked by {self.method}, the strangest is {strangest}"
        return short_repr(self, what, ".order, .scores", WRITES, MORE)

    @property
    def score(self) -> np.ndarray:
        """The scores of the method that ranks, float64 (N,).

        The ensemble's is in deviations from ordinary pictures by its members together.
        """
        return self.scores[self.method]

    @property
    def unit(self) -> str:
        """What the scores of the method that ranks are, in words."""
        return "deviations from ordinary" if self.method == ENSEMBLE else "higher is stranger"

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

    @written_together()
    def write(self, folder: str | Path, *, count: int = SHOWN, force: bool = False) -> list[Path]:
        """Write `scores.csv`, `sheet.png`, `where.png` and `report.json`; returns their paths.

        If patches were compared, `patches.png` shows where the strangest differ.

        folder: created if it is missing.
        count: pictures on each half of the sheet.
        force: whether to replace existing files.

        Raises `RunError` if a file exists (without `force`) or cannot be written.
        """
        from imagewright.analysis.outliers.patch_sheet import write_patch_sheet
        from imagewright.analysis.outliers.sheet import draw_extremes, draw_failures

        paths = output_paths(folder)
        refuse_existing(paths, force=force)
        *paths, report = paths if self.patches is not None else [path for path in paths if path.name != PATCH_SHEET]
        images = self.images
        write_table(paths[0], *self._table(), force=force)
        title = f"{Path(images.source).name}: {len(images):,} pictures by {self.method} ({self.unit})"
        write_image(draw_extremes(images, self.order, self.score, title, count, self.sheet_size), paths[1], force=force)
        draw_failures(images, self.order, self.clean, self.run, self.seed, paths[2], force=force)
        if self.patches is not None:
            write_patch_sheet(images, self.order, self.patches, paths[3], force=force)
        with new_file(report, force=force) as file:
            file.write(json.dumps(self.to_dict(), indent=2).encode())
        return [*paths, report]

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
        shown = {name: tidy(scores) for name, scores in self.scores.items()}
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
            for name, scores in shown.items():
                row += [f"{scores[index]:.8g}", ranks[name][index]]
            rows.append(row)
        return header, rows


def outliers(
    source: Any,
    *,
    train_on: Any = None,
    run: RunLike | None = None,
    method: str = ENSEMBLE,
    features: str | None = None,
    normal: Sequence[str] = (),
    strange: Sequence[str] = (),
    labels: LabelsLike | None = None,
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
    method: the method that ranks: "ensemble"; "all", which computes every other method beside it; or one of
        `methods.available_methods`.
    features: a network whose features are compared instead of pixels and edges, as for `evaluate`; "identity" for who
        the faces are in crops of `extract_faces`.
    normal: classes, or 0/1 attributes, of pictures that are known to be ordinary. All methods are then evaluated.
    strange: classes, or 0/1 attributes, of pictures that are known to be outliers.
    labels: a file of labels or attributes.
    label_column: the column of the labels (see `open_images`).
    split: a part of the source.
    seed: of all that is random.
    progress: called with (done, total).

    Patches are in the ensemble if the weights of their network are installed (extra `features`), for pictures from 32
    pixels on and up to `patches.MOST_DEFAULT` of them.

    Raises `DataError` for sources that cannot be used and missing labels, `UserError` for unknown names.
    """
    model = None if run is None else resolve_model(run)
    compared = None if features is None else open_space(features)
    select_methods(method, model, features=compared is not None)  # an unknown method is refused before the long work
    opened = open_images(source, labels=labels, label_column=label_column, split=split)
    named = {*normal, *strange}  # a picture whose class or attributes are not known is neither
    opened = opened.with_classes() if named & {*(opened.class_names or ())} else opened
    opened = opened.with_known_attributes() if named & {*(opened.attribute_names or ())} else opened
    images = at_working_size(opened).prepare()
    notes: list[str] = []
    images, clean = separate_training_pictures(images, train_on, notes)
    is_outlier = known_outliers(images, normal, strange)
    require_counts(images, clean)
    if model is not None and (images.size != model.config.size or images.channels != model.config.channels):
        notes.append(
            f"For the run the pictures were resized to {size_text(model.config.size)}, "
            f"{model.config.channels} channel{'s' if model.config.channels > 1 else ''}."
        )
    if clean is None and is_outlier is not None:
        notes.append("The pictures were also learned from (each was scored by detectors fitted to others).")
    groups = picture_groups(images if clean is None else clean, seed)
    maps = choose_patch_maps(method, len(images) + (0 if clean is None else len(clean)), opened.size, features, notes)
    methods = select_methods(method, model, features=compared is not None, patches=maps is not None)
    found = outlier_scores(
        images, clean, methods, groups=groups, run=model, compared=compared, seed=seed, progress=progress, notes=notes
    )
    memory = None
    if maps is not None:
        found[PATCHES], memory = score_patches(images, clean, maps, opened.size, groups, seed, progress)
    if clean is None and all(np.ptp(each.logs) == 0 for each in found.values()):
        notes = [f"All {len(images):,} pictures are equal: none is stranger than another."]
    else:
        notes += limits_of(groups, clean is None)
    scores = _all_scores(method, found, methods)
    ranking = ENSEMBLE if method == EVERY else method
    metrics = {} if is_outlier is None else {name: ranking_metrics(is_outlier, each) for name, each in scores.items()}
    return Outliers(
        images=images,
        clean=clean,
        run=model,
        method=ranking,
        scores=scores,
        order=np.lexsort((np.arange(len(images)), -scores[ranking])),
        is_outlier=is_outlier,
        metrics=metrics,
        seed=seed,
        sheet_size=sheet_size(opened.size),
        patches=memory,
        notes=images.notes + notes,
    )


def _all_scores(method: str, found: dict[str, MethodScores], methods: Sequence[OutlierMethod]) -> dict[str, np.ndarray]:
    """The scores of every method, the one that ranks first."""
    scores = {name: each.scores for name, each in found.items()}
    return {ENSEMBLE: ensemble_scores(found, methods), **scores} if method in (ENSEMBLE, EVERY) else scores


def output_paths(folder: str | Path) -> list[Path]:
    """The files that `Outliers.write` writes into a folder; `PATCH_SHEET` only if patches were compared."""
    return [Path(folder) / name for name in (SCORES, SHEET, FAILURES, PATCH_SHEET, REPORT)]


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
