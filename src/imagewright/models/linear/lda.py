"""LDA after PCA: the linear discriminants of labelled pictures; of faces, the Fisherfaces.

Belhumeur, Hespanha & Kriegman 1997, "Eigenfaces vs. Fisherfaces" (section 2.4). They use N - K principal components,
for which the within-class scatter is nearly singular and discriminants fit its noise (benchmarks/fisherfaces.py); the
default here is half as many. Classification assumes Gaussian classes of one covariance (Hastie et al. 2009, section
4.3). Decoding uses patterns instead of filters (Haufe et al. 2014, "On the interpretation of weight vectors of linear
models", eq. 6): the weights of a discriminant also contain terms that cancel noise, its pattern does not.
Shape letters: N images, D = C H W pixel values, P principal components, K classes, J discriminants.
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
from imagewright.fit_work import DOUBLE, SINGLE, FitWork
from imagewright.model import Model, Stream
from imagewright.models.linear.pca import QUANTISATION_VARIANCE
from imagewright.statistics.spectra import STREAMED_IMAGES, Spectrum, check_spectrum, compute_spectrum
from imagewright.statistics.work import batch_bytes, spectrum_work

MOST_PRINCIPAL = 256  # the default's upper bound: more hardly improve discrimination, and cost time


@dataclass(frozen=True, kw_only=True)
class LDAConfig(LabelledConfig):
    tiny_options: ClassVar[dict[str, int]] = {"principal": 4}

    components: int | None = Field(
        None, ge=1, le=65_536, description="discriminants, at most one fewer than classes: all by default"
    )
    principal: int | None = Field(
        None,
        ge=1,
        le=65_536,
        description="principal components in which they are found; by default half of (pictures - classes), up to 256",
    )
    seed: int = Field(0, ge=0, description="seed of the randomised PCA, which is used for large pictures")


class LDA(Model):
    """Buffers: `mean` (D,); `projection` (J, D); `patterns` (J, D), the change of the picture for one unit of each
    discriminant; `centres` (K, J) of the classes; `log_priors` (K,) from their counts; `ratios` (J,), the variance
    between classes over that within.

    Latents are coordinates along the discriminants, scaled so that the pooled within-class covariance is the identity.
    """

    Config = LDAConfig
    config: LDAConfig
    sums_over_ranks = True

    def __init__(self, config: LDAConfig) -> None:
        super().__init__(config)
        classes = len(config.class_names)
        self._register_buffers(math.prod(config.image_shape), classes, config.components or classes - 1)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of their numbers."""
        return self.config.class_names

    def fit(self, images: Stream) -> None:
        """Fit in passes over the stream. A class without pictures gets a log-probability of minus infinity.

        Raises `DataError` without labels, for labels of one class, and if each class has one picture; `ConfigError` for
        more components than there can be.
        """
        labels, counts = self._labels_and_counts(images)
        wanted = self._principal_count(len(images), counts)
        spectrum = compute_spectrum(images, "LDA", math.prod(self.config.image_shape), wanted, seed=self.config.seed)
        centres, within = _scatter(images, labels, counts, spectrum)
        self._fit_discriminants(spectrum, counts.double(), centres, within)

    def check_images(self, images: Stream) -> None:
        wanted = self._principal_count(len(images), self._labels_and_counts(images)[1])
        check_spectrum(images, "LDA", math.prod(self.config.image_shape), wanted)

    def fit_work(self, count: int) -> FitWork:
        pixels, classes = math.prod(self.config.image_shape), len(self.class_names)
        freedom = max(1, count - classes)
        principal = min(self._wanted(freedom, pixels), freedom, pixels)  # more are refused by the fit
        discriminants = self.config.components or min(classes - 1, principal)
        scatter = FitWork(
            batch_bytes(count, pixels) + 4 * DOUBLE * principal**2, 0, 2.0 * count * principal * (pixels + principal)
        )
        # The basis in double precision; projection and patterns in it, and in single precision.
        last = DOUBLE * principal * pixels + (2 * DOUBLE + 2 * SINGLE) * discriminants * pixels
        found = FitWork(last, 2 * SINGLE * discriminants * pixels, 4.0 * discriminants * principal * pixels)
        return spectrum_work(count, pixels, principal).then(scatter).then(found)

    def _wanted(self, freedom: int, pixels: int) -> int:
        """The number of principal components. `freedom`: pictures less classes."""
        return self.config.principal or max(1, min(freedom // 2, MOST_PRINCIPAL, pixels))

    def _labels_and_counts(self, images: Stream) -> tuple[Tensor, Tensor]:
        """The labels, int64 (N,), and the pictures of each class, (K,). Raises `DataError` if there are none."""
        if images.labels is None:
            raise DataError("LDA needs classes, but the pictures have no labels: give labels.")
        return images.labels, images.labels.bincount(minlength=len(self.class_names))

    def _principal_count(self, count: int, counts: Tensor) -> int:
        """How many principal components the discriminants are found in. Raises `UserError` if there are too few.

        count: of the pictures.
        counts: of each class, (K,).
        """
        present = int((counts > 0).sum())
        if present < 2:
            raise DataError("LDA needs two classes or more, but all pictures are of one class.")
        freedom = count - present  # degrees of freedom of the within-class covariance
        if freedom < 1:
            raise DataError(
                "LDA needs a class with two pictures or more: with one picture in each class, the variance within "
                "classes cannot be estimated."
            )
        pixels = math.prod(self.config.image_shape)
        possible = min(freedom, pixels)
        wanted = self._wanted(freedom, pixels)
        if wanted > possible:
            raise ConfigError(
                f"principal={wanted}, but {count} pictures of {present} classes with {pixels} pixel values allow "
                f"at most {possible}: use --principal {possible} or fewer."
            )
        if self.config.components and self.config.components > min(present - 1, wanted):
            most = min(present - 1, wanted)
            raise ConfigError(
                f"components={self.config.components}, but {present} classes in {wanted} principal components have "
                f"at most {most} discriminants: use --components {most} or fewer."
            )
        return wanted

    def _fit_discriminants(self, spectrum: Spectrum, counts: Tensor, centres: Tensor, within: Tensor) -> None:
        """Whiten by the within-class covariance, then PCA of the class centres.

        centres: (K, P).
        within: (P, P).
        """
        present = counts > 0
        variances, vectors = torch.linalg.eigh(within)
        # The rounding of pixels to 8 bits bounds the variance within a class from below.
        whitening = vectors / variances.clamp(min=QUANTISATION_VARIANCE).sqrt()
        between = (centres * counts.sqrt()[:, None]) @ whitening
        _, spread, directions = torch.linalg.svd(between, full_matrices=False)
        discriminants = self.config.components or min(int(present.sum()) - 1, len(within))
        weights = (whitening @ directions[:discriminants].T).T
        self._register_buffers(len(spectrum.mean), len(counts), discriminants)
        basis = spectrum.basis.double()
        self.mean.copy_(spectrum.mean)
        self.projection.copy_(weights @ basis)
        # The pseudo-inverse, with each principal component in units of its standard deviation.
        deviations = spectrum.variances.double().sqrt()
        self.patterns.copy_((torch.linalg.pinv(weights * deviations) * deviations[:, None]).T @ basis)
        self.centres.copy_(centres @ weights.T)
        self.log_priors.copy_((counts / counts.sum()).log())
        self.ratios.copy_(spread[:discriminants].square() / counts.sum())

    def resize_buffers(self, state: dict[str, Tensor]) -> None:
        self._register_buffers(state["mean"].numel(), *state["centres"].shape)

    # Verbs

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return (len(self.projection),)

    def encode(self, images: Tensor) -> Tensor:
        return (images.flatten(1) - self.mean) @ self.projection.T

    def decode(self, latents: Tensor) -> Tensor:
        """The most likely picture with these coordinates, under the covariance of the training pictures."""
        return (self.mean + latents @ self.patterns).unflatten(1, self.config.image_shape)

    def classify(self, images: Tensor) -> Tensor:
        """Log-probabilities (N, K) for Gaussian classes of unit covariance around their centres, with priors."""
        distances = (self.encode(images)[:, None] - self.centres).square().sum(2)
        return (self.log_priors - distances / 2).log_softmax(1)

    # Parts

    mean: Tensor
    projection: Tensor
    patterns: Tensor
    centres: Tensor
    log_priors: Tensor
    ratios: Tensor

    def _register_buffers(self, pixels: int, classes: int, discriminants: int) -> None:
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
    components = len(spectrum.basis)
    sums = torch.zeros(len(counts), components, dtype=torch.float64)
    products, first = torch.zeros(components, components, dtype=torch.float64), 0
    for batch in images.batches(STREAMED_IMAGES):
        coordinates = ((batch.flatten(1) - spectrum.mean) @ spectrum.basis.T).double()
        sums.index_add_(0, labels[first : first + len(batch)], coordinates)
        products.addmm_(coordinates.T, coordinates)
        first += len(batch)
    centres = sums / counts.clamp(min=1)[:, None]
    freedom = first - int((counts > 0).sum())
    within = (products - centres.T @ (centres * counts[:, None])) / freedom
    return centres, (within + within.T) / 2
