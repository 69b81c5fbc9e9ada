"""`open_images`: open a source of any kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from imagewright.errors import ConfigError, DataError
from imagewright.images import notices
from imagewright.images.annotations import choose_attributes
from imagewright.images.argument_types import check_types
from imagewright.images.cache.prepared import Prepared
from imagewright.images.decoding.preprocessing import (
    Preprocessing,
    check_channels,
    check_options,
    parse_load,
    parse_size,
    plain_layer,
)
from imagewright.images.decoding.value_range import AUTO
from imagewright.images.headers import FEW, sample_headers
from imagewright.images.images import Images
from imagewright.images.label_arrays import LabelsLike, labels_from_sequence
from imagewright.images.layers import IMAGE, parse_names
from imagewright.images.opening import Choices, resolve_choices
from imagewright.images.opening_layers import Opened, open_layers
from imagewright.images.opening_shards import open_declared
from imagewright.images.sources.base import ListedSource, PictureSource
from imagewright.images.sources.finding import find_source
from imagewright.images.tables.attaching import attach_labels


def open_images(
    source: str | Path | Images | np.ndarray | Sequence[Any] | Mapping[str, Any] | Any,
    size: int | tuple[int, int] | None = None,
    channels: int | Mapping[str, int] | None = None,
    *,
    layers: str | Sequence[str] | None = None,
    kinds: str | Mapping[str, str] | None = None,
    crop: Literal["centre", "random", "none"] = "centre",
    load_size: int | tuple[int, int] | None = None,
    flip: bool | None = None,
    resize: Literal["lanczos", "bicubic", "bilinear", "box", "nearest"] = "lanczos",
    labels: LabelsLike | None = None,
    label_column: str | None = None,
    attributes: str | Sequence[str] | None = None,
    split: str | None = None,
    only: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    value_range: str | tuple[float, float] | None = None,
    decode: Literal["auto", "exact", "reduced"] | None = None,
    strict: bool = False,
    cache: bool = True,
    cache_dir: str | Path | None = None,
) -> Images:
    """Open a set of pictures. Nothing is decoded yet; `Images.prepare()` or the first batch does that.

    source: a folder (searched through; sub-folders become classes), a `.zip` of the same, tar shards in WebDataset
        layout, IDX files or a folder of them, `.npz`, a video, a name (`digits`, `faces`, `shapes`, `mnist`,
        `fashion-mnist`, `cifar10`), or images opened before. `shapes` are drawn at the size that is asked for;
        `shapes:outlines,count=5000,seed=1` is a view of them. A path that exists goes before a name. In Python also an
        array or tensor (N, C, H, W), or of one picture (H, W, C) or (H, W); a Pillow image; or a list of files, of
        Pillow images, or of arrays (C, H, W), also of different sizes. Pixels are uint8, or floats that plainly run
        from 0 to 1. A list of files has no classes of folders.
        A mapping {"input": "edges/", "target": "photos/"} opens one source for each layer, and pairs their pictures by
        name; pictures without a partner are left out, and counted in `notes`.
    size: side, or (height, width), in pixels; None for the commonest of the source.
    channels: 1, 3 or 4, of all layers that are pictures, or of the layers that a mapping names; None for the commonest
        of the source.
    layers: names of the layers of each picture, such as ("input", "target") or "input,target", if `source` is a folder
        with a sub-folder of each name (or trainNAME, train_NAME), or else pictures that hold the layers side by side in
        equal widths. A plain set has one layer, "image". `Batch.images` is the layer named "image", else the one named
        "target", else the last picture.
    kinds: which layers are label or instance maps, {"labels": "labels:35", "ids": "ids"} or "labels=labels:35,ids=ids";
        others are pictures. The number of classes is optional: by default, the largest value in a sample plus one.
    crop: `centre` fills the target and cuts off the rest, `random` cuts elsewhere in each view, `none` shows all of the
        picture and changes its aspect.
    load_size: the size that pictures are scaled to, as `size` says it, or its shorter side: each view of training is a
        window of `size` at a random place in it, the same for all layers, and all else sees the centre. None leaves it
        to the recipe of the model that is trained; `load_size=size` turns it off.
    flip: whether views are mirrored at random; None leaves it to the recipe of the model that is trained.
    resize: the antialiasing filter. Label and instance maps are always resized by nearest neighbour.
    labels: a CSV, text or JSON file of labels or attributes; by default, one in or beside the source, which is passed
        over with a note if it does not fit. Pictures of which it says nothing, or several things, have no class (-1).
        Or a label for each picture in the order of the source: numbers, names, one-hot rows; None for no class.
    label_column: the column of the labels; by default, by its name. "age:18,65" makes classes of ranges of numbers.
    attributes: names of the attributes that are taken, such as ("Smiling", "Male") or "Smiling,Male"; labels are then
        left out. By default, all attributes and the labels.
    split: a part of the source (`train`, `test`, a sub-folder).
    only: patterns of the names of the pictures that are taken, such as "*.jpg" or ["cats/*", "dogs/*"]; all by default.
    exclude: patterns of the names of those that are left out, such as "*_mask.png". A pattern with a slash is compared
        with the path inside the source, another one with the file name.
    value_range: the numbers that become 0 and 255, of pictures with more than 8 bits: (low, high) or "LOW:HIGH", "full"
        (0 to 65,535), or "auto" for those that occur in a sample of the set. By default shards have the range that they
        were written with, other sources "full".
    decode: "exact"; or "reduced": a JPEG of more than four times the size is decoded at a half, a quarter or an eighth
        of its size, which is several times as fast and changes a pixel by a fraction of a grey level; "auto" (the
        default) takes "reduced" if the commonest picture is such a JPEG.
    strict: whether an unreadable picture is an error; by default it is left out.
    cache: False decodes pictures at each use, for sets larger than the disk.
    cache_dir: the folder of prepared pixels.

    Raises `DataError` for a source that cannot be used, `ConfigError` for a wrong option.
    """
    check_types(
        source,
        {
            "size": size,
            "channels": channels,
            "layers": layers,
            "kinds": kinds,
            "crop": crop,
            "load_size": load_size,
            "flip": flip,
            "resize": resize,
            "label_column": label_column,
            "attributes": attributes,
            "split": split,
            "only": only,
            "exclude": exclude,
            "strict": strict,
            "cache": cache,
            "cache_dir": cache_dir,
        },
    )
    check_options(crop, resize)
    choices = resolve_choices(only, exclude, value_range, decode)
    if isinstance(source, Images):
        if isinstance(labels, (str, Path)) or label_column is not None:
            raise ConfigError(f"{source.source} is open already: give labels with the folder, not the images.")
        reopened = _reopen(source, size, channels, layers, kinds)
        reopened = reopened if load_size is None else reopened.with_load_size(load_size)
        labelled = reopened if labels is None else _label(reopened, labels)
        return labelled if attributes is None else _with_attributes_alone(labelled, attributes)
    wanted_size = None if size is None else parse_size(size)
    wanted_channels = _check_all_channels(channels)
    declared = open_declared(source, layers, kinds, split, choices)
    if declared is not None:
        opened = declared
        attach_labels(opened.source, labels, label_column)
    elif isinstance(source, Mapping) or kinds or parse_names(layers) not in {(), (IMAGE,)}:
        opened = open_layers(source, layers, kinds, split, cache_dir, choices)
        attach_labels(opened.source, labels, label_column)
    else:
        plain = find_source(source, split, cache_dir, choices.names)
        attach_labels(plain, labels, label_column)
        opened = _open_plain(plain, wanted_size, wanted_channels, choices)
    if wanted_size is not None:
        opened.source = opened.source.drawn_at(wanted_size)
    found = opened.source
    size_notes = opened.size_notes if wanted_size is None else []
    found.notes += opened.notes + size_notes
    if not cache and found.in_order:
        raise DataError(
            f"{found.typed} can only be read from its start to its end, so its pictures cannot be decoded as they are "
            "asked for: unpack it (plain .tar shards, a folder), or leave --no-cache out (cache=False)."
        )
    height, width = wanted_size or opened.size
    if isinstance(wanted_channels, int):
        wanted_channels = {layer.name: wanted_channels for layer in opened.layers if layer.kind == "picture"}
    load = parse_load(load_size)
    preprocessing = Preprocessing(height, width, opened.layers, crop, resize, values=opened.values, load=load)
    preprocessing = preprocessing.with_channels(wanted_channels or {})
    prepared = Prepared(found, preprocessing, strict, cache_dir, cache, decode=choices.decode, scalable=opened.scalable)
    prepared.most_channels = opened.most_channels if channels is None else 1
    images = Images(prepared.with_decode_chosen(), flip=flip, size_given=size is not None)
    told = found.notes[: len(found.notes) - len(size_notes)]
    notices.add_notes(note for note in told if not isinstance(note, notices.RowsNote))
    return images if attributes is None else _with_attributes_alone(images, attributes)


def _with_attributes_alone(images: Images, names: str | Sequence[str]) -> Images:
    """The same pictures with the attributes of these names, and without labels."""
    return images._with(choose_attributes(images._annotations, names, images.source))


def _label(images: Images, labels: LabelsLike) -> Images:
    known, notes = labels_from_sequence(labels, len(images))
    if known.labels is not None and known.class_names is not None:
        images = images.with_labels(known.labels, known.class_names)
    else:
        images = images.with_attributes(known.attributes, known.attribute_names or ())
    images.notes += notes
    return images


def _reopen(
    images: Images,
    size: int | tuple[int, int] | None,
    channels: int | Mapping[str, int] | None,
    layers: str | Sequence[str] | None,
    kinds: str | Mapping[str, str] | None,
) -> Images:
    if layers is not None or kinds is not None:
        raise ConfigError(f"{images.source} is open already: give layers and kinds with the folder, not the images.")
    if size is None and channels is None:
        return images
    if isinstance(channels, int):
        channels = {layer.name: channels for layer in images.layers if layer.kind == "picture"}
    return images.with_size(size, channels)


def _check_all_channels(channels: int | Mapping[str, int] | None) -> int | dict[str, int] | None:
    if isinstance(channels, Mapping):
        return {name: check_channels(each) for name, each in channels.items()}
    return None if channels is None else check_channels(channels)


def _open_plain(
    source: PictureSource,
    size: tuple[int, int] | None,
    channels: int | dict[str, int] | None,
    choices: Choices,
) -> Opened:
    """A set of plain pictures. If neither size, channels nor value range have to be found out, few headers are read."""
    wanted = choices.value_range
    if size is not None and isinstance(channels, int) and wanted != AUTO:
        opened = Opened(source, plain_layer(channels), size, values=None if isinstance(wanted, str) else wanted)
        if not isinstance(source, ListedSource):
            return opened
        try:
            found = sample_headers(source, FEW)
        except DataError:  # which the decoding of all pictures will find out
            return opened
    else:
        found = sample_headers(source)
        usual = found.usual
        opened = Opened(source, plain_layer(usual.channels), (usual.height, usual.width), size_notes=found.notes)
    opened.values, opened.notes = found.deep.settle(wanted, source.typed)
    opened.scalable, opened.most_channels = found.scalable, found.most_channels
    return opened
