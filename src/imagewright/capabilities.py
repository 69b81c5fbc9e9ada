"""What a model can do with images: one protocol a capability, answered by having its methods.

Images are float32 (N, C, H, W) in [-1, 1], latents float32 (N, ...). Tools are written against these protocols and
never against one model. `require` narrows a model to a capability, or raises.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, runtime_checkable

from imagewright import catalogue
from imagewright.errors import UserError

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from typing_extensions import TypeIs

    from imagewright.model import Model

Capability = TypeVar("Capability")


@runtime_checkable
class Decodes(Protocol):
    """Decodes latents to images."""

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """The shape of one latent."""
        ...

    def decode(self, latents: Tensor) -> Tensor:
        """Latents (N, *latent_shape) to images (N, C, H, W) in [-1, 1]."""
        ...


@runtime_checkable
class Samples(Decodes, Protocol):
    """Samples latents from its prior; decoded, they are new images."""

    def sample_latents(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, *latent_shape) from the prior. The generator is on the CPU: a seed means the same on any device."""
        ...


@runtime_checkable
class Encodes(Protocol):
    """Encodes images to latents."""

    def encode(self, images: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] to latents (N, ...), without randomness: a posterior gives its mean."""
        ...


@runtime_checkable
class Reconstructs(Encodes, Decodes, Protocol):
    """Encodes and decodes, so that its reconstruction error can be shown."""


class SamplesClasses(Samples, Protocol):
    """Samples latents of a given class."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of their numbers."""
        ...

    def sample_latents(self, count: int, generator: torch.Generator, labels: Tensor | None = None) -> Tensor:
        """(count, *latent_shape), of the classes `labels`, int64 (count,), if they are given."""
        ...


class SamplesAttributes(Samples, Protocol):
    """Samples latents with given attributes."""

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """The attributes, in the order of their columns."""
        ...

    def sample_latents(self, count: int, generator: torch.Generator, *, attributes: Tensor | None = None) -> Tensor:
        """(count, *latent_shape), with attributes (count, A) from 0 to 1 if they are given; NaN means any value."""
        ...


@runtime_checkable
class SamplesInTurn(Samples, Protocol):
    """Samples many latents, each by a seed of its own, faster than by as many calls of `sample_latents`."""

    def sample_in_turn(self, generators: Iterable[torch.Generator], **given: Tensor) -> Tensor:
        """`sample_latents(1, generator, **given)` for each generator (one that is seeded anew), equal to the bit."""
        ...


class SamplesFrom(Samples, Protocol):
    """Samples latents from its prior, or from a density that was fitted to the latents of its training images."""

    @property
    def latent_sources(self) -> tuple[str, ...]:
        """The distributions there are, "fitted" and "prior"; first the default."""
        ...

    @property
    def sampled_from(self) -> str:
        """The one that `sample_latents` samples from."""
        ...

    def sampling_from(self, source: str) -> Model:
        """The same model, sampling from another one. Raises `UserError` for one that it does not have."""
        ...


@dataclass(frozen=True)
class LatentPart:
    """Numbers `start` to `stop` of a flattened latent, and the values that they may take.

    kind: "normal" (any numbers, normal under the prior), "uniform" (from -1 to 1), "category" (one-hot),
        "attributes" (each from 0 to 1).
    code: True for a code that training gave a meaning without labels, as InfoGAN does.
    """

    name: str
    kind: Literal["normal", "uniform", "category", "attributes"]
    start: int
    stop: int
    code: bool = False

    @property
    def places(self) -> slice:
        """The part as a slice of the flattened latent."""
        return slice(self.start, self.stop)

    @property
    def is_noise(self) -> bool:
        """Whether the numbers are sampled noise without a meaning of their own: directions are searched in these."""
        return self.kind in ("normal", "uniform") and not self.code


@runtime_checkable
class ExposesFirstLayer(Decodes, Protocol):
    """Exposes the decoder's first layer, where directions are searched. Called in evaluation mode."""

    def activations(self, latents: Tensor) -> Tensor:
        """Latents (N, *latent_shape) to the first layer's output after its nonlinearity, (N, F)."""
        ...

    def first_weight(self) -> Tensor:
        """The matrix (F, Z) that flattened latents are multiplied by in that layer."""
        ...


@runtime_checkable
class Classifies(Protocol):
    """Classifies images."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of their numbers."""
        ...

    def classify(self, images: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] to log-probabilities of the classes, (N, K)."""
        ...


@runtime_checkable
class ExtractsFeatures(Protocol):
    """Extracts learned features, in which similar images are near each other."""

    def extract_features(self, images: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] to features (N, F), such as a discriminator's last map. Differentiable."""
        ...


