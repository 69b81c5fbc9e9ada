"""Shards with an index: opened without reading them, and read where this machine has them.

A machine may have a part of the shards only, such as those that its ranks of a training read. Opening checks the size
of those that are there. Which others are missing is a note; a picture of a missing shard is an error that names it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import cached_property

import numpy as np

from imagewright.errors import DataError, count_text
from imagewright.images.decoding.formats import Unreadable
from imagewright.images.decoding.value_range import DeepValues
from imagewright.images.layers import image_layer
from imagewright.images.sources.base import ListedSource, Picture, digest
from imagewright.images.sources.content import sample_file
from imagewright.images.sources.layered import LayeredSource
from imagewright.images.sources.name_filter import ALL_NAMES, NameFilter
from imagewright.images.sources.shard_index import WRITE_AGAIN, PictureFile, ShardIndex
from imagewright.images.sources.tar_members import shard_errors

NAMED = 3
"""Shards that a message names."""


class IndexedShards(ListedSource):
    """One file of each sample of shards with an index: the pictures of a plain set, or one layer of pairs.

    Attributes:
        index: of the shards.
        numbers: int32 (N,), the shard of each picture.
        values: the numbers of those with more than 8 bits, of all shards; None if the index does not say them.
        usual: what the pictures have in common, as the index says; None if not all are taken, and if some have more
            than 8 bits and it does not say their numbers, which are then looked at.
    """

    def __init__(
        self,
        typed: str,
        index: ShardIndex,
        shards: np.ndarray | None = None,
        names: NameFilter = ALL_NAMES,
        file: int = 0,
        places: np.ndarray | None = None,
    ) -> None:
        """Use `open_indexed` or `open_pictures`.

        shards: numbers of those that are taken, in order; None for all.
        file: which file of each sample.
        places: int64, samples that are taken, in place of `shards` and `names`.
        """
        listing = index.listings[file]
        notes: list[str] = []
        if places is None:
            places = _places(index, shards)
            if names:
                listing = listing.select(places)
                listing.times = places  # a listing of shards has no times: they carry the places through the choice
                listing, notes = names.apply(listing, typed)
                places = listing.times
        super().__init__(typed, index.folder, index.listings[file].select(places))
        self.names_taken = names
        self.index, self.file, self.places = index, file, places
        self.notes += notes
        self.annotations = index.annotations.select(places)
        self.shard_numbers = self.numbers = index.shard_numbers[places]
        self._offsets = index.offsets[file][places]
        self._checked: set[int] = set()
        known = index.files[file]
        whole = len(places) == index.count or (names == ALL_NAMES and shards is not None)
        has_values = index.values is not None and file == index.image_file
        self.values: DeepValues | None = index.values if has_values else None
        is_known = not known.deep or self.values is not None
        self.usual: PictureFile | None = known if whole and is_known else None
        self.notes += _check_sizes(index, np.unique(self.numbers))

    @cached_property
    def identity(self) -> str:
        hashes = "".join(self.index.shards[number].sha256 for number in np.unique(self.numbers).tolist())
        return digest(f"shards {self.file}", hashes, self.places)

    def name(self, index: int) -> str:
        return f"{self.index.shards[self.numbers[index]].name}/{self.listing.name(index)}"

    def shards(self) -> list[tuple[int, int]]:
        bounds = np.flatnonzero(np.diff(self.numbers, prepend=-1, append=-1))
        return [(int(start), int(stop)) for start, stop in itertools.pairwise(bounds)]

    def absent(self) -> np.ndarray:
        present = [self.index.path(number).is_file() for number in range(len(self.index.shards))]
        return np.flatnonzero(~np.array(present)[self.numbers])

    def read(self, indices: np.ndarray) -> Iterator[Picture]:
        indices = np.asarray(indices)
        for number, group in itertools.groupby(indices.tolist(), key=lambda index: int(self.numbers[index])):
            path = self.index.path(number)
            if not path.is_file():
                raise DataError(f"{missing_shards(self.index, [number])} Copy it there to read its pictures.")
            with shard_errors(path), path.open("rb") as file:
                if number not in self._checked:
                    self._check_content(number)
                    self._checked.add(number)
                for index in group:
                    file.seek(int(self._offsets[index]))
                    payload = file.read(int(self.listing.sizes[index]))
                    whole = len(payload) == self.listing.sizes[index]
                    yield payload if whole else Unreadable("the shard is cut short here")

    def _check_content(self, number: int) -> None:
        """Compare the size of a shard and a sample of its bytes with the index, when it is read for the first time."""
        path, entry = self.index.path(number), self.index.shards[number]
        if path.stat().st_size != entry.bytes or sample_file(path).hex() != entry.sample:
            raise DataError(f"{path} is not the shard that was written (other bytes): {WRITE_AGAIN}.")


class LayeredShards(LayeredSource):
    """Pairs, or pictures with label maps, whose layers are files of one sample in the same shard."""

    def __init__(self, typed: str, index: ShardIndex, shards: np.ndarray | None, names: NameFilter) -> None:
        image, place = image_layer(index.layers).name, index.image_file
        first = IndexedShards(typed, index, shards, names, place)
        parts = {
            layer.name: first
            if number == place
            else IndexedShards(typed, index, names=names, file=number, places=first.places)
            for number, layer in enumerate(index.layers)
        }
        rows = np.arange(len(first))
        super().__init__(parts, dict.fromkeys(parts, rows), image)
        self.typed, self.notes = typed, list(first.notes)
        self.first, self.shard_numbers = first, first.shard_numbers

    def shards(self) -> list[tuple[int, int]]:
        return self.first.shards()

    def absent(self) -> np.ndarray:
        return self.first.absent()


def missing_shards(index: ShardIndex, numbers: list[int]) -> str:
    """A sentence on shards that this machine does not have, with the names of the first."""
    names = ", ".join(index.shards[number].name for number in numbers[:NAMED])
    more = f" and {len(numbers) - NAMED:,} more" if len(numbers) > NAMED else ""
    verb = "is" if len(numbers) == 1 else "are"
    return f"{names}{more} {verb} not in {index.folder} on this machine."


def _places(index: ShardIndex, shards: np.ndarray | None) -> np.ndarray:
    if shards is None:
        return np.arange(index.count)
    bounds = np.concatenate(([0], np.cumsum([shard.count for shard in index.shards])))
    return np.concatenate([np.arange(bounds[number], bounds[number + 1]) for number in shards])


def _check_sizes(index: ShardIndex, numbers: np.ndarray) -> list[str]:
    """A note on the shards that are missing. Raises `DataError` if others have another size, or if all are missing."""
    missing, changed = [], []
    for number in numbers.tolist():
        try:
            size = index.path(number).stat().st_size
        except OSError:
            missing.append(number)
            continue
        if size != index.shards[number].bytes:
            changed.append((number, size))
    if changed:
        number, size = changed[0]
        entry = index.shards[number]
        of = f", and {len(changed) - 1:,} more of {len(numbers):,} are changed too" if changed[1:] else ""
        raise DataError(
            f"{index.path(number)} has {size:,} bytes, and {entry.bytes:,} were written{of}: {WRITE_AGAIN}."
        )
    if len(missing) == len(numbers):
        raise DataError(f"{missing_shards(index, missing)} None of its {count_text(len(numbers), 'shard')} is there.")
    if not missing:
        return []
    return [f"{len(missing):,} of {count_text(len(numbers), 'shard')}: {missing_shards(index, missing)}"]
