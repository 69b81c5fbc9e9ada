"""How a set is written as shards: which sets there are, how many shards, and which pictures each has."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from imagewright.errors import ConfigError, count_text
from imagewright.images.images import Images
from imagewright.images.layers import IMAGE
from imagewright.images.notices import SizesNote
from imagewright.images.open import open_images
from imagewright.images.opening_layers import find_layer_folders
from imagewright.images.sources.base import ListedSource
from imagewright.images.sources.indexed_shards import IndexedShards, LayeredShards
from imagewright.images.sources.layered import LayeredSource
from imagewright.pixels import size_text
from imagewright.seeds import derive_seed
from imagewright.shard_files.samples import make_keys, picture_name

Encoding = Literal["png", "jpg"]
PAIRS = ("input", "target")
SHARD_BYTES = 2**28  # of a shard by default, at most about
MULTIPLE = 8  # by default the number of shards is a multiple of this, which 2, 4 and 8 ranks share evenly
LEAST_IN_SHARD = 16  # pictures, by default
MOST_SHARDS = 100_000
MOST_OPEN = 500  # shards of a source that is read once from its start to its end, since all are written at once
NAMED = 3
"""Changed names that a note tells."""


@dataclass(frozen=True)
class ShardPlan:
    """How one set is written.

    images: the set.
    keys: of its pictures.
    parts: the places of the pictures of each shard.
    prepared: the suffix of pictures that are encoded anew; None for the bytes of the source.
    made: how, for the index.
    terms: of the set.
    notes: for the user.
    """

    images: Images
    keys: list[str]
    parts: list[np.ndarray]
    prepared: str | None
    made: dict[str, Any]
    terms: str | None
    notes: list[str]

    @property
    def file_names(self) -> list[str]:
        """What is between key and suffix of each file of a sample."""
        layers = self.images.layers
        if self.in_one_file:
            return [""]
        return [f".{layer.name}" for layer in layers]

    @property
    def in_one_file(self) -> bool:
        """Whether a sample is one file: a plain picture, or layers side by side."""
        layers = self.images.layers
        apart = isinstance(self.images._prepared.source, LayeredSource) or self.prepared is not None
        return (len(layers) == 1 and layers[0].name == IMAGE) or not apart


def open_sets(images: Any, options: dict[str, Any]) -> dict[str, Images]:
    """The sets that are written, by the names of their folders; "" for the only one.

    images: as for `write_shards`.
    options: of `open_images`, None for those that the user did not give.
    """
    given = {name: value for name, value in options.items() if value is not None}
    if not isinstance(images, str | Path) or "layers" in given:
        return {"": open_images(images, **given)}
    folders, named = find_layer_folders(images, PAIRS, given.get("split"), needed=False)
    if not folders:
        return {"": open_images(images, **given)}
    if named == PAIRS:
        return {"": open_images(images, **given, layers=PAIRS)}
    path, split = Path(images).expanduser(), given.pop("split", None)
    if path.is_file():  # the folders are parts of a zip
        return {folder: open_images(path, **given, split=folder) for folder in folders.values()}
    return {
        folder: open_images(path / folder, **given, split=split if folder in named else None)
        for folder in folders.values()
    }


def plan_shards(
    images: Images,
    count: int | None,
    images_per_shard: int | None,
    encoding: Encoding | None,
    *,
    shuffle: bool,
    seed: int,
    terms: str | None,
) -> ShardPlan:
    """Decide how a set is written.

    images: at the size at which they are prepared, if they are.
    encoding: of pictures that are prepared; None keeps the bytes of the source.
    count, images_per_shard, shuffle, seed, terms: as for `write_shards`.
    Raises `ConfigError` for more shards than there are pictures, or than can be open at once.
    """
    source, total = images._prepared.source, len(images)
    chosen = np.arange(total) if images._selection is None else images._selection
    keys, changed = make_keys([picture_name(source, index) for index in chosen.tolist()])
    prepared = None if encoding is None else f".{encoding}"
    shards = count or (-(-total // images_per_shard) if images_per_shard else _default_count(images, prepared))
    if shards > total:
        raise ConfigError(f"{shards:,} shards cannot be filled by {count_text(total, 'picture')}: give fewer.")
    notes = [note for note in images.notes if not isinstance(note, SizesNote)]
    if source.in_order:
        if shards > MOST_OPEN:
            raise ConfigError(
                f"{images.source} is read once from its start to its end, with all shards open: give at most "
                f"{MOST_OPEN} shards, not {shards:,}."
            )
        notes.append(f"{images.source} is read once from its start: pictures keep their order within each shard.")
    if changed:
        examples = ", ".join(f"{name} is {key}" for name, key in changed[:NAMED])
        notes.append(f"Names that were changed, as a key has no dots and occurs once: {len(changed):,} ({examples}).")
    order = np.random.default_rng(derive_seed(seed, "shards")).permutation(total) if shuffle else np.arange(total)
    parts = [order[number::shards] for number in range(shards)]
    if source.in_order:
        parts = [np.sort(part) for part in parts]
    made: dict[str, Any] = {"order": "shuffled" if shuffle else "round robin", "seed": seed if shuffle else None}
    if prepared:
        how = images._prepared.preprocessing
        made["prepared"] = {"size": list(images.size), "crop": how.crop, "resize": how.resize, "encoding": encoding}
        lossy = ", quality 95, which changes pixels" if encoding == "jpg" else ""
        notes.append(f"Pictures are encoded anew at {size_text(images.size)} as {prepared[1:].upper()}{lossy}.")
    return ShardPlan(images, keys, parts, prepared, made, terms or _terms_of(images), notes)


def _terms_of(images: Images) -> str | None:
    """The terms of shards that are written again."""
    source = images._prepared.source
    source = source.first if isinstance(source, LayeredShards) else source
    return source.index.terms if isinstance(source, IndexedShards) else None


def _default_count(images: Images, prepared: str | None) -> int:
    """Shards of at most about 256 MiB, in a multiple of 8; fewer of a few pictures."""
    source = images._prepared.source
    parts = list(source.parts.values()) if isinstance(source, LayeredSource) else [source]
    total = 0.0
    for part in parts:
        pixels = math.prod(images._prepared.preprocessing.stored_shape) / len(parts)
        listed = isinstance(part, ListedSource) and prepared is None
        total += float(part.listing.sizes.mean()) if listed else pixels  # type: ignore[attr-defined]
    wanted = math.ceil(total * len(images) / SHARD_BYTES / MULTIPLE) * MULTIPLE
    fewest = 1 << max(0, (len(images) // LEAST_IN_SHARD).bit_length() - 1)
    return min(max(wanted, MULTIPLE), max(1, fewest)) if fewest < MULTIPLE else max(wanted, MULTIPLE)
