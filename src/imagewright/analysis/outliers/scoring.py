"""Strangeness of pictures by every method: who learns from which pictures, and who judges which.

No picture is judged by a detector that has seen it. With clean pictures given, the detectors learn from these alone.
Without, the set is dealt into folds by the seed, and each fold is judged by detectors that learned from the others: a
picture is never its own neighbour, and an odd one cannot buy a component for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from imagewright.analysis.outliers.detectors import DETECTORS, Projected, Projection, make_detector
from imagewright.analysis.spaces import BATCH, Edges, Latents, Pixels, Rows, Space
from imagewright.capabilities import verbs_of
from imagewright.catalogue import name_of
from imagewright.errors import DataError, UserError, nearest_name
from imagewright.images import Images
from imagewright.pixels import to_float
from imagewright.seeds import derive_seed
from imagewright.verbs.apply import RunLike, images_for, reconstruct, resolve_model, score

ENSEMBLE = "ensemble"
RUN_METHODS = ("run-score", "run-error")
MEMBERS = ("mahalanobis", "plane", "edges-mahalanobis", "edges-plane", "run-score", "run-error", "latents-plane")
"""Whose ranks the ensemble averages: in each space one that knows the whole and one that knows the neighbourhood."""
REFERENCE = 20_000
"""Pictures that neighbours are looked for among; of more, as many are drawn by the seed. Time is then linear in N."""
MANY, FEW = 20_000, 2_000  # above: two folds; up to here: ten; between: five
LIKELIHOOD_SAMPLES = 16

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Method:
    """A way to measure strangeness: a detector in a space, or a run's own verb (`detector` empty)."""

    name: str
    space: str
    detector: str


def methods_in(space: str) -> list[Method]:
    """Every detector in a space: `pca`, `edges-pca`, `latents-pca` ..."""
    prefix = "" if space == "pixels" else f"{space}-"
    return [Method(prefix + detector, space, detector) for detector in DETECTORS]


def available_methods(run: RunLike | None) -> list[Method]:
    """What can be measured, with or without a run; a run adds what its model can do."""
    found = [*methods_in("pixels"), *methods_in("edges")]
    if run is None:
        return found
    model = resolve_model(run)
    verbs = verbs_of(model)
    added = methods_in("latents") if "encode" in verbs else []
    added += [Method("run-score", "run", "")] if "score" in verbs else []
    added += [Method("run-error", "run", "")] if "reconstruct" in verbs else []
    if not added:
        raise UserError(
            f"{name_of(model)} can neither encode nor score pictures, so it cannot say which are strange: "
            "name a run of another model, or none."
        )
    return found + added


def chosen_methods(method: str, run: RunLike | None) -> list[Method]:
    """The methods to compute for one that was asked for: all of them for the ensemble. `UserError` for no method."""
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


def strangeness(
    images: Images,
    clean: Images | None,
    methods: Sequence[Method],
    *,
    run: RunLike | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    notes: list[str] | None = None,
) -> dict[str, np.ndarray]:
    """Each method's score of every picture, float64 (N,), higher is stranger.

    Raises `DataError` for too few pictures to learn from, or pictures that are all equal. Spaces in which nothing
    varies are left out, with a word in `notes`.
    """
    notes = [] if notes is None else notes
    _check_counts(images, clean)
    model = None if run is None else resolve_model(run)
    spaces: dict[str, Space] = {"pixels": Pixels(), "edges": Edges()}
    if model is not None and any(each.space == "latents" for each in methods):
        spaces["latents"] = Latents(model)
    wanted = {name: [each for each in methods if each.space == name] for name in spaces}
    wanted = {name: found for name, found in wanted.items() if found}
    done, total = [0], len(images) * len(wanted)

    def told(count: int) -> None:
        done[0] += count
        if progress is not None:
            progress(done[0], total)

    scores: dict[str, np.ndarray] = {}
    for name, found in wanted.items():
        space = spaces[name]
        opened, opened_clean = space.opened(images), None if clean is None else space.opened(clean)
        in_space = _in_space(opened, opened_clean, space, found, seed, told)
        if in_space is None:
            notes.append(f"In {name} the pictures learned from are all equal: nothing was measured there.")
        else:
            scores |= in_space
    own = [each.name for each in methods if each.space == "run"]
    if model is not None and own:
        scores |= _by_the_run(model, images, own, seed)
    if not scores:
        raise DataError(
            "The pictures to learn from are all equal, so nothing says what is ordinary among them: give others."
        )
    return scores


