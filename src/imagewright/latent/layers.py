"""Layers by number, range or group, as users name them: `5`, `4-7`, `coarse`, `middle`, `fine`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

from imagewright import catalogue
from imagewright.errors import UserError, nearest_name
from imagewright.style_capabilities import count_layers, in_layers, layer_groups
from imagewright.verbs.blocks import in_blocks

Layers: TypeAlias = int | str | Sequence[int | str]
"""A layer's number from 0, a range such as "4-7", a group such as "fine"; or several of these, in text after commas."""
RANGE = re.compile(r"(\d+)(?:-(\d+))?")


def resolve_layers(model: Any, layers: Layers) -> list[int]:
    """The numbers of layers, in order and each once. `model`: with a style for each layer, or a view of it.

    Raises `UserError` for a model without such layers, for a layer that it does not have, and if none was named.
    """
    count = count_layers(model)
    named = [layers] if isinstance(layers, int | str) else list(layers)
    words = [word for each in named for word in str(each).replace(",", " ").split()]
    if not words:
        raise UserError(f"No layer was named: {_choices(model, count)}.")
    return sorted({layer for word in words for layer in _resolve(model, word, count)})


def _resolve(model: Any, word: str, count: int) -> Sequence[int]:
    groups = layer_groups(count)
    if word in groups:
        if not groups[word]:
            raise UserError(f"{catalogue.name_of(model)} has no {word} layers: {_choices(model, count)}.")
        return groups[word]
    found = RANGE.fullmatch(word)
    if found is None:
        raise UserError(f"{word!r} names no layers.{nearest_name(word, list(groups))} {_choices(model, count)}.")
    first, last = int(found[1]), int(found[2] or found[1])
    if first > last:
        raise UserError(f"The layers {word} end before they begin: {last}-{first} is meant, or one layer.")
    if last >= count:
        raise UserError(f"There is no layer {last}: {_choices(model, count)}.")
    return range(first, last + 1)


def _choices(model: Any, count: int) -> str:
    groups = ", ".join(f"{name} {layers_text(list(group))}" for name, group in layer_groups(count).items() if group)
    return f"{catalogue.name_of(model)} has the layers 0 to {count - 1} (--layers 0-{count - 1}; {groups})"


def layers_text(layers: Sequence[int]) -> str:
    """Sorted layers in ranges, as they may be given: "0-3, 7"."""
    parts: list[list[int]] = []
    for layer in layers:
        if parts and parts[-1][-1] == layer - 1:
            parts[-1].append(layer)
        else:
            parts.append([layer])
    return ", ".join(str(part[0]) if len(part) == 1 else f"{part[0]}-{part[-1]}" for part in parts)


def to_layer_latents(model: Any, latents: Tensor) -> Tensor:
    """Latents of the model's space as those with a style for each layer, (N, L, W) on the CPU."""
    in_layers(model)  # raises its error
    return in_blocks(model, model.to_styles, latents).clone()


def only_in_layers(direction: Tensor, layers: Sequence[int], count: int) -> Tensor:
    """A direction of one style (W,), or of a style for each layer (L, W), as (L, W) that is 0 in all other layers."""
    whole = direction if direction.ndim == 2 else direction.expand(count, -1)
    chosen = torch.zeros(count, 1)
    chosen[list(layers)] = 1
    return whole * chosen
