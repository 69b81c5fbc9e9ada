"""Edges of things as the input of a pair, found by HED: thin lines like those of a drawing, without texture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from PIL import Image

from imagewright.pixels import to_float
from imagewright.pretrained.hed import HED, open_hed

SIDES = (320, 768)  # pixels: the longer side at which edges are found; HED learned from photos of 481 pixels
SHORTEST = 8  # pixels of a line that is kept


@dataclass(frozen=True)
class HedEdges:
    """Dark lines on white: the crests of HED's edges, without the shortest, as the published pairs were thinned.

    Raises `DataError` if the weights of HED are not there, saying how to get them.

    level: the probability from which a place is an edge; more leaves fewer edges.
    """

    level: float = 0.5

    def __post_init__(self) -> None:
        _network()

    def __call__(self, picture: np.ndarray, number: int) -> np.ndarray:
        from skimage.measure import label
        from skimage.morphology import skeletonize

        edges = self.probability(picture)
        lines = skeletonize(_crests(edges) & (edges > self.level))
        numbers = label(lines, connectivity=2)
        long = np.bincount(numbers.ravel()) >= SHORTEST
        long[0] = False
        return np.where(long[numbers], 0, 255).astype(np.uint8)[..., None]

    def probability(self, picture: np.ndarray) -> np.ndarray:
        """Of an edge at each pixel of a picture, uint8 (H, W, C): float32 (H, W)."""
        whole = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture).convert("RGB")
        longest = max(whole.size)
        factor = min(max(longest, SIDES[0]), SIDES[1]) / longest
        size = [max(1, round(side * factor)) for side in whole.size]
        resized = whole.resize((size[0], size[1]), Image.Resampling.BICUBIC)
        pixels = torch.from_numpy(np.array(resized)).permute(2, 0, 1)[None]
        with torch.inference_mode():
            found = Image.fromarray(_network()(to_float(pixels))[0, 0].numpy())
        return np.asarray(found.resize(whole.size, Image.Resampling.BILINEAR))


def _crests(values: np.ndarray) -> np.ndarray:
    """Where smoothed values (H, W) are a maximum across, in the direction in which they curve down most."""
    from scipy.ndimage import gaussian_filter, map_coordinates
    from skimage.feature import hessian_matrix

    down, mixed, across = hessian_matrix(values, sigma=2.0, order="rc", use_gaussian_derivatives=True)
    # Of the two axes of the curvature, that of the smaller (more negative) one.
    angle = 0.5 * np.arctan2(2 * mixed, across - down) + np.pi / 2
    smooth = gaussian_filter(values, 1.0)
    rows, columns = np.mgrid[: values.shape[0], : values.shape[1]]
    beside = [
        map_coordinates(smooth, [rows + sign * np.sin(angle), columns + sign * np.cos(angle)], order=1, mode="nearest")
        for sign in (-1, 1)
    ]
    return (smooth >= beside[0]) & (smooth >= beside[1])


@cache
def _network() -> HED:
    return open_hed()
