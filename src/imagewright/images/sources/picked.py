"""Some pictures of another source, as a source of their own: what is prepared, checked or compared is these alone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Self

import numpy as np

from imagewright.images.sources.base import Picture, PictureSource, Source, digest
from imagewright.images.sources.layered import LayeredSource


class PickedSource(PictureSource):
    """The pictures of `source` at `places`.

    source: of single pictures.
    places: int64 (n,), rising.
    """

    def __init__(self, source: PictureSource, places: np.ndarray) -> None:
        super().__init__(source.typed)
        self.whole, self.places = source, np.asarray(places, np.int64)
        self.notes = list(source.notes)
        self.annotations = source.annotations.select(self.places)
        self.names_taken, self.facts = source.names_taken, source.facts
        self.in_order, self.encoded = source.in_order, source.encoded
        self.in_memory, self.drawn = source.in_memory, source.drawn

    @cached_property
    def identity(self) -> str:
        return digest("picked", self.whole.identity, self.places)

    def __len__(self) -> int:
        return len(self.places)

    def name(self, index: int) -> str:
        return self.whole.name(int(self.places[index]))

    def read(self, indices: np.ndarray) -> Iterator[Picture]:
        return self.whole.read(self.places[indices])

    def drawn_at(self, size: tuple[int, int]) -> Self:
        drawn = self.whole.drawn_at(size)
        return self if drawn is self.whole else type(self)(drawn, self.places)


def pick(source: Source, places: np.ndarray) -> Source:
    """The pictures at `places` (rising) of any source; those of a layered one keep their layers."""
    if not isinstance(source, LayeredSource):
        assert isinstance(source, PictureSource)
        return PickedSource(source, places)
    indices = {name: each[places] for name, each in source.indices.items()}
    picked = LayeredSource(source.parts, indices, source.image)
    picked.annotations, picked.notes = source.annotations.select(places), list(source.notes)
    return picked


def pick_image_layer(source: Source, places: np.ndarray) -> PictureSource:
    """The same as single pictures: of a layered source those of its image layer."""
    if isinstance(source, LayeredSource):
        picked = PickedSource(source.parts[source.image], source.indices[source.image][places])
        picked.annotations = source.annotations.select(places)
        return picked
    assert isinstance(source, PictureSource)
    return PickedSource(source, places)
