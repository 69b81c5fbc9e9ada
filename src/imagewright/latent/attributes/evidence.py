"""What an attribute's direction is found from: labelled pictures encoded, marked folders, or judged samples."""

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
from imagewright.latent.attributes.attribute_classifier import Judge, train_judge
from imagewright.latent.attributes.labels import (
    Labelled,
    Progress,
    annotations_of,
    check_sides,
    encoded,
    evenly,
    labelled_pictures,
    number_of,
    opened_for,
    parts_of,
    room_for,
)
from imagewright.latent.projection.project import project
from imagewright.model import Model
from imagewright.verbs.apply import ImagesLike, RunLike, classify, decode, resolve_model, sample_latents

TESTED = 2000  # latents of held-out pictures, at most
PROJECTED = 64  # pictures of a folder, at most, for a model without encoder: each is an optimisation of seconds
DRAWN = 4000  # samples that are judged, for a model without encoder
EXAMPLES = 2  # a side
FEW = 5  # marked pictures a side


@dataclass(frozen=True)
class LabelledImages:
    """Real pictures with what is known of them: a part to learn from, and one that nothing is learned from."""

    training: Images
    held_out: Images | None

    def judge(self, seed: int, progress: Progress | None) -> Judge:
        """A judge of all that is known, trained on the one part and tested on the other."""
        if self.held_out is None:
            raise DataError(
                f"{len(self.training)} labelled pictures are too few to hold some out and measure on them: 200 or more "
                "were expected. Leave the measuring out, or give pictures to measure on."
            )
        names, values = annotations_of(self.training)
        held_out = self.held_out, annotations_of(self.held_out)[1]
        return train_judge(self.training, names, values, held_out, seed=seed, progress=progress)


@dataclass(frozen=True)
class Evidence:
    """Latents to find directions on and to test them on, pictures for a judge, and a few examples to be shown.

    `examples`: latents, without the attribute first; `pictures`: uint8, what they were encoded from.
    """

    labelled: Labelled
    test: Labelled | None
    images: LabelledImages | None
    examples: Tensor
    pictures: Tensor | None
    source: str
    said: list[str] = field(default_factory=list)


