"""What a model that translates takes and can be asked for, found out by asking it: for forms and other tools."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch

from imagewright.capabilities import Translates, require
from imagewright.errors import UserError
from imagewright.images.layers import TARGET
from imagewright.translation_capabilities import has_styles, needs_style
from imagewright.verbs.apply import RunLike, resolve_model
from imagewright.verbs.blocks import evaluating
from imagewright.verbs.translation_inputs import source_channels


@dataclass(frozen=True)
class TranslationAbilities:
    """What a model takes, and to what it translates.

    Attributes:
        size: (height, width) of its training.
        channels: of the pictures that it takes; None for label maps.
        classes: of the label maps that it takes; None for pictures.
        paired: whether it learned from pairs of an input and a target, so that it takes drawings such as those inputs.
        domains: to which it translates, in the order of their numbers.
        attributes: that can be changed.
        sampled_styles: whether styles can be sampled by a seed.
        reference_styles: whether the style of other pictures can be taken.
        few_shot: whether all references give one style together.
        needs_style: whether there has to be a style.
    """

    size: tuple[int, int]
    channels: int | None
    classes: int | None
    paired: bool
    domains: tuple[str, ...]
    attributes: tuple[str, ...]
    sampled_styles: bool
    reference_styles: bool
    few_shot: bool
    needs_style: bool

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def translation_abilities(run: RunLike) -> TranslationAbilities:
    """What a model takes, and to what it translates. Raises `UserError` for a model that does not translate."""
    model = resolve_model(run)
    translator = require(model, Translates)
    layers = model.config.input_layers
    channels = source_channels(model)
    styled = has_styles(model)
    return TranslationAbilities(
        size=model.config.size,
        channels=channels,
        classes=getattr(model.config, "layer_channels", {}).get(layers[0]) if channels is None else None,
        paired=TARGET in layers,
        domains=tuple(translator.domains),
        attributes=tuple(getattr(model, "attribute_names", ())),
        sampled_styles=styled and _can(model, lambda domain: _sample_style(model, domain)),
        reference_styles=styled and _can(model, lambda domain: _encode_style(model, domain)),
        few_shot=has_styles(model) and bool(model.few_shot),
        needs_style=has_styles(model) and needs_style(model),
    )


def _can(model: Any, work: Callable[[int | None], Any]) -> bool:
    """Whether the model does something in one of its domains at least: an imported run may lack networks of others."""
    domains = range(len(model.domains)) if model.domains else [None]
    with evaluating(model), torch.inference_mode():
        for domain in domains:
            try:
                work(domain)
            except UserError:
                continue
            return True
    return False


def _sample_style(model: Any, domain: int | None) -> None:
    model.sample_styles(1, domain, torch.Generator())


def _encode_style(model: Any, domain: int | None) -> None:
    blank = torch.zeros(1, model.config.channels, *model.config.size, device=model.device)
    model.encode_styles(blank[None] if model.few_shot else blank, domain)
