"""Kernel density estimate in the latents of an encoder: a small Gaussian on every picture.

Parzen 1962, "On estimation of a probability density function and mode"; bandwidths: Scott 1992, "Multivariate density
estimation" (section 6.3), Silverman 1986 (equation 4.14), or the leave-one-out log-likelihood (Silverman 1986,
section 3.4.4). The points kept are at most `most_points`: that, and no picture, is held in memory.
Shape letters: N pictures asked about, M points kept, D dimensions, B bandwidths tried.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from imagewright.model import Model, Stream
from imagewright.models.shared.latent_space import Encoded, LatentConfig, LatentSpace, check_varied, encoder_of, hold
from imagewright.seeds import derive_seed

JUDGED_POINTS = 1000  # left out in turn, to choose the bandwidth by cross-validation
TRIED_BANDWIDTHS = torch.logspace(-2, 0.3, 36, dtype=torch.float64)  # in standard deviations: 0.01 to 2
ROWS_AT_ONCE = 256
LEAST_SCALE = 1e-3  # of the largest: a dimension that hardly varies does not decide everything


@dataclass(frozen=True, kw_only=True)
class KDEConfig(LatentConfig):
    tiny_options: ClassVar[dict[str, Any]] = {"components": 4}

    bandwidth: Literal["cross-validated", "scott", "silverman"] | float = Field(
        "cross-validated",
        description="width of the kernels in standard deviations of each latent: a number, or how it is chosen",
    )
    most_points: int = Field(10_000, ge=2, le=1_000_000, description="pictures to keep, chosen at random from more")
    seed: int = Field(0, ge=0, description="of that choice")

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.bandwidth, float) and not 0 < self.bandwidth < math.inf:
            raise ValueError(f"bandwidth={self.bandwidth:g}, but it must be a number above 0")


class KDE(Model, Encoded):
    """Buffers, float64: `kept` (M, D) points, `scales` (D,) their standard deviations, `width` () in these."""

    Config = KDEConfig
    resize_buffers = LatentSpace.resize_buffers
    config: KDEConfig
    score_unit = "log density of the latents under the kernel estimate, nats"

    kept: Tensor
    scales: Tensor
    width: Tensor

    def __init__(self, config: KDEConfig) -> None:
        super().__init__(config)
        self.encoder = encoder_of(config)
        empty = torch.zeros(0, dtype=torch.float64)
        hold(self, kept=empty, scales=empty, width=torch.ones((), dtype=torch.float64))

    def fit(self, images: Stream) -> None:
        """The encoder, if it is fitted here, then the points and their width. `DataError` where nothing varies."""
        self.fit_encoder(images)
        kept = self._chosen_points(images)
        check_varied(kept, "A kernel density")
        scales = kept.std(0)
        scales = scales.clamp(min=LEAST_SCALE * float(scales.max()))
        hold(self, kept=kept, scales=scales)
        hold(self, width=self._width(kept / scales))

    def derived_metrics(self, losses: dict[str, float]) -> dict[str, float]:
        return {"kernel/bandwidth": float(self.width), "kernel/points": float(len(self.kept))}

    # Verbs

    def sample_latents(self, count: int, generator: torch.Generator) -> Tensor:
        chosen = torch.randint(len(self.kept), (count,), generator=generator)
        noise = torch.randn(count, self.kept.shape[1], generator=generator, dtype=torch.float64)
        return self.as_latents(self.kept.cpu()[chosen] + noise * self.scales.cpu() * float(self.width))

    def score(self, images: Tensor, generator: torch.Generator, samples: int) -> Tensor:
        """The log density of each picture's latent, in nats; a picture of the training set counts itself."""
        points, kept = self.points_of(images) / self.scales, self.kept / self.scales
        squared = torch.cdist(points, kept, compute_mode="donot_use_mm_for_euclid_dist").square()
        kernels = -squared / (2 * self.width.square())
        return (kernels.logsumexp(1) - self._log_constant(len(kept), self.width)).float()

    # Parts

    def _chosen_points(self, images: Stream) -> Tensor:
        """The points of all pictures, or of `most_points` of them."""
        generator = torch.Generator().manual_seed(derive_seed(self.config.seed, "kept points"))
        keep = torch.zeros(len(images), dtype=torch.bool)
        keep[torch.randperm(len(images), generator=generator)[: self.config.most_points]] = True
        kept, seen = [], 0
        for points in self.points(images):
            kept.append(points[keep[seen : seen + len(points)]])
            seen += len(points)
        return torch.cat(kept)

    def _width(self, points: Tensor) -> Tensor:
        """The width for points (M, D) of unit variances."""
        count, dimensions = points.shape
        rule = self.config.bandwidth
        if rule == "scott":
            value = count ** (-1 / (dimensions + 4))
        elif rule == "silverman":
            value = (count * (dimensions + 2) / 4) ** (-1 / (dimensions + 4))
        elif rule == "cross-validated":
            return TRIED_BANDWIDTHS[self._left_out_likelihoods(points).argmax()].clone()
        else:
            value = float(rule)
        return torch.tensor(value, dtype=torch.float64)

    def _left_out_likelihoods(self, points: Tensor) -> Tensor:
        """Mean log density of points under the kernels of all others, for each of the bandwidths: (B,)."""
        generator = torch.Generator().manual_seed(derive_seed(self.config.seed, "judged points"))
        judged = torch.randperm(len(points), generator=generator)[:JUDGED_POINTS]
        totals = torch.zeros(len(TRIED_BANDWIDTHS), dtype=torch.float64)
        for rows in judged.split(ROWS_AT_ONCE):
            squared = torch.cdist(points[rows], points).square()
            squared[torch.arange(len(rows)), rows] = math.inf
            for number, width in enumerate(TRIED_BANDWIDTHS):
                constant = self._log_constant(len(points) - 1, width)
                totals[number] += ((-squared / (2 * width.square())).logsumexp(1) - constant).sum()
        return totals / len(judged)

    def _log_constant(self, kernels: int, width: Tensor) -> Tensor:
        """What the logarithm of a sum of bare kernels exceeds the log density by."""
        dimensions = len(self.scales)
        volume = dimensions * (width.log() + math.log(2 * math.pi) / 2) + self.scales.log().sum()
        return volume + math.log(kernels)
