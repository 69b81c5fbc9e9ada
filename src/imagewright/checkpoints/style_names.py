"""What the published files of StyleGAN2 and 3 share: the mapping network, the widths, and the arguments they state."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from imagewright.checkpoints.adapter import Shapes, count_numbered
from imagewright.checkpoints.containers import constructor
from imagewright.checkpoints.records import Record

MAPPING = {"embedding.": "embed.", "layers.": "fc"}


def mapping_name(name: str) -> str:
    """The published name of a tensor of `StyleMappingNetwork`: layers.0.weight is fc0.weight, mean is w_avg."""
    if name == "mean":
        return "w_avg"
    return re.sub(r"^(embedding|layers)\.", lambda match: MAPPING[match[0]], name)


def mapping_options(shapes: Shapes, prefix: str) -> dict[str, Any]:
    """The sizes of z and w, layers, and classes, from the shapes of a mapping network."""
    layers = count_numbered(shapes, re.escape(prefix) + r"fc#\.weight")
    embedded, classes = shapes.get(f"{prefix}embed.weight", (0, 0))
    width, inputs = shapes[f"{prefix}fc0.weight"]
    style_dim = shapes[f"{prefix}fc{layers - 1}.weight"][0]
    return {
        "latent_dim": inputs - embedded,
        "style_dim": style_dim,
        "mapping_layers": layers,
        **({"mapping_width": width} if width != style_dim else {}),
        **class_options(classes),
    }


def class_options(count: int) -> dict[str, Any]:
    """Of so many classes, which are numbered from 0 as published labels are; {} without classes."""
    names = tuple(f"class_{place}" for place in range(count))
    return {"condition": "labels", "class_names": names} if count else {}


def widths_told(widths: Mapping[int, int]) -> dict[str, int]:
    """The channels times the side, and the most channels, from the channels at each side."""
    return {"channel_base": max(side * width for side, width in widths.items()), "channel_max": max(widths.values())}


def stated_by_constructors(held: Any) -> dict[str, dict[str, Any]]:
    """The keyword arguments that made each network of a pickle, by the network's key, such as `G_ema`."""
    if not isinstance(held, dict):
        return {}
    found = {str(key): constructor(each)[2] for key, each in held.items() if isinstance(each, Record)}
    return {key: dict(arguments) for key, arguments in found.items() if arguments}


def nested(arguments: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The dictionaries of these names among arguments, joined with the arguments beside them."""
    joined = dict(arguments)
    for name in names:
        inner = arguments.get(name)
        joined |= inner if isinstance(inner, dict) else {}
    return joined
