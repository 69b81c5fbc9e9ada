"""Attribute directions: where to move a latent so that its picture smiles, or grows old.

Found from labelled pictures, from two folders of marked ones, or, in a model without encoder, from its own samples with
the labels of a judge. The mathematics and the metric are in `attributes_directions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import latent_parts_of, require, verbs_of
from imagewright.errors import UserError, nearest_name
from imagewright.latent import kept
from imagewright.latent.attributes_directions import (
    Method,
    Spread,
    direction_of,
    in_latents,
    orthogonalised,
    spread_of,
)
from imagewright.latent.attributes_effect import SHOWN, Effect, effect_of
from imagewright.latent.attributes_evidence import Evidence, from_classified, from_folders, from_source
from imagewright.latent.attributes_labels import Labelled, Progress, encoded, evenly, number_of
from imagewright.latent.points import run_of
from imagewright.phases import Model
from imagewright.runs.run import Run
from imagewright.verbs.apply import ImagesLike, RunLike, latents_of, model_of

EVERY_OTHER = "all"
FOLDS = 5
SAME = 0.01  # of the variance of an attribute, left when others are known: below it they cannot be told apart


@dataclass(frozen=True)
class Attribute:
    """A direction in a model's latents, of length 1, and `scale`, one standard deviation of the latents along it.

    `counts`: latents with the attribute and without. `told_apart`: the chance that a picture with it lies farther along
    the direction than one without (the area under the ROC curve), on pictures that it was not found on; None where too
    few are known. `examples` (latents) and `pictures` (uint8, or None for samples) are a few to show it on. `said`:
    what the user should know.
    """

    name: str
    direction: Tensor
    scale: float
    method: Method
    counts: tuple[int, int]
    told_apart: float | None
    balance: tuple[str, ...]
    orthogonal_to: tuple[str, ...]
    source: str
    examples: Tensor
    pictures: Tensor | None
    effect: Effect | None
    said: tuple[str, ...]
    kept: Path | None = None

    @property
    def step(self) -> Tensor:
        """What is added to a latent to move it by a strength of 1."""
        return self.direction * self.scale

    def found(self) -> str:
        """How it was found, in a few words."""
        how = {"mean": "mean difference", "svm": "normal of a linear machine"}[self.method]
        others = [("balanced over", self.balance), ("orthogonal to", self.orthogonal_to)]
        said = [f"{words} {', '.join(names)}" for words, names in others if names]
        return ", ".join([f"{self.name} by {how}", f"{self.counts[0]:,} with and {self.counts[1]:,} without", *said])


def attribute(
    run: RunLike,
    source: ImagesLike | None = None,
    attribute: str | None = None,
    *,
    positive: ImagesLike | None = None,
    negative: ImagesLike | None = None,
    classifier: RunLike | None = None,
    method: Method = "mean",
    balance: Sequence[str] = (),
    orthogonal_to: Sequence[str] = (),
    measure: bool = False,
    held_out: ImagesLike | None = None,
    labels: str | Path | None = None,
    split: str | None = None,
    seed: int = 0,
    save: str | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Attribute:
    """The direction in which an attribute grows; `save` keeps it in the run under a name that every tool takes.

    From labelled pictures: `source` and the name of an attribute or class. From marked ones: `positive` and `negative`,
    sets of pictures. From the model's samples: `classifier`, a run that classifies, and one of its classes. A model
    without encoder finds it on samples labelled by a judge that learns from `source`.

    `method`: the difference of means, or the normal of a linear support vector machine. `balance`: attributes of the
    source that come with this one and are not meant ("all": every other). `orthogonal_to`: attributes of the source, or
    kept directions, that are not to change. `measure`: train a judge on the source's pictures and measure the effect on
    a held-out tenth, or on `held_out`: under a minute. Raises `UserError` for what does not exist, with the nearest
    name, and `DataError` where a side is empty.
    """
    home = run_of(run)
    if save is not None:
        if home is None:
            raise UserError(f"save={save} keeps a direction in a run: give the run's folder, not a model or a file.")
        kept.place_of(home, save, force=force)
    model = model_of(run)
    require(model, "decode", catalogue.name_of(model))
    evidence = _evidence(
        model,
        source,
        attribute,
        (positive, negative),
        classifier,
        held_out=held_out,
        labels=labels,
        split=split,
        seed=seed,
        progress=progress,
    )
    if measure and evidence.images is None:
        raise UserError("measure needs labelled pictures for its judge to learn from: give a source with labels.")
    name = attribute or save or "attribute"
    found = _found(model, home, evidence, name, method, tuple(balance), tuple(orthogonal_to))
    if measure:
        found = _replaced(found, effect=_measured(model, evidence, found, seed, progress))
    if save is None or home is None:
        return found
    return _replaced(found, kept=_keep(home, model, save, found, force=force))


def _replaced(found: Attribute, **changes: Any) -> Attribute:
    from dataclasses import replace

    return replace(found, **changes)


def _evidence(
    model: Model,
    source: ImagesLike | None,
    attribute: str | None,
    marked: tuple[ImagesLike | None, ImagesLike | None],
    classifier: RunLike | None,
    **options: Any,
) -> Evidence:
    given = [source is not None, any(side is not None for side in marked), classifier is not None]
    if sum(given) != 1:
        raise UserError(
            "An attribute is found from one of three: labelled pictures (a source and attribute=NAME), two folders of "
            "marked ones (positive= and negative=), or a run that classifies (classifier= and attribute=CLASS)."
        )
    positive, negative = marked
    if given[1]:
        if positive is None or negative is None:
            missing = "positive" if positive is None else "negative"
            raise UserError(f"{missing}= is missing: pictures with the attribute and without are compared.")
        return from_folders(model, attribute or "attribute", positive, negative, options["progress"])
    if attribute is None:
        raise UserError("attribute= is missing: name one of the source's attributes or classes.")
    if source is not None:
        return from_source(model, source, attribute, **options)
    assert classifier is not None
    return from_classified(model, classifier, attribute, seed=options["seed"])


def _found(
    model: Model,
    home: Run | None,
    evidence: Evidence,
    name: str,
    method: Method,
    balance: tuple[str, ...],
    orthogonal_to: tuple[str, ...],
) -> Attribute:
    labelled = evidence.labelled
    name = name if name in labelled.names else labelled.names[0]
    side = labelled.side(name)
    places = movable_places(model)
    latents = flat(labelled.latents)[:, places]
    spread = spread_of(latents)
    said = list(evidence.said)
    others = _others(labelled, name, balance)
    direction = direction_of(latents, side, spread, method, others)
    if orthogonal_to:
        spanned = [_other(model, home, each, labelled, latents, spread, places, method, said) for each in orthogonal_to]
        direction = orthogonalised(direction, np.stack(spanned))
    moved, scale = in_latents(direction, spread)
    whole = np.zeros(flat(labelled.latents).shape[1])
    whole[places] = moved
    shape: tuple[int, ...] = model.latent_shape  # type: ignore[assignment]
    return Attribute(
        name,
        torch.from_numpy(whole).float().reshape(shape),
        scale,
        method,
        (int(side.sum()), int((~side).sum())),
        _told_apart(evidence, name, latents, spread, method, direction, places),
        balance,
        orthogonal_to,
        evidence.source,
        evidence.examples,
        evidence.pictures,
        None,
        tuple(said),
    )


def flat(latents: Tensor) -> np.ndarray:
    """Latents (N, ...) as float64 (N, D)."""
    return latents.flatten(1).double().numpy()


def movable_places(model: Model) -> np.ndarray:
    """The places of a flattened latent along which one can go: not those of a category or of given attributes."""
    parts = latent_parts_of(model)  # type: ignore[arg-type]
    free = [part for part in parts if part.kind in ("normal", "uniform")]
    return np.concatenate([np.arange(part.start, part.stop) for part in free])


def _others(labelled: Labelled, name: str, balance: tuple[str, ...]) -> np.ndarray | None:
    """bool (N, A) of the attributes to balance over, those that vary."""
    if not balance:
        return None
    names = [each for each in labelled.names if each != name] if EVERY_OTHER in balance else list(balance)
    if name in names:
        raise UserError(f"balance={name} is the attribute itself: name others that come with it.")
    columns = np.column_stack([labelled.side(each) for each in names]).astype(np.float64)
    side = labelled.side(name).astype(np.float64)
    known = np.column_stack([columns, np.ones(len(side))])
    left = side - known @ np.linalg.lstsq(known, side, rcond=None)[0]
    if left.var() < SAME * side.var():
        raise UserError(
            f"{name} follows from {', '.join(names[:6])}{' ...' if len(names) > 6 else ''}, so that it cannot be "
            "balanced over them: name fewer. (Of classes, each follows from the others.)"
        )
    return columns > 0.5


def _other(
    model: Model,
    home: Run | None,
    name: str,
    labelled: Labelled,
    latents: np.ndarray,
    spread: Spread,
    places: np.ndarray,
    method: Method,
    said: list[str],
) -> np.ndarray:
    """The direction of u of an attribute of the same pictures, or of a direction kept in the run."""
    if name in labelled.names:
        side = labelled.side(name)
        if side.all() or not side.any():
            raise UserError(f"orthogonal_to={name}: all pictures or none have it, so it has no direction here.")
        return direction_of(latents, side, spread, method)
    known = [] if home is None else kept.names_of(home, "direction")
    if name not in known and not name.endswith(kept.SUFFIX):
        number_of_either(name, labelled.names, known)
    found = kept.find(home, model, name, "direction")
    said += found.said
    return spread.standardised_direction(found.tensors["direction"].flatten().double().numpy()[places])


def number_of_either(name: str, names: Sequence[str], known: Sequence[str]) -> None:
    """Raise `UserError` for a name that is neither an attribute of the source nor a kept direction."""
    raise UserError(
        f"orthogonal_to={name} is no attribute of these pictures and no direction kept in the run."
        f"{nearest_name(name, [*names, *known])}"
    )


def _told_apart(
    evidence: Evidence,
    name: str,
    latents: np.ndarray,
    spread: Spread,
    method: Method,
    direction: np.ndarray,
    places: np.ndarray,
) -> float | None:
    """The area under the ROC curve on latents of held-out pictures; of few marked ones, by cross-validation."""
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold

    if evidence.test is not None:
        side = evidence.test.side(name)
        if side.all() or not side.any():
            return None
        along = spread.standardised(flat(evidence.test.latents)[:, places]) @ direction
        return float(roc_auc_score(side, along))
    side = evidence.labelled.side(name)
    if min(side.sum(), (~side).sum()) < FOLDS:
        return None
    areas = []
    for rows, tested in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(latents, side):
        known = spread_of(latents[rows])
        along = known.standardised(latents[tested]) @ direction_of(latents[rows], side[rows], known, method)
        areas.append(roc_auc_score(side[tested], along))
    return float(np.mean(areas))


def _measured(model: Model, evidence: Evidence, found: Attribute, seed: int, progress: Progress | None) -> Effect:
    """The effect on held-out pictures that lack the attribute, or on samples that the judge says lack it."""
    assert evidence.images is not None
    judge = evidence.images.judge(seed, progress)
    own = number_of(found.name, judge.names)
    if "encode" not in verbs_of(model):
        from imagewright.verbs.apply import decode

        drawn = latents_of(model, 3 * SHOWN, seed + 1)
        lacking = judge.probabilities(decode(model, drawn))[:, own] < 0.5
        return effect_of(model, judge, found.name, drawn[lacking][:SHOWN], found.step)
    images = evidence.images.held_out
    assert images is not None
    from imagewright.latent.attributes_labels import annotations_of

    rows = evenly(np.flatnonzero(~annotations_of(images)[1][:, own]), SHOWN)
    shown = images.subset(rows)
    return effect_of(
        model, judge, found.name, encoded(model, shown), found.step, pictures=shown.batch(np.arange(len(rows))).images
    )


def _keep(home: Run, model: Model, save: str, found: Attribute, *, force: bool) -> Path:
    record = {
        "found": found.found(),
        "attribute": found.name,
        "source": found.source,
        "method": found.method,
        "counts": list(found.counts),
        "told_apart": found.told_apart,
        "balance": list(found.balance),
        "orthogonal_to": list(found.orthogonal_to),
        "effect": None if found.effect is None else found.effect.to_record(),
    }
    tensors = {"direction": found.direction, "scale": torch.tensor(found.scale)}
    return kept.keep(home, model, save, "direction", tensors, record, force=force)
