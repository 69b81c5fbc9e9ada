"""Resolve the terms of latent arithmetic to latents: the mean of a set of pictures, a saved name, or a seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.capabilities import verbs_of
from imagewright.errors import ImagewrightError, UserError, nearest_name
from imagewright.images import Images
from imagewright.images.sources.listing import is_picture_name
from imagewright.latent import store
from imagewright.latent.arithmetic.terms import Term, parse_set, syntax_error
from imagewright.latent.attributes.evidence import label_samples, split_labelled
from imagewright.latent.attributes.labels import (
    annotations_of,
    choose_evenly,
    choose_known,
    index_of,
    open_at_model_size,
)
from imagewright.latent.inputs import resolve_inputs
from imagewright.latent.projection.project import project
from imagewright.model import Model
from imagewright.verbs.apply import ImagesLike, RunLike, decode, encode
from imagewright.verbs.points import parse_point

MOST = 500  # pictures of a set, spread over it; more hardly change its mean
PROJECTED = 16  # for a model without encoder, where each takes seconds
SHOWN = 3


@dataclass(frozen=True)
class Operand:
    """What a term is resolved to.

    mean: the mean latent (*latent shape), or one standard deviation along a direction.
    count: latents averaged; 0 for a direction.
    shown: uint8 (M, C, H, W), a few of the pictures, or decoded latents if there are no pictures; None for a direction.
    is_direction: whether it is a direction.
    """

    mean: Tensor
    count: int
    shown: Tensor | None
    is_direction: bool = False


@dataclass
class OperandResolver:
    """Looks up operands in named sets, in a source with labels, and in the run.

    run: a run, its directory, a weights file or a model.
    model: the run's model.
    sets: pictures, or an expression of labels of the source, by name.
    source: labelled pictures.
    seed: of the samples of a model without encoder.
    notes: for the user, added to by `resolve`.
    """

    run: RunLike
    model: Model
    sets: Mapping[str, ImagesLike] = field(default_factory=dict)
    source: ImagesLike | None = None
    seed: int = 0
    notes: list[str] = field(default_factory=list)
    _labelled: _LabelledSource | None = None

    def resolve(self, term: Term, expression: str) -> Operand:
        """The operand of a term. Raises `UserError` with the term's position if it is found nowhere."""
        text = term.text
        directory = store.resolve_run(self.run)
        if text in self.sets:
            value = self.sets[text]
            if isinstance(value, str) and not Path(value).expanduser().exists():
                return self._from_labels(value, term, expression)
            return self._from_pictures(value)
        is_saved = directory is not None and text in store.names_of(directory, "latents")
        if parse_point(text) is not None or is_saved or is_picture_name(text):
            return self._from_input(text)
        if directory is not None and text in store.names_of(directory, "direction"):
            saved = store.load(directory, self.model, text, "direction")
            self.notes += saved.notes
            return Operand(saved.tensors["direction"] * saved.tensors["scale"], 0, None, is_direction=True)
        if Path(text).expanduser().exists():
            return self._from_pictures(text)
        if self.source is not None:
            return self._from_labels(text, term, expression)
        known = [*self.sets, *([] if directory is None else store.names_of(directory))]
        raise syntax_error(
            expression,
            term.position,
            f"{text!r} is no set, no name saved in the run, no picture, folder, seed or SEED:INDEX."
            f"{nearest_name(text, known)} With a source of labelled pictures, attributes are names too (source=)",
        )

    def _from_input(self, text: str) -> Operand:
        resolved = resolve_inputs(self.run, [text], model=self.model)
        self.notes += resolved.notes
        return Operand(resolved.latents.mean(0), len(resolved.latents), decode(self.model, resolved.latents[:SHOWN]))

    def _from_pictures(self, value: ImagesLike) -> Operand:
        images, notes = open_at_model_size(self.model, value)
        self.notes += notes
        return self._average(images, np.arange(len(images)))

    def _average(self, images: Images, rows: np.ndarray) -> Operand:
        encodes = "encode" in verbs_of(self.model)
        chosen = images.subset(choose_evenly(rows, MOST if encodes else PROJECTED))
        latents = encode(self.model, chosen) if encodes else project(self.model, chosen).latents
        shown = chosen.batch(choose_evenly(np.arange(len(chosen)), SHOWN)).images
        return Operand(latents.mean(0), len(chosen), shown)

    def _from_labels(self, text: str, term: Term, expression: str) -> Operand:
        """The pictures of the source with the attributes of an expression such as `Male & !Smiling`."""
        if self.source is None:
            what = f"{text!r} is no folder, and there is no source with labels (source=)"
            raise syntax_error(expression, term.position, what)
        if self._labelled is None:
            self._labelled = _LabelledSource.open(self.model, self.source, self.seed, self.notes)
        names, values = self._labelled.names, self._labelled.values
        matches = np.ones(len(values), bool)
        for name, wanted in parse_set(text):
            try:
                matches &= values[:, index_of(name, names)] == wanted
            except ImagewrightError as error:
                raise syntax_error(expression, term.position, str(error).rstrip(".")) from None
        if not matches.any():
            raise syntax_error(expression, term.position, f"no picture of the source is {text}, so it has no mean")
        rows = np.flatnonzero(matches)
        if self._labelled.latents is None:
            return self._average(self._labelled.images, rows)
        latents = self._labelled.latents[torch.from_numpy(rows)]
        return Operand(latents.mean(0), len(rows), decode(self.model, latents[:SHOWN]))


@dataclass(frozen=True)
class _LabelledSource:
    """Labelled pictures; or, for a model without encoder, `latents` of samples with predicted `values`."""

    images: Images
    names: tuple[str, ...]
    values: np.ndarray
    latents: Tensor | None

    @classmethod
    def open(cls, model: Model, source: ImagesLike, seed: int, notes: list[str]) -> _LabelledSource:
        """Open the source and add notes; train a classifier and label samples if the model has no encoder."""
        images, changed = open_at_model_size(model, source)
        notes += changed
        images = choose_known(images, notes)
        names, values = annotations_of(images)
        if "encode" in verbs_of(model):
            return cls(images, names, values, None)
        classifier = split_labelled(model, images, None, seed).train_classifier(seed, None)
        samples = label_samples(model, classifier, seed)
        notes.append(
            f"{catalogue.name_of(model)} has no encoder: sets are made of its samples, labelled by a classifier of "
            "the source."
        )
        return cls(images, samples.names, samples.values, samples.latents)


def check_set_names(sets: Mapping[str, ImagesLike]) -> None:
    """Raise `UserError` for a set whose name is empty, holds a quote, or is a seed."""
    for name in sets:
        if not name.strip() or '"' in name or parse_point(name) is not None:
            raise UserError(f"{name!r} cannot be the name of a set: words were expected, and not digits alone.")
