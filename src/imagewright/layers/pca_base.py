"""Samples of PCA to which a generator's output is added, so that the network learns the difference alone.

PCA as a generator: Tipping & Bishop 1999, "Probabilistic principal component analysis", eq. 2 without noise. The first
samples are those of PCA; in a short training the network need not find the colours, places and variety of the set.
Departures: the components are those of pictures before the tanh that ends the generator, so that sums stay in [-1, 1];
the generator learns a gain of each component, 1 at first, because the longer it trains, the less it needs them.
Shape letters: N batch, Z latents, C H W image.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor, nn

from imagewright.configs import Config
from imagewright.errors import DataError
from imagewright.images.selection import even_places
from imagewright.model import Stream
from imagewright.pixels import to_float, to_uint8
from imagewright.statistics.spectra import leading_spectrum

LARGEST = 0.95  # of pixels before the inverse of tanh, which is infinite at 1
# Pictures that are looked at, spread evenly over the set, and bytes of them at most: they are held, since the
# components need many passes.
MOST, MOST_BYTES = 2_000, 2**28
AT_ONCE = 256  # pictures


@dataclass(frozen=True, kw_only=True)
class PCABaseConfig(Config):
    """The option of models whose generator may start from PCA."""

    base: Literal["none", "pca"] = Field(
        "none",
        description="what the generator's output is added to: none, as published, or samples of PCA of the pictures",
    )


class PCABase(nn.Module):
    """The mean of the pictures and Z principal components, each scaled by its deviation; fitted before the first step.

    latents: Z.
    size, channels: of the pictures.

    mean: buffer (C, H, W), and components: buffer (Z, C, H, W); zero before `fit`.
    """

    mean: Tensor
    components: Tensor

    def __init__(self, latents: int, size: tuple[int, int], channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels, *size))
        self.register_buffer("components", torch.zeros(latents, channels, *size))

    @property
    def is_fitted(self) -> bool:
        """Whether the components are found, here or in the run whose weights were taken."""
        return bool(self.components.any())

    def fit(self, images: Stream, seed: int) -> str:
        """Find the components, and return a note for the user.

        images: read once; of many pictures or large ones a part.
        seed: of the iteration for large pictures.

        Raises `DataError` if there is no difference between the pictures.
        """
        levels = _some_levels(images, min(MOST, MOST_BYTES // self.mean.numel()))
        wanted = min(len(self.components), len(levels) - 1, self.mean.numel())
        spectrum = leading_spectrum(_BeforeTanh(levels), wanted, None, seed) if wanted else None
        if spectrum is None or not spectrum.total_variance > 0:
            raise DataError("PCA finds no difference between the pictures (base=pca): add others, or give --base none.")
        scaled = spectrum.basis * spectrum.variances.clamp_min(0).sqrt()[:, None]
        self.mean.copy_(spectrum.mean.view_as(self.mean))
        self.components[: len(scaled)].copy_(scaled.unflatten(1, self.mean.shape))
        share = float(spectrum.variances.sum() / spectrum.total_variance)
        return (
            f"the network learns what to add to samples of PCA: {len(scaled)} components, {share:.0%} of the variance"
        )

    def forward(self, latents: Tensor, gains: Tensor) -> Tensor:
        """What latents (N, Z) with gains (Z,) add to the generator's output before its tanh, (N, C, H, W)."""
        flat = (latents.flatten(1) * gains).to(self.mean.dtype) @ self.components.flatten(1)
        return self.mean + flat.unflatten(1, self.mean.shape)


def _some_levels(images: Stream, most: int) -> Tensor:
    """At most `most` pictures, spread evenly over a set: uint8 (N, C, H, W)."""
    wanted = torch.from_numpy(even_places(len(images), most))
    found, first = [], 0
    for batch in images.batches(AT_ONCE):
        chosen = wanted[(wanted >= first) & (wanted < first + len(batch))] - first
        found.append(to_uint8(batch[chosen]))
        first += len(batch)
    return torch.cat(found)


class _BeforeTanh:
    """A stream whose pictures are the inputs of a tanh that gives these, uint8 (N, C, H, W)."""

    labels = None

    def __init__(self, levels: Tensor) -> None:
        self.levels = levels

    def __len__(self) -> int:
        return len(self.levels)

    def batches(self, batch_size: int) -> Iterator[Tensor]:
        for batch in self.levels.split(batch_size):
            yield to_float(batch).clamp(-LARGEST, LARGEST).atanh()
