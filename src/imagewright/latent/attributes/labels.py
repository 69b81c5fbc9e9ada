"""Labelled pictures and their latents: open them at the model's size, choose some, and encode them.

Shape letters: N pictures, A attributes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from imagewright.capabilities import Decodes, require
from imagewright.errors import DataError, UserError, nearest_name
from imagewright.images import Images, open_images
from imagewright.images.label_arrays import LabelsLike
from imagewright.images.single import as_source
from imagewright.model import Model
from imagewright.pixels import size_text
from imagewright.progress import Progress
from imagewright.verbs.apply import ImagesLike, encode, images_for

PICTURES = 20_000  # encoded, at most: twice as many give the same direction
NUMBERS = 2**26  # of latents in memory, at most (256 MiB)
NAMED_AT_MOST = 12
FEW_AMONG = 10  # pictures of which one is labelled: of so many or more, the labelled ones alone are decoded
HELD_OUT = 10  # one picture in so many is held out, to test directions on
ENOUGH_TO_HOLD_OUT = 200


@dataclass(frozen=True)
class LabelledLatents:
    """Latents with the attributes of their pictures.

    latents: (N, *latent shape).
    names: of the A attributes.
    values: bool (N, A).
    pictures: int64 (N,), equal for the latents of a picture and of its mirror image; None if there are no mirror
        images.
    """

    latents: Tensor
    names: tuple[str, ...]
    values: np.ndarray
    pictures: np.ndarray | None = None

    def side(self, name: str) -> np.ndarray:
        """Which latents have the attribute, bool (N,). Raises `UserError` for an unknown name."""
        return self.values[:, index_of(name, self.names)]


def open_at_model_size(
    model: Model,
    source: ImagesLike,
    *,
    split: str | None = None,
    labels: LabelsLike | None = None,
    label_column: str | None = None,
) -> tuple[Images, list[str]]:
    """A source at the model's size, prepared, and a note if its pictures are resized or converted."""
    opened = open_images(
        as_source(source, model.config.channels), split=split, labels=labels, label_column=label_column
    )
    images = images_for(model, opened).prepare()
    changed = []
    if opened.size != images.size:
        changed.append(f"resized from {size_text(opened.size)} to {size_text(images.size)}")
    if opened.channels != images.channels:
        named = {1: "grey", 3: "RGB", 4: "RGBA"}
        changed.append(f"converted from {named[opened.channels]} to {named[images.channels]}")
    return images, [f"Pictures of {images.source} are {' and '.join(changed)}, as the model takes them."] * bool(
        changed
    )


def open_labelled(
    model: Model,
    source: ImagesLike,
    *,
    split: str | None = None,
    labels: LabelsLike | None = None,
    label_column: str | None = None,
) -> tuple[Images, list[str]]:
    """The pictures of a source whose class and attributes are known, at the model's size, and notes.

    Of few among many, such as those that a user marked, the others are not decoded.
    """
    given: dict[str, Any] = {"split": split, "labels": labels, "label_column": label_column}
    notes: list[str] = []
    if isinstance(source, str | Path):
        opened = open_images(source, **given)
        if FEW_AMONG * len(choose_known(opened, [])) < len(opened) and not opened.in_order:
            source, given = choose_known(open_images(source, cache=False, **given), notes), {}
    images, changed = open_at_model_size(model, source, **given)
    return choose_known(images, notes), [*changed, *notes]


def choose_known(images: Images, notes: list[str]) -> Images:
    """The pictures whose class and attributes are all known; a note is added if others are left out."""
    known = images.with_classes().with_known_attributes()
    if len(known) < len(images):
        notes.append(f"{len(images) - len(known):,} pictures without a class or with unknown attributes are left out.")
    return known


def annotations_of(images: Images) -> tuple[tuple[str, ...], np.ndarray]:
    """The attributes of labelled pictures: A names, and bool (N, A). Each class is an attribute as well.

    Raises `DataError` for pictures without labels.
    """
    names: list[str] = []
    columns: list[np.ndarray] = []
    if images.attributes is not None and images.attribute_names is not None:
        names += images.attribute_names
        columns += list((images.attributes > 0.5).T)
    if images.labels is not None and images.class_names is not None:
        classes = [(number, name) for number, name in enumerate(images.class_names) if name not in names]
        names += [name for _, name in classes]
        columns += [images.labels == number for number, _ in classes]
    if not names:
        raise DataError(
            f"The pictures of {images.source} have no labels: give a table of them with --labels FILE, or two folders "
            "of pictures with and without the attribute (--positive FOLDER --negative FOLDER)."
        )
    return tuple(names), np.stack(columns, 1)


def index_of(name: str, names: Sequence[str]) -> int:
    """The index of an attribute among `names`; raises `UserError` with the nearest name for an unknown one."""
    if name in names:
        return list(names).index(name)
    listed = ", ".join(names[:NAMED_AT_MOST]) + (" ..." if len(names) > NAMED_AT_MOST else "")
    raise UserError(f"There is no attribute or class {name!r}.{nearest_name(name, names)} The {len(names)}: {listed}.")


def check_both_sides(name: str, with_it: int, without: int) -> None:
    """Raise `DataError` unless there are pictures with the attribute and pictures without it."""
    if with_it and without:
        return
    side = "without" if with_it else "with"
    raise DataError(
        f"No picture {side} {name} was given ({with_it:,} with, {without:,} without), so there is nothing to compare: "
        "some of both are needed."
    )


def split_indices(images: Images, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of pictures to find directions on, and of a random tenth to test on; none to test on below 200."""
    order = np.random.default_rng(seed).permutation(len(images))
    if len(images) < ENOUGH_TO_HOLD_OUT:
        return np.sort(order), order[:0]
    cut = len(images) // HELD_OUT
    return np.sort(order[cut:]), np.sort(order[:cut])


def choose_evenly(indices: np.ndarray, count: int) -> np.ndarray:
    """At most `count` of the indices, spread evenly over them."""
    chosen = np.linspace(0, len(indices) - 1, min(count, len(indices))).round().astype(np.int64)
    return indices[chosen]


def most_latents(model: Model) -> int:
    """How many latents of a model are held in memory at once."""
    decoder = require(model, Decodes)
    numbers = math.prod(decoder.latent_shape)
    return max(64, min(PICTURES, NUMBERS // numbers))


def encode_labelled(
    model: Model, images: Images, attribute: str | None = None, progress: Progress | None = None
) -> LabelledLatents:
    """Encode labelled pictures. Of too many to hold, take a subset with `attribute` as often as without."""
    names, values = annotations_of(images)
    most = most_latents(model)
    chosen = np.arange(len(images))
    if attribute is not None:
        side = values[:, index_of(attribute, names)]
        check_both_sides(attribute, int(side.sum()), int((~side).sum()))
        if len(images) > most:
            rarer = choose_evenly(np.flatnonzero(side == (side.mean() < 0.5)), most // 2)
            commoner = choose_evenly(np.flatnonzero(side != (side.mean() < 0.5)), most - len(rarer))
            chosen = np.sort(np.concatenate([rarer, commoner]))
    chosen = choose_evenly(chosen, most)
    return LabelledLatents(encode_all(model, images.subset(chosen), progress), names, values[chosen])


def encode_all(model: Model, images: Images, progress: Progress | None = None) -> Tensor:
    """Latents of all pictures (N, *latent shape); reports progress in pictures."""
    if progress is None:
        return encode(model, images)
    parts = []
    for batch in images.batches(1024):
        parts.append(encode(model, batch.images))
        progress(sum(map(len, parts)), len(images))
    return torch.cat(parts)
