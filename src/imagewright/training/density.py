"""The density fitted to a model's latents during a training: fitted anew wherever the model is shown, scored or saved.

It depends on the weights, the images, the seed and the point of the training alone, so that a resumed training has that
of an uninterrupted one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch

from imagewright import distributed
from imagewright.capabilities import Decodes, require
from imagewright.images import Images
from imagewright.images.shard_places import without_absent
from imagewright.model import Model
from imagewright.phases import Rows
from imagewright.seeds import derive_seed
from imagewright.training.engine import as_rows
from imagewright.training_capabilities import fits_density
from imagewright.verbs.blocks import evaluating

MOST_IMAGES = 2048
MOST_NUMBERS = 2**24  # of all their latents
MOST_DECODED = 512  # of images without a cache, which are slow to read
AT_REPORTS = 4  # one in so many of these at reports, where one Gaussian is fitted
LEAST_IMAGES = 64
SEEN_EACH = 64  # images trained on for each that is encoded: the cost of a fit stays a small share of the training's
BATCH = 128
BATCH_PIXELS = 2**23  # pixel values of a batch, at most
MOST_DIMENSIONS = 3  # of a density's buffers


class DensityFitter:
    """Fits the density of a model to the latents of training images.

    images: of the training, all of them.
    held_out: indices that training never uses.
    seed: of the run.
    """

    def __init__(self, images: Images, held_out: np.ndarray, seed: int) -> None:
        self.images, self.seed = images, derive_seed(seed, "density")
        generator = np.random.default_rng(self.seed)
        trained = np.setdiff1d(np.arange(len(images)), held_out, assume_unique=True)
        self.order = without_absent(images, generator.permutation(trained))
        self.fitted: tuple[int, bool] = (-1, False)

    def fit(self, model: Model, images_seen: int, *, thorough: bool, anew: bool = False) -> bool:
        """Fit the density, unless that was done at this point; returns whether it was fitted now.

        model: as the verbs use it, with its moving averages in place.
        images_seen: the point of the training.
        thorough: choose among mixtures by held-out likelihood, which takes seconds; else fit one Gaussian.
        anew: fit it in any case.
        """
        assert fits_density(model)
        if not anew and self.fitted >= (images_seen, thorough):
            return False
        with evaluating(model), torch.no_grad():
            rows = self._rows(model, self._count(model, images_seen, thorough=thorough))
            model.fit_density(rows, seed=self.seed, thorough=thorough)
        self.fitted = (images_seen, thorough)
        return True

    def _count(self, model: Model, images_seen: int, *, thorough: bool) -> int:
        """How many images are encoded: more as the training goes on, fewer of those that are slow to read or encode."""
        shape: tuple[int, ...] = require(model, Decodes).latent_shape
        most = MOST_IMAGES if self.images.cached else MOST_DECODED
        bounds = [
            most if thorough else most // AT_REPORTS,
            images_seen // SEEN_EACH,
            MOST_NUMBERS // math.prod(shape),
        ]
        return max(LEAST_IMAGES, min(bounds))

    def _rows(self, model: Model, count: int) -> Iterator[Rows]:
        """The first images of the order as training crops and flips them, on the model's device."""
        chosen = self.order[:count]
        size = max(1, min(BATCH, BATCH_PIXELS // math.prod(model.config.image_shape)))
        for start in range(0, len(chosen), size):
            places = np.arange(start, min(start + size, len(chosen)))
            batch = self.images.batch(chosen[places], views=places, seed=self.seed)
            yield as_rows(batch.map(lambda part: part.to(model.device)))


def share_density(model: Model) -> None:
    """Give all ranks the density of the main one, which fits it alone. Called on every rank."""
    if distributed.world_size() == 1 or not fits_density(model):
        return
    for name, buffer in list(model.density.named_buffers()):
        shape = torch.tensor([buffer.dim(), *buffer.shape, *[0] * (MOST_DIMENSIONS - buffer.dim())])
        dimensions, *sides = distributed.broadcast_from_main(shape).tolist()
        own = buffer if distributed.is_main() else buffer.new_empty(sides[:dimensions])
        model.density.register_buffer(name, distributed.broadcast_from_main(own))
