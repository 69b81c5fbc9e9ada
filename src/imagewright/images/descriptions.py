"""Records of a set of images: for run directories and reports, and to open the same set again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagewright.errors import DataError
from imagewright.files import cache_folder
from imagewright.images.layers import IMAGE
from imagewright.images.sources.base import digest
from imagewright.images.sources.layered import LayeredSource

if TYPE_CHECKING:
    from imagewright.images.images import Images


def cache_folder_of(images: Images) -> Path | None:
    """The folder of the cache in which the images are prepared; None if they are decoded whenever they are read."""
    return cache_folder(images._prepared.cache_dir) if images.cached else None


def describe(images: Images) -> dict[str, Any]:
    """A set of images as a record for JSON.

    "annotations" is a digest of the labels and attributes of all listed pictures, unreadable ones included, or None.
    Each of "layers" names its own "source" if the layers were opened from several.
    """
    source = images._prepared.source
    layers = [layer.to_dict() for layer in images.layers]
    if isinstance(source, LayeredSource):
        parts = [source.parts[layer["name"]] for layer in layers]
        layers = [layer | {"source": part.typed} | part.facts for layer, part in zip(layers, parts, strict=True)]
    return {
        "source": images.source,
        "count": len(images),
        "size": [images.height, images.width],
        "channels": images.channels,
        "layers": layers,
        "class_names": None if images.class_names is None else list(images.class_names),
        "attribute_names": None if images.attribute_names is None else list(images.attribute_names),
        "annotations": _digest_annotations(images),
        "fingerprint": images.fingerprint,
        "resize": images._prepared.preprocessing.resize,
        "crop": images.crop,
        "load_size": list(images.load_size) if images._prepared.preprocessing.load is not None else None,
        "decode": images.decode,
        "value_range": None if images.value_range is None else list(images.value_range),
        "only": list(source.names_taken.only),
        "exclude": list(source.names_taken.exclude),
        "flip": images.flip,
        "cache": images.cached,
        "skipped": len(images.skipped),
        "notes": list(images.notes),
    }


def _digest_annotations(images: Images) -> str | None:
    labels, attributes = images._all_annotations.labels, images._all_annotations.attributes
    if labels is None and attributes is None:
        return None
    return digest(
        *((str(images.class_names), labels) if labels is not None else ()),
        *((str(images.attribute_names), attributes) if attributes is not None else ()),
    )


def opening_options(record: dict[str, Any]) -> dict[str, Any]:
    """The options of `open_images` that open a source as it was opened for `record`, a result of `describe()`.

    Records from before there were layers, or before there was a choice of a cache, are read too.
    """
    options = {name: record[name] for name in ("crop", "flip", "resize")}
    options |= {"size": tuple(record["size"]), "channels": record["channels"], "cache": record.get("cache", True)}
    options |= recorded_choices(record)
    layers = record.get("layers", [])
    if [layer["name"] for layer in layers] in ([], [IMAGE]):
        return options
    options["channels"] = {layer["name"]: layer["channels"] for layer in layers if layer["kind"] == "picture"}
    kinds = {
        layer["name"]: f"{layer['kind']}:{layer['classes']}" if layer["classes"] else layer["kind"] for layer in layers
    }
    return options | {"layers": tuple(kinds), "kinds": kinds}


def recorded_choices(record: dict[str, Any]) -> dict[str, Any]:
    """The options of `open_images` that choose pictures and how they are decoded, from a result of `describe()`."""
    return {
        "load_size": tuple(record.get("load_size") or ()) or None,
        "decode": record.get("decode", "exact"),
        "value_range": tuple(record.get("value_range") or ()) or "full",
        "only": tuple(record.get("only", ())),
        "exclude": tuple(record.get("exclude", ())),
    }


def check_layers(images: Images, names: Sequence[str]) -> None:
    """Raise `DataError` if a set lacks one of the layers `names` (see `Images.check_layers`)."""
    present = [layer.name for layer in images.layers]
    missing = [name for name in names if name not in present]
    if not missing or tuple(names) == (IMAGE,):
        return
    folders = ", ".join(f'"{name}": "FOLDER OF {name.upper()}"' for name in names)
    listed = ", ".join(f'"{name}"' for name in names)
    raise DataError(
        f"The pictures of {images.source} have no layer {' and no layer '.join(missing)}, only {', '.join(present)}. "
        f"Open a folder for each layer, open_images({{{folders}}}), or pictures that hold the layers side by side, "
        f'open_images("{images.source}", layers=({listed})), on the command line --image-layers {",".join(names)}. '
        "`imagewright data pairs` makes pairs from plain pictures."
    )
