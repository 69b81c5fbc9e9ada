"""What a model can do with images: the verbs, each a protocol that a model answers by having its methods.

Images are float32 (N, C, H, W) in [-1, 1], latents float32 (N, ...). Tools are written against these protocols.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from imagewright.errors import UserError

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from typing_extensions import TypeIs

    from imagewright.phases import Draws, Rows


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

    def sample_latents(self, count: int, generator: torch.Generator) -> Tensor:
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

    def sample_latents(self, count: int, generator: torch.Generator, labels: Tensor | None = None) -> Tensor:
        """(count, *latent_shape), of the classes `labels`, int64 (count,), where they are given."""
        ...


class SamplesAttributes(Samples, Protocol):
    """Draws latents of wanted attributes."""

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """The attributes, in the order of their columns."""
        ...

    def sample_latents(self, count: int, generator: torch.Generator, *, attributes: Tensor | None = None) -> Tensor:
        """(count, *latent_shape), of attributes (count, A) from 0 to 1 where they are given; NaN means any value."""
        ...


@dataclass(frozen=True)
class LatentPart:
    """Numbers `start` to `stop` of a latent, and what may stand there.

    kind: "normal" (any numbers, normal under the prior), "uniform" (from -1 to 1), "category" (a one in the place of
    the value, zeros elsewhere), "attributes" (each from 0 to 1). `code`: whether the model was trained to give it a
    meaning, found without labels.
    """

    name: str
    kind: Literal["normal", "uniform", "category", "attributes"]
    start: int
    stop: int
    code: bool = False

    @property
    def places(self) -> slice:
        """Where it is along the latent's one dimension."""
        return slice(self.start, self.stop)

    @property
    def is_noise(self) -> bool:
        """Whether its numbers are drawn and mean nothing by themselves: where directions are searched for."""
        return self.kind in ("normal", "uniform") and not self.code


@runtime_checkable
class LatentParts(Decodes, Protocol):
    """Decodes latents of one dimension whose numbers are of several kinds."""

    @property
    def latent_parts(self) -> tuple[LatentPart, ...]:
        """The parts, in their order; together they are the whole latent."""
        ...


@runtime_checkable
class ExposesFirstLayer(Decodes, Protocol):
    """Shows the first thing that it makes of latents: where directions are searched for. In evaluation mode."""

    def activations(self, latents: Tensor) -> Tensor:
        """Latents (N, *latent_shape) to what the first layer makes of them, with its nonlinearity, (N, F)."""
        ...

    def first_weight(self) -> Tensor:
        """The matrix (F, Z) that flattened latents are multiplied by in that layer."""
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
class ExtractsFeatures(Protocol):
    """Sees more in a picture than its pixels: in what it learned, pictures that look alike are near to each other."""

    def extract_features(self, images: Tensor) -> Tensor:
        """Images (N, C, H, W) in [-1, 1] to features (N, F), such as a discriminator's last map. Differentiable."""
        ...


@runtime_checkable
class AddsNoise(Protocol):
    """Was trained to undo a corruption, and can apply it: what denoising starts from."""

    def add_noise(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Images (N, C, H, W) in [-1, 1], damaged as in training."""
        ...


@runtime_checkable
class Scores(Protocol):
    """Says how well it explains each image."""

    score_unit: str  # what the number is: "log-likelihood, nats"

    def score(self, images: Tensor, generator: torch.Generator, samples: int) -> Tensor:
        """One number an image, (N,), higher is better explained. `samples`: Monte Carlo draws, where it needs any."""
        ...


LikelihoodOf = Literal["8-bit", "cut", "drawn", "density"]


class KnowsLikelihood(Scores, Protocol):
    """Scores pictures by their log-likelihood in nats, or by a bound of it from below."""

    @property
    def likelihood_of(self) -> LikelihoodOf | None:
        """What the likelihood is of: only numbers of one kind can be compared. None: the score is none.

        "8-bit": the probability of the picture as it is. "cut", "drawn": that of its pixels made black or white, cut at
        half their range, or drawn with their grey for a chance. "density": of pixels in [-1, 1], which is no
        probability and has no bound.
        """
        ...


class Adversarial(Protocol):
    """Has one discriminator or several: what the training doctor asks."""

    def logits(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, tuple[Tensor, Tensor]]:
        """Logits of real and of generated images, (N,) or (N, ...) each, by the name of the discriminator.

        rows: of each of the model's feeds, as in a step of training.
        draws: random numbers for what is generated.

        Called as training does: in training mode, one batch. Higher is more real.
        """
        ...


class Previews(Protocol):
    """Makes the preview of a training itself. Other models are previewed by samples, else by reconstructions."""

    def preview(self, rows: Mapping[str, Rows], draws: Draws) -> dict[str, Tensor]:
        """Rows of the preview sheet by title: images (N, C, H, W) in [-1, 1].

        rows: of each of the model's feeds, the same at every report. draws: the same random numbers at every report.
        """
        ...


class HasPosterior(Protocol):
    """Has a posterior over latents for each picture: what the training doctor asks a VAE."""

    def divergences(self, images: Tensor, *, labels: Tensor | None = None, attributes: Tensor | None = None) -> Tensor:
        """(N, Z) nats: the divergence of each latent's posterior from its prior, of images (N, C, H, W) in [-1, 1].

        Without randomness, and not weighted by beta. `labels`, `attributes`: as in training.
        """
        ...


# The members that answer each verb, checked on classes as well as on models: a protocol with a property cannot be.
VERBS: dict[str, tuple[str, ...]] = {
    "sample": ("sample_latents", "decode"),
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


# A conditional model declares `class_names` and `attribute_names`; the one that it is not conditioned on is empty.
def samples_classes(model: object) -> TypeIs[SamplesClasses]:
    """Whether a model draws pictures of a wanted class."""
    return "sample" in verbs_of(model) and bool(getattr(model, "class_names", ()))


def samples_attributes(model: object) -> TypeIs[SamplesAttributes]:
    """Whether a model draws pictures with wanted attributes."""
    return "sample" in verbs_of(model) and bool(getattr(model, "attribute_names", ()))


def is_adversarial(model: object) -> TypeIs[Adversarial]:
    """Whether a model has discriminators whose logits can be compared."""
    return hasattr(model, "logits")


def previews(model: object) -> TypeIs[Previews]:
    """Whether a model makes the preview of its training itself."""
    return hasattr(model, "preview")


def has_posterior(model: object) -> TypeIs[HasPosterior]:
    """Whether a model has a posterior that can be asked."""
    return hasattr(model, "divergences")


def knows_likelihood(model: object) -> TypeIs[KnowsLikelihood]:
    """Whether a model's scores are log-likelihoods of pictures."""
    return "score" in verbs_of(model) and getattr(model, "likelihood_of", None) is not None


def latent_parts_of(model: Any) -> tuple[LatentPart, ...]:
    """The parts of the latents, flattened, of a model that decodes: one, "normal", where it does not tell any apart."""
    if hasattr(model, "latent_parts"):
        parts: tuple[LatentPart, ...] = model.latent_parts
        return parts
    return (LatentPart("latents", "normal", 0, math.prod(model.latent_shape)),)


def require(model: object, verb: str, name: str) -> None:
    """Raise `UserError` unless the model, called `name` in the message, answers the verb."""
    if verb not in verbs_of(model):
        raise UserError(
            f"{name} cannot {verb}: it can {', '.join(verbs_of(model)) or 'do nothing yet'}. "
            f"`imagewright models` shows which models can."
        )
