"""The spaces that pictures are compared in: smoothed pixels, edges, and the latents of a run.

Pixels say how light and which colour a place is; averaged over neighbours, so that a shift by a pixel costs little.
Edges say which way outlines run at a place: histograms of gradient orientations (Dalal & Triggs 2005, "Histograms of
oriented gradients", without their overlapping blocks), normalised over the picture and square-rooted, so that Euclidean
distance is Hellinger's (Arandjelović & Zisserman 2012). They see shape whatever the light, and bear small shifts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from imagewright.images import Images
from imagewright.pixels import to_float
from imagewright.verbs.apply import RunLike, encode, images_for, resolve_model

WORKING_SIDE = 64
"""Larger pictures are compared at this longer side: what is strange or alike shows there, and costs a fraction."""
ORIENTATIONS = 8
CELL = 4  # pixels: outlines are found again within about half a cell
FAINT = 0.004  # a mean difference of one grey level between neighbours but one
SMALL_SIDE = 16  # pictures below this have few pixels to average away
BATCH = 512


class Space(Protocol):
    """A way of turning pictures into rows of numbers.

    `rows(images)`: uint8 (N, C, H, W) to float32 (N, D). `opened(images)`: the same pictures at the size it works at.
    """

    name: str

    def opened(self, images: Images) -> Images: ...

    def rows(self, images: Tensor) -> Tensor: ...


class Pixels:
    """Pixels in [-1, 1], smoothed by a Gaussian of one pixel and, from 16 pixels a side, averaged two by two."""

    name = "pixels"

    def opened(self, images: Images) -> Images:
        return at_working_size(images)

    def rows(self, images: Tensor) -> Tensor:
        pixels = _smoothed(to_float(images), 1.0)
        if min(pixels.shape[2:]) >= SMALL_SIDE:
            pixels = functional.avg_pool2d(pixels, 2, ceil_mode=True)
        return pixels.flatten(1)


class Edges:
    """Orientations of gradients in cells of about four pixels: square roots of shares of the picture's whole."""

    name = "edges"

    def opened(self, images: Images) -> Images:
        return at_working_size(images)

    def rows(self, images: Tensor) -> Tensor:
        pixels = _smoothed(to_float(images) / 2, 0.7)
        strengths = oriented_gradients(pixels)
        cell = max(1, min(CELL, min(images.shape[2:]) // 4))
        pooled = functional.avg_pool2d(_smoothed(strengths, cell / 2), cell, ceil_mode=True).flatten(1)
        # What counts as no outline at all is added: the grain of an empty picture must not become all there is.
        whole = pooled.sum(1, keepdim=True) + FAINT * pooled.shape[1] / ORIENTATIONS
        return (pooled / whole + 1e-6).sqrt()


class Latents:
    """What a run's `encode` gives. Pictures are resized to the run's size."""

    name = "latents"

    def __init__(self, run: RunLike) -> None:
        self.model = resolve_model(run)

    def opened(self, images: Images) -> Images:
        return images_for(self.model, images)

    def rows(self, images: Tensor) -> Tensor:
        return encode(self.model, images).flatten(1)


def at_working_size(images: Images) -> Images:
    """The pictures themselves, or smaller ones of the same aspect where they are larger than `WORKING_SIDE`."""
    longest = max(images.size)
    if longest <= WORKING_SIDE:
        return images
    height, width = (max(1, round(side * WORKING_SIDE / longest)) for side in images.size)
    return images.with_size((height, width))


def oriented_gradients(pixels: Tensor) -> Tensor:
    """Strength of the gradient along each of 8 orientations in [0, pi), (N, 8, H, W), summed over the channels.

    Central differences; a gradient between two orientations is shared out between them.
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


def _smoothed(pixels: Tensor, sigma: float) -> Tensor:
    """A Gaussian blur of `sigma` pixels; the edge is continued outwards."""
    reach = max(1, round(3 * sigma))
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).to(pixels)
    channels = pixels.shape[1]
    padded = functional.pad(pixels, (reach, reach, reach, reach), mode="replicate")
    along = functional.conv2d(padded, kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
    return functional.conv2d(along, kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)


class Rows:
    """The rows of a set of pictures in a space, as a stream (`model.Stream`): nothing but a batch is in memory."""

    labels = None

    def __init__(self, images: Images, space: Space, told: Callable[[int], None] | None = None) -> None:
        self._images, self._space, self._told = images, space, told

    def __len__(self) -> int:
        return len(self._images)

    def batches(self, batch_size: int) -> Iterator[Tensor]:
        for batch in self._images.batches(max(batch_size, BATCH) if batch_size > 1 else 1):
            rows = self._space.rows(batch.images)
            if self._told is not None:
                self._told(len(rows))
            yield from rows.split(max(batch_size, BATCH))
