"""Latents of which it is known what their pictures show: of labelled pictures, or of two folders of marked ones.

Shape letters: N pictures, A attributes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from imagewright.capabilities import Decodes, require
from imagewright.errors import DataError, UserError, nearest_name
from imagewright.images import Images, open_images
from imagewright.model import Model
from imagewright.verbs.apply import ImagesLike, encode, images_for

PICTURES = 20_000  # encoded, at most: a direction from twice as many is the same
NUMBERS = 2**26  # of latents held in memory, at most (256 MiB)
NAMED_AT_MOST = 12
HELD_OUT = 10  # one picture in so many is kept from finding a direction, to test it on
ENOUGH_TO_HOLD_OUT = 200

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Labelled:
    """Latents (N, *latent shape) and what their pictures show: `values`, bool (N, A), of the attributes `names`.

    `pictures`: int64 (N,), equal for latents of one picture and of its mirror image; None where each is of its own.
    """

    latents: Tensor
    names: tuple[str, ...]
    values: np.ndarray
    pictures: np.ndarray | None = None

    def side(self, name: str) -> np.ndarray:
        """Which have the attribute, bool (N,). Raises `UserError` for an unknown name."""
        return self.values[:, number_of(name, self.names)]


def opened_for(
    model: Model, source: ImagesLike, *, split: str | None = None, labels: object = None
) -> tuple[Images, list[str]]:
    """A source at the model's size, prepared, and a sentence where its pictures had to be changed for that."""
    opened = open_images(source, split=split, labels=labels)  # type: ignore[arg-type]
    images = images_for(model, opened).prepare()
    changed = []
    if opened.size != images.size:
        changed.append(f"resized from {opened.height}x{opened.width} to {images.height}x{images.width}")
    if opened.channels != images.channels:
        named = {1: "grey", 3: "RGB", 4: "RGBA"}
        changed.append(f"converted from {named[opened.channels]} to {named[images.channels]}")
    return images, [f"Pictures of {images.source} are {' and '.join(changed)}, as the model takes them."] * bool(
        changed
    )


def annotations_of(images: Images) -> tuple[tuple[str, ...], np.ndarray]:
    """The names of all that is known of labelled pictures, and bool (N, A): attributes, and classes against the rest.

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
            f"The pictures of {images.source} have no labels: give a table of them with labels=FILE.csv, or two "
            "folders of pictures with and without the attribute (positive=, negative=)."
        )
    return tuple(names), np.stack(columns, 1)


def number_of(name: str, names: Sequence[str]) -> int:
    """The place of an attribute among `names`; `UserError` with the nearest name for an unknown one."""
    if name in names:
        return list(names).index(name)
    listed = ", ".join(names[:NAMED_AT_MOST]) + (" ..." if len(names) > NAMED_AT_MOST else "")
    raise UserError(f"There is no attribute or class {name!r}.{nearest_name(name, names)} The {len(names)}: {listed}.")


def check_sides(name: str, with_it: int, without: int) -> None:
    """Raise `DataError` where nothing is there to compare with."""
    if with_it and without:
        return
    side = "without" if with_it else "with"
    raise DataError(
        f"No picture {side} {name} was given ({with_it:,} with, {without:,} without), so there is nothing to compare: "
        "some of both are needed."
    )


def parts_of(images: Images, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the pictures to find directions on, and of those to test on: every tenth, by the seed; none of few."""
    order = np.random.default_rng(seed).permutation(len(images))
    if len(images) < ENOUGH_TO_HOLD_OUT:
        return np.sort(order), order[:0]
    cut = len(images) // HELD_OUT
    return np.sort(order[cut:]), np.sort(order[:cut])


def evenly(indices: np.ndarray, count: int) -> np.ndarray:
    """`count` of the indices, spread evenly over them; all where there are fewer."""
    places = np.linspace(0, len(indices) - 1, min(count, len(indices))).round().astype(np.int64)
    return indices[places]


def room_for(model: Model) -> int:
    """How many latents of a model are held at once."""
    decoder = require(model, Decodes)
    numbers = math.prod(decoder.latent_shape)
    return max(64, min(PICTURES, NUMBERS // numbers))


def labelled_pictures(
    model: Model, images: Images, attribute: str | None = None, progress: Progress | None = None
) -> Labelled:
    """Encoded labelled pictures: all, or where they are too many to hold, as many with `attribute` as without."""
    names, values = annotations_of(images)
    room = room_for(model)
    chosen = np.arange(len(images))
    if attribute is not None:
        side = values[:, number_of(attribute, names)]
        check_sides(attribute, int(side.sum()), int((~side).sum()))
        if len(images) > room:
            rarer = evenly(np.flatnonzero(side == (side.mean() < 0.5)), room // 2)
            commoner = evenly(np.flatnonzero(side != (side.mean() < 0.5)), room - len(rarer))
            chosen = np.sort(np.concatenate([rarer, commoner]))
    chosen = evenly(chosen, room)
    return Labelled(encoded(model, images.subset(chosen), progress), names, values[chosen])


def encoded(model: Model, images: Images, progress: Progress | None = None) -> Tensor:
    """Latents of all pictures, told of as it goes on."""
    if progress is None:
        return encode(model, images)
    parts = []
    for batch in images.batches(1024):
        parts.append(encode(model, batch.images))
        progress(sum(map(len, parts)), len(images))
    return torch.cat(parts)
