"""The verb translate: images to another domain, to other attributes, or in the style of reference images.

Every image goes through the model by itself, and every style too, so that neither depends on what else was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from imagewright import catalogue
from imagewright.capabilities import Target, Translates, require
from imagewright.errors import UserError, nearest_name
from imagewright.images import notices
from imagewright.model import Model
from imagewright.pixels import to_float
from imagewright.runs.loading import absent_networks
from imagewright.seeds import derive_seed
from imagewright.translation_capabilities import completes_targets, has_styles, needs_style
from imagewright.verbs.apply import ImagesLike, RunLike, resolve_model
from imagewright.verbs.blocks import evaluating
from imagewright.verbs.conditions import attribute_row, find_number, listed
from imagewright.verbs.tiling import apply_at_any_size, smallest_size
from imagewright.verbs.translation_inputs import (
    StyleReferences,
    pictures_at_one_size,
    read_references,
    source_channels,
)

To = int | str | Mapping[str, float]


def translate(
    run: RunLike,
    images: ImagesLike,
    *,
    to: To | None = None,
    like: ImagesLike | None = None,
    styles: int | None = None,
    seed: int = 0,
) -> Tensor:
    """Images translated, uint8 (N, C, H, W); (N, S, C, H, W) in S > 1 styles. Sizes stay as they are.

    Image k and style s are the same whatever else is asked for. Images larger than 1024 pixels a side are translated
    in overlapping tiles; sizes that the model cannot do are padded by reflection and cropped again.

    images: any source, or one picture (a file, a Pillow image, an array), or a list of pictures; opened at its own
        (commonest) size, to which the others are resized.
    to: the domain, by name or number; or attributes from 0 to 1, such as {"Smiling": 1}, the others staying as they
        are in each image. May be left out if the model translates to one domain only.
    like: reference images, one picture, or a list of sources and pictures: each picture gives a style, of the domain
        `to`. A few-shot model takes one style from all of them.
    styles: how many styles to sample, if the model has styles and `like` is not given. By default one; none for a
        model whose styles are noise that it can do without (pix2pix).
    seed: of the sampled styles.

    Raises `UserError` for a model that does not translate, a domain or attribute that it lacks, and styles of a model
    without any.
    """
    model = resolve_model(run)
    targets = targets_for(model, to=to, like=like, styles=styles, seed=seed)
    made = [
        torch.stack([translate_image(model, image, target) for target in targets])
        for image in pictures_at_one_size(model, images)
    ]
    translated = torch.stack(made)
    return translated if len(targets) > 1 else translated[:, 0]


def targets_for(
    model: Model,
    *,
    to: To | None = None,
    like: ImagesLike | StyleReferences | None = None,
    styles: int | None = None,
    seed: int = 0,
) -> list[Target]:
    """One target a style, each with one row a tensor. The arguments are those of `translate`."""
    require(model, Translates)
    if styles is not None and styles < 1:
        raise UserError(f"styles={styles}, but there must be at least one.")
    target = target_without_style(model, to, styled=like is not None or (styles or 1) > 1, like=like is not None)
    if not has_styles(model):
        return [target]
    if like is None and styles is None and not needs_style(model):
        return [target]
    with evaluating(model), torch.inference_mode():
        if like is None:
            generators = (
                torch.Generator().manual_seed(derive_seed(seed, "style", index)) for index in range(styles or 1)
            )
            codes = torch.cat([model.sample_styles(1, target.domain, generator) for generator in generators])
        else:
            if (styles or 1) > 1:
                raise UserError(f"styles={styles} are sampled, and like= gives a style each: give one of the two.")
            given = like if isinstance(like, StyleReferences) else read_references(model, like)
            references = to_float(given.pictures).to(model.device)
            groups = [references[None]] if model.few_shot else references.split(1)
            codes = torch.cat([model.encode_styles(group, target.domain) for group in groups])
    return [replace(target, style=code) for code in codes.to(model.device).split(1)]


def translate_image(model: Model, image: Tensor, target: Target) -> Tensor:
    """One image uint8 (C, H, W) of any size, translated; uint8 (C', H, W)."""
    translator = require(model, Translates)
    device = model.device
    target = replace(
        target,
        attributes=None if target.attributes is None else target.attributes.to(device),
        style=None if target.style is None else target.style.to(device),
    )
    with evaluating(model), torch.inference_mode():
        if completes_targets(model):
            whole = interpolate(to_float(image[None]), model.config.size, mode="bilinear", antialias=True)
            target = model.complete_target(whole.to(device), target)
        return apply_at_any_size(
            lambda tile: translator.translate(tile.to(device), target), image, type(model.config).nearest_size
        )


def target_without_style(model: Model, to: To | None, *, styled: bool, like: bool = False) -> Target:
    """Where to translate. Raises `UserError` if the model lacks it, or has no styles and one is asked for.

    styled: whether styles are sampled or taken from references.
    like: whether they are taken from references.
    """
    target = _parse_target(model, to, like=like)
    if styled and not has_styles(model):
        raise UserError(
            f"{catalogue.name_of(model)} translates in one way only: it has no styles to sample or to take from "
            "references. Leave styles (--styles) and like (--like) out."
        )
    return target


def _parse_target(model: Model, to: To | None, *, like: bool) -> Target:
    name, domains = catalogue.name_of(model), tuple(require(model, Translates).domains)
    attributes: tuple[str, ...] = tuple(getattr(model, "attribute_names", ()))
    if isinstance(to, Mapping):
        if not attributes:
            known = f" It translates to: {listed(domains)}." if domains else ""
            raise UserError(f"{name} is not conditioned on attributes, so it cannot change them.{known}")
        return Target(attributes=attribute_row(attributes, to))
    if to is not None:
        number = find_number(domains, to)
        if number is not None:
            return Target(domain=number)
        raise UserError(
            f"{name} has no domain {str(to)!r}.{nearest_name(str(to), domains)} {_choices(domains, attributes)}"
        )
    faults = _faults_of_domains(model, domains, like=like)
    reached = [number for number, fault in enumerate(faults) if fault is None]
    if len(domains) > 1 and len(reached) == 1 and not attributes:
        needed = [name for name in absent_networks(model) if any(f" {name}:" in (fault or "") for fault in faults)]
        absent = ", ".join(needed)
        notices.add_notes([f"Translated to {domains[reached[0]]}: the run holds no {absent}, which its others need."])
        return Target(domain=reached[0])
    if len(domains) > 1 or attributes:
        raise UserError(f"Where {name} should translate to is missing: --to (to=). {_choices(domains, attributes)}")
    return Target(domain=0 if domains else None)


def _faults_of_domains(model: Model, domains: Sequence[str], *, like: bool) -> list[str | None]:
    """For each domain what a network that is absent says; None if the model translates to it.

    like: whether styles are taken from references.
    Raises `UserError` if there are domains, and none is reached.
    """
    if not absent_networks(model):
        return [None] * len(domains)
    faults = [_fault_of_domain(model, number, like=like) for number in range(len(domains))]
    if faults and all(faults):
        raise UserError(f"{faults[0]} It translates to no domain.")
    return faults


def _fault_of_domain(model: Model, number: int, *, like: bool) -> str | None:
    """What a network that is absent says if a domain needs it; None if the model translates to the domain."""
    translator = require(model, Translates)
    size = smallest_size(type(model.config).nearest_size, 1, 1)
    picture = torch.zeros(1, source_channels(model) or 1, *size, device=model.device)
    with evaluating(model), torch.inference_mode():
        try:
            style = None
            if like and has_styles(model):
                references = torch.zeros(1, model.config.channels, *model.config.size, device=model.device)
                style = model.encode_styles(references[None] if model.few_shot else references, number)
            elif has_styles(model):
                style = model.sample_styles(1, number, torch.Generator()).to(model.device)
            translator.translate(picture, Target(domain=number, style=style))
        except UserError as error:
            return str(error)
    return None


def _choices(domains: tuple[str, ...], attributes: tuple[str, ...]) -> str:
    """What can be given as `to`, in a sentence or two."""
    choices = []
    if domains:
        numbers = f", or their numbers from 0 to {len(domains) - 1}" if len(domains) > 1 else ""
        choices.append(f"Its domains: {listed(domains)}{numbers}.")
    if attributes:
        choices.append(f"Its attributes, as in {attributes[0]}=1: {listed(attributes)}.")
    return " ".join(choices) or "It has no domains: leave it out."
