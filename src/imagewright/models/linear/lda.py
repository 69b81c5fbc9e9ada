"""LDA after PCA: the directions that tell classes apart best; Fisherfaces where the pictures are faces.

Belhumeur, Hespanha & Kriegman 1997, "Eigenfaces vs. Fisherfaces" (section 2.4). Their N - c principal components leave
the scatter within classes nearly singular, and what is told apart is then its noise (benchmarks/fisherfaces.py): the
default here is half of them. Classes are Gaussians of one covariance (Hastie et al. 2009, section 4.3).
Decoding follows Haufe et al. 2014, "On the interpretation of weight vectors of linear models" (eq. 6): what a
discriminant measures is full of noise to cancel noise, what goes with it in pictures is not.
Shape letters: N images, D = C H W pixels, P principal components, K classes, J discriminants.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from imagewright.configs import LabelledConfig
from imagewright.errors import ConfigError, DataError
from imagewright.model import Model, Stream
from imagewright.models.linear.pca import QUANTISATION_VARIANCE
from imagewright.statistics.spectra import STREAMED_IMAGES, Spectrum, checked_spectrum

MOST_PRINCIPAL = 256  # more tell classes apart hardly better, and each costs time


@dataclass(frozen=True, kw_only=True)
class LDAConfig(LabelledConfig):
    tiny_options: ClassVar[dict[str, int]] = {"principal": 4}

    components: int | None = Field(
        None, ge=1, le=65_536, description="discriminants to keep, at most one fewer than classes: all by default"
    )
    principal: int | None = Field(
        None,
        ge=1,
        le=65_536,
        description="principal components to find them in; by default half of (pictures - classes), at most 256",
    )
    seed: int = Field(0, ge=0, description="seed of the randomised PCA, used where pictures are large")


class LDA(Model):
    """Buffers: `mean` (D,), `projection` (J, D), `patterns` (J, D), what one unit of each discriminant adds to a
    picture, `centres` (K, J) of the classes, `log_priors` (K,) from their counts, `ratios` (J,), the variance between
    classes to that within.

    Latents are coordinates along the discriminants, scaled so that each class has variance 1 in all directions.
    """

    Config = LDAConfig
    config: LDAConfig

    def __init__(self, config: LDAConfig) -> None:
        super().__init__(config)
        classes = len(config.class_names)
        self._hold(math.prod(config.image_shape), classes, config.components or classes - 1)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of their numbers."""
        return self.config.class_names

    def fit(self, images: Stream) -> None:
        """In passes over the stream. Raises `DataError` for missing labels and for classes of one picture each.

        A class without pictures gets a log-probability of minus infinity.
        """
        if images.labels is None:
            raise DataError("LDA tells classes apart, but the pictures have no labels: give labels.")
        counts = images.labels.bincount(minlength=len(self.class_names))
        spectrum = self._principal(images, counts)
        centres, within = _scatter(images, images.labels, counts, spectrum)
        self._hold_discriminants(spectrum, counts.double(), centres, within)

    def _principal(self, images: Stream, counts: Tensor) -> Spectrum:
        """The principal components that the discriminants are sought in."""
        present = int((counts > 0).sum())
        if present < 2:
            raise DataError("LDA tells classes apart, but all pictures are of one class: two or more are needed.")
        spare = len(images) - present
        if spare < 1:
            raise DataError(
                "LDA needs a class with two pictures or more: with one picture a class, nothing says how much "
                "pictures of the same class differ."
            )
        pixels = math.prod(self.config.image_shape)
        possible = min(spare, pixels)
        wanted = self.config.principal or max(1, min(spare // 2, MOST_PRINCIPAL, pixels))
        if wanted > possible:
            raise ConfigError(
                f"principal={wanted}, but {len(images)} pictures of {present} classes with {pixels} pixel values allow "
                f"at most {possible}: use --principal {possible} or fewer."
            )
        if self.config.components and self.config.components > min(present - 1, wanted):
            most = min(present - 1, wanted)
            raise ConfigError(
                f"components={self.config.components}, but {present} classes in {wanted} principal components have "
                f"at most {most} discriminants: use --components {most} or fewer."
            )
        return checked_spectrum(images, "LDA", pixels, wanted, seed=self.config.seed)

    def _hold_discriminants(self, spectrum: Spectrum, counts: Tensor, centres: Tensor, within: Tensor) -> None:
        """From centres (K, P) and the covariance within classes (P, P): whiten by that, then PCA of the centres."""
        present = counts > 0
        variances, vectors = torch.linalg.eigh(within)
        # No direction varies less within a class than by the rounding of its pixels.
        whitening = vectors / variances.clamp(min=QUANTISATION_VARIANCE).sqrt()
        apart = (centres * counts.sqrt()[:, None]) @ whitening
        _, spread, directions = torch.linalg.svd(apart, full_matrices=False)
        kept = self.config.components or min(int(present.sum()) - 1, len(within))
        turn = (whitening @ directions[:kept].T).T
        self._hold(len(spectrum.mean), len(counts), kept)
        basis = spectrum.basis.double()
        self.mean.copy_(spectrum.mean)
        self.projection.copy_(turn @ basis)
        # The pseudo-inverse, with each principal component in units of its standard deviation.
        deviations = spectrum.variances.double().sqrt()
        self.patterns.copy_((torch.linalg.pinv(turn * deviations) * deviations[:, None]).T @ basis)
        self.centres.copy_(centres @ turn.T)
        self.log_priors.copy_((counts / counts.sum()).log())
        self.ratios.copy_(spread[:kept].square() / counts.sum())

    def resize_buffers(self, state: dict[str, Tensor]) -> None:
        self._hold(state["mean"].numel(), *state["centres"].shape)

    # Verbs

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return (len(self.projection),)

    def encode(self, images: Tensor) -> Tensor:
        return (images.flatten(1) - self.mean) @ self.projection.T

    def decode(self, latents: Tensor) -> Tensor:
        """The most likely picture with these coordinates, for pictures spread as those in training."""
        return (self.mean + latents @ self.patterns).unflatten(1, self.config.image_shape)

    def classify(self, images: Tensor) -> Tensor:
        """Log-probabilities (N, K): Gaussian classes of unit covariance around their centres, with their priors."""
        distances = (self.encode(images)[:, None] - self.centres).square().sum(2)
        return (self.log_priors - distances / 2).log_softmax(1)

    # Parts

    mean: Tensor
    projection: Tensor
    patterns: Tensor
    centres: Tensor
    log_priors: Tensor
    ratios: Tensor

    def _hold(self, pixels: int, classes: int, discriminants: int) -> None:
        self.register_buffer("mean", torch.zeros(pixels))
        self.register_buffer("projection", torch.zeros(discriminants, pixels))
        self.register_buffer("patterns", torch.zeros(discriminants, pixels))
        self.register_buffer("centres", torch.zeros(classes, discriminants))
        self.register_buffer("log_priors", torch.zeros(classes))
        self.register_buffer("ratios", torch.zeros(discriminants))


def _scatter(images: Stream, labels: Tensor, counts: Tensor, spectrum: Spectrum) -> tuple[Tensor, Tensor]:
    """Class centres (K, P), zero for a class without pictures, and the pooled covariance within classes (P, P).

    One pass, in double precision; N - K in the denominator.
    """
    pixels_to = len(spectrum.basis)
    sums = torch.zeros(len(counts), pixels_to, dtype=torch.float64)
    products, first = torch.zeros(pixels_to, pixels_to, dtype=torch.float64), 0
    for batch in images.batches(STREAMED_IMAGES):
        coordinates = ((batch.flatten(1) - spectrum.mean) @ spectrum.basis.T).double()
        sums.index_add_(0, labels[first : first + len(batch)], coordinates)
        products.addmm_(coordinates.T, coordinates)
        first += len(batch)
    centres = sums / counts.clamp(min=1)[:, None]
    spare = first - int((counts > 0).sum())
    within = (products - centres.T @ (centres * counts[:, None])) / spare
    return centres, (within + within.T) / 2
