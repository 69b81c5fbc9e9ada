"""Opening of pictures with several layers: a source for each, sub-folders of their names, or pictures side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.errors import ConfigError, DataError
from imagewright.images.decoding.formats import Unreadable
from imagewright.images.decoding.layered import decode_map, layer_width
from imagewright.images.decoding.value_range import ValueRange
from imagewright.images.headers import sample_headers, sample_indices
from imagewright.images.layers import MOST_CLASSES, Kind, Layer, image_layer, parse_kinds, parse_names
from imagewright.images.opening import Choices
from imagewright.images.sources.base import PictureSource, Source
from imagewright.images.sources.finding import find_source, sub_folders
from imagewright.images.sources.layered import LayeredSource
from imagewright.images.sources.name_filter import NameFilter
from imagewright.images.sources.pairing import check_most_are_paired, pair_by_name
from imagewright.pixels import size_text

MAPS_SAMPLED = 64
"""So many label maps are decoded to find the number of classes."""
FOLDERS = ("{layer}", "{split}{layer}", "{split}_{layer}", "{split}/{layer}")
"""Names of sub-folders that hold a layer, as in CycleGAN's (trainA) and pix2pixHD's data (train_label)."""

A_AND_B = ("A", "B")
"""The folders of a pair, or of two domains, in the published data sets of pix2pix and CycleGAN."""


@dataclass
class Opened:
    """A source, with the layers and the size of its pictures.

    Attributes:
        source: where the pictures are read from.
        layers: of each picture.
        size: the commonest (height, width).
        notes: sentences for the user.
        size_notes: the same, for a user who chose no size.
        values: the value range, None for the full one.
        scalable: the commonest (height, width), if the commonest format has reduced scales and there is one layer.
        most_channels: the most of the pictures looked at, if there is one layer.
    """

    source: Source
    layers: tuple[Layer, ...]
    size: tuple[int, int]
    notes: list[str] = field(default_factory=list)
    size_notes: list[str] = field(default_factory=list)
    values: ValueRange | None = None
    scalable: tuple[int, int] | None = None
    most_channels: int = 1


def open_layers(
    source: Any,
    layers: str | Sequence[str] | None,
    kinds: str | Mapping[str, str] | None,
    split: str | None,
    cache_dir: str | Path | None,
    choices: Choices,
) -> Opened:
    """Open a source of pictures with several layers (see `open_images`). Channels are the commonest of each layer."""
    names = parse_names(layers)
    if isinstance(source, Mapping):
        names = parse_names(tuple(source))
        if layers is not None and set(parse_names(layers)) != set(names):
            raise ConfigError(f"layers={layers!r}, but the sources given are of {', '.join(names)}: leave layers out.")
        parts = {name: find_source(each, split, cache_dir, choices.names) for name, each in source.items()}
    else:
        parts = _open_sub_folders(source, names, split, cache_dir, choices.names)
    wanted = parse_kinds(kinds, names)
    image_layer([Layer(name, 1, kind) for name, (kind, _) in wanted.items()])  # one at least must be a picture
    if parts:
        return _open_parts(parts, wanted, choices)
    return _open_side_by_side(find_source(source, split, cache_dir, choices.names), wanted, choices)


def _open_parts(parts: dict[str, PictureSource], kinds: dict[str, tuple[Kind, int | None]], choices: Choices) -> Opened:
    samples = {name: sample_headers(part) for name, part in parts.items()}
    layers, notes = [], []
    for name, (kind, classes) in kinds.items():
        layer, found = _build_layer(name, kind, classes, parts[name], samples[name].usual.channels)
        layers.append(layer)
        notes += found
    image = image_layer(layers).name
    pairing = pair_by_name(parts)
    check_most_are_paired(parts, pairing)
    usual = samples[image].usual
    source = LayeredSource(parts, pairing.indices, image)
    values, range_notes = samples[image].deep.settle(choices.value_range, parts[image].typed)
    notes = [*pairing.notes, *notes, *range_notes]
    return Opened(source, tuple(layers), (usual.height, usual.width), notes, samples[image].notes, values)


def _open_side_by_side(source: PictureSource, kinds: dict[str, tuple[Kind, int | None]], choices: Choices) -> Opened:
    sample = sample_headers(source)
    usual = sample.usual
    try:
        width = layer_width(usual.width, len(kinds))
    except Unreadable as reason:
        raise DataError(
            f"The pictures of {source.typed} are {size_text((usual.height, usual.width))}, and cannot hold "
            f"{', '.join(kinds)} side by side: {reason}."
        ) from None
    layers, notes = [], []
    for place, (name, (kind, classes)) in enumerate(kinds.items()):
        layer, found = _build_layer(name, kind, classes, source, usual.channels, (place, len(kinds)))
        layers.append(layer)
        notes += found
    values, range_notes = sample.deep.settle(choices.value_range, source.typed)
    return Opened(source, tuple(layers), (usual.height, width), notes + range_notes, sample.notes, values)


def _build_layer(
    name: str,
    kind: Kind,
    classes: int | None,
    source: PictureSource,
    channels: int,
    place: tuple[int, int] = (0, 1),
) -> tuple[Layer, list[str]]:
    """A layer, and notes. `place`: it is part k of n side by side in the pictures of the source."""
    if kind != "labels" or classes is not None:
        return Layer(name, channels if kind == "picture" else 1, kind, classes), []
    classes, looked_at = _count_classes(source, name, place)
    return Layer(name, 1, kind, classes), [
        f"The layer {name} has {classes} classes, by the largest number in {looked_at:,} maps looked at; "
        f"kinds={name}=labels:NUMBER sets another number."
    ]


def _count_classes(source: PictureSource, name: str, place: tuple[int, int]) -> tuple[int, int]:
    """The largest class in a sample of label maps, plus one; and how many maps could be read."""
    indices = sample_indices(source, MAPS_SAMPLED)
    largest, looked_at, reason = -1, 0, ""
    for payload in source.read(indices):
        try:
            found = np.asarray(decode_map(payload, *place))
        except Unreadable as error:
            reason = reason or str(error)
            continue
        largest, looked_at = max(largest, int(found.max())), looked_at + 1
    if not looked_at:
        raise DataError(
            f"None of the {len(indices):,} label maps looked at in {source.typed} can be read; the first is "
            f"{source.name(int(indices[0]))}: {reason}."
        )
    if largest >= MOST_CLASSES:
        raise DataError(
            f"The label maps of {source.typed} hold numbers up to {largest:,}, and classes are 0 to 255: "
            f"declare an instance map by kinds={name}=ids."
        )
    return largest + 1, looked_at


def find_layer_folders(
    source: Any, names: Sequence[str], split: str | None, *, needed: bool = True
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The sub-folder of each layer in a folder or zip, and the names under which they were found.

    source: as the user gave it.
    names: of the layers; the folders of two may also be named A and B.
    split: the part of the source that is taken; "train" by default.
    needed: whether folders of some of `names` without the others are an error.

    Returns {} and () if there are none. Raises `DataError` if some are missing.
    """
    if not isinstance(source, (str, Path)):
        return {}, ()
    path = Path(source).expanduser()
    folders = sub_folders(path)
    for wanted in dict.fromkeys((tuple(names), A_AND_B) if len(names) == 2 else (tuple(names),)):
        for pattern in FOLDERS:
            if path.is_file() and "/" in pattern:
                continue
            found = [pattern.format(layer=name, split=split or "train") for name in wanted]
            present = [folder for folder in found if folder in folders or (path / folder).is_dir()]
            if len(present) == len(names):
                return dict(zip(names, found, strict=True)), wanted
            if present and needed and wanted == tuple(names):
                missing = ", ".join(folder for folder in found if folder not in present)
                raise DataError(f"{source} holds {present[0]}, and not {missing}: each layer needs its folder.")
    return {}, ()


def _open_sub_folders(
    source: Any, names: Sequence[str], split: str | None, cache_dir: str | Path | None, taken: NameFilter
) -> dict[str, PictureSource]:
    """The source of each layer, if a folder or zip has a sub-folder for each; {} if it has none of their names."""
    folders, named = find_layer_folders(source, names, split)
    if not folders:
        return {}
    path = Path(source).expanduser()
    parts = {
        name: open_layer_folder(path, folder, split if folder == wanted else None, cache_dir, taken)
        for (name, folder), wanted in zip(folders.items(), named, strict=True)
    }
    if named != tuple(names):
        told = " and ".join(f"{folder} as {name}" for name, folder in folders.items())
        parts[names[0]].notes.append(f"The folders of {source} are taken by their order: {told}.")
    return parts


def open_layer_folder(
    path: Path, folder: str, split: str | None, cache_dir: str | Path | None, taken: NameFilter
) -> PictureSource:
    """The source of one layer in a folder or zip.

    path: of the folder, or of the zip, of which the folder of the layer is opened as a part.
    folder: of the layer.
    split: a part of that folder.
    """
    if path.is_file():
        return find_source(path, folder, cache_dir, taken)
    return find_source(path / folder, split, cache_dir, taken)
