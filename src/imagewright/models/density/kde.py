"""Kernel density estimate in the latents of an encoder: a Gaussian kernel centred on each picture's latent.

Parzen 1962, "On estimation of a probability density function and mode"; bandwidths: Scott 1992, "Multivariate density
estimation" (section 6.3), Silverman 1986 (equation 4.14), or the leave-one-out log-likelihood (Silverman 1986,
section 3.4.4). At most `most_points` latents are kernel centres.
Shape letters: N pictures scored, M kernel centres, D dimensions, B bandwidths tried.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from imagewright.fit_work import DOUBLE, FitWork
from imagewright.model import Model, Stream
from imagewright.models.shared.latent_space import (
    EncodesLatents,
    LatentConfig,
    LatentModel,
    register_buffers,
    require_variation,
)
from imagewright.seeds import derive_seed

VALIDATION_POINTS = 1000  # points left out one at a time to choose the bandwidth
TRIED_BANDWIDTHS = torch.logspace(-2, 0.3, 36, dtype=torch.float64)  # in standard deviations: 0.01 to 2
ROWS_AT_ONCE = 256
EXPONENTIAL = 400  # operations of a product of matrices that take as long as the exponential of one distance
LEAST_SCALE = 1e-3  # of the largest scale, so that a nearly constant dimension does not dominate the distances


@dataclass(frozen=True, kw_only=True)
class KDEConfig(LatentConfig):
    tiny_options: ClassVar[dict[str, Any]] = {"components": 4}
    keeps_images: ClassVar[bool] = True  # each is the centre of a kernel

    bandwidth: Literal["cross-validated", "scott", "silverman"] | float = Field(
        "cross-validated",
        description="width of the kernels in standard deviations of each latent: a number, or the rule that chooses it",
    )
    most_points: int = Field(
        10_000,
        ge=2,
        le=1_000_000,
        description="largest number of kernels; they are on a random selection of more pictures",
    )
    seed: int = Field(0, ge=0, description="random seed of the selection of kernels")

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.bandwidth, float) and not 0 < self.bandwidth < math.inf:
            raise ValueError(f"bandwidth={self.bandwidth:g}, but it must be a number above 0")


class KDE(Model, EncodesLatents):
    """Buffers, float64: `kept` (M, D), the kernel centres; `scales` (D,), their standard deviations; `width` (), the
    bandwidth in units of the scales.
    """

    Config = KDEConfig
    resize_buffers = LatentModel.resize_buffers
    config: KDEConfig
    sums_over_ranks = True
    score_unit = "log density of the latents under the kernel estimate, nats"

    kept: Tensor
    scales: Tensor
    width: Tensor

    def __init__(self, config: KDEConfig) -> None:
        super().__init__(config)
        self.create_parts(config, "kept", "scales")
        register_buffers(self, width=torch.ones((), dtype=torch.float64))

    def fit(self, images: Stream) -> None:
        """Fit the encoder (unless it came from a run), then choose centres and bandwidth.

        Raises `DataError` for fewer than two pictures or if all latents are equal.
        """
        self.fit_encoder(images)
        kept = self._select_points(images)
        require_variation(kept, "A kernel density")
        scales = kept.std(0)
        scales = scales.clamp(min=LEAST_SCALE * float(scales.max()))
        register_buffers(self, kept=kept, scales=scales)
        register_buffers(self, width=self._choose_width(kept / scales))

    def check_images(self, images: Stream) -> None:
        self.check_points(images, "A kernel density")

    def fit_work(self, count: int) -> FitWork | None:
        if (found := self.points_work(count)) is None:
            return None
        dimensions = found.dimensions
        kernels, judged = min(count, self.config.most_points), 0
        if self.config.bandwidth == "cross-validated":
            judged = min(kernels, VALIDATION_POINTS)
        # Beside the centres those in units of their scales, some of them, and copies of both for the distances; these,
        # and what is made of them.
        rows, centres = min(judged, ROWS_AT_ONCE), DOUBLE * kernels * dimensions
        held = 2 * centres + DOUBLE * rows * (2 * dimensions + 4 * kernels)
        operations = judged * kernels * (6.0 * dimensions + EXPONENTIAL * len(TRIED_BANDWIDTHS))
        return found.reading(centres).then(FitWork(held, 0, operations))

    def derived_metrics(self, losses: dict[str, float]) -> dict[str, float]:
        return {"kernel/bandwidth": float(self.width), "kernel/points": float(len(self.kept))}

    # Verbs

    def sample_latents(self, count: int, generator: torch.Generator) -> Tensor:
        chosen = torch.randint(len(self.kept), (count,), generator=generator)
        noise = torch.randn(count, self.kept.shape[1], generator=generator, dtype=torch.float64)
        return self.as_latents(self.kept.cpu()[chosen] + noise * self.scales.cpu() * float(self.width))

    def score(self, images: Tensor, generator: torch.Generator, samples: int) -> Tensor:
        """The log density of each picture's latent in nats, (N,). A training picture's own kernel counts too."""
        points, kept = self.encode_points(images) / self.scales, self.kept / self.scales
        squared = torch.cdist(points, kept, compute_mode="donot_use_mm_for_euclid_dist").square()
        kernels = -squared / (2 * self.width.square())
        return (kernels.logsumexp(1) - self._log_constant(len(kept), self.width)).float()

    # Parts

    def _select_points(self, images: Stream) -> Tensor:
        """The points of all pictures, or of a random selection of `most_points`."""
        generator = torch.Generator().manual_seed(derive_seed(self.config.seed, "kept points"))
        is_selected = torch.zeros(len(images), dtype=torch.bool)
        is_selected[torch.randperm(len(images), generator=generator)[: self.config.most_points]] = True
        selected, filled, seen = torch.zeros(0), 0, 0
        for points in self.stream_points(images):
            if seen == 0:
                selected = points.new_empty(int(is_selected.sum()), points.shape[1])
            inside = is_selected[seen : seen + len(points)]
            some = points if bool(inside.all()) else points[inside]
            selected[filled : filled + len(some)] = some
            filled += len(some)
            seen += len(points)
        return selected

    def _choose_width(self, points: Tensor) -> Tensor:
        """The bandwidth for points (M, D) of unit variances."""
        count, dimensions = points.shape
        rule = self.config.bandwidth
        if rule == "scott":
            value = count ** (-1 / (dimensions + 4))
        elif rule == "silverman":
            value = (count * (dimensions + 2) / 4) ** (-1 / (dimensions + 4))
        elif rule == "cross-validated":
            return TRIED_BANDWIDTHS[self._leave_one_out_likelihoods(points).argmax()].clone()
        else:
            value = float(rule)
        return torch.tensor(value, dtype=torch.float64)

    def _leave_one_out_likelihoods(self, points: Tensor) -> Tensor:
        """The mean log density of points under the kernels of all other points, for each bandwidth: (B,)."""
        generator = torch.Generator().manual_seed(derive_seed(self.config.seed, "judged points"))
        left_out = torch.randperm(len(points), generator=generator)[:VALIDATION_POINTS]
        totals = torch.zeros(len(TRIED_BANDWIDTHS), dtype=torch.float64)
        for rows in left_out.split(ROWS_AT_ONCE):
            squared = torch.cdist(points[rows], points).square()
            squared[torch.arange(len(rows)), rows] = math.inf
            for number, width in enumerate(TRIED_BANDWIDTHS):
                constant = self._log_constant(len(points) - 1, width)
                totals[number] += ((-squared / (2 * width.square())).logsumexp(1) - constant).sum()
        return totals / len(left_out)

    def _log_constant(self, kernels: int, width: Tensor) -> Tensor:
        """The logarithm of the normaliser of a sum of unnormalised kernels."""
        dimensions = len(self.scales)
        volume = dimensions * (width.log() + math.log(2 * math.pi) / 2) + self.scales.log().sum()
        return volume + math.log(kernels)
