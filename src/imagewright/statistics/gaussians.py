"""Gaussians parametrised by factors of their covariances: log densities and samples.

Shape letters: N points, K Gaussians, D dimensions. Factors are lower Cholesky factors (K, D, D), or standard deviations
(K, D) for diagonal covariances; (1, D, D) or (1, D) is shared by all Gaussians.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import islice

import torch
from torch import Tensor

# The covariance of fewer points than dimensions is singular, or indefinite by rounding. A ridge is then added to its
# diagonal: this share of the mean variance, increased tenfold until the Cholesky factorisation succeeds.
RIDGE = 1e-9
SMALLEST_VARIANCE = 1e-12
ROWS_AT_ONCE = 1024


def log_densities(points: Tensor, means: Tensor, factors: Tensor) -> Tensor:
    """The log density in nats of points (N, D) under each Gaussian: float64 (N, K)."""
    differences = points.double()[None] - means[:, None]
    if factors.dim() == 2:
        whitened = differences / factors[:, None]
        halved_log_determinants = factors.log().sum(1)
    else:
        whitened = torch.linalg.solve_triangular(factors, differences.mT, upper=False).mT
        halved_log_determinants = factors.diagonal(dim1=1, dim2=2).log().sum(1)
    constant = points.shape[1] * math.log(2 * math.pi) / 2
    return (-whitened.square().sum(2) / 2 - halved_log_determinants[:, None] - constant).T


def normal_rows(generators: Iterable[torch.Generator], numbers: int) -> Tensor:
    """Standard normal numbers, a row of each generator: float32 (N, `numbers`) on the CPU.

    Row k is `torch.randn(1, numbers, generator=generator)` of generator k to the bit, in less time: rows are filled in
    place. One generator may come again and again, seeded anew.
    """
    parts, left = [], iter(generators)
    while True:
        rows, filled = torch.empty(ROWS_AT_ONCE, numbers), 0
        with torch.inference_mode():
            for generator in islice(left, ROWS_AT_ONCE):
                rows[filled].normal_(generator=generator)
                filled += 1
        parts.append(rows[:filled])
        if filled < ROWS_AT_ONCE:
            return torch.cat(parts)


def truncate_normal(values: Tensor, bound: float) -> Tensor:
    """Standard normal numbers to those of the same quantiles of a normal distribution cut off at -bound and bound.

    The result is distributed as normal numbers that are sampled again while they are beyond the bound.
    """
    share = math.erf(bound / math.sqrt(2))
    quantiles = torch.erf(values.double() / math.sqrt(2)) * share  # -1 to 1
    return (math.sqrt(2) * torch.erfinv(quantiles)).clamp(-bound, bound).to(values.dtype)


def sample_gaussians(means: Tensor, factors: Tensor, chosen: Tensor, generator: torch.Generator) -> Tensor:
    """Sample one point from each chosen Gaussian: float64 (N, D) on the CPU.

    means: (K, D).
    factors: of the covariances.
    chosen: index of the Gaussian of each point, int64 (N,).
    generator: of the CPU.
    """
    noise = torch.randn(len(chosen), means.shape[1], generator=generator, dtype=torch.float64)
    return move_noise(noise, means.cpu(), factors.cpu(), chosen)


def move_noise(noise: Tensor, means: Tensor, factors: Tensor, chosen: Tensor) -> Tensor:
    """Standard normal points (N, D) moved to the chosen Gaussians: float64 (N, D). All tensors are on one device."""
    own = factors[chosen if len(factors) > 1 else torch.zeros_like(chosen)].double()
    moved = own * noise.double() if factors.dim() == 2 else (own @ noise.double()[..., None])[..., 0]
    return means.double()[chosen] + moved


def move_each_noise(noise: Tensor, means: Tensor, factors: Tensor, chosen: Tensor) -> Tensor:
    """As `move_noise`, with each point rounded as if it were the only one: products round differently in batches."""
    if factors.dim() == 2:
        return move_noise(noise, means, factors, chosen)
    # Copies, since products may also round differently by the alignment of what they read.
    own = [factor.clone() for factor in factors.double().split(1)]
    places = chosen.tolist() if len(factors) > 1 else [0] * len(chosen)
    columns = [column.clone() for column in noise.double()[..., None].split(1)]
    moved = [torch.bmm(own[place], column) for place, column in zip(places, columns, strict=True)]
    return means.double()[chosen] + torch.cat(moved)[..., 0]


def cholesky_factors(covariances: Tensor) -> Tensor:
    """Lower Cholesky factors of covariances (K, D, D). Singular ones get the smallest ridge that suffices (`RIDGE`)."""
    mean_variances = covariances.diagonal(dim1=1, dim2=2).mean(1).clamp(min=SMALLEST_VARIANCE)
    identity = torch.eye(covariances.shape[1], dtype=covariances.dtype, device=covariances.device)
    ridges = torch.zeros_like(mean_variances)
    while True:
        lifted = covariances + (ridges * mean_variances)[:, None, None] * identity
        factors, failed = torch.linalg.cholesky_ex(lifted)
        pivots = factors.diagonal(dim1=1, dim2=2).square().amin(1) / mean_variances
        singular = (failed > 0) | ~(pivots > RIDGE / 10)
        if not bool(singular.any()) or float(ridges.max()) >= 1:
            return factors
        ridges = torch.where(singular, (ridges * 10).clamp(min=RIDGE), ridges)
