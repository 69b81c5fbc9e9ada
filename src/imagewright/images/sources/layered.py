"""A source whose pictures have several layers, each read from a source of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from functools import cached_property
from typing import Self

import numpy as np

from imagewright.errors import DataError
from imagewright.images.sources.base import Picture, PictureSource, Source, digest


class LayeredSource(Source):
    """Pictures of several sources, matched: picture k has the layers `parts[name]` at `indices[name][k]`.

    Its names are the names of the part `image`; its annotations too, or else those of the first part that has any.
    """

    def __init__(self, parts: Mapping[str, PictureSource], indices: Mapping[str, np.ndarray], image: str) -> None:
        named = {name: part.typed for name, part in parts.items() if not part.follows}
        super().__init__(
            ", ".join(f"{name}={typed}" for name, typed in named.items()) if len(named) > 1 else named[image]
        )
        self.parts, self.indices, self.image = dict(parts), dict(indices), image
        for name, part in self.parts.items():
            if part.in_order and (np.diff(self.indices[name]) < 0).any():
                raise DataError(
                    f"{part.typed} can only be read from its start to its end, and its pictures come in another order "
                    "than those of the other layers: unpack it."
                )
        self.names_taken = self.parts[image].names_taken
        self.notes += [note for part in self.parts.values() for note in part.notes]
        self.in_order = any(part.in_order for part in self.parts.values())
        self.encoded = any(part.encoded for part in self.parts.values())
        self.in_memory = all(part.in_memory for part in self.parts.values())
        self.drawn = all(part.drawn for part in self.parts.values())
        self._take_annotations()

    def _take_annotations(self) -> None:
        for name in (self.image, *self.parts):
            known = self.parts[name].annotations
            if known.labels is not None or known.attributes is not None or known.factors is not None:
                self.annotations = known.select(self.indices[name])
                return

    def drawn_at(self, size: tuple[int, int]) -> Self:
        parts = {name: part.drawn_at(size) for name, part in self.parts.items()}
        if all(parts[name] is part for name, part in self.parts.items()):
            return self
        drawn = copy(self)
        drawn.__dict__.pop("identity", None)
        drawn.parts = parts
        return drawn

    @cached_property
    def identity(self) -> str:
        return digest(
            *(each for name, part in self.parts.items() for each in (name, part.identity, self.indices[name]))
        )

    def __len__(self) -> int:
        return len(self.indices[self.image])

    def name(self, index: int) -> str:
        return self.parts[self.image].name(int(self.indices[self.image][index]))

    def read(self, indices: np.ndarray) -> Iterator[tuple[Picture, ...]]:
        readers = (part.read(self.indices[name][indices]) for name, part in self.parts.items())
        yield from zip(*readers, strict=True)
