"""Mixture of Gaussians in the latents of an encoder, fitted by expectation and maximisation.

Dempster, Laird & Rubin 1977 (the algorithm); McLachlan & Peel 2000, "Finite mixture models" (the number of Gaussians by
BIC, chapter 6). scikit-learn does the fitting, on points held in memory: N x D numbers, never pictures.
Shape letters: N pictures, K Gaussians, D dimensions of the points.
"""

from __future__ import annotations

import warnings
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from imagewright.errors import ConfigError
from imagewright.model import Model, Stream
from imagewright.models.shared.latent_space import Encoded, LatentConfig, LatentSpace, check_varied, encoder_of, hold
from imagewright.statistics.gaussians import draws, log_densities

SKLEARN_NAMES = {"full": "full", "tied": "tied", "diagonal": "diag"}
TRIED = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
WORSE_IN_A_ROW = 2  # numbers of Gaussians, after which the search by BIC ends


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
        description="where BIC chooses: the most that are tried, of 1, 2, 3, 4, 6, 8, 12, 16, 24, 32 ...",
    )
    covariance: Literal["full", "tied", "diagonal"] = Field(
        "full", description="of each Gaussian: any, one shared by all, or without correlations"
    )
    regularisation: float = Field(
        1e-3, ge=0, le=1, description="added to every variance, as a share of the latents' mean variance"
    )
    seed: int = Field(0, ge=0, lt=2**32, description="of the k-means start")


class GMM(Model, Encoded):
    """Buffers: `weights` (K,), `means` (K, D), `factors` (Cholesky factors or standard deviations), float64."""

    Config = GMMConfig
    resize_buffers = LatentSpace.resize_buffers
    config: GMMConfig
    score_unit = "log density of the latents under the mixture, nats"

    weights: Tensor
    means: Tensor
    factors: Tensor

    def __init__(self, config: GMMConfig) -> None:
        super().__init__(config)
        self.encoder = encoder_of(config)
        empty = torch.zeros(0, dtype=torch.float64)
        hold(self, weights=empty, means=empty, factors=empty)

    def fit(self, images: Stream) -> None:
        """The encoder, if it is fitted here, then the mixture. `ConfigError` for more Gaussians than pictures."""
        wanted = self.config.gaussians
        if wanted is not None and wanted > len(images):
            raise ConfigError(
                f"gaussians={wanted}, but there are {len(images)} pictures: use --gaussians {len(images)} or fewer."
            )
        self.fit_encoder(images)
        points = torch.cat(list(self.points(images)))
        check_varied(points, "A mixture of Gaussians")
        fitted = self._best_by_bic(points.numpy()) if wanted is None else self._fitted(points.numpy(), wanted)
        factors = torch.from_numpy(fitted.covariances_)
        if self.config.covariance == "diagonal":
            factors = factors.sqrt()
        else:
            factors = torch.linalg.cholesky(factors if self.config.covariance == "full" else factors[None])
        hold(self, weights=torch.from_numpy(fitted.weights_), means=torch.from_numpy(fitted.means_), factors=factors)

    def derived_metrics(self, losses: dict[str, float]) -> dict[str, float]:
        return {"mixture/gaussians": float(len(self.weights))}

    # Verbs

    def sample_latents(self, count: int, generator: torch.Generator) -> Tensor:
        chosen = torch.multinomial(self.weights.cpu(), count, replacement=True, generator=generator)
        return self.as_latents(draws(self.means, self.factors, chosen, generator))

    def score(self, images: Tensor, generator: torch.Generator, samples: int) -> Tensor:
        """The log density of each picture's latent, in nats."""
        return self.log_joint(self.points_of(images)).logsumexp(1).float()

    def log_joint(self, points: Tensor) -> Tensor:
        """Log density of points (N, D) together with the Gaussian they come from: (N, K)."""
        return self.weights.log() + log_densities(points, self.means, self.factors)

    # Parts

    def _best_by_bic(self, points: np.ndarray) -> Any:
        """The mixture of the least BIC: the tried numbers in order, until more Gaussians no longer pay."""
        best, least, worse = None, np.inf, 0
        # A Gaussian of its own covariance needs two pictures to have one.
        for count in (each for each in TRIED if each <= min(self.config.most_gaussians, max(1, len(points) // 2))):
            fitted = self._fitted(points, count)
            bic = fitted.bic(points)
            best, least, worse = (fitted, bic, 0) if bic < least else (best, least, worse + 1)
            if worse == WORSE_IN_A_ROW:
                break
        return best

    def _fitted(self, points: np.ndarray, count: int) -> Any:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        mixture = GaussianMixture(
            count,
            covariance_type=SKLEARN_NAMES[self.config.covariance],
            reg_covar=max(self.config.regularisation * float(points.var(0).mean()), np.finfo(np.float64).tiny),
            random_state=self.config.seed,
            max_iter=200,
        )
        with warnings.catch_warnings():
            # Ended by max_iter, or k-means met equal points: the mixture is a good one all the same.
            warnings.simplefilter("ignore", ConvergenceWarning)
            try:
                return mixture.fit(points)
            except ValueError as error:
                raise ConfigError(
                    f"{count} Gaussians cannot be fitted to these pictures: raise --regularisation (now "
                    f"{self.config.regularisation:g}), or use fewer --gaussians or --components."
                ) from error