@runtime_checkable
class AddsNoise(Protocol):
    """Was trained to remove noise, and can add the noise of its training to images."""

    def add_noise(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] with the noise of training added."""
        ...


@runtime_checkable
class Scores(Protocol):
    """Scores how well it explains each image."""

    score_unit: str  # "log-likelihood, nats"

    def score(self, images: Tensor, generator: torch.Generator, samples: int) -> Tensor:
        """One number an image, (N,); higher is better explained. `samples`: Monte Carlo samples, if it needs any."""
        ...


LikelihoodOf = Literal["8-bit", "cut", "drawn", "density"]


class KnowsLikelihood(Scores, Protocol):
    """Scores images by their log-likelihood in nats, or by a lower bound of it."""

    @property
    def likelihood_of(self) -> LikelihoodOf | None:
        """The distribution that the likelihood is of; only likelihoods of one kind compare. None: no likelihood.

        "8-bit": the probability of the 8-bit image. "cut", "drawn": of its pixels binarised, at half their range or
        by sampling with the grey value as probability. "density": a density of pixels in [-1, 1], which has no upper
        bound.
        """
        ...


@dataclass(frozen=True)
class Target:
    """What a translation should show, besides the content of the input image. Tensors hold one row an image.

    domain: the number of a domain; None for a model without domains.
    attributes: float32 (N, A) from 0 to 1, in the order of `attribute_names`; NaN: as in the input image.
    style: float32 (N, *style_shape); None for a model without styles, or for none where a model needs none.
    """

    domain: int | None = None
    attributes: Tensor | None = None
    style: Tensor | None = None


@runtime_checkable
class Translates(Protocol):
    """Translates images to another domain, or to other attributes.

    A model with attributes also has `attribute_names`, and may have no domains. One that reads something of the image
    before it translates, such as the attributes that stay as they are, also has `complete_target`
    (`translation_capabilities.py`).
    """

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains that images can be translated to, in the order of their numbers."""
        ...

    def translate(self, images: Tensor, target: Target) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] to images (N, C', H, W) in [-1, 1], without randomness besides the style.

        Must take any H, W that `Config.nearest_size` returns unchanged: the verb pads other sizes, and cuts large
        images into tiles.
        """
        ...


@runtime_checkable
class HasSpaces(Protocol):
    """Has several latent spaces, such as StyleGAN's z, w and w+."""

    @property
    def spaces(self) -> tuple[str, ...]:
        """The names of the spaces; first that of the model's own latents."""
        ...

    def in_space(self, name: str) -> Model:
        """A view (`imagewright.views.View`) whose latents are of that space; the model itself for its own space."""
        ...


@runtime_checkable
class Truncates(Protocol):
    """Can move its images towards the average one: less variety, fewer failures."""

    def truncated(self, psi: float) -> Model:
        """A view with the same latents, decoded at the fraction psi of the way from their mean to themselves.

        StyleGAN truncates in w (Karras, Laine & Aila 2019, arXiv:1812.04948, appendix B). Raises `UserError` for a
        psi that cannot be.
        """
        ...


# The protocol of each verb, and the members that decide whether a model answers it. The members are listed, and
# looked up with hasattr on models and on their classes, because isinstance cannot check a class for a property, and
# from Python 3.12 on finds no attribute that a module registers as a buffer or a sub-module.
VERBS: dict[str, tuple[type, tuple[str, ...]]] = {
    "sample": (Samples, ("sample_latents", "decode")),
    "encode": (Encodes, ("encode",)),
    "decode": (Decodes, ("decode",)),
    "reconstruct": (Reconstructs, ("encode", "decode")),
    "score": (Scores, ("score",)),
    "classify": (Classifies, ("classify", "class_names")),
    "translate": (Translates, ("translate", "domains")),
}
_VERB_OF = {protocol: verb for verb, (protocol, _) in VERBS.items()}


def verbs_of(model: object) -> tuple[str, ...]:
    """The verbs that a model, or a model's class, answers.

    >>> from imagewright.catalogue import model_class
    >>> verbs_of(model_class("autoencoder"))
    ('encode', 'decode', 'reconstruct', 'score')
    """
    return tuple(verb for verb, (_, members) in VERBS.items() if all(hasattr(model, name) for name in members))


def answers(model: object, capability: type[Capability]) -> TypeIs[Capability]:
    """Whether a model answers the verb of a protocol such as `Encodes`; narrows its type."""
    return _VERB_OF[capability] in verbs_of(model)


def require(model: object, capability: type[Capability], name: str | None = None) -> Capability:
    """The model, narrowed to the protocol of a verb. Also takes a model's class, to check before it is built.

    capability: a protocol of `VERBS`, such as `Encodes`.
    name: what the message calls the model; by default its name in the catalogue.

    Raises `UserError`, which lists the verbs that the model does answer.
    """
    if answers(model, capability):
        return model
    name = name or catalogue.name_of(model)
    raise UserError(
        f"{name} cannot {_VERB_OF[capability]}: it can {', '.join(verbs_of(model)) or 'do nothing yet'}. "
        f"`imagewright models` shows which models can."
    )


# A conditional model declares `class_names` and `attribute_names`, and leaves empty the one it is not conditioned on.
def samples_classes(model: object) -> TypeIs[SamplesClasses]:
    """Whether a model samples images of a given class."""
    return "sample" in verbs_of(model) and bool(getattr(model, "class_names", ()))


def samples_from(model: object) -> TypeIs[SamplesFrom]:
    """Whether a model may sample from a density fitted to its latents."""
    return "sample" in verbs_of(model) and hasattr(model, "sampling_from")


def sampled_classes(model: Any) -> list[str]:
    """The classes that a model can sample: all of its classes but those without a picture in its training."""
    absent = getattr(model, "absent_classes", ())
    return [name for name in model.class_names if name not in absent]


def samples_attributes(model: object) -> TypeIs[SamplesAttributes]:
    """Whether a model samples images with given attributes."""
    return "sample" in verbs_of(model) and bool(getattr(model, "attribute_names", ()))


def knows_likelihood(model: object) -> TypeIs[KnowsLikelihood]:
    """Whether a model's scores are log-likelihoods of images."""
    return "score" in verbs_of(model) and getattr(model, "likelihood_of", None) is not None


def latent_parts_of(model: Any) -> tuple[LatentPart, ...]:
    """The parts of a decoding model's flattened latents; a single "normal" part if the model declares none."""
    if hasattr(model, "latent_parts"):
        parts: tuple[LatentPart, ...] = model.latent_parts
        return parts
    return (LatentPart("latents", "normal", 0, math.prod(model.latent_shape)),)
