"""Feature spaces in which pictures are compared: smoothed pixels, edge orientations, and the latents of a run.

Pixel features are brightness and colour, averaged over neighbours, so that a shift by a pixel changes them little.
Edge features are histograms of gradient orientations in cells (Dalal & Triggs 2005, "Histograms of oriented gradients",
without overlapping blocks), normalised over the picture and square-rooted, so that Euclidean distance is Hellinger
distance (Arandjelović & Zisserman 2012). They describe shape independently of lighting, and tolerate small shifts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from imagewright.images import Images
from imagewright.pixels import to_float
from imagewright.progress import ProgressCounter
from imagewright.verbs.apply import RunLike, encode, images_for, resolve_model

WORKING_SIDE = 64
"""Larger pictures are compared at this longer side, at which their differences remain visible and cost far less."""
ORIENTATIONS = 8
CELL = 4  # pixels a side of a cell; an outline may shift by about half a cell
FAINT = 0.004  # gradient below which there is no outline: one grey level between pixels at distance two
SMALL_SIDE = 16  # smaller pictures are not averaged two by two
BATCH = 512


class FeatureExtractor(Protocol):
    """Maps pictures to feature vectors: the space that pictures are compared in."""

    name: str

    def resize(self, images: Images) -> Images:
        """The same pictures at the size that `features` expects."""
        ...

    def features(self, images: Tensor) -> Tensor:
        """uint8 pictures (N, C, H, W) to features, float32 (N, D)."""
        ...


class PixelFeatures:
    """Pixels in [-1, 1], smoothed by a Gaussian of one pixel and, from 16 pixels a side, averaged two by two."""

    name = "pixels"

    def resize(self, images: Images) -> Images:
        return at_working_size(images)

    def features(self, images: Tensor) -> Tensor:
        pixels = _gaussian_blur(to_float(images), 1.0)
        if min(pixels.shape[2:]) >= SMALL_SIDE:
            pixels = functional.avg_pool2d(pixels, 2, ceil_mode=True)
        return pixels.flatten(1)


class EdgeFeatures:
    """Histograms of gradient orientations in cells of about four pixels, normalised over the picture, square-rooted."""

    name = "edges"

    def resize(self, images: Images) -> Images:
        return at_working_size(images)

    def features(self, images: Tensor) -> Tensor:
        pixels = _gaussian_blur(to_float(images) / 2, 0.7)
        strengths = oriented_gradients(pixels)
        cell = max(1, min(CELL, min(images.shape[2:]) // 4))
        pooled = functional.avg_pool2d(_gaussian_blur(strengths, cell / 2), cell, ceil_mode=True).flatten(1)
        # FAINT keeps the denominator above 0, so that the noise of an empty picture is not amplified.
        total = pooled.sum(1, keepdim=True) + FAINT * pooled.shape[1] / ORIENTATIONS
        return (pooled / total + 1e-6).sqrt()


class LatentFeatures:
    """The latents of a run's `encode`, flattened. Pictures are resized to the run's size."""

    name = "latents"

    def __init__(self, run: RunLike) -> None:
        self.model = resolve_model(run)

    def resize(self, images: Images) -> Images:
        return images_for(self.model, images)

    def features(self, images: Tensor) -> Tensor:
        return encode(self.model, images).flatten(1)


def at_working_size(images: Images) -> Images:
    """The same pictures; larger ones resized to a longer side of `WORKING_SIDE` with the same aspect."""
    longest = max(images.size)
    if longest <= WORKING_SIDE:
        return images
    height, width = (max(1, round(side * WORKING_SIDE / longest)) for side in images.size)
    return images.with_size((height, width))


def oriented_gradients(pixels: Tensor) -> Tensor:
    """The gradient magnitude along each of 8 orientations in [0, pi), (N, 8, H, W), summed over channels.

    Central differences; a gradient between two orientations is interpolated linearly between them.
    """
    padded = functional.pad(pixels, (1, 1, 1, 1), mode="replicate")
    across = padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]
    down = padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]
    strength = torch.hypot(across, down)
    place = torch.atan2(down, across).remainder(math.pi) * (ORIENTATIONS / math.pi)
    lower = place.floor()
    share = place - lower
    first = lower.long().remainder(ORIENTATIONS)
    found = pixels.new_zeros(len(pixels), ORIENTATIONS, *pixels.shape[2:])
    found.scatter_add_(1, first, strength * (1 - share))
    found.scatter_add_(1, (first + 1).remainder(ORIENTATIONS), strength * share)
    return found


def _gaussian_blur(pixels: Tensor, sigma: float) -> Tensor:
    """A Gaussian blur of `sigma` pixels, with replicated edges."""
    reach = max(1, round(3 * sigma))
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).to(pixels)
    channels = pixels.shape[1]
    padded = functional.pad(pixels, (reach, reach, reach, reach), mode="replicate")
    along = functional.conv2d(padded, kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
    return functional.conv2d(along, kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)


class FeatureStream:
    """The features of a set of pictures as a `Stream`: only one batch is in memory.

    images: at the size of `space.resize`.
    counter: advanced by each batch.
    """

    labels = None

    def __init__(self, images: Images, space: FeatureExtractor, counter: ProgressCounter | None = None) -> None:
        self._images, self._space, self._counter = images, space, counter

    def __len__(self) -> int:
        return len(self._images)

    def batches(self, batch_size: int) -> Iterator[Tensor]:
        """One pass in order: float32 (n, D)."""
        for batch in self._images.batches(max(batch_size, BATCH) if batch_size > 1 else 1):
            features = self._space.features(batch.images)
            if self._counter is not None:
                self._counter.advance(len(features))
            yield from features.split(max(batch_size, BATCH))
