"""Resampling: training samples each picture with a probability that falls with its density in a latent space.

Amini et al. 2019, "Uncovering and mitigating algorithmic bias through learned latent structure" (AIES), section 3.3.
Departure: the paper's density is a product of histograms, one for each latent dimension, which assumes independent
latents. Here it is estimated from the distance r to the k-th nearest neighbour (Loftsgaarden & Quesenberry 1965),
p ~ r^-d. The dimension d is the intrinsic dimension of the set, estimated from the same distances (Levina & Bickel
2004, equation 9), not the dimension of the latent space.
The latents are the model's own, encoded again after each round over the images, or PCA's coordinates if the model does
not encode.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from imagewright import agreement, distributed
from imagewright.capabilities import Encodes, require, verbs_of
from imagewright.errors import ConfigError
from imagewright.images import Images
from imagewright.images.decoding.preprocessing import random_words
from imagewright.model import Model
from imagewright.pixels import to_float
from imagewright.seeds import derive_seed
from imagewright.statistics.fitting import fit_model
from imagewright.training.data.sampling_order import Order, ShuffledOrder
from imagewright.verbs.blocks import evaluating

DEFAULT_STRENGTH = 0.5
REFERENCES = 4096  # pictures among which neighbours are searched
NEIGHBOUR_SHARE = 0.01  # k as a share of the references: the scale at which density is estimated
LARGEST_WEIGHT = 20.0  # times the mean weight, so that a few outliers do not dominate the training
PCA_COMPONENTS = 64
ENCODED_AT_ONCE = 256  # pictures
WORD = 2.0**64  # one more than the largest random word


def parse_strength(option: str) -> float:
    """The strength in the option `rare` or `rare:0.7`. Raises `ConfigError` for any other text.

    0 samples pictures uniformly; 1 samples by the inverse of the density, so that each region of the latent space is
    sampled equally often.
    """
    match = re.fullmatch(r"rare(?::(\d*\.?\d+))?", option)
    strength = DEFAULT_STRENGTH if match is None or match[1] is None else float(match[1])
    if match is None or not 0 <= strength <= 1:
        raise ConfigError(f"resample={option}, but it must be rare, or rare:STRENGTH with a strength from 0 to 1.")
    return strength


def rarity_weights(latents: Tensor, strength: float, seed: int) -> Tensor:
    """Sampling weights (N,) with mean 1: density to the power of -strength, at most `LARGEST_WEIGHT` times the mean.

    latents: (N, ...), one for each picture.
    strength: from 0 to 1.
    seed: chooses the references.
    """
    points = latents.flatten(1).double()
    generator = torch.Generator().manual_seed(derive_seed(seed, "references"))
    references = torch.randperm(len(points), generator=generator)[:REFERENCES]
    neighbours = max(2, round(NEIGHBOUR_SHARE * len(references)))
    if strength == 0 or len(references) <= neighbours:
        return torch.ones(len(points))
    nearest = _nearest_distances(points, references, neighbours)
    radius = nearest[:, -1]
    dimension = _dimension(nearest)
    # Pictures with many copies have a radius of 0. They get the smallest radius of the other pictures.
    smallest = float(radius[radius > 0].min()) if bool((radius > 0).any()) else 1.0
    logarithms = strength * dimension * radius.clamp(min=smallest).log()
    weights = (logarithms - logarithms.median()).exp()
    for _ in range(8):  # repeated, since the clamp lowers the mean that its bound is a multiple of
        weights = weights.clamp(max=LARGEST_WEIGHT * float(weights.mean()))
    return (weights / weights.mean()).float()


def _nearest_distances(points: Tensor, references: Tensor, neighbours: int) -> Tensor:
    """Distances (N, neighbours) of points (N, D) to their nearest neighbours among the references, ascending.

    references: indices of the points among which neighbours are searched. No point is its own neighbour.
    """
    reference_points = points[references]
    column_of = torch.full((len(points),), -1).scatter_(0, references, torch.arange(len(references)))
    parts = []
    for block, columns in zip(points.split(1024), column_of.split(1024), strict=True):
        distances = torch.cdist(block, reference_points)
        is_reference = columns >= 0
        distances[is_reference, columns[is_reference]] = torch.inf
        parts.append(distances.topk(neighbours, largest=False).values)
    return torch.cat(parts)


def _dimension(nearest: Tensor) -> float:
    """The intrinsic dimension of a set, by maximum likelihood (Levina & Bickel 2004, equation 9).

    nearest: distances (N, K) to the nearest neighbours, ascending.
    """
    ratios = (nearest[:, -1:] / nearest[:, :-1]).log()
    usable = ratios.isfinite().all(1) & (ratios.sum(1) > 0)
    if not bool(usable.any()):
        return 1.0
    # The inverses are averaged, not the estimates themselves: MacKay and Ghahramani's correction of the paper.
    return float(1 / ratios[usable].mean(1).mean())


class WeightedOrder:
    """Each image in proportion to its weight. With equal weights, each image comes once a round, as in `ShuffledOrder`.

    Sampling is stratified: a round is divided into as many equal strata as there are images, and one random number is
    sampled in each. Counts in a round then differ from their expectation by less than two.

    weights: (N,), not negative.
    seed: of the random numbers.
    """

    def __init__(self, weights: Tensor, seed: int) -> None:
        self.bounds = np.cumsum(weights.double().numpy())
        self.strata = ShuffledOrder(len(weights), seed)
        self.seed = seed

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        within = random_words(derive_seed(self.seed, "strata"), positions) / WORD
        quantiles = (self.strata(positions) + within) / len(self.bounds) * self.bounds[-1]
        return np.minimum(np.searchsorted(self.bounds, quantiles, side="right"), len(self.bounds) - 1)


class Resampler:
    """The sampling weights of a training, computed again after each round over the images if the model encodes.

    strength: from 0 to 1.
    model: for its verbs.
    images: the first source.
    seed: of the run.
    held_out: indices of images whose weight is 0, int64.
    """

    def __init__(self, strength: float, model: Model, images: Images, seed: int, held_out: np.ndarray) -> None:
        self.strength, self.images, self.seed = strength, images, seed
        self.held_out = torch.from_numpy(held_out)
        self.count = len(images) - len(held_out)
        self.weights = torch.ones(len(images)).index_fill_(0, self.held_out, 0)
        self.uses_own_latents = "encode" in verbs_of(model)

    def initialise(self) -> None:
        """Compute the weights of a model that does not encode, once, from PCA's coordinates of the images."""
        if not self.uses_own_latents:
            self._set_weights(lambda: _pca_coordinates(self.images))

    def update(self, model: Model, before: int, images_seen: int) -> bool:
        """Compute the weights again if a step ended a round over the images, and the model encodes.

        model: with its moving averages in place.
        before: images seen before the step.
        images_seen: images seen after the step.

        Returns whether the weights were computed again.
        """
        ended = before // self.count != images_seen // self.count
        if ended and self.uses_own_latents:
            self._set_weights(lambda: _encode_all(model, self.images))
        return ended and self.uses_own_latents

    def order(self) -> Order:
        """The order of the images with the present weights."""
        return WeightedOrder(self.weights, self.seed)

    def _set_weights(self, latents: Callable[[], Tensor]) -> None:
        """Compute the weights from latents on the main rank, and send them to all ranks."""

        def compute() -> None:
            weights = rarity_weights(latents(), self.strength, self.seed)
            self.weights = weights.index_fill_(0, self.held_out, 0)

        agreement.first_on_main(compute)
        self.weights = distributed.broadcast_from_main(self.weights)

    @property
    def effective_share(self) -> float:
        """The effective sample size (sum w)^2 / sum w^2 as a share of the training images: 1 for equal weights."""
        return float(self.weights.sum() ** 2 / self.weights.square().sum() / self.count)


def _pca_coordinates(images: Images) -> Tensor:
    """PCA's coordinates of the images in standard deviations, (N, K).

    They are standardised because a rare property, such as glasses on a face, has little variance compared with
    properties in which all pictures differ.
    """
    pixels = math.prod((images.channels, *images.size))
    components = min(PCA_COMPONENTS, len(images) - 1, pixels)
    return _encode_all(fit_model("pca", images, components=components), images)


def _encode_all(model: Model, images: Images) -> Tensor:
    """The latents of all images, (N, ...) on the CPU."""
    encoder = require(model, Encodes)
    with evaluating(model), torch.inference_mode():
        batches = (to_float(batch.images.to(model.device)) for batch in images.batches(ENCODED_AT_ONCE))
        return torch.cat([encoder.encode(batch).float().cpu() for batch in batches])
