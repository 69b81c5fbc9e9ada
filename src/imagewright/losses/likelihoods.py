"""Log-likelihoods and divergences, in nats."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

LOG_TWO_PI = math.log(2 * math.pi)


def bernoulli_log_likelihood(values: Tensor, logits: Tensor) -> Tensor:
    """log p(values | logits) of Bernoulli variables, summed over each row: (N,), in nats.

    values: (N, ...), each 0 or 1. Values in between give a number that is no likelihood.
    logits: (N, ...), of the probability of a 1.
    """
    return -binary_cross_entropy_with_logits(logits, values, reduction="none").flatten(1).sum(1)


def gaussian_log_likelihood(values: Tensor, means: Tensor, log_variances: Tensor) -> Tensor:
    """log N(values; means, exp(log_variances)), summed over each row: (N,), in nats.

    values, means: (N, ...).
    log_variances: of a shape that broadcasts to (N, ...).
    """
    squared = (values - means).square() * torch.exp(-log_variances)
    return -0.5 * (squared + log_variances + LOG_TWO_PI).flatten(1).sum(1)


def gaussian_divergence(means: Tensor, log_variances: Tensor) -> Tensor:
    """KL(N(means, exp(log_variances)) || N(0, 1)) of each dimension: (N, Z), in nats.

    Kingma & Welling 2013, arXiv:1312.6114, appendix B.

    means, log_variances: (N, Z).
    """
    return 0.5 * (means.square() + log_variances.exp() - 1 - log_variances)
