"""Layers: images, label maps and instance maps of the same pixels, as layers of one picture.

A pair (pix2pix: an input and its target), or a photograph with its label map and its instance map (pix2pixHD), is one
picture with several layers. One row of the prepared cache holds the channels of all layers, so that a crop or a flip
is the same for all layers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from imagewright.errors import ConfigError, nearest_name

Kind = Literal["picture", "labels", "ids"]
KINDS: tuple[Kind, ...] = get_args(Kind)
IMAGE, TARGET = "image", "target"
"""`IMAGE`: the only layer of a set without further layers. `TARGET`: the output of a pair."""
MOST_CLASSES, MOST_IDS = 2**8, 2**16
"""Classes of a label map, stored in 8 bits a pixel; instances of an instance map, stored in 16."""


@dataclass(frozen=True)
class Layer:
    """One layer of the pictures of a set.

    Attributes:
        name: the name in models and batches: "image", "input", "target", "labels" ...
        channels: 1 (grey), 3 (RGB) or 4 (RGBA); 1 for labels and ids.
        kind: "picture" (8-bit pixels, resized with antialiasing), "labels" (the class of each pixel, 0 to 255) or "ids"
            (the instance that each pixel belongs to, 0 to 65,535). Labels and ids are resized by nearest neighbour.
        classes: the number of classes of a label map, whose values are 0 to classes - 1; None for other kinds.
    """

    name: str
    channels: int
    kind: Kind = "picture"
    classes: int | None = None

    @property
    def stored_channels(self) -> int:
        """Number of uint8 channels in a row of the cache: two for ids (the low byte first), else `channels`."""
        return 2 if self.kind == "ids" else self.channels

    def to_dict(self) -> dict[str, Any]:
        """All fields, as JSON values."""
        return asdict(self)


def image_layer(layers: Sequence[Layer]) -> Layer:
    """The layer that `Batch.images` holds.

    This is the picture layer named "image", else the picture layer named "target", else the last picture layer.
    Raises `ConfigError` if no layer is a picture.
    """
    pictures = [layer for layer in layers if layer.kind == "picture"]
    if not pictures:
        names = ", ".join(layer.name for layer in layers)
        raise ConfigError(f"The layers {names} are label or instance maps only: at least one layer must be a picture.")
    named = {layer.name: layer for layer in pictures}
    return named.get(IMAGE) or named.get(TARGET) or pictures[-1]


def parse_names(layers: str | Sequence[str] | None) -> tuple[str, ...]:
    """Names of layers, from a sequence or from text such as "input,target"; () for None.

    Raises `ConfigError` for a name that is no identifier or occurs twice.
    """
    if layers is None:
        return ()
    names = tuple(name.strip() for name in (layers.split(",") if isinstance(layers, str) else layers))
    wrong = [name for name in names if not name.isidentifier() or names.count(name) > 1]
    if wrong or not names:
        raise ConfigError(
            f"The layers {layers!r} are not valid: expected different names of letters, digits and underscores, "
            "such as input,target."
        )
    return names


def parse_kinds(kinds: str | Mapping[str, str] | None, names: Sequence[str]) -> dict[str, tuple[Kind, int | None]]:
    """The kind, and the number of classes if given, of each layer in `names`.

    kinds: a mapping such as {"labels": "labels:35", "ids": "ids"}, or the same as text, "labels=labels:35,ids=ids". The
        number after "labels:" is the number of classes. Layers that are not in `kinds` are pictures.
    names: the names of all layers.

    Raises `ConfigError` for a layer that is not in `names`, an unknown kind, or an impossible number of classes.
    """
    pairs = _split(kinds) if isinstance(kinds, str) else dict(kinds or {})
    parsed: dict[str, tuple[Kind, int | None]] = dict.fromkeys(names, ("picture", None))
    for name, text in pairs.items():
        if name not in parsed:
            known = ", ".join(names) or "only the layer image"
            raise ConfigError(f"kinds names a layer {name!r}, but there is {known}.{nearest_name(name, names)}")
        kind, colon, number = text.partition(":")
        if kind not in KINDS or (colon and kind != "labels"):
            raise ConfigError(
                f"kinds={name}={text}: expected picture, labels, labels:NUMBER_OF_CLASSES or ids."
                f"{nearest_name(kind, KINDS)}"
            )
        if colon and not (number.isdecimal() and 1 <= int(number) <= MOST_CLASSES):
            raise ConfigError(f"kinds={name}={text}: expected a number of classes from 1 to {MOST_CLASSES}.")
        parsed[name] = (kind, int(number) if colon else None)
    return parsed


def _split(text: str) -> dict[str, str]:
    """Parse NAME=KIND pairs between commas. Raises `ConfigError` for a part without a name or `=`."""
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(name.strip() and equals for name, equals, _ in pairs):
        raise ConfigError(f"kinds={text!r} cannot be read: expected NAME=KIND, such as labels=labels:35,ids=ids.")
    return {name.strip(): kind.strip() for name, _, kind in pairs}
