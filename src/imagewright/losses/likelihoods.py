"""Log-likelihoods and divergences in nats, summed over each image or latent: (N,)."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

LOG_TWO_PI = math.log(2 * math.pi)


def bernoulli_log_likelihood(values: Tensor, logits: Tensor) -> Tensor:
    """log p(values | logits) of (N, ...) values in [0, 1]: an exact likelihood where they are 0 or 1."""
    return -binary_cross_entropy_with_logits(logits, values, reduction="none").flatten(1).sum(1)


def gaussian_log_likelihood(values: Tensor, means: Tensor, log_variances: Tensor) -> Tensor:
    """log N(values; means, exp(log_variances)) of (N, ...); the log variances broadcast."""
    squared = (values - means).square() * torch.exp(-log_variances)
    return -0.5 * (squared + log_variances + LOG_TWO_PI).flatten(1).sum(1)


def gaussian_divergence(means: Tensor, log_variances: Tensor) -> Tensor:
    """KL(N(means, exp(log_variances)) || N(0, 1)) of (N, Z), per dimension: (N, Z).

    Kingma & Welling 2013, arXiv:1312.6114, appendix B.
    """
    return 0.5 * (means.square() + log_variances.exp() - 1 - log_variances)
