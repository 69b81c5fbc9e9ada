"""Parts of generative classifiers: moments of each class in two passes over a stream, priors, Bayes' rule.

Shape letters: N points, K classes, D dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from imagewright.errors import UserError
from imagewright.models.shared.latent_space import ClassifiesLatents, SamplesLatents

# The log prior of a class without pictures: its exponential is 0 in float32, and sums with it stay finite.
ABSENT = -690.0


@dataclass(frozen=True)
class ClassMoments:
    """Moments of the points of each class, float64."""

    counts: Tensor  # (K,)
    means: Tensor  # (K, D); a class without points gets the mean of all points
    scatters: Tensor  # sums of products of deviations from the class mean (K, D, D), or of squared deviations (K, D)
    fourths: Tensor  # (K,), sums of fourth powers of the distances from the class mean

    def log_priors(self) -> Tensor:
        """The logarithm of each class's share of the points, (K,); `ABSENT` for a class without points."""
        return (self.counts / self.counts.sum()).log().clamp(min=ABSENT)


def compute_class_moments(
    batches: Callable[[], Iterable[Tensor]], labels: Tensor, classes: int, *, diagonal: bool
) -> ClassMoments:
    """The moments of labelled points.

    Two passes, since in sums of raw squares the variances of points far from the origin are lost to cancellation.

    batches: called once for each pass; float64 (n, D) each, in the order of `labels`.
    labels: int64 (N,).
    classes: K.
    diagonal: whether scatters are sums of squares (K, D) only.
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
    """The weight of the common (co)variance in each class's own, (K,).

    share: the same weight for all classes. None: (D + 1) / (count + D + 1), as if each class had D + 1 more pictures
        with the common covariance, which is the posterior mode under an inverse Wishart prior of that many.
    """
    more = dimensions + 1
    return more / (counts + more) if share is None else torch.full_like(counts, share)


def _labelled(batches: Iterable[Tensor], labels: Tensor) -> Iterable[tuple[Tensor, Tensor]]:
    seen = 0
    for points in batches:
        yield points, labels[seen : seen + len(points)]
        seen += len(points)


def log_posteriors(log_joint: Tensor) -> Tensor:
    """Bayes' rule: log joint densities of point and class (N, K) to log-probabilities of the classes, float32."""
    return log_joint.log_softmax(1).float()


def sample_classes(log_priors: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Sample classes from their priors, int64 (count,)."""
    return torch.multinomial(log_priors.cpu().exp(), count, replacement=True, generator=generator)


def require_class_pictures(labels: Tensor, log_priors: Tensor, class_names: tuple[str, ...]) -> None:
    """Raise `UserError` if one of `labels` is a class without pictures in the training."""
    absent = log_priors.cpu()[labels] <= ABSENT
    if bool(absent.any()):
        name = class_names[int(labels[absent][0])]
        raise UserError(f"The class {name!r} had no picture in the training, so it cannot be sampled.")


class GenerativeClassifier(ClassifiesLatents, SamplesLatents):
    """Mixin of models with a distribution of points for each class: Bayes' rule, samples of classes, marginal density.

    A model registers the buffer `log_priors` (K,) and defines `log_joint` and `sample_points`.
    """

    log_priors: Tensor

    def log_joint(self, points: Tensor) -> Tensor:
        """The log joint density (or probability) of points (N, D) and classes, (N, K)."""
        raise NotImplementedError

    def sample_points(self, labels: Tensor, generator: torch.Generator) -> Tensor:
        """Sample a point of each label's class: int64 (N,) to (N, D)."""
        raise NotImplementedError

    @property
    def absent_classes(self) -> tuple[str, ...]:
        """The classes without a picture in the training, which cannot be sampled."""
        absent = (self.log_priors <= ABSENT).tolist()
        return tuple(name for name, is_absent in zip(self.class_names, absent, strict=True) if is_absent)

    def sample_latents(self, count: int, generator: torch.Generator, labels: Tensor | None = None) -> Tensor:
        """Sample latents (N, *latent_shape) of classes: `labels` (N,), by default `count` samples of the priors.

        Raises `UserError` for a class without training pictures.
        """
        if labels is None:
            labels = sample_classes(self.log_priors, count, generator)
        require_class_pictures(labels, self.log_priors, self.class_names)
        return self.as_latents(self.sample_points(labels, generator))

    def classify(self, images: Tensor) -> Tensor:
        """Log-probabilities of the classes of images, float32 (N, K)."""
        return log_posteriors(self.log_joint(self.encode_points(images)))

    def score(self, images: Tensor, generator: torch.Generator, samples: int) -> Tensor:
        """The marginal log density (or log-probability) of each image's point over all classes, in nats, (N,)."""
        return self.log_joint(self.encode_points(images)).logsumexp(1).float()
