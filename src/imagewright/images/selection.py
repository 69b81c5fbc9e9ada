"""A few images spread evenly over a set, to look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imagewright.errors import DataError, UserError, none_readable
from imagewright.images.images import Images

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


def select_evenly(images: Images, count: int) -> Selection:
    """Decode `count` images from the first to the last, at even distances; all of them if the set has no more.

    Unreadable ones are left out. The others of the set are not decoded.
    Raises `UserError` for a count below 1, `DataError` if none of the chosen images can be read.
    """
    if count < 1:
        raise UserError(f"count={count}, but there must be one picture at least.")
    chosen = images.subset(even_places(len(images), count))
    batch = next(chosen.stream(len(chosen)), None)
    if batch is None:
        raise DataError(f"{none_readable(len(chosen), f'looked at in {images.source}')}.")
    unreadable = {name for name, _ in chosen.skipped}
    classes = None
    if images.class_names is not None and batch.labels is not None:
        classes = [images.class_names[label] if label >= 0 else "" for label in batch.labels.tolist()]
    return Selection(batch.images, [name for name in chosen.names() if name not in unreadable], classes)
