"""One picture of a set as the members of a sample: its key, its files, and what is said beside them.

In WebDataset layout the members of a sample follow one another and share a key, the name up to the first dot of its
last part. A key therefore has no dot there, and is the name of the picture otherwise, so that tables and lists of names
still fit: `daisy/image_0001.jpg` stays as it is, `IMG.2021.jpg` becomes `IMG_2021.jpg`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from imagewright.files import cut_name
from imagewright.images.annotations import Annotations
from imagewright.images.decoding.formats import Header, Unreadable, read_header
from imagewright.images.layers import Layer
from imagewright.images.sources.base import Payload, Picture, Source
from imagewright.images.sources.indexed_shards import IndexedShards
from imagewright.images.sources.layered import LayeredSource
from imagewright.images.sources.listing import is_picture_name
from imagewright.images.sources.shards import ShardSource
from imagewright.output.names import visible
from imagewright.output.writing import encode_image

LONGEST_KEY = 80  # bytes: with the suffix it fits the 100 bytes of a tar header, which every reader reads
SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp", "TIFF": ".tif", "BMP": ".bmp", "GIF": ".gif"}
SUFFIXES |= {"PPM": ".ppm", "AVIF": ".avif", "HEIF": ".heic", "DIB": ".bmp"}
CLASS_NAME = "class_name"  # of the .json: one of the names by which labels are found there


class PictureBytes(NamedTuple):
    """One file of a sample: its content, its header, and the suffix of its name, with the dot."""

    content: bytes
    header: Header
    suffix: str


def picture_name(source: Source, index: int) -> str:
    """The name of a picture without the name of the shard that it comes from, if it comes from one."""
    if isinstance(source, LayeredSource):
        part = source.parts[source.image]
        return picture_name(part, int(source.indices[source.image][index]))
    if isinstance(source, ShardSource | IndexedShards):
        return source.listing.name(index)
    return source.name(index)


def make_keys(names: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """The key of each picture, all different, and (name, key) of those whose name had to be changed.

    >>> make_keys(["cats/7.png", "cats/7.jpg", "a.b.png"])
    (['cats/7', 'cats/7-2', 'a_b'], [('cats/7.jpg', 'cats/7-2'), ('a.b.png', 'a_b')])
    """
    keys, changed, taken = [], [], set[str]()
    for name in names:
        stem = name.rpartition(".")[0] if is_picture_name(name) else name
        parts = [part for part in stem.replace("\\", "/").split("/") if part not in {"", ".", ".."}]
        parts = [visible(part).replace("\\", "_").lstrip(".") or "_" for part in parts] or ["picture"]
        plain = "/".join([*parts[:-1], parts[-1].replace(".", "_")])
        plain = plain if len(plain.encode()) <= LONGEST_KEY else cut_name(parts[-1].replace(".", "_"), LONGEST_KEY)
        key, number = plain, 2
        while key in taken:  # names that differ in capitals alone stay apart, as tar files keep them
            key, number = f"{plain}-{number}", number + 1
        taken.add(key)
        keys.append(key)
        if key != stem:
            changed.append((name, key))
    return keys, changed


def original_files(payload: Payload, name: str) -> list[PictureBytes]:
    """The files of a sample as the source has them; arrays, such as frames of a video, as PNG. Raises `Unreadable`.

    name: of the picture, whose suffix a plain picture keeps; layers have those of their formats.
    """
    if isinstance(payload, tuple):
        return [_original(part, "") for part in payload]
    return [_original(payload, name)]


def _original(part: Picture, name: str) -> PictureBytes:
    if isinstance(part, Unreadable):
        raise part
    if isinstance(part, np.ndarray):
        return _as_file(bytes(encode_image(part.transpose(2, 0, 1), ".png")), "")
    return _as_file(part, name)


def _as_file(content: bytes, name: str) -> PictureBytes:
    header = read_header(content)
    suffix = f".{name.rpartition('.')[2].lower()}"
    if not is_picture_name(f"x{suffix}"):
        suffix = SUFFIXES.get(header.format, ".png")
    return PictureBytes(content, header, suffix)


def prepared_files(row: np.ndarray, layers: Sequence[Layer], suffix: str) -> list[PictureBytes]:
    """The layers of one picture at the size of the shards, each as a file.

    row: uint8 (H, W, C), the channels of all layers side by side.
    suffix: ".png" or ".jpg", of pictures; label and instance maps are PNG.
    """
    files, first = [], 0
    for layer in layers:
        part = row[..., first : first + layer.stored_channels]
        first += layer.stored_channels
        if layer.kind == "ids":
            numbers = part[..., 0].astype(np.uint16) + 256 * part[..., 1].astype(np.uint16)
            content = encode_image(Image.fromarray(numbers), ".png")
        else:
            chosen = suffix if layer.kind == "picture" else ".png"
            content = encode_image(part.transpose(2, 0, 1), chosen)
        files.append(_as_file(bytes(content), ""))
    return files


def side_files(known: Annotations, index: int) -> list[tuple[str, bytes]]:
    """(suffix, content) of what is said beside a picture.

    `.cls` is the number of its class, as WebDataset has it. `.json` has the name of the class, attributes as 0 or 1,
    and factors as numbers; what is not known is left out.
    """
    found: list[tuple[str, bytes]] = []
    record: dict[str, Any] = {}
    if known.labels is not None and known.labels[index] >= 0:
        found.append((".cls", str(int(known.labels[index])).encode()))
        record[CLASS_NAME] = (known.class_names or ())[known.labels[index]]
    if known.attributes is not None:
        values = zip(known.attribute_names or (), known.attributes[index].tolist(), strict=True)
        record |= {name: int(value) for name, value in values if not math.isnan(value)}
    if known.factors is not None:
        numbers = zip(known.factor_names or (), known.factors[index].tolist(), strict=True)
        record |= {name: float(value) for name, value in numbers if math.isfinite(value)}
    if record:
        found.append((".json", json.dumps(record).encode()))
    return found
