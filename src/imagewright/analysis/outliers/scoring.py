"""Outlier scores by every method, out of sample: no picture is scored by a detector that was fitted to it.

If ordinary (clean) pictures are given, detectors are fitted to these alone. Otherwise out-of-fold scoring: the set is
split into folds, and each fold is scored by detectors fitted on the other folds, so that a picture is never its own
neighbour and an outlier cannot influence its own score. In a block of `sharing_work` the ranks share the folds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from imagewright.analysis.feature_tables import FeatureTable
from imagewright.analysis.outliers.detectors import (
    FAINT_SHARE,
    OF_EQUAL_PICTURES,
    Detector,
    PrincipalProjection,
    ProjectedPictures,
    build_detector,
)
from imagewright.analysis.outliers.folds import copy_groups, fold_numbers, sample_indices, split_folds
from imagewright.analysis.outliers.methods import STATISTICS, OutlierMethod
from imagewright.analysis.outliers.picture_statistics import StatisticsFeatures, score_statistics
from imagewright.analysis.outliers.scores import MethodScores
from imagewright.analysis.spaces import (
    EdgeFeatures,
    FeatureExtractor,
    LatentFeatures,
    PixelFeatures,
)
from imagewright.errors import DataError, count_text
from imagewright.images import Images
from imagewright.pixels import to_float
from imagewright.progress import Progress, ProgressCounter
from imagewright.shared_work import shared_map
from imagewright.verbs.apply import RunLike, images_for, reconstruct, resolve_model, score

MOST_REFERENCES = 20_000
"""Pictures among which neighbours are searched; of more, a random sample, so that the time is linear in N."""
CALIBRATED = 2_000  # clean pictures whose out-of-fold scores say what ordinary scores are; of more, a random sample
LIKELIHOOD_SAMPLES = 16
BATCH = 512


def outlier_scores(
    images: Images,
    clean: Images | None,
    methods: Sequence[OutlierMethod],
    *,
    groups: np.ndarray | None = None,
    run: RunLike | None = None,
    compared: FeatureExtractor | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    notes: list[str] | None = None,
) -> dict[str, MethodScores]:
    """The scores of every method but patches, by its name.

    images: N pictures.
    clean: ordinary pictures to fit the detectors to; None for out-of-fold scoring.
    methods: from `select_methods`.
    groups: of copies among the pictures to learn from, int64, as from `picture_groups`; None if there are none.
    run: of the methods that need one.
    compared: what the methods of the space `features` compare.
    seed: of folds and detectors.
    progress: called with (done, total).
    notes: a note is appended for each space in which the pictures to fit to are all equal.
    """
    notes = [] if notes is None else notes
    model = None if run is None else resolve_model(run)
    spaces: dict[str, FeatureExtractor] = {"pixels": PixelFeatures(), "edges": EdgeFeatures()}
    if compared is not None:
        spaces["features"] = compared
    if model is not None and any(each.space == "latents" for each in methods):
        spaces["latents"] = LatentFeatures(model)
    by_space = {name: found for name in spaces if (found := [each for each in methods if each.space == name])}
    counter = ProgressCounter((len(images) + (0 if clean is None else len(clean))) * len(by_space), progress)
    scores: dict[str, MethodScores] = {}
    folds = fold_numbers(len(images if clean is None else clean), seed, groups)
    for name, found in by_space.items():
        scored = FeatureTable(images, spaces[name], counter)
        learned = scored if clean is None else FeatureTable(clean, spaces[name], counter)
        scorer = _SpaceScorer(found, spaces[name].resolution, seed)
        if clean is None:
            scores |= scorer.out_of_fold(learned, folds)
        else:
            # What ordinary scores are is only needed to compare several methods.
            scores |= scorer.learned(learned, scored, folds if len(methods) > 1 else None)
        if scorer.all_equal:
            notes.append(f"In {name} the pictures learned from are all equal: only distances were measured there.")
    if any(each.space == STATISTICS for each in methods):
        space = StatisticsFeatures()
        table = FeatureTable(images, space)
        scores[STATISTICS] = score_statistics(table, table if clean is None else FeatureTable(clean, space))
    run_methods = [each.name for each in methods if each.space == "run"]
    if model is not None and run_methods:
        scores |= _run_scores(model, images, clean, run_methods, seed)
    return scores


def require_counts(images: Images, clean: Images | None) -> None:
    """Raise `DataError` for too few pictures to compare."""
    if clean is None and len(images) < 3:
        raise DataError(
            f"{images.source} holds {count_text(len(images), 'picture')}: outliers are found by "
            "comparison, so there must be three, or ordinary pictures to learn from (--train-on SOURCE)."
        )
    if clean is not None and len(clean) < 2:
        raise DataError(f"{clean.source} holds one picture: learning what is ordinary needs two or more.")


def picture_groups(images: Images, seed: int) -> np.ndarray:
    """The group of copies of each picture, int64 (N,): `folds.copy_groups` if smoothed pixels fit into memory."""
    rows = FeatureTable(images, PixelFeatures()).rows
    return np.arange(len(images)) if rows is None else copy_groups(rows, seed)


class _SpaceScorer:
    """Scores by the methods of one space. `all_equal`: whether the pictures to fit to were, at some time."""

    def __init__(self, methods: Sequence[OutlierMethod], resolution: float, seed: int) -> None:
        self.methods, self.resolution, self.seed = methods, resolution, seed
        self.all_equal = False

    def out_of_fold(self, table: FeatureTable, folds: np.ndarray) -> dict[str, MethodScores]:
        """Each picture scored by detectors that were fitted to the other folds."""
        found = [np.full((len(table), 2), np.nan) for _ in self.methods]
        parts = list(split_folds(folds))
        fits = shared_map(lambda part: self._fit_and_score(table, part[0], table, part[1]), parts)
        for (_, scored), (scores, all_equal) in zip(parts, fits, strict=True):
            self.all_equal |= all_equal
            for all_scores, each in zip(found, scores, strict=True):
                all_scores[scored] = each
        return self._named(found, [each[:, 1] for each in found])

    def learned(self, clean: FeatureTable, table: FeatureTable, folds: np.ndarray | None) -> dict[str, MethodScores]:
        """Each picture scored by detectors that were fitted to clean pictures.

        folds: of the clean pictures, whose out-of-fold scores are the ordinary ones; None leaves them out.
        """
        found, self.all_equal = self._fit_and_score(clean, None, table, None)
        ordinary = [np.zeros(0)] * len(found)
        if folds is not None:
            sampled = sample_indices(len(clean), CALIBRATED, "calibration", self.seed)
            chosen = np.arange(len(clean)) if sampled is None else sampled
            calibrated = [np.full(len(clean), np.nan) for _ in self.methods]
            numbers = range(int(folds.max()) + 1)
            parts = [(np.flatnonzero(folds != fold), chosen[folds[chosen] == fold]) for fold in numbers]
            parts = [part for part in parts if len(part[1])]
            fits = shared_map(lambda part: self._fit_and_score(clean, part[0], clean, part[1]), parts)
            for (_, scored), (scores, all_equal) in zip(parts, fits, strict=True):
                self.all_equal |= all_equal
                for all_logs, each in zip(calibrated, scores, strict=True):
                    all_logs[scored] = each[:, 1]
            ordinary = [each[np.isfinite(each)] for each in calibrated]
        return self._named(found, ordinary)

    def _named(self, found: list[np.ndarray], ordinary: list[np.ndarray]) -> dict[str, MethodScores]:
        """By name, without detectors that could not be fitted."""
        return {
            method.name: MethodScores(scores[:, 0], scores[:, 1], logs)
            for method, scores, logs in zip(self.methods, found, ordinary, strict=True)
            if np.isfinite(scores).all()
        }

    def _fit_and_score(
        self, learned: FeatureTable, training: np.ndarray | None, table: FeatureTable, scored: np.ndarray | None
    ) -> tuple[list[np.ndarray], bool]:
        """For each method the scores and their logarithms, (n, 2); NaN if it cannot be fitted to equal pictures.

        Also whether the pictures to fit to are all equal.
        """
        projection = PrincipalProjection(learned.stream(training), self.seed, self.resolution)
        fitted = [each for each in self.methods if projection.varies or each.detector in OF_EQUAL_PICTURES]
        reference = _project_references(learned, training, projection, self.seed) if fitted else None
        detectors: dict[str, Detector] = {}
        for each in fitted:
            assert reference is not None
            detectors[each.name] = build_detector(each.detector, self.seed)
            detectors[each.name].fit(projection, reference)
        count = len(table) if scored is None else len(scored)
        found = [np.full((count, 2), np.nan) for _ in self.methods]
        start = 0
        for features in table.stream(scored, counted=True).batches(BATCH):
            pictures = projection(features)
            for method, scores in zip(self.methods, found, strict=True):
                if method.name in detectors:
                    scores[start : start + len(features)] = _with_logarithms(detectors[method.name], pictures)
            start += len(features)
        return found, not projection.varies


def _with_logarithms(detector: Detector, pictures: ProjectedPictures) -> np.ndarray:
    """Scores and what an ensemble compares, float64 (N, 2)."""
    scores = detector.score(pictures).double().numpy()
    logs = scores if detector.faint is None else np.log(np.maximum(scores, 0) + detector.faint)
    return np.stack([scores, logs], axis=1)


def _project_references(
    table: FeatureTable, indices: np.ndarray | None, projection: PrincipalProjection, seed: int
) -> ProjectedPictures:
    """The projected pictures among which neighbours are searched: all, or a random sample of `MOST_REFERENCES`."""
    sampled = sample_indices(len(table) if indices is None else len(indices), MOST_REFERENCES, "reference", seed)
    if sampled is not None:
        indices = sampled if indices is None else indices[sampled]
    found = [projection(features) for features in table.stream(indices).batches(BATCH)]
    return ProjectedPictures(torch.cat([each.coordinates for each in found]), torch.cat([each.rest for each in found]))


def _run_scores(
    model: RunLike, images: Images, clean: Images | None, names: Sequence[str], seed: int
) -> dict[str, MethodScores]:
    """`run-score`, the model's score with its sign changed; `run-error`, its mean squared reconstruction error."""
    measure = {"run-score": _negative_scores, "run-error": _reconstruction_errors}
    found = {}
    for name in names:
        scores = measure[name](model, images, seed)
        ordinary = scores if clean is None else measure[name](model, clean, seed)
        if name == "run-error":
            faint = FAINT_SHARE * max(float(np.median(ordinary)), 1e-9)
            found[name] = MethodScores(scores, np.log(scores + faint), np.log(ordinary + faint))
        else:
            found[name] = MethodScores(scores, scores, ordinary)
    return found


def _negative_scores(model: RunLike, images: Images, seed: int) -> np.ndarray:
    resized = images_for(model, images)
    return -score(model, resized, samples=LIKELIHOOD_SAMPLES, seed=seed).double().numpy()


def _reconstruction_errors(model: RunLike, images: Images, seed: int) -> np.ndarray:
    errors = []
    for batch in images_for(model, images).batches(BATCH):
        difference = to_float(reconstruct(model, batch.images)) - to_float(batch.images)
        errors.append(difference.flatten(1).square().mean(1).double())
    return torch.cat(errors).numpy()