def ranked_ensemble(scores: dict[str, np.ndarray]) -> np.ndarray:
    """The mean of the members' ranks, (N,), from 0 (most ordinary by all of them) to 1 (strangest by all)."""
    from scipy.stats import rankdata

    members = [name for name in MEMBERS if name in scores and not (name == "run-error" and "run-score" in scores)]
    ranks = [rankdata(scores[name]) for name in members or list(scores)]
    return np.mean(ranks, axis=0) / len(ranks[0])


def _check_counts(images: Images, clean: Images | None) -> None:
    if clean is None and len(images) < 3:
        raise DataError(
            f"{images.source} holds {len(images)} picture{'s' if len(images) > 1 else ''}: strangeness is measured "
            "against others, so there must be three, or ordinary ones to learn from (train_on=)."
        )
    if clean is not None and len(clean) < 2:
        raise DataError(f"{clean.source} holds one picture: what is ordinary is learned from two or more.")


def _in_space(
    images: Images,
    clean: Images | None,
    space: Space,
    methods: Sequence[Method],
    seed: int,
    told: Callable[[int], None],
) -> dict[str, np.ndarray] | None:
    """The scores of a space's methods, or None where the pictures learned from do not differ in it."""
    scores = {each.name: np.zeros(len(images)) for each in methods}
    for learn_from, judged in _parts(images, clean, seed):
        rows = Rows(learn_from, space)
        projection = Projection(rows, seed)
        if not projection.varies:
            return None
        reference = _reference(learn_from, space, projection, seed)
        detectors = {each.name: make_detector(each.detector, seed) for each in methods}
        for detector in detectors.values():
            detector.fit(projection, reference)
        place = 0
        for block in Rows(images.subset(judged), space, told).batches(BATCH):
            pictures = projection(block)
            where = judged[place : place + len(block)]
            for name, detector in detectors.items():
                scores[name][where] = detector.score(pictures).numpy()
            place += len(block)
    return scores


def _parts(images: Images, clean: Images | None, seed: int) -> Iterator[tuple[Images, np.ndarray]]:
    """Who learns and who is judged: pairs of pictures to learn from, and indices of those to judge (rising)."""
    count = len(images)
    if clean is not None:
        yield clean, np.arange(count)
        return
    folds = min(count, 2 if count > MANY else 10 if count <= FEW else 5)
    dealt = np.random.default_rng(derive_seed(seed, "folds")).permutation(count) % folds
    for fold in range(folds):
        yield images.subset(dealt != fold), np.flatnonzero(dealt == fold)


def _reference(images: Images, space: Space, projection: Projection, seed: int) -> Projected:
    """The pictures that neighbours are looked for among, projected: all, or `REFERENCE` drawn by the seed."""
    if len(images) > REFERENCE:
        drawn = np.random.default_rng(derive_seed(seed, "reference")).choice(len(images), REFERENCE, replace=False)
        images = images.subset(np.sort(drawn))
    found = [projection(block) for block in Rows(images, space).batches(BATCH)]
    return Projected(torch.cat([each.coordinates for each in found]), torch.cat([each.rest for each in found]))


def _by_the_run(model: RunLike, images: Images, names: Sequence[str], seed: int) -> dict[str, np.ndarray]:
    """What a run's own verbs say: minus its score, and the mean squared error of its reconstruction (in [-1, 1])."""
    opened = images_for(model, images)
    found: dict[str, np.ndarray] = {}
    if "run-score" in names:
        found["run-score"] = -score(model, opened, samples=LIKELIHOOD_SAMPLES, seed=seed).double().numpy()
    if "run-error" in names:
        errors = []
        for batch in opened.batches(BATCH):
            difference = to_float(reconstruct(model, batch.images)) - to_float(batch.images)
            errors.append(difference.flatten(1).square().mean(1).double())
        found["run-error"] = torch.cat(errors).numpy()
    return found
