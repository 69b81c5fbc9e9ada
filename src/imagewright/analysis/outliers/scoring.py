"""Outlier scores by every method, out of sample: no picture is scored by a detector that was fitted to it.

If ordinary (clean) pictures are given, detectors are fitted to these alone. Otherwise out-of-fold scoring: the set is
split into folds, and each fold is scored by detectors fitted on the other folds, so that a picture is never its own
neighbour and an outlier cannot influence its own score.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from imagewright.analysis.outliers.detectors import (
    DETECTORS,
    PrincipalProjection,
    ProjectedPictures,
    build_detector,
)
from imagewright.analysis.spaces import (
    BATCH,
    EdgeFeatures,
    FeatureExtractor,
    FeatureStream,
    LatentFeatures,
    PixelFeatures,
)
from imagewright.capabilities import verbs_of
from imagewright.catalogue import name_of
from imagewright.errors import DataError, UserError, nearest_name
from imagewright.images import Images
from imagewright.pixels import to_float
from imagewright.progress import Progress, ProgressCounter
from imagewright.seeds import derive_seed
from imagewright.verbs.apply import RunLike, images_for, reconstruct, resolve_model, score

ENSEMBLE = "ensemble"
MEMBERS = ("mahalanobis", "plane", "edges-mahalanobis", "edges-plane", "run-score", "run-error", "latents-plane")
"""The methods whose ranks the ensemble averages: in each space a global one and one of the neighbourhood."""
MOST_REFERENCES = 20_000
"""Pictures among which neighbours are searched; of more, a random sample, so that the time is linear in N."""
MANY, FEW = 20_000, 2_000  # pictures: two folds above MANY, ten up to FEW, five in between
LIKELIHOOD_SAMPLES = 16


@dataclass(frozen=True)
class OutlierMethod:
    """A method that scores outliers: a detector in a feature space, or a verb of the run (`detector` empty)."""

    name: str
    space: str
    detector: str


def methods_in_space(space: str) -> list[OutlierMethod]:
    """Every detector in a space: `pca`, `edges-pca`, `latents-pca` ..."""
    prefix = "" if space == "pixels" else f"{space}-"
    return [OutlierMethod(prefix + detector, space, detector) for detector in DETECTORS]


def available_methods(run: RunLike | None) -> list[OutlierMethod]:
    """All methods, including those that the run's model allows. Raises `UserError` for a run that allows none."""
    found = [*methods_in_space("pixels"), *methods_in_space("edges")]
    if run is None:
        return found
    model = resolve_model(run)
    verbs = verbs_of(model)
    added = methods_in_space("latents") if "encode" in verbs else []
    added += [OutlierMethod("run-score", "run", "")] if "score" in verbs else []
    added += [OutlierMethod("run-error", "run", "")] if "reconstruct" in verbs else []
    if not added:
        raise UserError(
            f"{name_of(model)} can neither encode nor score pictures, so it cannot rank outliers: "
            "name a run of another model, or none."
        )
    return found + added


def select_methods(method: str, run: RunLike | None) -> list[OutlierMethod]:
    """The methods to compute for `method`: itself, or all for the ensemble. Raises `UserError` for an unknown one."""
    available = available_methods(run)
    if method == ENSEMBLE:
        return available
    names = [each.name for each in available]
    if method not in names:
        needs = " (with in=RUN)" if run is None and method.startswith(("latents-", "run-")) else ""
        raise UserError(
            f"There is no method {method!r}{needs}.{nearest_name(method, [ENSEMBLE, *names])} "
            f"Known: {ENSEMBLE}, {', '.join(names)}."
        )
    return [each for each in available if each.name == method]


def outlier_scores(
    images: Images,
    clean: Images | None,
    methods: Sequence[OutlierMethod],
    *,
    run: RunLike | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    notes: list[str] | None = None,
) -> dict[str, np.ndarray]:
    """The scores of every method, float64 (N,), higher for outliers.

    images: N pictures.
    clean: ordinary pictures to fit the detectors to; None for out-of-fold scoring.
    methods: from `select_methods`.
    run: of the methods that need one.
    seed: of folds and detectors.
    progress: called with (done, total).
    notes: a note is appended for each space that is left out because nothing varies in it.

    Raises `DataError` for too few pictures, or if the pictures to fit to are equal in every space.
    """
    notes = [] if notes is None else notes
    _require_counts(images, clean)
    model = None if run is None else resolve_model(run)
    spaces: dict[str, FeatureExtractor] = {"pixels": PixelFeatures(), "edges": EdgeFeatures()}
    if model is not None and any(each.space == "latents" for each in methods):
        spaces["latents"] = LatentFeatures(model)
    by_space = {name: [each for each in methods if each.space == name] for name in spaces}
    by_space = {name: found for name, found in by_space.items() if found}
    counter = ProgressCounter(len(images) * len(by_space), progress)
    scores: dict[str, np.ndarray] = {}
    for name, found in by_space.items():
        space = spaces[name]
        resized, resized_clean = space.resize(images), None if clean is None else space.resize(clean)
        in_space = _scores_in_space(resized, resized_clean, space, found, seed, counter)
        if in_space is None:
            notes.append(f"In {name} the pictures learned from are all equal: nothing was measured there.")
        else:
            scores |= in_space
    run_methods = [each.name for each in methods if each.space == "run"]
    if model is not None and run_methods:
        scores |= _run_scores(model, images, run_methods, seed)
    if not scores:
        raise DataError(
            "The pictures to learn from are all equal, so there is no ordinary variation to compare with: give others."
        )
    return scores


