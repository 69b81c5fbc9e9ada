"""The objective of a projection: squared distances of pictures in pixels and in features or structure.

Each part is divided by its root mean square distance between samples of the model, so that both have the same scale: 1
is the distance of two unrelated pictures. Shape letters: N batch, C H W image, F numbers of a row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from imagewright.capabilities import ExtractsFeatures
from imagewright.model import Model
from imagewright.runs.loading import Absent

COARSEST = 4  # pixels a side of the coarsest level of a pyramid, at least
LEAST = 0.2  # least scale of a pyramid's level, relative to the pixels'


class Objective:
    """Maps pictures (N, C, H, W) in [-1, 1] to rows (N, F), whose squared distances a projection minimises."""

    def __init__(self, model: Model, pictures: Tensor, weight: float) -> None:
        """Measure the scale of each part.

        pictures: samples of the model, or other pictures that differ as much.
        weight: of the perceptual part: the model's features, or without any the levels of a Laplacian pyramid.
        """
        extracts = has_feature_extractor(model)
        self.perceptual_space = "the model's own features" if extracts else "structure at every scale"
        # Each level of a pyramid has the same weight, or else the coarse levels would dominate.
        parts: list[Callable[[Tensor], list[Tensor]]] = [_pixels, _feature_part(model) if extracts else laplacian]
        self._parts = parts
        self._weights = (1.0, weight)
        with torch.no_grad():
            scales = [[_rms_distance(rows) for rows in part(pictures)] for part in parts]
            if not extracts:
                # Samples of little detail have fine levels near 0, whose weight would grow without bound.
                least, pixels = LEAST * scales[0][0], pictures[0].numel()
                levels = zip(scales[1], laplacian(pictures[:1]), strict=True)
                scales[1] = [max(scale, least * (rows.shape[1] / pixels) ** 0.5) for scale, rows in levels]
        self._scales = scales

    def rows(self, images: Tensor) -> Tensor:
        """Scaled pixels, then the scaled perceptual part times the square root of its weight."""
        pixels, perceptual = (self._scaled(part, images) for part in range(2))
        return torch.cat([pixels, perceptual * self._weights[1] ** 0.5], 1)

    def distances(self, images: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
        """Distances in pixels and in the perceptual part, (N,) each: 0 for equal pictures, 1 for unrelated ones."""
        pixels, perceptual = (
            (self._scaled(part, images) - self._scaled(part, others)).square().sum(1).sqrt().cpu() for part in range(2)
        )
        return pixels, perceptual

    def _scaled(self, part: int, images: Tensor) -> Tensor:
        levels = self._parts[part](images)
        share = len(levels) ** -0.5
        return torch.cat([rows * (share / scale) for rows, scale in zip(levels, self._scales[part], strict=True)], 1)


def has_feature_extractor(model: Model) -> bool:
    """Whether a model can extract features. An imported run may lack the network for it, such as its discriminator."""
    return isinstance(model, ExtractsFeatures) and not any(isinstance(part, Absent) for part in model.modules())


def laplacian(images: Tensor) -> list[Tensor]:
    """The levels of a Laplacian pyramid, finest first, (N, F) each; the last is the remaining coarse picture.

    Burt & Adelson 1983, "The Laplacian pyramid as a compact image code", with means of 2 x 2 pixels.
    """
    levels = []
    while min(images.shape[2:]) >= 2 * COARSEST:
        coarse = avg_pool2d(images, 2, ceil_mode=True, count_include_pad=False)
        levels.append((images - interpolate(coarse, images.shape[2:], mode="bilinear")).flatten(1))
        images = coarse
    return [*levels, images.flatten(1)]


def _pixels(images: Tensor) -> list[Tensor]:
    return [images.flatten(1)]


def _feature_part(model: Any) -> Callable[[Tensor], list[Tensor]]:
    return lambda images: [model.extract_features(images)]


def _rms_distance(rows: Tensor) -> float:
    """The root mean square distance between rows; 1 if all are equal."""
    squared = 2 * float((rows - rows.mean(0)).square().sum()) / max(len(rows) - 1, 1)
    return squared**0.5 if squared > 1e-12 * rows.shape[1] else 1.0
