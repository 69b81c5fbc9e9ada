"""Samples of PCA to which a generator's output is added, so that the network learns the difference alone.

PCA as a generator: Tipping & Bishop 1999, "Probabilistic principal component analysis", eq. 2 without noise. The first
samples are those of PCA; in a short training the network need not find the colours, places and variety of the set.
Departure: the components are those of pictures before the tanh that ends the generator, so that sums stay in [-1, 1].
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
from imagewright.model import Stream
from imagewright.statistics.spectra import leading_spectrum

LARGEST = 0.95  # of pixels before the inverse of tanh, which is infinite at 1


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

        images: read in several passes.
        seed: of the iteration for large pictures.

        Raises `DataError` if there is no difference between the pictures.
        """
        wanted = min(len(self.components), len(images) - 1, self.mean.numel())
        spectrum = leading_spectrum(_BeforeTanh(images), wanted, None, seed) if wanted else None
        if spectrum is None or not spectrum.total_variance > 0:
            raise DataError("All pictures are equal, so that PCA has no component: add different pictures.")
        scaled = spectrum.basis * spectrum.variances.clamp_min(0).sqrt()[:, None]
        self.mean.copy_(spectrum.mean.view_as(self.mean))
        self.components[: len(scaled)].copy_(scaled.unflatten(1, self.mean.shape))
        share = float(spectrum.variances.sum() / spectrum.total_variance)
        return (
            f"the network learns what to add to samples of PCA: {len(scaled)} components, {share:.0%} of the variance"
        )

    def forward(self, latents: Tensor) -> Tensor:
        """What latents (N, Z) add to the generator's output before its tanh, (N, C, H, W)."""
        flat = latents.flatten(1).to(self.mean.dtype) @ self.components.flatten(1)
        return self.mean + flat.unflatten(1, self.mean.shape)


class _BeforeTanh:
    """A stream whose pictures are the inputs of a tanh that gives them."""

    def __init__(self, images: Stream) -> None:
        self.images = images

    @property
    def labels(self) -> Tensor | None:
        return self.images.labels

    def __len__(self) -> int:
        return len(self.images)

    def batches(self, batch_size: int) -> Iterator[Tensor]:
        for batch in self.images.batches(batch_size):
            yield batch.clamp(-LARGEST, LARGEST).atanh()
