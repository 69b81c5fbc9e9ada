"""Rare pictures shown more often: training draws each with a probability inverse to its density in a latent space.

Amini et al. 2019, "Uncovering and mitigating algorithmic bias through learned latent structure" (AIES), section 3.3.
Departure: there the density is a product of histograms, one a latent dimension, which presumes independent latents;
here it follows from the distance to the k-th nearest neighbour (Loftsgaarden & Quesenberry 1965): p ~ r^-d, where d is
the dimension of the set itself and not of the space (Levina & Bickel 2004, equation 9), found from the same distances.
The space is the model's own latents, looked at anew each round, and PCA's coordinates where a model does not encode.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from imagewright import distributed
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
REFERENCES = 4096  # pictures that neighbours are looked for among
NEIGHBOUR_SHARE = 0.01  # of the references: density is felt at the scale of a hundredth of the set
LARGEST_WEIGHT = 20.0  # times the mean: a few odd pictures must not become the whole training
PCA_COMPONENTS = 64
ENCODED_AT_ONCE = 256
WORD = 2.0**64


def parse_strength(option: str) -> float:
    """The strength in `rare` or `rare:0.7`; raises `ConfigError` for anything else.

    0 draws uniformly; 1 by the whole inverse of the density, so that each part of the latent space is seen alike.
    """
    match = re.fullmatch(r"rare(?::(\d*\.?\d+))?", option)
    strength = DEFAULT_STRENGTH if match is None or match[1] is None else float(match[1])
    if match is None or not 0 <= strength <= 1:
        raise ConfigError(f"resample={option}, but it must be rare, or rare:STRENGTH with a strength from 0 to 1.")
    return strength


def rarity_weights(latents: Tensor, strength: float, seed: int) -> Tensor:
    """How often to draw each picture, (N,) with mean 1, from latents (N, ...): density to the power of -strength."""
    points = latents.flatten(1).double()
    generator = torch.Generator().manual_seed(derive_seed(seed, "references"))
    references = torch.randperm(len(points), generator=generator)[:REFERENCES]
    neighbours = max(2, round(NEIGHBOUR_SHARE * len(references)))
    if strength == 0 or len(references) <= neighbours:
        return torch.ones(len(points))
    nearest = _nearest_distances(points, references, neighbours)
    radius = nearest[:, -1]
    dimension = _dimension(nearest)
    # A picture with many copies has no distance to them: it counts as the densest of the others.
    smallest = float(radius[radius > 0].min()) if bool((radius > 0).any()) else 1.0
    logarithms = strength * dimension * radius.clamp(min=smallest).log()
    weights = (logarithms - logarithms.median()).exp()
    for _ in range(8):  # the bound is in means, which bounding lowers
        weights = weights.clamp(max=LARGEST_WEIGHT * float(weights.mean()))
    return (weights / weights.mean()).float()


def _nearest_distances(points: Tensor, references: Tensor, neighbours: int) -> Tensor:
    """(N, neighbours) distances to the nearest of the points `references`, ascending; none is its own neighbour."""
    there = points[references]
    row_of = torch.full((len(points),), -1).scatter_(0, references, torch.arange(len(references)))
    parts = []
    for block, own in zip(points.split(1024), row_of.split(1024), strict=True):
        distances = torch.cdist(block, there)
        itself = own >= 0
        distances[itself, own[itself]] = torch.inf
        parts.append(distances.topk(neighbours, largest=False).values)
    return torch.cat(parts)


def _dimension(nearest: Tensor) -> float:
    """The dimension of the set, by maximum likelihood from its distances to neighbours (Levina & Bickel, eq. 9)."""
    ratios = (nearest[:, -1:] / nearest[:, :-1]).log()
    usable = ratios.isfinite().all(1) & (ratios.sum(1) > 0)
    if not bool(usable.any()):
        return 1.0
    # The mean of the inverses, not of the estimates: MacKay and Ghahramani's correction of the paper's average.
    return float(1 / ratios[usable].mean(1).mean())


class WeightedOrder:
    """Each image as often as its weight says; with equal weights, each once a round, as `ShuffledOrder` has it.

    A round is cut into as many equal strata as there are images, and one number is drawn from each: the shares of a
    round are then those of the weights up to one image.
    """

    def __init__(self, weights: Tensor, seed: int) -> None:
        self.bounds = np.cumsum(weights.double().numpy())
        self.strata = ShuffledOrder(len(weights), seed)
        self.seed = seed

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        inside = random_words(derive_seed(self.seed, "strata"), positions) / WORD
        places = (self.strata(positions) + inside) / len(self.bounds) * self.bounds[-1]
        return np.minimum(np.searchsorted(self.bounds, places, side="right"), len(self.bounds) - 1)


class Resampler:
    """Keeps the weights of a training, and looks at the model's latents anew after each round over the images.

    Those `held_out` (their numbers, ascending) weigh nothing: they are never drawn.
    """

    def __init__(self, strength: float, model: Model, images: Images, seed: int, held_out: np.ndarray) -> None:
        self.strength, self.images, self.seed = strength, images, seed
        self.held_out = torch.from_numpy(held_out)
        self.shown = len(images) - len(held_out)
        self.weights = torch.ones(len(images)).index_fill_(0, self.held_out, 0)
        self.looks_again = "encode" in verbs_of(model)

    def begin(self) -> None:
        """Weights for a model without latents of images: PCA's tell what is rare, once and for all."""
        if not self.looks_again:
            self._set(lambda: _coordinates(self.images))

    def after(self, model: Model, before: int, images_seen: int) -> bool:
        """Look again if a round over the images ended; whether it did. `before`, `images_seen`: around a step."""
        ended = before // self.shown != images_seen // self.shown
        if ended and self.looks_again:
            self._set(lambda: _latents(model, self.images))
        return ended and self.looks_again

    def order(self) -> Order:
        """The order that the weights make."""
        return WeightedOrder(self.weights, self.seed)

    def _set(self, latents: Callable[[], Tensor]) -> None:
        """New weights from the main rank's latents, the same on all ranks."""

        def weigh() -> None:
            weights = rarity_weights(latents(), self.strength, self.seed)
            self.weights = weights.index_fill_(0, self.held_out, 0)

        distributed.first_on_main(weigh)
        self.weights = distributed.broadcast_from_main(self.weights)

    @property
    def effective_share(self) -> float:
        """The effective number of images drawn from, as a share of all: 1 for equal weights."""
        return float(self.weights.sum() ** 2 / self.weights.square().sum() / self.shown)


def _coordinates(images: Images) -> Tensor:
    """PCA's coordinates of the images in standard deviations, (N, K).

    Not at their own scale: what makes a picture rare (glasses on a face) is little beside what all of them differ by.
    """
    pixels = math.prod((images.channels, *images.size))
    components = min(PCA_COMPONENTS, len(images) - 1, pixels)
    return _latents(fit_model("pca", images, components=components), images)


def _latents(model: Model, images: Images) -> Tensor:
    """What the model makes of all images, (N, ...) on the CPU."""
    encoder = require(model, Encodes)
    with evaluating(model), torch.inference_mode():
        batches = (to_float(batch.images.to(model.device)) for batch in images.batches(ENCODED_AT_ONCE))
        return torch.cat([encoder.encode(batch).float().cpu() for batch in batches])
