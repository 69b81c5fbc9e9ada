"""PCA: the mean picture and the directions of largest variance (for faces, the eigenfaces).

Turk & Pentland 1991 (eigenfaces); Tipping & Bishop 1999, "Probabilistic principal component analysis" (the density).
Large pictures are fitted by randomised block Krylov iteration (Musco & Musco 2015, arXiv:1504.05477, algorithm 2) in
passes over the stream, so that memory does not grow with the number of pictures.
Shape letters: N images, D = C H W pixel values, K components.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from imagewright.capabilities import LikelihoodOf
from imagewright.configs import Config
from imagewright.errors import count_text
from imagewright.fit_work import FitWork
from imagewright.model import Model, Stream
from imagewright.statistics.gaussians import normal_rows
from imagewright.statistics.spectra import DEFAULT_COMPONENTS, Spectrum, check_spectrum, compute_spectrum
from imagewright.statistics.work import spectrum_work

# The variance that rounding to 8 bits adds to a pixel in [-1, 1]. It bounds the noise variance from below, so that the
# density stays finite for a set that the components explain completely.
QUANTISATION_VARIANCE = (2 / 255) ** 2 / 12


@dataclass(frozen=True, kw_only=True)
class PCAConfig(Config):
    tiny_options: ClassVar[dict[str, Any]] = {"components": 4}

    components: int | None = Field(None, ge=1, le=65_536, description="number of components (64 unless --explained)")
    explained: float | None = Field(
        None, gt=0, le=1, description="instead: as many components as explain this share of the variance"
    )
    seed: int = Field(0, ge=0, description="seed of the randomised solver, which is used for large pictures")

    def __post_init__(self) -> None:
        if self.components is not None and self.explained is not None:
            raise ValueError("components and explained both set the number of components: give one of them")


class PCA(Model):
    """Buffers: `mean` (D,), `basis` (K, D) with orthonormal rows, `variances` (K,), `total_variance` ().

    Latents are coordinates along the components in standard deviations of the training images; the prior is N(0, I).
    """

    Config = PCAConfig
    config: PCAConfig
    sums_over_ranks = True
    all_variances: Tensor | None = None  # after `fit`, of all components there are, if they are known; not in a file
    # After `fit`, for `fit_work`; not in a file: components, and blocks of the iteration (`Spectrum.blocks`).
    components_found: int | None = None
    blocks: int | None = None
    score_unit = "log-likelihood (probabilistic PCA), nats"
    likelihood_of: LikelihoodOf = "density"

    mean: Tensor
    basis: Tensor
    variances: Tensor
    total_variance: Tensor

    def __init__(self, config: PCAConfig) -> None:
        super().__init__(config)
        self._register_buffers(Spectrum.empty(math.prod(config.image_shape), config.components or 1))

    def fit(self, images: Stream) -> None:
        """Fit in passes over the stream.

        Raises `DataError` for fewer than two pictures or if all are equal, `ConfigError` for more components than there
        can be.
        """
        config, pixels = self.config, math.prod(self.config.image_shape)
        spectrum = compute_spectrum(images, "PCA", pixels, config.components, config.explained, config.seed)
        self._register_buffers(spectrum)
        self.all_variances, self.blocks = spectrum.all_variances, spectrum.blocks
        self.components_found = len(spectrum.basis)

    def describe_fit(self) -> Sequence[str]:
        share = float(self.explained_variance_ratio.sum())
        return (f"{count_text(len(self.basis), 'principal component')} explain {share:.1%} of the variance",)

    def check_images(self, images: Stream) -> None:
        check_spectrum(images, "PCA", math.prod(self.config.image_shape), self.config.components)

    def fit_work(self, count: int) -> FitWork:
        wanted = self.config.components
        if self.config.explained and self.components_found:  # else the usual number, as it is not known beforehand
            # The fit doubles their number until the share is reached.
            doublings = math.ceil(math.log2(self.components_found / DEFAULT_COMPONENTS))
            wanted = DEFAULT_COMPONENTS * 2 ** max(0, doublings)
        return spectrum_work(count, math.prod(self.config.image_shape), wanted, self.blocks)

    def resize_buffers(self, state: dict[str, Tensor]) -> None:
        components, pixels = state["basis"].shape
        self._register_buffers(Spectrum.empty(pixels, components))

    @property
    def explained_variance_ratio(self) -> Tensor:
        """The share of the pictures' variance along each component, (K,)."""
        return self.variances / self.total_variance

    # Verbs

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return (len(self.basis),)

    def sample_latents(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.randn(count, self.basis.shape[0], generator=generator)

    def sample_in_turn(self, generators: Iterable[torch.Generator]) -> Tensor:
        return normal_rows(generators, self.basis.shape[0])

    def encode(self, images: Tensor) -> Tensor:
        return self._project(images) / self._deviations()

    def decode(self, latents: Tensor) -> Tensor:
        pixels = self.mean + (latents * self._deviations()) @ self.basis
        return pixels.unflatten(1, self.config.image_shape)

    def activations(self, latents: Tensor) -> Tensor:
        """The decoded picture, flattened (N, D): PCA has a single layer."""
        return self.decode(latents).flatten(1)

    def first_weight(self) -> Tensor:
        return self.basis.T * self._deviations()

    def score(self, images: Tensor, generator: torch.Generator, samples: int) -> Tensor:
        """The log density in nats of each image under the PPCA Gaussian (Tipping & Bishop 1999, eq. 4, 7 and 8).

        The variance in each direction outside the components is the mean of the variances left out in training.
        """
        pixels, components = self.mean.numel(), len(self.basis)
        mean_left_out = (self.total_variance - self.variances.sum()) / max(pixels - components, 1)
        noise = mean_left_out.clamp(min=QUANTISATION_VARIANCE).double()
        variances = self.variances.double().clamp(min=noise.item())
        coordinates = self._project(images).double()
        distance = (images.flatten(1) - self.mean).double().square().sum(1)
        residual = (distance - coordinates.square().sum(1)).clamp(min=0)
        log_determinant = variances.log().sum() + (pixels - components) * noise.log()
        mahalanobis = (coordinates.square() / variances).sum(1) + residual / noise
        return (-0.5 * (mahalanobis + log_determinant + pixels * math.log(2 * math.pi))).float()

    # Parts

    def _project(self, images: Tensor) -> Tensor:
        return (images.flatten(1) - self.mean) @ self.basis.T

    def _deviations(self) -> Tensor:
        return self.variances.clamp(min=QUANTISATION_VARIANCE).sqrt()

    def _register_buffers(self, spectrum: Spectrum) -> None:
        self.register_buffer("mean", spectrum.mean)
        self.register_buffer("basis", spectrum.basis)
        self.register_buffer("variances", spectrum.variances)
        self.register_buffer("total_variance", torch.as_tensor(spectrum.total_variance, dtype=torch.float32))
