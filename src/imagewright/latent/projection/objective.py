"""What a projection compares pictures in: their pixels, and what the model perceives in them or their structure.

Both are measured in units of what they differ by between two draws of the model, so that neither drowns the other:
an error of 1 is that of two unrelated pictures. Shape letters: N batch, C H W image, F numbers of a view.
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

COARSEST = 4  # pixels a side, below which a pyramid has no level
LEAST = 0.2  # of the pixels' spread, a level's


class View:
    """Pictures (N, C, H, W) in [-1, 1] as rows (N, F), whose squared distances are the error to be minimised."""

    def __init__(self, model: Model, pictures: Tensor, weight: float) -> None:
        """`pictures`: draws of the model, or what else says how much pictures differ. `weight` of the perceptual."""
        perceives = can_perceive(model)
        self.perceived_by = "the model's own features" if perceives else "structure at every scale"
        # Each level of a pyramid counts alike, or the coarse ones would be all that is seen.
        parts: list[Callable[[Tensor], list[Tensor]]] = [_pixels, _features_of(model) if perceives else laplacian]
        self._parts = parts
        self._weights = (1.0, weight)
        with torch.no_grad():
            spreads = [[_spread(rows) for rows in part(pictures)] for part in parts]
            if not perceives:
                # Draws of little detail would make all detail of a picture count without end.
                least, pixels = LEAST * spreads[0][0], pictures[0].numel()
                levels = zip(spreads[1], laplacian(pictures[:1]), strict=True)
                spreads[1] = [max(spread, least * (rows.shape[1] / pixels) ** 0.5) for spread, rows in levels]
        self._spreads = spreads

    def rows(self, images: Tensor) -> Tensor:
        """The whole view: pixels, then the perceptual part by the root of its weight."""
        pixels, perceptual = (self._scaled(part, images) for part in range(2))
        return torch.cat([pixels, perceptual * self._weights[1] ** 0.5], 1)

    def distances(self, images: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
        """How far pictures are apart in pixels and in how they look, (N,) each: 0 for the same, 1 for two draws."""
        pixels, perceptual = (
            (self._scaled(part, images) - self._scaled(part, others)).square().sum(1).sqrt().cpu() for part in range(2)
        )
        return pixels, perceptual

    def _scaled(self, part: int, images: Tensor) -> Tensor:
        levels = self._parts[part](images)
        share = len(levels) ** -0.5
        return torch.cat([rows * (share / spread) for rows, spread in zip(levels, self._spreads[part], strict=True)], 1)


def can_perceive(model: Model) -> bool:
    """Whether a model has features, and what it takes for them: a run may be imported without its discriminator."""
    return isinstance(model, ExtractsFeatures) and not any(isinstance(part, Absent) for part in model.modules())


def laplacian(images: Tensor) -> list[Tensor]:
    """The levels of a Laplacian pyramid, finest first, (N, F) each; the last is what is left, the coarse picture.

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


def _features_of(model: Any) -> Callable[[Tensor], list[Tensor]]:
    return lambda images: [model.extract_features(images)]


def _spread(rows: Tensor) -> float:
    """The root mean squared distance of two rows; 1 where all are equal."""
    squared = 2 * float((rows - rows.mean(0)).square().sum()) / max(len(rows) - 1, 1)
    return squared**0.5 if squared > 1e-12 * rows.shape[1] else 1.0
