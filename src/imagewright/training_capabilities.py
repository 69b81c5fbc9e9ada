"""What a model can show of its training: previews, discriminators, a posterior. All are optional.

Images are float32 (N, C, H, W) in [-1, 1]. The doctor and the previews ask these protocols, never one model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn
    from typing_extensions import TypeIs

    from imagewright.phases import Draws, Rows


class Adversarial(Protocol):
    """Has one or more discriminators, whose logits the training doctor compares."""

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


class FindsClasses(Protocol):
    """Has classes that it found in its training images, such as clusters, so that no set of images has labels of them.

    `finds_classes` is False for a model of the same kind that learned the labels of its images.
    """

    @property
    def finds_classes(self) -> bool:
        """Whether the classes are found, not labels."""
        ...

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of their numbers."""
        ...

    def find_classes(self, images: Tensor) -> Tensor:
        """The class of each image (N, C, H, W) in [-1, 1], int64 (N,)."""
        ...


class SwapsIdentities(Protocol):
    """Draws aligned faces of one person as another person's, with a mask of what is the face."""

    def swap(self, images: Tensor, to: int = 0, strength: float = 1.0) -> tuple[Tensor, Tensor]:
        """Faces (N, C, H, W) in [-1, 1] drawn as a person, and masks (N, 1, H, W) in [0, 1].

        to: 0 draws the first source's person, 1 the second's.
        strength: how much of the identity is changed, from 0 to 1.
        """
        ...


class HasPosterior(Protocol):
    """Has a posterior over latents for each image, whose divergences the training doctor reads."""

    def divergences(self, images: Tensor, *, labels: Tensor | None = None, attributes: Tensor | None = None) -> Tensor:
        """(N, Z) nats: the divergence of each latent's posterior from its prior, of images (N, C, H, W) in [-1, 1].

        Without randomness, and not weighted by beta. `labels`, `attributes`: as in training.
        """
        ...


class FitsDensity(HasPosterior, Protocol):
    """Samples from a density that training fits to the latents of its images: the buffers of `density`."""

    @property
    def density(self) -> nn.Module:
        """The density; its buffers have three dimensions at most, and are empty before it is fitted."""
        ...

    def encode_posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log variances of the latents' posteriors, (N, Z) each, without randomness."""
        ...

    def fit_density(self, batches: Iterable[Rows], *, seed: int, thorough: bool) -> None:
        """Fit the density. Called in evaluation mode, without gradients.

        batches: training images with their annotations, on the model's device.
        seed: of all random draws.
        thorough: whether to take the time to choose the best density; else a simple one, in milliseconds.
        """
        ...

    def describe_density(self) -> str:
        """What samples come from, in words."""
        ...


class AccumulatesStatistics(Protocol):
    """Has norms whose statistics are computed anew, by the averaged weights, before the model is shown or saved.

    Its recipe has `Average(buffers="copy")`, so that the next step of training takes back the trained network's own.
    """

    def accumulate_statistics(self, count: int, *, seed: int, thorough: bool) -> None:
        """Set the statistics to those of about `count` samples. Called in evaluation mode, without gradients.

        They must depend on the weights and the arguments alone.

        seed: of all random draws.
        thorough: whether to take the time for statistics of all kinds of samples; else of plain samples alone.
        """
        ...


def accumulates_statistics(model: object) -> TypeIs[AccumulatesStatistics]:
    """Whether the statistics of a model's norms are computed anew before it is shown or saved."""
    return hasattr(model, "accumulate_statistics")


def finds_classes(model: object) -> TypeIs[FindsClasses]:
    """Whether the classes of a model are its own, so that labels of pictures are of other classes."""
    return bool(getattr(model, "finds_classes", False))


def fits_density(model: object) -> TypeIs[FitsDensity]:
    """Whether training fits a density to a model's latents."""
    return hasattr(model, "fit_density")


def has_posterior(model: object) -> TypeIs[HasPosterior]:
    """Whether a model has a posterior over latents."""
    return hasattr(model, "divergences")


def is_adversarial(model: object) -> TypeIs[Adversarial]:
    """Whether a model has discriminators whose logits can be compared."""
    return hasattr(model, "logits")


def previews(model: object) -> TypeIs[Previews]:
    """Whether a model makes the preview of its training itself."""
    return hasattr(model, "preview")


def swaps_identities(model: object) -> TypeIs[SwapsIdentities]:
    """Whether a model draws faces of one person as another person's."""
    return hasattr(model, "swap")
