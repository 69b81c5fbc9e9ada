"""What a model can do with images: the verbs, each a protocol that a model answers by having its methods.

Images are float32 (N, C, H, W) in [-1, 1], latents float32 (N, ...). Tools are written against these protocols.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from imagewright.errors import UserError

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from typing_extensions import TypeIs


@runtime_checkable
class Decodes(Protocol):
    """Turns latents into images."""

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """The shape of one latent."""
        ...

    def decode(self, latents: Tensor) -> Tensor:
        """Latents (N, *latent_shape) to images (N, C, H, W) in [-1, 1]."""
        ...


@runtime_checkable
class Samples(Decodes, Protocol):
    """Draws latents from its prior; decoded, they are new images."""

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, *latent_shape) from the prior. The generator is a CPU one, so that a seed means the same anywhere."""
        ...


@runtime_checkable
class Encodes(Protocol):
    """Turns images into latents."""

    def encode(self, images: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] to latents (N, ...), without randomness: a posterior gives its mean."""
        ...


@runtime_checkable
class Reconstructs(Encodes, Decodes, Protocol):
    """Encodes and decodes: what it keeps of a picture can be shown."""


class SamplesClasses(Samples, Protocol):
    """Draws latents of a wanted class."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of their numbers."""
        ...

    def draw_of(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        """(N, *latent_shape) of the classes `labels`, int64 (N,). The generator is a CPU one, as for `draw`."""
        ...


class SamplesAttributes(Samples, Protocol):
    """Draws latents of wanted attributes."""

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """The attributes, in the order of their columns."""
        ...

    def draw_with(self, attributes: Tensor, generator: torch.Generator) -> Tensor:
        """(N, *latent_shape) of attributes (N, A) from 0 to 1, NaN for any. The generator is a CPU one."""
        ...


@runtime_checkable
class Classifies(Protocol):
    """Says which class an image belongs to."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of their numbers."""
        ...

    def classify(self, images: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] to log-probabilities of the classes, (N, K)."""
        ...


@runtime_checkable
class Perceives(Protocol):
    """Sees more in a picture than its pixels: in what it learned, pictures that look alike are near to each other."""

    def perceive(self, images: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] to features (N, F), such as a discriminator's last map. Differentiable."""
        ...


@runtime_checkable
class Corrupts(Protocol):
    """Was trained to undo a corruption, and can apply it: what denoising starts from."""

    def corrupt(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Images (N, C, H, W) in [-1, 1], damaged as in training."""
        ...


@runtime_checkable
class Scores(Protocol):
    """Says how well it explains each image."""

    score_unit: str  # what the number is: "log-likelihood, nats"

    def score(self, images: Tensor, generator: torch.Generator, samples: int) -> Tensor:
        """One number an image, (N,), higher is better explained. `samples`: Monte Carlo draws, where it needs any."""
        ...


# The members that answer each verb, checked on classes as well as on models: a protocol with a property cannot be.
VERBS: dict[str, tuple[str, ...]] = {
    "sample": ("draw", "decode"),
    "encode": ("encode",),
    "decode": ("decode",),
    "reconstruct": ("encode", "decode"),
    "score": ("score",),
    "classify": ("classify", "class_names"),
}


def verbs_of(model: object) -> tuple[str, ...]:
    """The verbs that a model, or a model's class, answers.

    >>> from imagewright.catalogue import model_class
    >>> verbs_of(model_class("autoencoder"))
    ('encode', 'decode', 'reconstruct', 'score')
    """
    return tuple(verb for verb, needed in VERBS.items() if all(hasattr(model, name) for name in needed))


# `isinstance` looks at the class alone from Python 3.12 on; a model that was told of attributes has no `class_names`,
# which raises there: these two ask the model.
def samples_classes(model: object) -> TypeIs[SamplesClasses]:
    """Whether a model draws pictures of a wanted class."""
    return all(hasattr(model, name) for name in (*VERBS["sample"], "draw_of", "class_names"))


def samples_attributes(model: object) -> TypeIs[SamplesAttributes]:
    """Whether a model draws pictures with wanted attributes."""
    return all(hasattr(model, name) for name in (*VERBS["sample"], "draw_with", "attribute_names"))


def require(model: object, verb: str, name: str) -> None:
    """Raise `UserError` unless the model, called `name` in the message, answers the verb."""
    if verb not in verbs_of(model):
        raise UserError(
            f"{name} cannot {verb}: it can {', '.join(verbs_of(model)) or 'do nothing yet'}. "
            f"`imagewright models` shows which models can."
        )
