"""Whether two sets, or the layers of pairs, are the same pictures: a copy of a folder teaches no translation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from imagewright.errors import DataError, count_text
from imagewright.images.images import Images
from imagewright.images.selection import even_places
from imagewright.images.shard_places import without_absent

COMPARED = 32
"""So many pictures from all over two sets, or pairs, are compared, one after the other until two differ."""


def check_pairs_differ(images: Images, advice: str) -> None:
    """Raise `DataError` if in all pairs that are compared the picture layers are equal; other sets pass.

    images: a set, whose pictures may have layers.
    advice: a sentence for the user.
    """
    names = [layer.name for layer in images.layers if layer.kind == "picture"]
    places = without_absent(images, even_places(len(images), COMPARED))
    if len(names) < 2 or not len(places):
        return

    def is_equal(place: int) -> bool:
        layers = images.batch(np.array([place])).layers
        return all(layers[name].equal(layers[names[0]]) for name in names[1:])

    if all(map(is_equal, places.tolist())):
        told = f"The layers {' and '.join(names)} of {images.source} are the same pictures"
        raise DataError(f"{told} ({count_text(len(places), 'pair')} from all over were compared): {advice}")


def check_sets_differ(sets: Sequence[Images], advice: str) -> None:
    """Raise `DataError` if pictures from all over the first set are equal to those of another set, place by place.

    sets: one or several.
    advice: a sentence for the user.
    """
    first, *others = sets
    places = even_places(len(first), COMPARED)
    for other in others:
        here = np.intersect1d(without_absent(first, places), without_absent(other, places))
        if len(other) != len(first) or not len(here):
            continue
        rows = (np.array([place]) for place in here.tolist())
        if all(first.batch(row).images.equal(other.batch(row).images) for row in rows):
            told = f"{first.source} and {other.source} hold the same pictures"
            raise DataError(f"{told} ({count_text(len(here), 'picture')} from all over were compared): {advice}")
