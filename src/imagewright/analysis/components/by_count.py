"""`RebuiltByCount`: any picture rebuilt from the first k components of a set, with its error and its bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from imagewright.analysis.compression.coders import LatentDistribution
from imagewright.errors import DataError
from imagewright.images import Images, open_images
from imagewright.images.float_stream import FloatStream
from imagewright.model import Model
from imagewright.pixels import to_float, to_uint8
from imagewright.statistics.decomposition import Decomposition, decompose
from imagewright.statistics.fitting import fit_model
from imagewright.verbs.apply import images_for

LARGEST_SIDE = 64  # pixels of pictures that a PCA is fitted to here
MOST_PICTURES, MOST_COMPONENTS = 400, 120  # which take about a second
LEAST = 3
STEP = 16.0  # in grey levels of Euclidean distance, to which a coordinate is rounded for its bits
LEVELS = 127.5  # grey levels in a unit of [-1, 1]


@dataclass(frozen=True)
class RebuiltPicture:
    """One picture of k components.

    picture, rebuilt: uint8 (C, H, W), as the model takes it, and from k components.
    difference: uint8 (C, H, W), half of picture - rebuilt, around grey.
    component: uint8 (C, H, W), the k-th direction, its values stretched around grey; grey for k = 0.
    error: root mean square of the difference in grey levels.
    bits: of the k coordinates, each rounded to `STEP` and coded by its distribution over the set.
    share: of the variance of the set that the first k components explain, from 0 to 1.
    """

    picture: Tensor
    rebuilt: Tensor
    difference: Tensor
    component: Tensor
    error: float
    bits: float
    share: float


class RebuiltByCount:
    """The components of a set of pictures, by which pictures are rebuilt.

    images: the set; spread over it, 400 pictures of at most 64 pixels a side are taken.
    model: a fitted linear model, whose size is taken then; by default a PCA is fitted to them.
    Raises `DataError` for fewer than three pictures, or if all are equal.

    count: number of components.
    size: (height, width) of the pictures.
    """

    def __init__(self, images: Images, model: Model | None = None) -> None:
        chosen = np.unique(np.linspace(0, len(images) - 1, MOST_PICTURES).round().astype(np.int64))
        some = images.subset(chosen)
        if len(some) < LEAST:
            raise DataError(f"There are {len(some)} pictures, and components take {LEAST} or more: add pictures.")
        if model is None:
            some = _shrink(some)
            pixels = some.channels * some.height * some.width
            model = fit_model("pca", some, components=min(MOST_COMPONENTS, len(some) - 1, pixels))
        else:
            some = images_for(model, some)
        self.size, self.channels = some.size, some.channels
        with torch.inference_mode():
            self.parts: Decomposition = decompose(model, FloatStream(some), first=MOST_COMPONENTS)
            coordinates = torch.cat(
                [(batch - self.parts.mean).flatten(1) @ self.parts.axes.T for batch in _float(some)]
            )
        self.count = len(self.parts.axes)
        self._distribution = LatentDistribution.fit(coordinates * LEVELS)

    def fit_to_size(self, pixels: np.ndarray) -> Tensor:
        """Any picture as the components take it, uint8 (C, H, W). pixels: uint8 (H, W, 3)."""
        resized = open_images(pixels.transpose(2, 0, 1)[None], self.size, self.channels, cache=False)
        return resized.batch(np.array([0])).images[0]

    def rebuild(self, picture: Tensor, count: int) -> RebuiltPicture:
        """A picture rebuilt from the first `count` components.

        picture: uint8 (C, H, W), of the model's size.
        """
        given = to_float(picture[None])[0]
        (rebuilt,) = self.parts.rebuild(given, [count])
        coordinates = (self.parts.axes @ (given - self.parts.mean).flatten() * LEVELS)[None]
        steps = torch.full((self.count,), STEP, dtype=torch.float64)
        symbols = self._distribution.quantise(coordinates, steps)[0]
        bits = _first(self._distribution, count).count_bits(symbols[:count], steps[:count])
        return RebuiltPicture(
            picture=picture,
            rebuilt=to_uint8(rebuilt[None])[0],
            difference=to_uint8(((given - rebuilt) / 2)[None])[0],
            component=self._show_component(count),
            error=float((rebuilt - given).square().mean().sqrt()) * LEVELS,
            bits=float(bits),
            share=float(self.parts.cumulative_shares[count - 1]) if count else 0.0,
        )

    def _show_component(self, count: int) -> Tensor:
        if not count:
            return torch.full(self.parts.mean.shape, 128, dtype=torch.uint8)
        axis = self.parts.axes[count - 1].unflatten(0, self.parts.mean.shape)
        return to_uint8((axis / axis.abs().max().clamp(min=1e-12))[None])[0]


def _first(distribution: LatentDistribution, count: int) -> LatentDistribution:
    return LatentDistribution(distribution.centre[:count], distribution.width[:count], distribution.is_laplace[:count])


def _shrink(images: Images) -> Images:
    if max(images.size) <= LARGEST_SIDE:
        return images
    scale = LARGEST_SIDE / max(images.size)
    return images.with_size((max(1, round(images.height * scale)), max(1, round(images.width * scale))))


def _float(images: Images) -> list[Tensor]:
    return list(FloatStream(images).batches(100))
