"""The index of a folder of tar shards that `write_shards` wrote: what is in them, so that opening reads no shard.

`shards.json` lists the shards with their counts, sizes and hashes, and says what all pictures have in common: layers,
classes, the commonest size. `shards.npz` holds a row for each picture: its name, its shard, where its bytes are, its
label, its attributes and factors. Both are read as data that others may have written: bounded and checked.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.archives import ArrayArchive, open_arrays
from imagewright.errors import DataError, short_reason
from imagewright.files import write_whole
from imagewright.images.annotations import Annotations
from imagewright.images.decoding.value_range import DeepValues
from imagewright.images.layers import KINDS, Layer, image_layer
from imagewright.images.sources.listing import Listing
from imagewright.images.sources.zip_directory import MEMBER_LIMIT
from imagewright.json_files import parse_json
from imagewright.regular_files import read_regular

INDEX, TABLES = "shards.json", "shards.npz"
FORMAT, VERSION = "imagewright shards", 1
INDEX_LIMIT = 2**26
"""Bytes of `shards.json`: about 300,000 shards."""
SHARD_NAME = re.compile(r"[^/\\\0]{1,200}\.tar")
WRITE_AGAIN = "copy it again from where it was written, or write the shards again by `imagewright data shard`"


@dataclass(frozen=True)
class ShardEntry:
    """One shard.

    name: of the file in the folder of the index.
    count: pictures, or pairs.
    bytes: of the file.
    sha256: of the file.
    sample: of a sample of its bytes (`sample_file`), which is compared when the shard is first read.
    """

    name: str
    count: int
    bytes: int
    sha256: str
    sample: str


@dataclass(frozen=True)
class PictureFile:
    """What is known of one file of each sample: of the picture, or of one layer of a pair.

    size: the commonest (height, width).
    channels: the commonest.
    most_channels: the most that any has.
    format: the commonest, as Pillow names it.
    differing: pictures of another size.
    deep: pictures with numbers of more than 8 bits.
    """

    size: tuple[int, int]
    channels: int
    most_channels: int
    format: str
    differing: int
    deep: int


@dataclass(frozen=True)
class ShardIndex:
    """All that `shards.json` and `shards.npz` say.

    folder: where both are, and the shards that this machine has.
    shards: in order.
    layers: of each picture; the only one of a plain set is named "image".
    side_by_side: the layers are in one file, side by side.
    size: (height, width) at which the set is opened by default.
    files: one for each layer, or one for all.
    listings: names and sizes of the files of each sample, one for each of `files`.
    offsets: int64 (N,) for each of `files`, where its bytes begin in its shard.
    annotations: of the samples.
    made: how the shards were made, for people: order, seed, preparation.
    terms: the terms of the set in the words of the one who wrote it; None if nothing was said.
    """

    folder: Path
    shards: tuple[ShardEntry, ...]
    layers: tuple[Layer, ...]
    side_by_side: bool
    size: tuple[int, int]
    files: tuple[PictureFile, ...]
    listings: tuple[Listing, ...]
    offsets: tuple[np.ndarray, ...]
    annotations: Annotations
    made: dict[str, Any] = field(default_factory=dict)
    terms: str | None = None
    values: DeepValues | None = None

    @property
    def image_file(self) -> int:
        """Which of `files` is of the picture itself."""
        return 0 if self.side_by_side else self.layers.index(image_layer(self.layers))

    @property
    def count(self) -> int:
        """Samples in all shards."""
        return sum(shard.count for shard in self.shards)

    @property
    def shard_numbers(self) -> np.ndarray:
        """int32 (N,): the shard of each sample."""
        return np.repeat(np.arange(len(self.shards), dtype=np.int32), [shard.count for shard in self.shards])

    def path(self, number: int) -> Path:
        """Where shard `number` is, or would be."""
        return self.folder / self.shards[number].name


def has_index(folder: Path) -> bool:
    """Whether a folder has the index of shards."""
    path = folder / INDEX
    try:
        with path.open("rb") as file:
            return FORMAT.encode() in file.read(200)
    except OSError:
        return False


def write_index(index: ShardIndex) -> None:
    """Write both files into `index.folder`: the tables first, since `shards.json` names their hash."""
    arrays: dict[str, Any] = {}
    directories = []
    for number, (listing, offsets) in enumerate(zip(index.listings, index.offsets, strict=True)):
        parts = listing.to_arrays()
        arrays |= {f"{name}_{number}": values for name, values in parts.items()}
        arrays[f"offsets_{number}"] = offsets
        directories.append(listing.directories)
    known = index.annotations
    for name in ("labels", "attributes", "factors"):
        if getattr(known, name) is not None:
            arrays[name] = getattr(known, name)
    tables = index.folder / TABLES
    with tables.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    content = tables.read_bytes()
    record = {
        "format": FORMAT,
        "version": VERSION,
        "count": index.count,
        "size": index.size,
        "layers": [layer.to_dict() for layer in index.layers],
        "side_by_side": index.side_by_side,
        "class_names": known.class_names,
        "attribute_names": known.attribute_names,
        "factor_names": known.factor_names,
        "terms": index.terms,
        "made": index.made,
        "values": index.values and index.values.to_dict(),
        "files": [asdict(each) for each in index.files],
        "directories": directories,
        "tables": {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()},
        "shards": [asdict(shard) for shard in index.shards],
    }
    write_whole(index.folder / INDEX, json.dumps(record, indent=1))


def read_index(folder: Path) -> ShardIndex:
    """The index of a folder. Raises `DataError` for one that is damaged or of a later version.

    One opening asks several times, so the last ones are kept until their files change.
    """
    states = []
    for name in (INDEX, TABLES):
        try:
            status = (folder / name).stat()
        except OSError as error:
            raise DataError(f"{folder / name} cannot be read: {error.strerror}. {WRITE_AGAIN.capitalize()}.") from None
        states.append((status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
    return _read_kept(folder, tuple(states))


@lru_cache(maxsize=4)
def _read_kept(folder: Path, states: tuple[tuple[int, ...], ...]) -> ShardIndex:
    path = folder / INDEX
    try:
        record = parse_json(read_regular(path, INDEX_LIMIT))
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            raise ValueError(f"it is no index of shards ({FORMAT!r})")
        if record.get("version") != VERSION:
            raise DataError(
                f"{path} is of version {record.get('version')}, and this imagewright reads version {VERSION}: install "
                "the version that wrote the shards, or a later one."
            )
        return _read_record(folder, record)
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or short_reason(error)}.") from None
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise DataError(f"{path} is damaged ({_reason(error)}): {WRITE_AGAIN}.") from None


def _reason(error: Exception) -> str:
    return f"the entry {error} is missing" if isinstance(error, KeyError) else short_reason(error)


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise ValueError(what)


def _read_record(folder: Path, record: dict[str, Any]) -> ShardIndex:
    shards = tuple(ShardEntry(**entry) for entry in record["shards"])
    for shard in shards:
        numbers = (shard.count, shard.bytes)
        _require(all(isinstance(each, int) and each >= 0 for each in numbers), "a count or size is no number")
        _require(
            isinstance(shard.name, str) and SHARD_NAME.fullmatch(shard.name) is not None and shard.name != "..tar",
            f"{shard.name!r} is no name of a shard",
        )
        _require(isinstance(shard.sha256, str) and isinstance(shard.sample, str), "a hash is no text")
    _require(0 < len({shard.name for shard in shards}) == len(shards), "no shard, or one twice")
    count = sum(shard.count for shard in shards)
    _require(record["count"] == count > 0, "its counts contradict each other")
    layers = tuple(Layer(**layer) for layer in record["layers"])
    for layer in layers:
        _require(layer.kind in KINDS and layer.channels in (1, 3, 4), "a layer is of no known kind")
        _require(isinstance(layer.name, str) and layer.name.isidentifier(), "a layer has no name")
        _require(layer.classes is None or isinstance(layer.classes, int), "the classes of a layer are no number")
    side_by_side = bool(record["side_by_side"])
    files = tuple(_picture_file(each) for each in record["files"])
    _require(len(files) == (1 if side_by_side else len(layers)) > 0, "its layers and files differ in number")
    path = folder / TABLES
    declared = record["tables"]
    content = read_regular(path, int(declared["bytes"]))
    if hashlib.sha256(content).hexdigest() != declared["sha256"]:
        raise DataError(f"{path} is not the one that was written with {INDEX} (another SHA-256): {WRITE_AGAIN}.")
    with open_arrays(path) as stored:
        listings, offsets = [], []
        for number, directories in enumerate(record["directories"]):
            _require(all(isinstance(each, str) for each in directories), "a folder has no name")
            parts = {name: stored.read(f"{name}_{number}") for name in Listing.ARRAYS}
            listing = Listing.from_arrays(directories, parts)
            _require(len(listing) == count, "its tables have another number of pictures")
            offsets.append(_offsets(stored, number, listing, shards))
            listings.append(listing)
        _require(len(listings) == len(files), "its tables have another number of files")
        annotations = _annotations(stored, record, count)
    terms = record.get("terms")
    _require(terms is None or isinstance(terms, str), "its terms are no text")
    made = record["made"]
    _require(isinstance(made, dict), "what it says of its making is no record")
    return ShardIndex(
        folder,
        shards,
        layers,
        side_by_side,
        _size(record["size"]),
        files,
        tuple(listings),
        tuple(offsets),
        annotations,
        made,
        terms,
        None if record.get("values") is None else DeepValues.from_dict(record["values"]),
    )


def _size(value: Any) -> tuple[int, int]:
    height, width = value
    _require(all(isinstance(side, int) and 0 < side < 2**20 for side in (height, width)), "a size is none")
    return height, width


def _picture_file(entry: dict[str, Any]) -> PictureFile:
    found = PictureFile(**entry)
    numbers = (found.channels, found.most_channels, found.differing, found.deep)
    _require(all(isinstance(each, int) and each >= 0 for each in numbers), "a number of its files is none")
    _require(found.channels in (1, 3, 4) and isinstance(found.format, str), "its files are of no known kind")
    return replace(found, size=_size(found.size))


def _offsets(stored: ArrayArchive, number: int, listing: Listing, shards: tuple[ShardEntry, ...]) -> np.ndarray:
    """Where the bytes of each file begin, which are inside its shard."""
    offsets, sizes = stored.read(f"offsets_{number}"), listing.sizes
    _require(offsets.dtype == np.int64 and offsets.shape == sizes.shape, "its places are no whole numbers")
    ends = np.repeat([shard.bytes for shard in shards], [shard.count for shard in shards])
    fits = (offsets >= 0) & (sizes >= 0) & (sizes <= MEMBER_LIMIT) & (offsets <= ends - sizes)
    _require(bool(fits.all()), "a picture would be outside its shard")
    return offsets


def _annotations(stored: ArrayArchive, record: dict[str, Any], count: int) -> Annotations:
    found = Annotations()
    for name, kind in (("labels", "i"), ("attributes", "f"), ("factors", "f")):
        if name not in stored.headers:
            continue
        values = stored.read(name)
        names = record["class_names" if name == "labels" else f"{name[:-1]}_names"]
        _require(isinstance(names, list) and all(isinstance(each, str) for each in names), f"its {name} have no names")
        _require(values.dtype.kind == kind and values.shape[:1] == (count,), f"its {name} have another number")
        if name == "labels":
            _require(values.ndim == 1 and -1 <= values.min() <= values.max() < len(names), "a label has no class")
            found.labels, found.class_names = values.astype(np.int64), tuple(names)
            continue
        _require(values.ndim == 2 and values.shape[1] == len(names), f"its {name} have other names")
        if name == "attributes":
            _require(bool(np.isin(values[~np.isnan(values)], (0, 1)).all()), "an attribute is neither 0 nor 1")
        setattr(found, name, values.astype(np.float32 if name == "attributes" else np.float64))
        setattr(found, f"{name[:-1]}_names", tuple(names))
    return found
