"""Images spread evenly over a set: a few to look at, or as a smaller set."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from imagewright.errors import DataError, UserError, none_readable
from imagewright.images.images import Images
from imagewright.images.sources.base import PictureSource
from imagewright.images.sources.picked import pick, pick_image_layer

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Selection:
    """Some images of a set.

    images: uint8 (N, C, H, W).
    names: file name of each.
    classes: class name of each, "" for a picture without a class; None if the set has no classes.
    """

    images: Tensor
    names: list[str]
    classes: list[str] | None


def even_places(count: int, most: int) -> np.ndarray:
    """At most `most` of `count` places, at even distances from the first to the last; int64."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)


def subset_evenly(images: Images, most: int) -> Images:
    """At most `most` images from the first to the last, at even distances; they share the cache of the whole set."""
    return images.subset(even_places(len(images), most))


def pick_evenly(images: Images, most: int) -> Images:
    """At most `most` images from the first to the last, as a set of their own; the same set if it has no more.

    Preparing it decodes these alone; a `subset` shares the cache of the whole set.
    """
    if len(images) <= most:
        return images
    chosen = subset_evenly(images, most)
    source = pick(images._prepared.source, _places_in_source(chosen))
    return chosen._derived(replace(images._prepared, source=source, store=None), chosen=None)


def source_of_some(images: Images, most: int) -> PictureSource:
    """At most `most` images from the first to the last, as they are before decoding; of several layers the image."""
    chosen = subset_evenly(images, most)
    return pick_image_layer(images._prepared.source, _places_in_source(chosen))


def _places_in_source(images: Images) -> np.ndarray:
    assert images._selection is not None
    return images._selection


def select_evenly(images: Images, count: int) -> Selection:
    """Decode `count` images from the first to the last, at even distances; all of them if the set has no more.

    Unreadable ones are left out. The others of the set are not decoded.
    Raises `UserError` for a count below 1, `DataError` if none of the chosen images can be read.
    """
    if count < 1:
        raise UserError(f"count={count}, but there must be one picture at least.")
    chosen = subset_evenly(images, count)
    batch = next(chosen.stream(len(chosen)), None)
    if batch is None:
        raise DataError(f"{none_readable(len(chosen), f'looked at in {images.source}')}.")
    unreadable = {name for name, _ in chosen.skipped}
    classes = None
    if images.class_names is not None and batch.labels is not None:
        classes = [images.class_names[label] if label >= 0 else "" for label in batch.labels.tolist()]
    return Selection(batch.images, [name for name in chosen.names() if name not in unreadable], classes)
