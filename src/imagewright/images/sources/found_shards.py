"""Finding the index of shards that a user names: by their folder, by one shard in it, or by a pattern of its shards."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.errors import DataError
from imagewright.images.layers import image_layer
from imagewright.images.sources.indexed_shards import IndexedShards, LayeredShards
from imagewright.images.sources.name_filter import NameFilter
from imagewright.images.sources.shard_index import INDEX, ShardIndex, has_index, read_index
from imagewright.images.sources.shards import expand_pattern, is_tar_name


@dataclass(frozen=True)
class FoundShards:
    """Shards with an index, as a user named them.

    typed: the folder, shard or pattern.
    index: of all shards of the folder.
    numbers: of those that were named; None for all.
    """

    typed: str
    index: ShardIndex
    numbers: np.ndarray | None = None


def find_shards(source: Any) -> FoundShards | None:
    """The index of the shards that a source names; None if it names none with an index.

    A shard beside an index that does not list it is opened like any other tar file.
    Raises `DataError` for an index that is damaged.
    """
    if not isinstance(source, str | Path) or not str(source).strip() or "\0" in str(source):
        return None
    typed, path = str(source), Path(source).expanduser()
    if not path.is_dir():
        return _find_named(typed, path)
    if not has_index(path):
        return None
    index = read_index(path)
    _check_complete(index)
    return FoundShards(typed, index)


def _find_named(typed: str, path: Path) -> FoundShards | None:
    """Shards named by a file or a pattern, in a folder with an index that lists all of them."""
    is_pattern = not path.is_file() and re.search(r"[{*?\[]", typed) is not None
    folder = path.parent
    if not is_tar_name(typed) or not (path.is_file() or is_pattern) or not has_index(folder):
        return None
    index = read_index(folder)
    number_of = {shard.name: number for number, shard in enumerate(index.shards)}
    named = expand_pattern(typed, needed=False) if is_pattern else [path]
    if not named or any(each.name not in number_of for each in named):
        return None
    numbers = np.array([number_of[each.name] for each in named])
    whole = len(numbers) == len(index.shards) and bool((np.diff(numbers) == 1).all())
    return FoundShards(typed, index, None if whole else numbers)


def _check_complete(index: ShardIndex) -> None:
    """Raise `DataError` if the folder has shards that its index does not list: their pictures would be lost."""
    known = {shard.name for shard in index.shards}
    others = sorted(each.name for each in index.folder.iterdir() if is_tar_name(each.name) and each.name not in known)
    if others:
        raise DataError(
            f"{index.folder} holds {len(others):,} shards that its {INDEX} does not list, such as {others[0]}: put "
            "them into another folder, or write one set of all with `imagewright data shard`."
        )


def open_pictures(found: FoundShards, names: NameFilter) -> IndexedShards:
    """The pictures of a plain set; of pairs, those of the layer that `Batch.images` holds."""
    index = found.index
    file = 0 if index.side_by_side else [layer.name for layer in index.layers].index(image_layer(index.layers).name)
    return IndexedShards(found.typed, index, found.numbers, names, file)


def open_pairs(found: FoundShards, names: NameFilter) -> LayeredShards:
    """All layers of shards of pairs, each a file of its own."""
    return LayeredShards(found.typed, found.index, found.numbers, names)
