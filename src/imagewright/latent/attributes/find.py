"""Attribute directions: where to move a latent so that its picture smiles, or grows old.

Found from labelled pictures, from two folders of marked ones, or, in a model without encoder, from its own samples with
the labels of a judge. The mathematics and the metric are in `attributes_directions`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from imagewright import catalogue
from imagewright.capabilities import Decodes, require, samples_attributes, samples_classes, verbs_of
from imagewright.errors import UserError
from imagewright.latent import store as kept
from imagewright.latent.attributes.effect import SHOWN, Effect, effect_of
from imagewright.latent.attributes.evidence import Evidence, from_classified, from_folders, from_source
from imagewright.latent.attributes.labels import Progress, annotations_of, encoded, evenly, number_of
from imagewright.latent.attributes.mathematics import Method
from imagewright.latent.attributes.result import Attribute, found_on
from imagewright.latent.inputs import run_of
from imagewright.model import Model
from imagewright.runs.run import Run
from imagewright.verbs.apply import ImagesLike, RunLike, decode, resolve_model, sample_latents


def attribute(
    run: RunLike,
    source: ImagesLike | None = None,
    attribute: str | None = None,
    *,
    positive: ImagesLike | None = None,
    negative: ImagesLike | None = None,
    classifier: RunLike | None = None,
    mirror: bool = False,
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
    sets of pictures; `mirror` adds their mirror images, which helps where there are few and left is as good as right.
    From the model's samples: `classifier`, a run that classifies, and one of its classes. A model
    without encoder finds it on samples labelled by a judge that learns from `source`.

    `method`: the difference of means, or the normal of a linear support vector machine. `balance`: attributes of the
    source that come with this one and are not meant ("all": every other). `orthogonal_to`: attributes of the source, or
    kept directions, that are not to change. `measure`: train a judge on the source's pictures and measure the effect on
    a held-out tenth, or on `held_out`: under a minute. Raises `UserError` for what does not exist, with the nearest
    name, and `DataError` where a side is empty.
    """
    model = resolve_model(run)
    home = run_of(run)
    if save is not None:
        if home is None:
            raise UserError(f"save={save} keeps a direction in a run: give the run's folder, not a model or a file.")
        kept.place_of(home, save, force=force)
    require(model, Decodes)
    _refuse_conditions(model, attribute)
    evidence = _evidence(
        model,
        source,
        attribute,
        save or "attribute",
        (positive, negative),
        classifier,
        mirror=mirror,
        held_out=held_out,
        labels=labels,
        split=split,
        seed=seed,
        progress=progress,
    )
    if measure and evidence.images is None:
        raise UserError("measure needs labelled pictures for its judge to learn from: give a source with labels.")
    name = evidence.labelled.names[0] if attribute is None else attribute
    found = found_on(model, home, evidence, name, method, tuple(balance), tuple(orthogonal_to))
    if measure:
        found = replace(found, effect=_measured(model, evidence, found, seed, progress))
    if save is None or home is None:
        return found
    return replace(found, kept=_keep(home, model, save, found, force=force))


def _refuse_conditions(model: Model, attribute: str | None) -> None:
    """What a conditional model is told is not in the rest of its latents."""
    told = (*(model.class_names if samples_classes(model) else ()),)
    told += (*(model.attribute_names if samples_attributes(model) else ()),)
    if attribute in told and "encode" not in verbs_of(model):
        raise UserError(
            f"{attribute} is what {catalogue.name_of(model)} is told when it draws, so no direction is needed: ask for "
            "it (`imagewright sample --label`, --attributes). Directions are of what it is not told."
        )


def _evidence(
    model: Model,
    source: ImagesLike | None,
    attribute: str | None,
    called: str,
    marked: tuple[ImagesLike | None, ImagesLike | None],
    classifier: RunLike | None,
    *,
    mirror: bool,
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
            missing = "with it (positive=" if positive is None else "without it (negative="
            raise UserError(f"Pictures {missing}FOLDER) are missing: the two are compared.")
        return from_folders(model, attribute or called, positive, negative, mirror=mirror, progress=options["progress"])
    if mirror:
        raise UserError("mirror=True is for marked pictures (positive=, negative=): of labelled ones there are enough.")
    if attribute is None:
        raise UserError("What to look for is missing (attribute=NAME): name one of the attributes or classes.")
    if source is not None:
        return from_source(model, source, attribute, **options)
    assert classifier is not None
    return from_classified(model, classifier, attribute, seed=options["seed"])


def _measured(model: Model, evidence: Evidence, found: Attribute, seed: int, progress: Progress | None) -> Effect:
    """The effect on held-out pictures that lack the attribute, or on samples that the judge says lack it."""
    assert evidence.images is not None
    judge = evidence.images.judge(seed, progress)
    own = number_of(found.name, judge.names)
    if "encode" not in verbs_of(model):
        drawn = sample_latents(model, 3 * SHOWN, seed + 1)
        lacking = judge.probabilities(decode(model, drawn))[:, own] < 0.5
        return effect_of(model, judge, found.name, drawn[lacking][:SHOWN], found.step)
    images = evidence.images.held_out
    assert images is not None
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
