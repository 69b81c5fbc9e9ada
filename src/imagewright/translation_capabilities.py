"""What a model that translates may have besides the verb: styles, and what it reads of an image before it translates.

See capabilities.py for the verb and what the tensors are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from imagewright.capabilities import Target, Translates, verbs_of

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from typing_extensions import TypeIs


@runtime_checkable
class Styles(Protocol):
    """Translates in several styles, sampled or taken from reference images. Style and content are independent.

    A model may declare `needs_style = False`: it then translates without a style if none is asked for.
    """

    @property
    def style_shape(self) -> tuple[int, ...]:
        """The shape of one style; of no number, such as (0,), if the model's options leave styles out."""
        ...

    @property
    def few_shot(self) -> bool:
        """Whether several references give one style together (FUNIT); if False, each reference gives its own."""
        ...

    def sample_styles(self, count: int, domain: int | None, generator: torch.Generator) -> Tensor:
        """(count, *style_shape) from the prior of styles, of a domain. The generator is on the CPU.

        Raises `UserError` if the model has no such prior.
        """
        ...

    def encode_styles(self, references: Tensor, domain: int | None) -> Tensor:
        """Styles (N, *style_shape) of references (N, C, H, W) in [-1, 1]; few-shot models take (N, K, C, H, W).

        Raises `UserError` if the model takes no style from references.
        """
        ...


@runtime_checkable
class CompletesTargets(Translates, Protocol):
    """Reads of the whole image what a target leaves open, so that the tiles of a large image have one target."""

    def complete_target(self, images: Tensor, target: Target) -> Target:
        """The target with what the images (N, C, *size) in [-1, 1] show, at the size of training."""
        ...


def has_styles(model: object) -> TypeIs[Styles]:
    """Whether a model translates in several styles. One whose options leave them out has styles of no number."""
    encodes = "translate" in verbs_of(model) and hasattr(model, "encode_styles")
    return encodes and 0 not in getattr(model, "style_shape", ())


def needs_style(model: Styles) -> bool:
    """Whether a translation has to have a style; if not, `Target.style` may be None."""
    return getattr(model, "needs_style", True)


def completes_targets(model: object) -> TypeIs[CompletesTargets]:
    """Whether a model reads of an image what a target leaves open."""
    return "translate" in verbs_of(model) and hasattr(model, "complete_target")
