"""Feature spaces in which pictures are compared: smoothed pixels, edge orientations, and the latents of a run.

Pixel features are brightness and colour, averaged over neighbours, so that a shift by a pixel changes them little.
Edge features are histograms of gradient orientations in cells (Dalal & Triggs 2005, "Histograms of oriented gradients",
without overlapping blocks), normalised over the picture and square-rooted, so that Euclidean distance is Hellinger
distance (Arandjelović & Zisserman 2012). They describe shape independently of lighting, and tolerate small shifts.
"""

from __future__ import annotations

import functools
import math
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from imagewright.images import Images
from imagewright.pixels import to_float
from imagewright.pretrained.features.contract import FeatureNetwork
from imagewright.verbs.apply import RunLike, encode, images_for, resolve_model

WORKING_SIDE = 64
"""Larger pictures are compared at this longer side, at which their differences remain visible and cost far less."""
ORIENTATIONS = 8
CELL = 4  # pixels a side of a cell; an outline may shift by about half a cell
FAINT = 0.004  # gradient below which there is no outline: one grey level between pixels at distance two
BLOCK = 512  # pictures
SMALL_SIDE = 16  # smaller pictures are not averaged two by two


class FeatureExtractor(Protocol):
    """Maps pictures to feature vectors: the space that pictures are compared in.

    name: for messages.
    resolution: the mean square, over the features, of a difference that means nothing.
    block: the most pictures that `features` should be given at once.
    """

    name: str
    resolution: float
    block: int

    def resize(self, images: Images) -> Images:
        """The same pictures at the size that `features` expects."""
        ...

    def features(self, images: Tensor) -> Tensor:
        """uint8 pictures (N, C, H, W) to features, float32 (N, D)."""
        ...


class PixelFeatures:
    """Pixels in [-1, 1], smoothed by a Gaussian of one pixel and, from 16 pixels a side, averaged two by two."""

    name, resolution, block = "pixels", 1e-5, BLOCK  # 0.4 grey levels

    def resize(self, images: Images) -> Images:
        return at_working_size(images)

    def features(self, images: Tensor) -> Tensor:
        pixels = to_float(images)
        return blur_and_average(pixels, 1.0, 2 if min(pixels.shape[2:]) >= SMALL_SIDE else 1).flatten(1)


class EdgeFeatures:
    """Histograms of gradient orientations in cells of about four pixels, normalised over the picture, square-rooted."""

    name, resolution, block = "edges", 1e-6, BLOCK

    def resize(self, images: Images) -> Images:
        return at_working_size(images)

    def features(self, images: Tensor) -> Tensor:
        strengths = oriented_gradients(blur_and_average(to_float(images) / 2, 0.7, 1))
        cell = max(1, min(CELL, min(images.shape[2:]) // 4))
        pooled = blur_and_average(strengths, cell / 2, cell).flatten(1)
        # FAINT keeps the denominator above 0, so that the noise of an empty picture is not amplified.
        total = pooled.sum(1, keepdim=True) + FAINT * pooled.shape[1] / ORIENTATIONS
        return (pooled / total + 1e-6).sqrt()


class LatentFeatures:
    """The latents of a run's `encode`, flattened. Pictures are resized to the run's size."""

    name, resolution, block = "latents", 1e-6, BLOCK

    def __init__(self, run: RunLike) -> None:
        self.model = resolve_model(run)

    def resize(self, images: Images) -> Images:
        return images_for(self.model, images)

    def features(self, images: Tensor) -> Tensor:
        return encode(self.model, images).flatten(1)


class NetworkFeatures:
    """The features of a fixed network (`pretrained/features`). Pictures are resized to the network's size.

    They are decoded at that size from their source, so that a photograph keeps its detail.
    """

    name, resolution, block = "features", 1e-6, 64

    def __init__(self, network: FeatureNetwork) -> None:
        self.network = network
        self.title = f"{network.about.name} features"

    def resize(self, images: Images) -> Images:
        size = self.network.about.size
        return at_working_size(images) if size is None else images.with_size(size)

    def features(self, images: Tensor) -> Tensor:
        return self.network.extract(self.network.prepare(images)).pooled


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


def blur_and_average(pixels: Tensor, sigma: float, cell: int) -> Tensor:
    """A Gaussian blur of `sigma` pixels with replicated edges, then means over cells: (N, C, H, W) to (N, C, H', W').

    Both are linear and separable, so that they are one matrix for each axis: two matrix products, several times as fast
    on a CPU as convolutions of single channels. Incomplete cells at the end are means of what there is.
    """
    down, across = (_blurring_matrix(side, sigma, cell) for side in pixels.shape[2:])
    return down @ (pixels @ across.T)


@functools.lru_cache(64)
def _blurring_matrix(side: int, sigma: float, cell: int) -> Tensor:
    """The blur and the averages along one axis of `side` pixels, (ceil(side / cell), side)."""
    reach = max(1, round(3 * sigma))
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    padded = functional.pad(torch.eye(side)[:, None], (reach, reach), mode="replicate")
    blurred = functional.conv1d(padded, (kernel / kernel.sum())[None, None])
    return functional.avg_pool1d(blurred, cell, ceil_mode=True)[:, 0].T.contiguous()
