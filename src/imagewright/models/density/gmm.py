"""Mixture of Gaussians in the latents of an encoder, fitted by expectation-maximisation.

Dempster, Laird & Rubin 1977 (the algorithm); McLachlan & Peel 2000, "Finite mixture models" (the number of Gaussians by
BIC, chapter 6). Fitted by scikit-learn to all points, N x D numbers in memory.
Shape letters: N pictures, K Gaussians, D dimensions of the points.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from imagewright.errors import ConfigError
from imagewright.fit_work import DOUBLE, LIBRARIES, SINGLE, FitWork
from imagewright.model import Model, Stream
from imagewright.models.shared.latent_space import (
    EncodesLatents,
    LatentConfig,
    LatentModel,
    register_buffers,
    require_variation,
)
from imagewright.statistics.gaussians import log_densities, sample_gaussians

SKLEARN_NAMES = {"full": "full", "tied": "tied", "diagonal": "diag"}
TRIED = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
USUAL_GAUSSIANS, USUAL_STEPS = 4, 60  # for what is counted beforehand: of smooth colours and faces 43 to 91 steps
# Operations of a product of matrices that take as long as the sums of a step over a number of a point.
OPERATIONS_A_NUMBER = 600
PATIENCE = 2  # the search by BIC ends after this many numbers of Gaussians in a row without improvement


@dataclass(frozen=True, kw_only=True)
class GMMConfig(LatentConfig):
    tiny_options: ClassVar[dict[str, Any]] = {"components": 4, "gaussians": 2}

    gaussians: int | None = Field(
        None, ge=1, le=4096, description="Gaussians in the mixture (chosen by BIC if not given)"
    )
    most_gaussians: int = Field(
        32,
        ge=1,
        le=512,
        description="if BIC chooses: the largest number tried, of 1, 2, 3, 4, 6, 8, 12, 16, 24, 32 ...",
    )
    covariance: Literal["full", "tied", "diagonal"] = Field(
        "full", description="covariances of the Gaussians: full, tied (one for all), or diagonal (no correlations)"
    )
    regularisation: float = Field(
        1e-3, ge=0, le=1, description="added to every variance, as a share of the latents' mean variance"
    )
    iterations: int = Field(200, ge=1, le=10_000, description="steps of expectation-maximisation, at most")
    seed: int = Field(0, ge=0, lt=2**32, description="random seed of the k-means initialisation")


class GMM(Model, EncodesLatents):
    """Buffers, float64: `weights` (K,), `means` (K, D), `factors`.

    The factors are Cholesky factors of the covariances (K or 1, D, D), or standard deviations (K, D) if diagonal.
    """

    Config = GMMConfig
    resize_buffers = LatentModel.resize_buffers
    config: GMMConfig
    sums_over_ranks = True
    # After `fit`, for `fit_work`; not in a file: pictures, most Gaussians tried, steps (one for each Gaussian).
    pictures_fitted: int | None = None
    tried: int | None = None
    steps_taken: float = 0.0
    score_unit = "log density of the latents under the mixture, nats"

    weights: Tensor
    means: Tensor
    factors: Tensor

    def __init__(self, config: GMMConfig) -> None:
        super().__init__(config)
        self.create_parts(config, "weights", "means", "factors")

    def fit(self, images: Stream) -> None:
        """Fit the encoder (unless it came from a run), then the mixture.

        Raises `ConfigError` for more Gaussians than pictures, `DataError` if all latents are equal.
        """
        wanted = self.config.gaussians
        self._check_count(len(images))
        self.pictures_fitted, self.tried, self.steps_taken = len(images), None, 0.0
        self.fit_encoder(images)
        points = self.all_points(images)
        require_variation(points, "A mixture of Gaussians")
        fitted = self._fit_by_bic(points.numpy()) if wanted is None else self._fit_mixture(points.numpy(), wanted)
        factors = torch.from_numpy(fitted.covariances_)
        if self.config.covariance == "diagonal":
            factors = factors.sqrt()
        else:
            factors = torch.linalg.cholesky(factors if self.config.covariance == "full" else factors[None])
        register_buffers(
            self, weights=torch.from_numpy(fitted.weights_), means=torch.from_numpy(fitted.means_), factors=factors
        )

    def check_images(self, images: Stream) -> None:
        self._check_count(len(images))
        self.check_points(images, "A mixture of Gaussians")

    def _check_count(self, pictures: int) -> None:
        if self.config.gaussians is not None and self.config.gaussians > pictures:
            raise ConfigError(
                f"gaussians={self.config.gaussians}, but there are {pictures} pictures: use --gaussians {pictures} or "
                "fewer."
            )

    def fit_work(self, count: int) -> FitWork | None:
        if (found := self.points_work(count)) is None:
            return None
        dimensions = found.dimensions
        usual = min(self.config.most_gaussians, max(1, count // 2), USUAL_GAUSSIANS)
        gaussians = self.config.gaussians or self.tried or usual
        # Beside the points two copies of them, the one in single precision, or for products three in double precision;
        # responsibilities.
        copies = DOUBLE + SINGLE if self.config.covariance == "diagonal" else 3 * DOUBLE
        held = count * (copies * dimensions + 3 * DOUBLE * gaussians)
        squares = {"full": gaussians, "tied": 1, "diagonal": 0}[self.config.covariance] * dimensions**2
        products = 4.0 * (1 if self.config.covariance == "diagonal" else dimensions)
        step = count * dimensions * (products + OPERATIONS_A_NUMBER)
        step += dimensions**3 if squares else 0
        tried = [gaussians] if self.config.gaussians else [each for each in TRIED if each <= gaussians]
        # Half of a step in single precision, and one in double. Of few pictures fewer steps are taken than of all.
        usual_steps = sum(tried) * (1 + min(USUAL_STEPS, self.config.iterations) / 2)
        steps = self.steps_taken if count == self.pictures_fitted else max(usual_steps, self.steps_taken)
        mixtures = FitWork(LIBRARIES + held + 5 * DOUBLE * squares, 0, steps * step)
        return found.reading(count * DOUBLE * dimensions).then(mixtures)

    def derived_metrics(self, losses: dict[str, float]) -> dict[str, float]:
        return {"mixture/gaussians": float(len(self.weights))}

    # Verbs

    def sample_latents(self, count: int, generator: torch.Generator) -> Tensor:
        chosen = torch.multinomial(self.weights.cpu(), count, replacement=True, generator=generator)
        return self.as_latents(sample_gaussians(self.means, self.factors, chosen, generator))

    def score(self, images: Tensor, generator: torch.Generator, samples: int) -> Tensor:
        """The log density of each picture's latent in nats, (N,)."""
        return self.log_joint(self.encode_points(images)).logsumexp(1).float()

    def log_joint(self, points: Tensor) -> Tensor:
        """The log joint density of points (N, D) and components: (N, K)."""
        return self.weights.log() + log_densities(points, self.means, self.factors)

    # Parts

    def _fit_by_bic(self, points: np.ndarray) -> Any:
        """The mixture of least BIC; numbers of Gaussians are tried in ascending order with early stopping."""
        best, least, worse = None, np.inf, 0
        # On average at least two points for each Gaussian, as a covariance needs two.
        for count in (each for each in TRIED if each <= min(self.config.most_gaussians, max(1, len(points) // 2))):
            fitted = self._fit_mixture(points, count)
            bic = fitted.bic(points)
            best, least, worse = (fitted, bic, 0) if bic < least else (best, least, worse + 1)
            if worse == PATIENCE:
                break
        return best

    def _fit_mixture(self, points: np.ndarray, count: int) -> Any:
        """The mixture, in single precision until it converges, and then one iteration in double precision.

        An iteration in single precision takes half the time. If these fail, as for covariances that are nearly
        singular, all are in double precision.
        """
        from sklearn.exceptions import ConvergenceWarning

        with warnings.catch_warnings():
            # max_iter was reached, or k-means met equal points: the mixture is usable in both cases.
            warnings.simplefilter("ignore", ConvergenceWarning)
            with suppress(ValueError), np.errstate(all="ignore"):
                middle = points.mean(0)  # single precision resolves little far from 0
                rough = self._new_mixture(points, count).fit((points - middle).astype(np.float32))
                weights = rough.weights_.astype(np.float64)
                start = {
                    "weights_init": weights / weights.sum(),
                    "means_init": rough.means_.astype(np.float64) + middle,
                    "precisions_init": rough.precisions_.astype(np.float64),
                    "max_iter": 1,
                }
                self.tried = max(count, self.tried or 0)
                self.steps_taken += count * (1 + rough.n_iter_ / 2)
                return self._new_mixture(points, count, **start).fit(points)
            try:
                return self._new_mixture(points, count).fit(points)
            except ValueError as error:
                raise ConfigError(
                    f"{count} Gaussians cannot be fitted to these pictures: raise --regularisation (now "
                    f"{self.config.regularisation:g}), or use fewer --gaussians or --components."
                ) from error

    def _new_mixture(self, points: np.ndarray, count: int, **start: Any) -> Any:
        """A mixture of the configuration, not fitted. `start`: options of its start, instead of k-means."""
        from sklearn.mixture import GaussianMixture

        return GaussianMixture(
            count,
            covariance_type=SKLEARN_NAMES[self.config.covariance],
            reg_covar=max(self.config.regularisation * float(points.var(0).mean()), np.finfo(np.float64).tiny),
            random_state=self.config.seed,
            **{"max_iter": self.config.iterations, **start},
        )
