"""The check of shards with an index: whether each has the bytes that were written."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imagewright.errors import DataError, count_text
from imagewright.images.decoding.parallel import usable_cores
from imagewright.images.sources.base import PictureSource
from imagewright.images.sources.indexed_shards import IndexedShards
from imagewright.images.sources.shard_index import WRITE_AGAIN
from imagewright.images.sources.tar_members import shard_errors
from imagewright.progress import ProgressCounter

NAMED = 5


@dataclass(frozen=True)
class ShardsReport:
    """What is known of the shards of a source.

    Attributes:
        count: shards that the index lists, as far as they were named.
        here: those that this machine has, all of which have the SHA-256 of the index.
        terms: of the set, in the words of the one who wrote it; None if nothing was said.
    """

    count: int
    here: int
    terms: str | None

    def lines(self) -> list[str]:
        """The report as lines of plain text."""
        away = self.count - self.here
        of = f", {away:,} of which {'is' if away == 1 else 'are'} not on this machine" if away else ""
        lines = [f"{'shards':<17}{self.count:,}{of}; the bytes are those that were written (SHA-256)"]
        return [*lines, f"{'terms':<17}{self.terms}"] if self.terms else lines


def layers_of(source: PictureSource) -> dict[str, PictureSource]:
    """The pictures of both layers of shards of pairs, by the names of the layers; {} for other sources."""
    if not isinstance(source, IndexedShards) or source.index.side_by_side:
        return {}
    layers = source.index.layers
    if [layer.kind for layer in layers] != ["picture", "picture"]:
        return {}
    return {
        layer.name: IndexedShards(source.typed, source.index, file=number, places=source.places)
        for number, layer in enumerate(layers)
    }


def only_here(source: PictureSource) -> PictureSource:
    """The pictures that this machine has: those of shards that are elsewhere cannot be looked at."""
    absent = source.absent()
    if not isinstance(source, IndexedShards) or not len(absent):
        return source
    here = IndexedShards(source.typed, source.index, file=source.file, places=np.delete(source.places, absent))
    here.notes += source.notes
    return here


def check_shards(named: PictureSource, counter: ProgressCounter) -> ShardsReport | None:
    """Compare the SHA-256 of each shard that is here with the index. None for a source that is no shards with one.

    named: as it was opened.
    counter: is advanced by the pictures of each shard.
    Raises `DataError` that names the shards with other bytes.
    """
    if not isinstance(named, IndexedShards):
        return None
    index = named.index
    taken = np.unique(named.numbers).tolist()
    here = [number for number in taken if index.path(number).is_file()]
    with ThreadPoolExecutor(usable_cores(), "imagewright-hashes") as pool:
        changed = []
        for number, found in zip(here, pool.map(lambda number: _sha256(index.path(number)), here), strict=True):
            counter.advance(int((named.numbers == number).sum()))
            if found != index.shards[number].sha256:
                changed.append(index.shards[number].name)
    if changed:
        names = ", ".join(changed[:NAMED]) + (f" and {len(changed) - NAMED:,} more" if len(changed) > NAMED else "")
        away = len(taken) - len(here)
        absent = (
            f" {count_text(away, 'more shard')} {'is' if away == 1 else 'are'} not on this machine." if away else ""
        )
        raise DataError(
            f"{len(changed):,} of {count_text(len(here), 'shard')} in {index.folder} are not as they were written "
            f"(SHA-256): {names}. For each, {WRITE_AGAIN}.{absent}"
        )
    return ShardsReport(len(taken), len(here), index.terms)


def _sha256(path: Path) -> str:
    with shard_errors(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
