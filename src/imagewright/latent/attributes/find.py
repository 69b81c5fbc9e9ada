"""Find attribute directions: along them a latent's picture begins to smile, or grows old.

The evidence is labelled pictures, two folders of marked pictures, or samples labelled by a classifier.
`mathematics.py` says how a direction is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from imagewright import catalogue
from imagewright.capabilities import Decodes, require, samples_attributes, samples_classes, verbs_of
from imagewright.errors import UserError
from imagewright.images.label_arrays import LabelsLike
from imagewright.latent import store
from imagewright.latent.attributes.effect import MOVED, Effect, measure_effect
from imagewright.latent.attributes.evidence import (
    Evidence,
    gather_from_classifier,
    gather_from_folders,
    gather_from_source,
)
from imagewright.latent.attributes.labels import annotations_of, choose_evenly, encode_all, index_of
from imagewright.latent.attributes.mathematics import Method
from imagewright.latent.attributes.result import Attribute, build_attribute
from imagewright.model import Model
from imagewright.progress import Progress
from imagewright.runs.loading import training_notes
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
    labels: LabelsLike | None = None,
    label_column: str | None = None,
    split: str | None = None,
    seed: int = 0,
    save: str | None = None,
    force: bool = False,
    progress: Progress | None = None,
    model: Model | None = None,
) -> Attribute:
    """The direction in which an attribute grows.

    Give one of three kinds of evidence: `source` and `attribute`; `positive` and `negative`; or `classifier` and
    `attribute`. For a model without encoder, a `source` trains a classifier that labels samples of the model.

    run: a run, its directory, a weights file or a model.
    source: labelled pictures.
    attribute: an attribute or class of the source, or a class of the classifier.
    positive, negative: pictures with the attribute and pictures without it.
    classifier: a run that classifies; it labels samples of the model.
    mirror: add the mirror images of marked pictures, for few pictures of which left and right do not matter.
    method: "mean" for the difference of means, "svm" for the normal of a linear support vector machine.
    balance: attributes of the source that occur together with this one and are not meant; "all" for every other.
    orthogonal_to: attributes of the source, or saved directions, that are not to change.
    measure: train a classifier on the source and measure the effect on held-out pictures, in under a minute.
    held_out: labelled pictures to test and measure on; by default a tenth of the source.
    labels: a file of labels for the source.
    label_column: the column of the labels (see `open_images`).
    split: a part of the source, such as "train".
    seed: of the split, the samples and the classifier.
    save: save the direction in the run under this name.
    force: write over a saved direction of that name.
    progress: called with (done, total) of each part that takes long.
    model: the run's model, if it is loaded already.
    Raises `UserError` for an unknown name, with the nearest one, and `DataError` if no pictures have the attribute or
    all have it.
    """
    model = resolve_model(run) if model is None else model
    directory = store.resolve_run(run) if save is None else store.check_save(run, [save], force=force)
    require(model, Decodes)
    _refuse_conditions(model, attribute)
    evidence = _gather(
        model,
        source,
        attribute,
        save or "attribute",
        (positive, negative),
        classifier,
        mirror=mirror,
        held_out=held_out,
        labels=labels,
        label_column=label_column,
        split=split,
        seed=seed,
        progress=progress,
    )
    if measure and evidence.images is None:
        raise UserError("measure needs labelled pictures to train a classifier on: give a source with labels.")
    name = evidence.labelled.names[0] if attribute is None else attribute
    found = build_attribute(model, directory, evidence, name, method, tuple(balance), tuple(orthogonal_to))
    if measure:
        found = replace(found, effect=_measure_effect(model, evidence, found, seed, progress))
    found = replace(found, notes=(*training_notes(model), *found.notes))
    if save is None or directory is None:
        return found
    return replace(found, saved=found.save(directory, save, force=force))


def _refuse_conditions(model: Model, attribute: str | None) -> None:
    """Raise `UserError` for a condition of a conditional model, which the other numbers of its latents do not hold."""
    conditions = (*(model.class_names if samples_classes(model) else ()),)
    conditions += (*(model.attribute_names if samples_attributes(model) else ()),)
    if attribute in conditions and "encode" not in verbs_of(model):
        raise UserError(
            f"{attribute} is a condition of {catalogue.name_of(model)}, so no direction is needed: sample it "
            "(`imagewright sample --label`, --attributes). Directions are for what is no condition."
        )


def _gather(
    model: Model,
    source: ImagesLike | None,
    attribute: str | None,
    default_name: str,
    marked: tuple[ImagesLike | None, ImagesLike | None],
    classifier: RunLike | None,
    *,
    mirror: bool,
    **options: Any,
) -> Evidence:
    given = [source is not None, any(side is not None for side in marked), classifier is not None]
    if sum(given) != 1:
        raise UserError(
            "An attribute is found from one of three: labelled pictures (a source and the name of an attribute), "
            "two folders of marked ones (--positive and --negative), or a run that classifies (--classifier and the "
            "name of a class)."
        )
    positive, negative = marked
    if given[1]:
        if positive is None or negative is None:
            missing = "with it (positive=" if positive is None else "without it (negative="
            raise UserError(f"Pictures {missing}FOLDER) are missing: the two are compared.")
        name = attribute or default_name
        return gather_from_folders(model, name, positive, negative, mirror=mirror, progress=options["progress"])
    if mirror:
        raise UserError("mirror is for marked pictures (positive=, negative=), not for labelled ones.")
    if attribute is None:
        raise UserError("What to look for is missing (attribute=NAME): name one of the attributes or classes.")
    if source is not None:
        return gather_from_source(model, source, attribute, **options)
    assert classifier is not None
    return gather_from_classifier(model, classifier, attribute, seed=options["seed"])


def _measure_effect(model: Model, evidence: Evidence, found: Attribute, seed: int, progress: Progress | None) -> Effect:
    """The effect on held-out pictures without the attribute, or on samples that the classifier finds without it."""
    assert evidence.images is not None
    classifier = evidence.images.train_classifier(seed, progress)
    own = index_of(found.name, classifier.names)
    if "encode" not in verbs_of(model):
        latents = sample_latents(model, 3 * MOVED, seed + 1)
        without = classifier.probabilities(decode(model, latents))[:, own] < 0.5
        return measure_effect(model, classifier, found.name, latents[without][:MOVED], found.step)
    images = evidence.images.held_out
    assert images is not None
    rows = choose_evenly(np.flatnonzero(~annotations_of(images)[1][:, own]), MOVED)
    shown = images.subset(rows)
    pictures = shown.batch(np.arange(len(rows))).images
    return measure_effect(model, classifier, found.name, encode_all(model, shown), found.step, pictures=pictures)
