"""Views: the same networks seen in another way, with other latents. A view is a model, so every tool takes it.

StyleGAN's networks have the spaces z, w and w+; a truncated view of any of them moves images towards the average one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn

from imagewright import catalogue
from imagewright.capabilities import (
    Decodes,
    HasSpaces,
    LatentPart,
    Truncates,
    latent_parts_of,
    require,
    samples_from,
    verbs_of,
)
from imagewright.errors import UserError, nearest_name
from imagewright.model import Model


class View(Model):
    """A model whose networks are those of `base`. Sub-classes define the verbs for their own latents, through `base`.

    A view registers no parameters and no buffers: it lists, moves and saves those of the base. Its mode is the base's.
    """

    base: Model
    space: str | None
    truncation: float | None

    def __init__(self, base: Model, *, space: str | None = None, truncation: float | None = None) -> None:
        """`space`, `truncation`: what this view changes; None for what the base has."""
        super().__init__(base.config)
        object.__setattr__(self, "base", base)  # past nn.Module, which would register it as a sub-module
        inside = base if isinstance(base, View) else None
        self.space = space if space is not None or inside is None else inside.space
        self.truncation = truncation if truncation is not None or inside is None else inside.truncation
        self.origin = base.origin
        self.training = base.training

    def train(self, mode: bool = True) -> View:
        """The mode of the base, too."""
        self.base.train(mode)
        self.training = mode
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> View:
        """What `to`, `cpu`, `cuda` and `half` call."""
        self.base._apply(fn, recurse)
        return self

    def named_parameters(self, *given: Any, **options: Any) -> Iterator[tuple[str, nn.Parameter]]:
        """Those of the base."""
        return self.base.named_parameters(*given, **options)

    def named_modules(self, *given: Any, **options: Any) -> Iterator[Any]:
        """Those of the base."""
        return self.base.named_modules(*given, **options)

    def named_buffers(self, *given: Any, **options: Any) -> Iterator[tuple[str, Tensor]]:
        """Those of the base."""
        return self.base.named_buffers(*given, **options)

    def state_dict(self, *given: Any, **options: Any) -> Any:
        """The base's."""
        return self.base.state_dict(*given, **options)

    def load_state_dict(self, *given: Any, **options: Any) -> Any:
        """Into the base."""
        return self.base.load_state_dict(*given, **options)


class SameLatents(View):
    """A view whose latents are of the base's shape and parts, and have its conditions."""

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return require(self.base, Decodes).latent_shape

    @property
    def latent_parts(self) -> tuple[LatentPart, ...]:
        return latent_parts_of(self.base)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of their numbers."""
        return getattr(self.base, "class_names", ())

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """The attributes, in the order of their columns."""
        return getattr(self.base, "attribute_names", ())


def view_model(
    model: Model, space: str | None = None, truncation: float | None = None, sample_from: str | None = None
) -> Model:
    """The model in one of its latent spaces, truncated, or sampling from another distribution; itself if none is given.

    space: a name of `model.spaces`.
    truncation: psi; 0 gives the average image, 1 changes nothing. Applied in the given space.
    sample_from: "prior", or "fitted" for the density fitted to the latents of the training images.

    Raises `UserError` for a model without several spaces or without truncation, for a space that it lacks, and for
    a distribution that it lacks.
    """
    name = catalogue.name_of(model)
    if sample_from is not None:
        model = _sampling_from(model, name, sample_from)
    if space is not None:
        if not isinstance(model, HasSpaces):
            raise UserError(f"{name} has one latent space only, so there is no {space!r}: leave --space (space=) out.")
        if space not in model.spaces:
            raise UserError(
                f"{name} has no latent space {space!r}.{nearest_name(space, model.spaces)} "
                f"Its spaces: {', '.join(model.spaces)}."
            )
        model = model.in_space(space)
    if truncation is not None:
        if not isinstance(model, Truncates):
            where = f" in the space {space}" if space is not None else ""
            raise UserError(f"{name} has no truncation{where}: leave --truncation (truncation=) out.")
        if not math.isfinite(truncation):
            raise UserError(f"truncation={truncation}, but it must be a number: 0 is the average image, 1 no change.")
        model = model.truncated(truncation)
    return model


def _sampling_from(model: Model, name: str, source: str) -> Model:
    if samples_from(model):
        return model.sampling_from(source)
    if source == "prior" and "sample" in verbs_of(model):
        return model  # which is all that it samples from
    raise UserError(
        f"{name} has no density fitted to its latents to sample from, as vae and vae_gan have: leave --sample-from out."
    )


def space_name(model: Model) -> str | None:
    """The latent space that a model's latents are of; None if it has only one, without a name."""
    if isinstance(model, View) and model.space is not None:
        return model.space
    while isinstance(model, View):
        model = model.base
    return model.spaces[0] if isinstance(model, HasSpaces) else None


def view_settings(model: Model) -> dict[str, Any]:
    """What a provenance record says of a view: its space and truncation, if it has any, and what it samples from."""
    if not isinstance(model, View):
        return source_settings(model)
    settings = {"space": model.space, "truncation": model.truncation}
    return {name: value for name, value in settings.items() if value is not None}


def source_settings(model: Model) -> dict[str, Any]:
    """What a model samples from, if that can be one of several distributions."""
    return {"sample_from": model.sampled_from} if samples_from(model) and len(model.latent_sources) > 1 else {}
