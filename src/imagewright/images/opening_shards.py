"""Opening of shards whose index says that their pictures have several layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from imagewright.errors import ConfigError, DataError
from imagewright.images.headers import sample_headers
from imagewright.images.layers import IMAGE, Layer, image_layer, parse_kinds, parse_names
from imagewright.images.opening import Choices
from imagewright.images.opening_layers import Opened
from imagewright.images.sources.found_shards import FoundShards, find_shards, open_pairs, open_pictures


def declared_layers(source: Any) -> tuple[str, ...]:
    """The names of the layers that the index of shards declares; () for other sources and for plain pictures."""
    found = find_shards(source)
    return () if found is None or _is_plain(found) else tuple(layer.name for layer in found.index.layers)


def _is_plain(found: FoundShards) -> bool:
    return [layer.name for layer in found.index.layers] == [IMAGE]


def open_declared(
    source: Any,
    layers: str | Sequence[str] | None,
    kinds: str | Mapping[str, str] | None,
    split: str | None,
    choices: Choices,
) -> Opened | None:
    """Open shards with the layers that their index declares; None for other sources and for plain pictures.

    layers, kinds: as for `open_images`; they may name what is declared.
    Raises `ConfigError` if they name something else, `DataError` for a split, which shards do not have.
    """
    found = find_shards(source)
    if found is None or _is_plain(found):
        return None
    index = found.index
    known = {layer.name: layer for layer in index.layers}
    names = parse_names(layers) or tuple(known)
    wanted = parse_kinds(kinds, names) if kinds else {}
    same = set(names) == set(known) and all(
        kind == known[name].kind and classes in (None, known[name].classes) for name, (kind, classes) in wanted.items()
    )
    if not same:
        raise ConfigError(
            f"{found.typed} are shards of the layers {', '.join(map(_describe, known.values()))}, and others are "
            "named: leave --image-layers and --layer-kinds (layers, kinds) out."
        )
    if split is not None:
        raise DataError(f"{found.typed} has no parts: split={split!r} cannot be taken from it.")
    ordered = tuple(known[name] for name in (known if index.side_by_side else names))
    image = image_layer(ordered).name
    if index.side_by_side:
        plain = open_pictures(found, choices.names)
        sample = sample_headers(plain)
        values, notes = sample.deep.settle(choices.value_range, found.typed)
        return Opened(plain, ordered, index.size, notes, sample.notes, values)
    pairs = open_pairs(found, choices.names)
    sample = sample_headers(pairs.parts[image])
    values, notes = sample.deep.settle(choices.value_range, found.typed)
    pairs.parts = {name: pairs.parts[name] for name in names}  # the order in which layers are read
    return Opened(pairs, ordered, index.size, notes, sample.notes, values)


def _describe(layer: Layer) -> str:
    if layer.kind == "picture":
        return layer.name
    return f"{layer.name} ({layer.kind}{'' if layer.classes is None else f' of {layer.classes} classes'})"
