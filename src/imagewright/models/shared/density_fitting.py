"""Fit a mixture of Gaussians to the posteriors of images; the number and kind of its Gaussians by held-out likelihood.

The aggregate posterior, the mean of q(z | x) over the images, is what is fitted: samples of the posteriors, not their
means, which would leave their variances out. Images are held out whole, so that a mixture which merely repeats the
images it was fitted to scores badly. With conditions the mean of a latent may depend on them linearly (for classes: a
mean of each class); this is kept if it, too, makes held-out images more likely.
Shape letters: N images, Z latents, A active latents, K Gaussians, Y conditions, S samples of a posterior.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from imagewright.errors import UserError
from imagewright.losses.likelihoods import gaussian_divergence
from imagewright.models.shared.points import as_pictures
from imagewright.seeds import derive_seed
from imagewright.statistics.fitting import TensorStream, fit_model
from imagewright.statistics.gaussians import cholesky_factors, log_densities

DEAD = 0.01  # nats: a latent with a smaller mean divergence from its prior carries nothing
POINTS = 2048  # samples of posteriors that a mixture is fitted to: as many of each image as there is room for
MOST_SAMPLES = 8  # of one posterior
LEAST_IMAGES = 16  # with fewer, none are held out, and one Gaussian is fitted
IMAGES_EACH = 10  # of a mixture: at least so many images a Gaussian
TRIED = (1, 2, 4, 8, 16, 32)
LARGEST = 2**16  # numbers in the covariances of a mixture, so that a fit takes seconds
LARGEST_ALONE = 2**20  # numbers in the covariance of one Gaussian
ITERATIONS = 30  # of expectation-maximisation
HELD_OUT = 5  # one image in so many
PSEUDO_IMAGES = 1.0  # images with the prior's variance, which count in the covariance besides the N there are
RIDGE = 4.0  # images of the mean latent that count in the mean of each condition


class FittedMixture(NamedTuple):
    """A mixture over the active latents: see `LatentDensity` for the shapes."""

    active: Tensor
    weights: Tensor
    means: Tensor
    factors: Tensor
    shift: Tensor


@dataclass(frozen=True)
class Encoded:
    """The posteriors of images over the active latents, float64 on the CPU.

    active: int64 (A,).
    means, variances: (N, A).
    conditions: (N, Y), Y may be 0.
    """

    active: Tensor
    means: Tensor
    variances: Tensor
    conditions: Tensor

    @classmethod
    def of(cls, means: Tensor, log_variances: Tensor, conditions: Tensor | None) -> Encoded | None:
        """From means and log variances (N, Z). None if no latent is active, or a number is not finite."""
        active = torch.nonzero(gaussian_divergence(means, log_variances).mean(0) > DEAD)[:, 0].cpu()
        chosen, logs = means.double().cpu()[:, active], log_variances.double().cpu()[:, active]
        if not len(active) or not bool((chosen.isfinite() & logs.isfinite()).all()):
            return None
        vectors = means.new_zeros(len(means), 0) if conditions is None else conditions
        return cls(active, chosen, logs.exp(), vectors.double().cpu())

    def __len__(self) -> int:
        return len(self.means)

    def rows(self, which: Tensor) -> Encoded:
        """Some of the images."""
        return Encoded(self.active, self.means[which], self.variances[which], self.conditions[which])

    def sample(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Samples of the posteriors and their images' conditions, (N S, A) and (N S, Y)."""
        count = max(1, min(MOST_SAMPLES, POINTS // len(self)))
        noise = torch.randn(count, *self.means.shape, generator=generator, dtype=torch.float64)
        points = self.means + self.variances.sqrt() * noise
        return points.flatten(0, 1), self.conditions.repeat(count, 1)


def fit_one_gaussian(images: Encoded, seed: int = 0) -> FittedMixture:
    """One Gaussian with the mean and covariance of the aggregate posterior, in closed form.

    Few images say little of a covariance: its correlations shrink by (A + 1) / (N + A + 1), as if A + 1 more images
    had none (the posterior mode under an inverse Wishart prior), and its variances as if one image had the prior's.
    """
    return _one_gaussian(images, _choose_shift(images, seed))


def fit_mixture(images: Encoded, seed: int = 0) -> FittedMixture:
    """The mixture under which held-out images are most likely, among those of `_candidates` and one shrunk Gaussian."""
    single = fit_one_gaussian(images, seed)
    if len(images) < LEAST_IMAGES:
        return single
    shift = single.shift
    fitted_to, held_out = _split(images, seed)
    generator = torch.Generator().manual_seed(derive_seed(seed, "posterior samples"))
    training, judged, everything = (_residuals(each, shift, generator) for each in (fitted_to, held_out, images))
    best = _log_likelihood(_one_gaussian(fitted_to, shift), judged)
    chosen: dict[str, Any] | None = None
    for kind in ("full", "diagonal"):
        behind = 0
        for options in _candidates(kind, len(fitted_to), len(images.active), seed):
            found = _fit(training, options, images.active, shift)
            likelihood = -float("inf") if found is None else _log_likelihood(found, judged)
            behind = 0 if likelihood > best else behind + 1
            if likelihood > best:
                best, chosen = likelihood, options
            if behind == 2:
                break
    mixture = None if chosen is None else _fit(everything, chosen, images.active, shift)
    return single if mixture is None else mixture


def _candidates(kind: str, images: int, latents: int, seed: int) -> Iterator[dict[str, Any]]:
    """Options of the mixtures of one kind of covariance that are tried, from few Gaussians to many."""
    numbers = latents**2 if kind == "full" else latents
    for count in TRIED:
        largest = LARGEST_ALONE if count == 1 else LARGEST
        if count * numbers <= largest and (count == 1 or count * IMAGES_EACH <= images):
            yield {"gaussians": count, "covariance": kind, "iterations": ITERATIONS, "seed": seed % 2**32}


def _fit(points: Tensor, options: dict[str, Any], active: Tensor, shift: Tensor) -> FittedMixture | None:
    """The mixture of a `gmm` fitted to points (n, A); None if it cannot be fitted to them."""
    try:
        fitted = fit_model("gmm", TensorStream(as_pictures(points)), encoder="pixels", **options)
    except (UserError, RuntimeError):  # points that coincide, or a covariance that is singular though regularised
        return None
    weights, means, factors = (fitted.get_buffer(name) for name in ("weights", "means", "factors"))
    return FittedMixture(active, weights, means, factors, shift)


def _one_gaussian(images: Encoded, shift: Tensor) -> FittedMixture:
    count, latents = images.means.shape
    residuals = images.means - images.conditions @ shift.T
    mean = residuals.mean(0)
    variances = ((residuals - mean).square() + images.variances).mean(0)
    variances = (count * variances + PSEUDO_IMAGES) / (count + PSEUDO_IMAGES)
    if latents**2 > LARGEST_ALONE:
        factors = variances.sqrt()[None]
    else:
        deviations = residuals - mean
        covariance = deviations.T @ deviations / (count + PSEUDO_IMAGES) * (count / (count + latents + 1))
        covariance.diagonal().copy_(variances)
        factors = cholesky_factors(covariance[None])
    return FittedMixture(images.active, torch.ones(1), mean[None], factors, shift)


def _choose_shift(images: Encoded, seed: int) -> Tensor:
    """What each condition adds to the mean latent, (A, Y); 0 if held-out images are no more likely with it."""
    without = images.means.new_zeros(images.means.shape[1], images.conditions.shape[1])
    if not without.shape[1] or len(images) < LEAST_IMAGES:
        return without
    fitted_to, held_out = _split(images, seed)
    with_shift = _regress(fitted_to)
    generator = torch.Generator().manual_seed(derive_seed(seed, "conditions"))
    points, conditions = held_out.sample(generator)
    likelihoods = [
        _log_likelihood(_one_gaussian(fitted_to, shift), points - conditions @ shift.T)
        for shift in (without, with_shift)
    ]
    return _regress(images) if likelihoods[1] > likelihoods[0] else without


def _regress(images: Encoded) -> Tensor:
    """Ridge regression of the latents on the conditions: (A, Y)."""
    conditions = images.conditions - images.conditions.mean(0)
    means = images.means - images.means.mean(0)
    ridge = RIDGE * torch.eye(conditions.shape[1], dtype=torch.float64)
    return torch.linalg.solve(conditions.T @ conditions + ridge, conditions.T @ means).T


def _residuals(images: Encoded, shift: Tensor, generator: torch.Generator) -> Tensor:
    """Samples of the posteriors, less what their conditions add: (N S, A)."""
    points, conditions = images.sample(generator)
    return points - conditions @ shift.T


def _split(images: Encoded, seed: int) -> tuple[Encoded, Encoded]:
    """Images to fit to, and one in `HELD_OUT` to judge by."""
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(derive_seed(seed, "held out")))
    count = len(images) // HELD_OUT
    return images.rows(order[count:]), images.rows(order[:count])


def _log_likelihood(mixture: FittedMixture, points: Tensor) -> float:
    """The mean log density of points (n, A) in nats."""
    joint = mixture.weights.log() + log_densities(points, mixture.means, mixture.factors)
    return float(joint.logsumexp(1).mean())
