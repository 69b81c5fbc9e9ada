"""ICA: maximally independent sources, of which pictures are linear mixtures.

Hyvarinen & Oja 2000, "Independent component analysis: algorithms and applications" (FastICA: section 6);
Bartlett, Movellan & Sejnowski 2002, "Face recognition by independent component analysis" (architecture II).
Whitening is by PCA, in passes over the stream. The rotation is fitted by scikit-learn to the whitened coordinates of at
most `MOST_FITTED` pictures spread evenly over the set, so that memory does not grow with the set.
Shape letters: N images, D = C H W pixel values, K sources.
"""

from __future__ import annotations

import math
import warnings
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from imagewright.configs import Config
from imagewright.errors import ConfigError
from imagewright.fit_work import DOUBLE, LIBRARIES, SINGLE, FitWork
from imagewright.model import Model, Stream
from imagewright.statistics.spectra import (
    DEFAULT_COMPONENTS,
    STREAMED_IMAGES,
    Spectrum,
    check_spectrum,
    compute_spectrum,
    fix_signs,
)
from imagewright.statistics.work import READING, spectrum_work

MOST_FITTED = 50_000
# Variances below this share of the largest are rounding, which whitening would amplify to a source.
LEAST_VARIANCE = 1e-6
USUAL_STEPS = 100  # of FastICA, for what is counted beforehand
# Operations of a product of matrices that take as long as the contrast of a number, and as a step's decorrelation.
OPERATIONS_A_CONTRAST, OPERATIONS_A_ROTATION = 500, 170
TOLERANCE = 1e-4  # scikit-learn's: 1 - cosine of the directions of two successive iterations at convergence


@dataclass(frozen=True, kw_only=True)
class ICAConfig(Config):
    tiny_options: ClassVar[dict[str, Any]] = {"components": 2}

    components: int | None = Field(None, ge=1, le=4096, description="sources to find (64, or as many as there can be)")
    contrast: Literal["logcosh", "exp", "cube"] = Field(
        "logcosh", description="contrast function of FastICA: logcosh (general), exp (very sparse sources), or cube"
    )
    iterations: int = Field(500, ge=1, le=100_000, description="most iterations of FastICA")
    seed: int = Field(0, ge=0, le=2**32 - 1, description="of FastICA's initial rotation")