def from_source(
    model: Model,
    source: ImagesLike,
    attribute: str,
    *,
    held_out: ImagesLike | None = None,
    labels: object = None,
    split: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Evidence:
    """Labelled pictures, encoded; or samples judged by what labelled pictures teach, where the model has no encoder."""
    images, said = opened_for(model, source, split=split, labels=labels)
    names, values = annotations_of(images)
    side = values[:, number_of(attribute, names)]
    check_sides(attribute, int(side.sum()), int((~side).sum()))
    parts = divided(model, images, held_out, seed)
    if "encode" not in verbs_of(model):
        judge = parts.judge(seed + 1, progress)  # not the one that measures
        found = _of_samples(model, judged_samples(model, judge, seed), attribute, "a judge")
        right = f"right on {judge.accuracy[attribute]:.0%} of held-out pictures"
        said += [f"{catalogue.name_of(model)} has no encoder: its samples were labelled by a judge, {right}."]
        return replace(found, images=parts, source=images.source, said=[*said, *found.said])
    labelled = labelled_pictures(model, parts.training, attribute, progress)
    if len(labelled.latents) < len(parts.training):
        said.append(f"The direction is found on {len(labelled.latents):,} of the {len(parts.training):,} pictures.")
    shown = parts.training if parts.held_out is None else parts.held_out
    test = None
    if parts.held_out is not None:
        chosen = evenly(np.arange(len(shown)), TESTED)
        test = labelled_pictures(model, shown.subset(chosen))
    own = annotations_of(shown)[1][:, number_of(attribute, names)]
    rows = np.concatenate([evenly(np.flatnonzero(own == has), EXAMPLES) for has in (False, True)])
    pictures = shown.batch(rows).images
    return Evidence(labelled, test, parts, encoded(model, shown.subset(rows)), pictures, images.source, said)


def divided(model: Model, images: Images, held_out: ImagesLike | None, seed: int) -> LabelledImages:
    """Labelled pictures, and others to test on: those given, or a tenth of the same."""
    if held_out is not None:
        others, _ = opened_for(model, held_out)
        if annotations_of(others)[0] != annotations_of(images)[0]:
            raise DataError(f"The pictures of {others.source} are labelled with other names than {images.source}.")
        return LabelledImages(images, others)
    training, test = parts_of(images, seed)
    return LabelledImages(images.subset(training), images.subset(test) if len(test) else None)


def from_folders(
    model: Model,
    name: str,
    positive: ImagesLike,
    negative: ImagesLike,
    *,
    mirror: bool = False,
    progress: Progress | None = None,
) -> Evidence:
    """Two sets of pictures, with and without: ten of each are a beginning. `mirror` adds their mirror images."""
    said: list[str] = []
    sides: list[Images] = []
    for each in (negative, positive):
        images, changed = opened_for(model, each)
        sides.append(images.subset(evenly(np.arange(len(images)), room_for(model) // (4 if mirror else 2))))
        said += changed
    latents = [_latents_of(model, images, progress) for images in sides]
    few = min(map(len, latents))
    if few < FEW:
        said.append(f"{few} picture{'s' * (few > 1)} on one side: what else they have in common will move along.")
    rows = [evenly(np.arange(len(images)), EXAMPLES) for images in sides]
    pictures = torch.cat([images.batch(chosen).images for images, chosen in zip(sides, rows, strict=True)])
    examples = torch.cat([each[torch.from_numpy(chosen)] for each, chosen in zip(latents, rows, strict=True)])
    values = np.repeat([False, True], [len(each) for each in latents])[:, None]
    numbers = np.arange(len(values))
    if mirror:
        mirrored = [open_images(images.batch(np.arange(len(images))).images.flip(3).numpy()) for images in sides]
        latents += [_latents_of(model, images, progress) for images in mirrored]
        values, numbers = np.tile(values, (2, 1)), np.tile(numbers, 2)
    labelled = Labelled(torch.cat(latents), (name,), values, numbers)
    where = " against ".join(Path(images.source).name for images in reversed(sides))
    return Evidence(labelled, None, None, examples, pictures, where, said)


def _latents_of(model: Model, images: Images, progress: Progress | None) -> Tensor:
    if "encode" in verbs_of(model):
        return encoded(model, images, progress)
    if len(images) > PROJECTED:
        raise UserError(
            f"{catalogue.name_of(model)} has no encoder, and to project {len(images):,} pictures would take long: give "
            f"{PROJECTED} a side at most, or a classifier of its samples (classifier=RUN)."
        )
    return project(model, images, progress=progress).latents


def judged_samples(model: Model, judge: Judge, seed: int) -> Labelled:
    """Samples of the model, labelled by a judge of real pictures."""
    drawn = sample_latents(model, DRAWN, seed)
    values = torch.cat([judge.probabilities(decode(model, part)) for part in drawn.split(512)]).numpy() > 0.5
    return Labelled(drawn, judge.names, values)


def from_classified(model: Model, classifier: RunLike, attribute: str, *, seed: int = 0) -> Evidence:
    """Samples of the model, labelled by a run that classifies."""
    judge = resolve_model(classifier)
    if not answers(judge, Classifies):
        raise UserError(
            f"{catalogue.name_of(judge)} does not classify, so it cannot say which samples show {attribute}."
        )
    names = judge.class_names
    number_of(attribute, names)
    drawn = sample_latents(model, DRAWN, seed)
    chosen = torch.cat([classify(judge, decode(model, part)).argmax(1) for part in drawn.split(512)])
    values = torch.nn.functional.one_hot(chosen, len(names)).bool().numpy()
    return _of_samples(model, Labelled(drawn, tuple(names), values), attribute, catalogue.name_of(judge))


def _of_samples(model: Model, labelled: Labelled, attribute: str, by: str) -> Evidence:
    side = labelled.side(attribute)
    with_it = int(side.sum())
    if not 0 < with_it < len(side):
        raise DataError(
            f"{by} finds {attribute} in {with_it:,} of {len(side):,} samples of {catalogue.name_of(model)}: the model "
            "does not show it, or shows nothing else, so no direction leads there."
        )
    said = [f"{with_it:,} of {len(side):,} samples show {attribute}, by {by}."]
    rows = np.concatenate([np.flatnonzero(side == has)[:EXAMPLES] for has in (False, True)])
    return Evidence(labelled, None, None, labelled.latents[torch.from_numpy(rows)], None, "samples", said)
