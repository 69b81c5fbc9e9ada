"""What generative classifiers share: moments of each class in two passes over a stream, priors, Bayes' rule.

Shape letters: N points, K classes, D dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from imagewright.errors import UserError

# The log prior of a class without a picture: no probability that a float32 would show, and no infinity.
ABSENT = -690.0


@dataclass(frozen=True)
class ClassMoments:
    """Sums over the points of each class, float64.

    `counts` (K,); `means` (K, D), the mean of all points where a class has none; `scatters`: sums of the products of
    deviations from the class mean, (K, D, D), or of their squares alone, (K, D); `fourths` (K,): of the squared squared
    distances from it.
    """

    counts: Tensor
    means: Tensor
    scatters: Tensor
    fourths: Tensor

    def log_priors(self) -> Tensor:
        """The logarithm of each class's share of the points, (K,); `ABSENT` where there is none."""
        return (self.counts / self.counts.sum()).log().clamp(min=ABSENT)


def class_moments(
    batches: Callable[[], Iterable[Tensor]], labels: Tensor, classes: int, *, diagonal: bool
) -> ClassMoments:
    """The moments of labelled points, in two passes of `batches()` (float64 (n, D) each, in the order of `labels`).

    Two passes, since sums of raw squares lose the variances of points far from the origin to rounding.
    """
    counts = torch.bincount(labels, minlength=classes).double()
    sums: Tensor | None = None
    for points, own in _labelled(batches(), labels):
        sums = torch.zeros(classes, points.shape[1], dtype=torch.float64) if sums is None else sums
        sums.index_add_(0, own, points)
    assert sums is not None, "a stream is never empty"
    means = torch.where(counts[:, None] > 0, sums / counts[:, None].clamp(min=1), sums.sum(0) / counts.sum())
    dimensions = means.shape[1]
    scatters = torch.zeros(classes, dimensions, *(() if diagonal else (dimensions,)), dtype=torch.float64)
    fourths = torch.zeros(classes, dtype=torch.float64)
    for points, own in _labelled(batches(), labels):
        deviations = points - means[own]
        fourths.index_add_(0, own, deviations.square().sum(1).square())
        if diagonal:
            scatters.index_add_(0, own, deviations.square())
            continue
        for label in own.unique().tolist():
            rows = deviations[own == label]
            scatters[label] += rows.T @ rows
    return ClassMoments(counts, means, scatters, fourths)


def pooling_shares(counts: Tensor, dimensions: int, share: float | None) -> Tensor:
    """How far the (co)variance of each class moves to the common one of all, (K,).

    Not told by `share`, a class counts as having D + 1 more pictures, of the common covariance: the mode under an
    inverse Wishart prior of that many.
    """
    more = dimensions + 1
    return more / (counts + more) if share is None else torch.full_like(counts, share)


def _labelled(batches: Iterable[Tensor], labels: Tensor) -> Iterable[tuple[Tensor, Tensor]]:
    seen = 0
    for points in batches:
        yield points, labels[seen : seen + len(points)]
        seen += len(points)


def posteriors(log_joint: Tensor) -> Tensor:
    """Bayes' rule: log densities together with the class (N, K) to log-probabilities of the classes, float32."""
    return log_joint.log_softmax(1).float()


def drawn_classes(log_priors: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Classes by their priors, int64 (count,)."""
    return torch.multinomial(log_priors.cpu().exp(), count, replacement=True, generator=generator)


def check_drawable(labels: Tensor, log_priors: Tensor, class_names: tuple[str, ...]) -> None:
    """Raise `UserError` where a class to draw from had no picture in the training."""
    absent = log_priors.cpu()[labels] <= ABSENT
    if bool(absent.any()):
        name = class_names[int(labels[absent][0])]
        raise UserError(f"The class {name!r} had no picture in the training: there is nothing to draw from.")
