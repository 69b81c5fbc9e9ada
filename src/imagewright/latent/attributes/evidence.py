"""The evidence that an attribute's direction is found on: labelled pictures, marked folders, or classified samples."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import Classifies, answers, verbs_of
from imagewright.errors import DataError, UserError
from imagewright.images import Images, open_images
from imagewright.images.label_arrays import LabelsLike
from imagewright.latent.attributes.attribute_classifier import AttributeClassifier, train_attribute_classifier
from imagewright.latent.attributes.labels import (
    LabelledLatents,
    annotations_of,
    check_both_sides,
    choose_evenly,
    choose_known,
    encode_all,
    encode_labelled,
    index_of,
    most_latents,
    open_at_model_size,
    open_labelled,
    split_indices,
)
from imagewright.latent.projection.project import project
from imagewright.model import Model
from imagewright.progress import Progress
from imagewright.verbs.apply import ImagesLike, RunLike, classify, decode, resolve_model, sample_latents

TESTED = 2000  # latents of held-out pictures, at most
PROJECTED = 64  # pictures of a folder, at most, for a model without encoder: each is an optimisation of seconds
SAMPLES = 4000  # samples that are classified, for a model without encoder
EXAMPLES = 2  # a side
FEW = 5  # marked pictures a side


@dataclass(frozen=True)
class LabelledSplit:
    """Labelled pictures: a training part, and a held-out part that nothing is learned from (None if there are few)."""

    training: Images
    held_out: Images | None

    def train_classifier(self, seed: int, progress: Progress | None) -> AttributeClassifier:
        """A classifier of all attributes, trained on the training part and tested on the held-out part."""
        if self.held_out is None:
            raise DataError(
                f"{len(self.training)} labelled pictures are too few to hold some out and measure on them: 200 or more "
                "were expected. Leave the measuring out, or give pictures to measure on."
            )
        names, values = annotations_of(self.training)
        held_out = self.held_out, annotations_of(self.held_out)[1]
        return train_attribute_classifier(self.training, names, values, held_out, seed=seed, progress=progress)


@dataclass(frozen=True)
class Evidence:
    """What a direction is found on.

    labelled: latents to find it on.
    test: other latents to test it on, or None.
    images: labelled pictures to train a classifier on, or None.
    examples: latents (E, *latent shape) of a few examples to show, without the attribute first.
    pictures: uint8 (E, C, H, W) that the examples were encoded from; None if they are samples.
    source: the name of the source.
    notes: for the user.
    """

    labelled: LabelledLatents
    test: LabelledLatents | None
    images: LabelledSplit | None
    examples: Tensor
    pictures: Tensor | None
    source: str
    notes: list[str] = field(default_factory=list)


def gather_from_source(
    model: Model,
    source: ImagesLike,
    attribute: str,
    *,
    held_out: ImagesLike | None = None,
    labels: LabelsLike | None = None,
    label_column: str | None = None,
    split: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Evidence:
    """Encoded labelled pictures; for a model without encoder, samples labelled by a classifier of the source, or if the
    pictures are too few to train one, the pictures themselves, projected.
    """
    images, notes = open_labelled(model, source, split=split, labels=labels, label_column=label_column)
    names, values = annotations_of(images)
    side = values[:, index_of(attribute, names)]
    check_both_sides(attribute, int(side.sum()), int((~side).sum()))
    parts = split_labelled(model, images, held_out, seed)
    if "encode" not in verbs_of(model) and parts.held_out is None:
        return _gather_by_projection(model, images, parts, attribute, notes, progress)
    if "encode" not in verbs_of(model):
        classifier = parts.train_classifier(seed + 1, progress)  # another one than measures the effect
        found = _gather_from_samples(model, label_samples(model, classifier, seed), attribute, "a classifier")
        right = f"right on {classifier.accuracy[attribute]:.0%} of held-out pictures"
        notes += [f"{catalogue.name_of(model)} has no encoder: its samples were labelled by a classifier, {right}."]
        return replace(found, images=parts, source=images.source, notes=[*notes, *found.notes])
    labelled = encode_labelled(model, parts.training, attribute, progress)
    if len(labelled.latents) < len(parts.training):
        notes.append(f"The direction is found on {len(labelled.latents):,} of the {len(parts.training):,} pictures.")
    shown = parts.training if parts.held_out is None else parts.held_out
    test = None
    if parts.held_out is not None:
        test = encode_labelled(model, shown.subset(choose_evenly(np.arange(len(shown)), TESTED)))
    own = annotations_of(shown)[1][:, index_of(attribute, names)]
    rows = np.concatenate([choose_evenly(np.flatnonzero(own == has), EXAMPLES) for has in (False, True)])
    pictures = shown.batch(rows).images
    return Evidence(labelled, test, parts, encode_all(model, shown.subset(rows)), pictures, images.source, notes)


def _gather_by_projection(
    model: Model,
    images: Images,
    parts: LabelledSplit,
    attribute: str,
    notes: list[str],
    progress: Progress | None,
) -> Evidence:
    """Labelled pictures that are too few for a classifier, projected: an optimisation finds the latent of each."""
    names, values = annotations_of(images)
    side = values[:, index_of(attribute, names)]
    chosen = [choose_evenly(np.flatnonzero(side == has), PROJECTED) for has in (False, True)]
    rows = np.concatenate(chosen)
    latents = project(model, images.subset(rows), progress=progress).latents
    notes.append(f"{catalogue.name_of(model)} has no encoder: {len(rows)} labelled pictures were projected.")
    if (few := min(map(len, chosen))) < FEW:
        notes.append(f"{few} picture{'s' * (few > 1)} on one side: what else they have in common will move along.")
    starts = np.array([0, len(chosen[0])])
    shown = np.concatenate(
        [start + choose_evenly(np.arange(len(each)), EXAMPLES) for start, each in zip(starts, chosen, strict=True)]
    )
    labelled = LabelledLatents(latents, names, values[rows])
    pictures = images.batch(rows[shown]).images
    return Evidence(labelled, None, parts, latents[torch.from_numpy(shown)], pictures, images.source, notes)


def split_labelled(model: Model, images: Images, held_out: ImagesLike | None, seed: int) -> LabelledSplit:
    """Split labelled pictures: hold out those given, or else a tenth. Raises `DataError` for other attribute names."""
    if held_out is not None:
        others = choose_known(open_at_model_size(model, held_out)[0], [])
        if annotations_of(others)[0] != annotations_of(images)[0]:
            raise DataError(f"The pictures of {others.source} are labelled with other names than {images.source}.")
        return LabelledSplit(images, others)
    training, test = split_indices(images, seed)
    return LabelledSplit(images.subset(training), images.subset(test) if len(test) else None)


def gather_from_folders(
    model: Model,
    name: str,
    positive: ImagesLike,
    negative: ImagesLike,
    *,
    mirror: bool = False,
    progress: Progress | None = None,
) -> Evidence:
    """Pictures with the attribute and pictures without it, encoded or projected. `mirror` adds their mirror images."""
    notes: list[str] = []
    sides: list[Images] = []
    for each in (negative, positive):
        images, changed = open_at_model_size(model, each)
        sides.append(images.subset(choose_evenly(np.arange(len(images)), most_latents(model) // (4 if mirror else 2))))
        notes += changed
    latents = [_encode_or_project(model, images, progress) for images in sides]
    few = min(map(len, latents))
    if few < FEW:
        notes.append(f"{few} picture{'s' * (few > 1)} on one side: what else they have in common will move along.")
    rows = [choose_evenly(np.arange(len(images)), EXAMPLES) for images in sides]
    pictures = torch.cat([images.batch(chosen).images for images, chosen in zip(sides, rows, strict=True)])
    examples = torch.cat([each[torch.from_numpy(chosen)] for each, chosen in zip(latents, rows, strict=True)])
    values = np.repeat([False, True], [len(each) for each in latents])[:, None]
    numbers = np.arange(len(values))
    if mirror:
        mirrored = [open_images(images.batch(np.arange(len(images))).images.flip(3).numpy()) for images in sides]
        latents += [_encode_or_project(model, images, progress) for images in mirrored]
        values, numbers = np.tile(values, (2, 1)), np.tile(numbers, 2)
    labelled = LabelledLatents(torch.cat(latents), (name,), values, numbers)
    source = " against ".join(Path(images.source).name for images in reversed(sides))
    return Evidence(labelled, None, None, examples, pictures, source, notes)


def _encode_or_project(model: Model, images: Images, progress: Progress | None) -> Tensor:
    if "encode" in verbs_of(model):
        return encode_all(model, images, progress)
    if len(images) > PROJECTED:
        raise UserError(
            f"{catalogue.name_of(model)} has no encoder, and to project {len(images):,} pictures would take long: give "
            f"{PROJECTED} a side at most, or a classifier of its samples (--classifier RUN)."
        )
    return project(model, images, progress=progress).latents


def label_samples(model: Model, classifier: AttributeClassifier, seed: int) -> LabelledLatents:
    """Samples of the model, labelled by a classifier of attributes."""
    latents = sample_latents(model, SAMPLES, seed)
    probabilities = torch.cat([classifier.probabilities(decode(model, part)) for part in latents.split(512)])
    return LabelledLatents(latents, classifier.names, probabilities.numpy() > 0.5)


def gather_from_classifier(model: Model, classifier: RunLike, attribute: str, *, seed: int = 0) -> Evidence:
    """Samples of the model, labelled by a run that classifies. Raises `UserError` for a run that cannot classify."""
    classifying = resolve_model(classifier)
    if not answers(classifying, Classifies):
        raise UserError(
            f"{catalogue.name_of(classifying)} does not classify, so it cannot say which samples show {attribute}."
        )
    names = classifying.class_names
    index_of(attribute, names)
    latents = sample_latents(model, SAMPLES, seed)
    predicted = torch.cat([classify(classifying, decode(model, part)).argmax(1) for part in latents.split(512)])
    values = torch.nn.functional.one_hot(predicted, len(names)).bool().numpy()
    labelled = LabelledLatents(latents, tuple(names), values)
    return _gather_from_samples(model, labelled, attribute, catalogue.name_of(classifying))


def _gather_from_samples(model: Model, labelled: LabelledLatents, attribute: str, labelled_by: str) -> Evidence:
    side = labelled.side(attribute)
    with_it = int(side.sum())
    if not 0 < with_it < len(side):
        raise DataError(
            f"{labelled_by} finds {attribute} in {with_it:,} of {len(side):,} samples of {catalogue.name_of(model)}: "
            "the model does not show it, or shows nothing else, so there is no direction to find."
        )
    notes = [f"{with_it:,} of {len(side):,} samples show {attribute}, by {labelled_by}."]
    rows = np.concatenate([np.flatnonzero(side == has)[:EXAMPLES] for has in (False, True)])
    return Evidence(labelled, None, None, labelled.latents[torch.from_numpy(rows)], None, "samples", notes)