class ICA(Model):
    """Buffers: `mean` (D,); `unmixing` (K, D), from pictures to sources; `mixing` (K, D), the change of the picture for
    one unit of each source; `total_variance` (); `steps` (), iterations of FastICA; `settled` (), 1 if it converged.

    Latents are the sources: uncorrelated, of unit variance, in descending order of the variance that they explain.
    """

    Config = ICAConfig
    config: ICAConfig
    sums_over_ranks = True
    # After `fit`, for `fit_work`; not in a file: blocks of the whitening's iteration (`Spectrum.blocks`), steps.
    blocks: int | None = None
    steps_taken: int | None = None

    def __init__(self, config: ICAConfig) -> None:
        super().__init__(config)
        self._register_buffers(math.prod(config.image_shape), config.components or 1)

    def fit(self, images: Stream) -> None:
        """Fit in passes over the stream.

        Raises `DataError` for fewer than two pictures or if all are equal, `ConfigError` for more sources than
        directions in which the pictures vary.
        """
        pixels = math.prod(self.config.image_shape)
        spectrum = compute_spectrum(images, "ICA", pixels, self.config.components, seed=self.config.seed)
        self.blocks = spectrum.blocks
        spectrum = self._drop_rounding(spectrum)
        deviations = spectrum.variances.sqrt()
        whitening = spectrum.basis / deviations[:, None]
        rotation, steps = self._fit_rotation(_whiten(images, spectrum.mean, whitening))
        self.steps_taken = steps
        mixing = rotation @ (spectrum.basis * deviations[:, None])
        order = mixing.square().sum(1).argsort(descending=True, stable=True)
        rotation, mixing = rotation[order], mixing[order]
        oriented = fix_signs(mixing)
        flips = (oriented * mixing).sum(1).sign()
        self._register_buffers(pixels, len(mixing))
        self.mean.copy_(spectrum.mean)
        self.mixing.copy_(oriented)
        self.unmixing.copy_((rotation @ whitening) * flips[:, None])
        self.total_variance.fill_(spectrum.total_variance)
        self.steps.fill_(steps)
        self.settled.fill_(float(steps < self.config.iterations))

    def check_images(self, images: Stream) -> None:
        check_spectrum(images, "ICA", math.prod(self.config.image_shape), self.config.components)

    def fit_work(self, count: int) -> FitWork:
        pixels = math.prod(self.config.image_shape)
        components = max(1, min(self.config.components or DEFAULT_COMPONENTS, count - 1, pixels))
        fitted = min(count, MOST_FITTED)
        spectrum = spectrum_work(count, pixels, components, self.blocks)
        # Coordinates in single and in double precision, and FastICA's three arrays of their size.
        points = (SINGLE + 4 * DOUBLE) * fitted * components
        reading = 1.0 * count * pixels * (READING + components)
        step = (4.0 * components + OPERATIONS_A_CONTRAST) * fitted * components + OPERATIONS_A_ROTATION * components**3
        steps = (self.steps_taken or USUAL_STEPS) * step
        basis = SINGLE * components * pixels
        rotation = FitWork(LIBRARIES + basis + points, basis, reading + steps)
        mixing = FitWork(5.0 * SINGLE * components * pixels, 2.0 * SINGLE * components * pixels)
        return spectrum.then(rotation).then(mixing)

    def _drop_rounding(self, spectrum: Spectrum) -> Spectrum:
        """The spectrum without variances below `LEAST_VARIANCE` of the largest."""
        directions = int((spectrum.variances > LEAST_VARIANCE * spectrum.variances[0]).sum())
        if self.config.components and directions < self.config.components:
            raise ConfigError(
                f"components={self.config.components}, but these pictures vary in fewer directions, {directions}: "
                f"use --components {directions} or fewer."
            )
        return spectrum.first(directions)

    def _fit_rotation(self, coordinates: Tensor) -> tuple[Tensor, int]:
        """The rotation (K, K) from whitened coordinates (n, K) to sources, and the number of iterations."""
        if coordinates.shape[1] == 1:
            return torch.ones(1, 1), 0
        from sklearn.decomposition import FastICA
        from sklearn.exceptions import ConvergenceWarning

        config = self.config
        fast = FastICA(
            whiten=False, fun=config.contrast, max_iter=config.iterations, tol=TOLERANCE, random_state=config.seed
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # `derived_metrics` reports it
            fast.fit(coordinates.double().numpy())
        return torch.from_numpy(fast.components_).float(), int(fast.n_iter_)

    def resize_buffers(self, state: dict[str, Tensor]) -> None:
        components, pixels = state["mixing"].shape
        self._register_buffers(pixels, components)

    def derived_metrics(self, losses: dict[str, float]) -> dict[str, float]:
        return {"steps of the rotation": float(self.steps), "settled": float(self.settled)}

    @property
    def explained_variance_ratio(self) -> Tensor:
        """The share of the variance that each source explains, (K,). Shares add up, as sources are uncorrelated."""
        return self.mixing.square().sum(1) / self.total_variance

    # Verbs

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return (len(self.mixing),)

    def encode(self, images: Tensor) -> Tensor:
        return (images.flatten(1) - self.mean) @ self.unmixing.T

    def decode(self, latents: Tensor) -> Tensor:
        return (self.mean + latents @ self.mixing).unflatten(1, self.config.image_shape)

    # Parts

    mean: Tensor
    unmixing: Tensor
    mixing: Tensor
    total_variance: Tensor
    steps: Tensor
    settled: Tensor

    def _register_buffers(self, pixels: int, components: int) -> None:
        self.register_buffer("mean", torch.zeros(pixels))
        self.register_buffer("unmixing", torch.zeros(components, pixels))
        self.register_buffer("mixing", torch.zeros(components, pixels))
        for name in ("total_variance", "steps", "settled"):
            self.register_buffer(name, torch.zeros(()))


def _whiten(images: Stream, mean: Tensor, whitening: Tensor) -> Tensor:
    """Whitened coordinates (n, K) of all pictures, or of `MOST_FITTED` spread evenly over the set."""
    selected = torch.linspace(0, len(images) - 1, min(len(images), MOST_FITTED)).round().long()
    coordinates, filled, first = torch.empty(len(selected), len(whitening)), 0, 0
    for batch in images.batches(STREAMED_IMAGES):
        inside = selected[(selected >= first) & (selected < first + len(batch))] - first
        coordinates[filled : filled + len(inside)] = (batch[inside].flatten(1) - mean) @ whitening.T
        filled += len(inside)
        first += len(batch)
    return coordinates