def ensemble_ranks(scores: dict[str, np.ndarray]) -> np.ndarray:
    """The mean rank over the ensemble's members, (N,), from 0 (most ordinary by all) to 1 (strangest by all)."""
    from scipy.stats import rankdata

    members = [name for name in MEMBERS if name in scores and not (name == "run-error" and "run-score" in scores)]
    ranks = [rankdata(scores[name]) for name in members or list(scores)]
    return np.mean(ranks, axis=0) / len(ranks[0])


def _require_counts(images: Images, clean: Images | None) -> None:
    if clean is None and len(images) < 3:
        raise DataError(
            f"{images.source} holds {len(images)} picture{'s' if len(images) > 1 else ''}: outliers are found by "
            "comparison, so there must be three, or ordinary pictures to learn from (train_on=)."
        )
    if clean is not None and len(clean) < 2:
        raise DataError(f"{clean.source} holds one picture: learning what is ordinary needs two or more.")


def _scores_in_space(
    images: Images,
    clean: Images | None,
    space: FeatureExtractor,
    methods: Sequence[OutlierMethod],
    seed: int,
    counter: ProgressCounter,
) -> dict[str, np.ndarray] | None:
    """The scores of a space's methods, or None if the pictures to fit to are equal in it."""
    scores = {each.name: np.zeros(len(images)) for each in methods}
    for training, scored in _folds(images, clean, seed):
        projection = PrincipalProjection(FeatureStream(training, space), seed)
        if not projection.varies:
            return None
        reference = _project_references(training, space, projection, seed)
        detectors = {each.name: build_detector(each.detector, seed) for each in methods}
        for detector in detectors.values():
            detector.fit(projection, reference)
        start = 0
        for features in FeatureStream(images.subset(scored), space, counter).batches(BATCH):
            pictures = projection(features)
            rows = scored[start : start + len(features)]
            for name, detector in detectors.items():
                scores[name][rows] = detector.score(pictures).numpy()
            start += len(features)
    return scores


def _folds(images: Images, clean: Images | None, seed: int) -> Iterator[tuple[Images, np.ndarray]]:
    """Pairs of the pictures that detectors are fitted to, and the ascending indices of those that they score."""
    count = len(images)
    if clean is not None:
        yield clean, np.arange(count)
        return
    folds = min(count, 2 if count > MANY else 10 if count <= FEW else 5)
    fold_of = np.random.default_rng(derive_seed(seed, "folds")).permutation(count) % folds
    for fold in range(folds):
        yield images.subset(fold_of != fold), np.flatnonzero(fold_of == fold)


def _project_references(
    images: Images, space: FeatureExtractor, projection: PrincipalProjection, seed: int
) -> ProjectedPictures:
    """The projected pictures among which neighbours are searched: all, or a random sample of `MOST_REFERENCES`."""
    if len(images) > MOST_REFERENCES:
        generator = np.random.default_rng(derive_seed(seed, "reference"))
        images = images.subset(np.sort(generator.choice(len(images), MOST_REFERENCES, replace=False)))
    found = [projection(features) for features in FeatureStream(images, space).batches(BATCH)]
    return ProjectedPictures(torch.cat([each.coordinates for each in found]), torch.cat([each.rest for each in found]))


def _run_scores(model: RunLike, images: Images, names: Sequence[str], seed: int) -> dict[str, np.ndarray]:
    """`run-score`, the model's score with its sign changed; `run-error`, its mean squared reconstruction error."""
    resized = images_for(model, images)
    found: dict[str, np.ndarray] = {}
    if "run-score" in names:
        found["run-score"] = -score(model, resized, samples=LIKELIHOOD_SAMPLES, seed=seed).double().numpy()
    if "run-error" in names:
        errors = []
        for batch in resized.batches(BATCH):
            difference = to_float(reconstruct(model, batch.images)) - to_float(batch.images)
            errors.append(difference.flatten(1).square().mean(1).double())
        found["run-error"] = torch.cat(errors).numpy()
    return found
