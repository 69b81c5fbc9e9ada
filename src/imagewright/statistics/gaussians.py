"""Gaussians by the square roots of their covariances: log densities and draws.

Shape letters: N points, K Gaussians, D dimensions. A factor is a lower Cholesky factor (K, D, D), or standard
deviations (K, D) where the covariance is diagonal; (1, D, D) or (1, D) is shared by all.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

# Rounding makes the covariance of fewer points than dimensions singular or worse: then this share of its mean
# variance, or ten times more until it serves, is added in all directions.
RIDGE = 1e-9
SMALLEST_VARIANCE = 1e-12


def log_densities(points: Tensor, means: Tensor, factors: Tensor) -> Tensor:
    """Log density in nats of each point (N, D) under each Gaussian: (N, K), in double precision."""
    differences = points.double()[None] - means[:, None]
    if factors.dim() == 2:
        whitened = differences / factors[:, None]
        halved_log_determinants = factors.log().sum(1)
    else:
        whitened = torch.linalg.solve_triangular(factors, differences.mT, upper=False).mT
        halved_log_determinants = factors.diagonal(dim1=1, dim2=2).log().sum(1)
    constant = points.shape[1] * math.log(2 * math.pi) / 2
    return (-whitened.square().sum(2) / 2 - halved_log_determinants[:, None] - constant).T


def draws(means: Tensor, factors: Tensor, chosen: Tensor, generator: torch.Generator) -> Tensor:
    """A point of each chosen Gaussian, int64 (N,): float64 (N, D), on the CPU whose generator draws it."""
    noise = torch.randn(len(chosen), means.shape[1], generator=generator, dtype=torch.float64)
    own = factors.cpu()[chosen if len(factors) > 1 else torch.zeros_like(chosen)]
    moved = own * noise if factors.dim() == 2 else (own @ noise[..., None])[..., 0]
    return means.cpu()[chosen] + moved


def factors_of(covariances: Tensor) -> Tensor:
    """Lower Cholesky factors (K, D, D) of covariances; singular ones get as much of a ridge as they need."""
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
