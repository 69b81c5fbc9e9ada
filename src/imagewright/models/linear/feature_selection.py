"""Feature selection: keep the K pixel values of highest variance, or of highest mutual information with the labels.

Mutual information (Cover & Thomas 2006, eq. 2.28) is estimated from counts of grey levels. Both criteria are computed
in passes over a stream. Shape letters: N images, D = C H W pixel values, K selected ones.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from imagewright.configs import Config
from imagewright.errors import ConfigError, DataError
from imagewright.fit_work import DOUBLE, FitWork
from imagewright.model import Model, Stream
from imagewright.statistics.moments import mean_and_variance
from imagewright.statistics.spectra import DEFAULT_COMPONENTS, STREAMED_IMAGES, pictures_vary
from imagewright.statistics.work import READING, batch_bytes, moments_work

MOST_COUNTS = 2**25  # int64 counts in memory at once; if more are needed, they are counted in several passes


@dataclass(frozen=True, kw_only=True)
class FeatureSelectionConfig(Config):
    tiny_options: ClassVar[dict[str, Any]] = {"components": 8}

    components: int | None = Field(None, ge=1, le=10**6, description="pixel values to select (64)")
    by: Literal["variance", "mutual_information"] = Field(
        "variance", description="criterion: variance, or mutual_information with the labels"
    )
    levels: int = Field(16, ge=2, le=256, description="grey levels of the counts for mutual information")


class FeatureSelection(Model):
    """Buffers: `mean` (D,); `merits` (D,), the variance, or the mutual information in nats, of each pixel value; `kept`
    int64 (K,), indices of the selected pixel values, best first (of equal ones the first).

    Latents are the selected pixel values, in [-1, 1].
    """

    Config = FeatureSelectionConfig
    config: FeatureSelectionConfig
    sums_over_ranks = True

    def __init__(self, config: FeatureSelectionConfig) -> None:
        super().__init__(config)
        self._register_buffers(math.prod(config.image_shape), config.components or 1)

    def fit(self, images: Stream) -> None:
        """One pass for the variances, and one or more for mutual information.

        Raises `DataError` if all pictures are equal, or (mutual information) without labels of two classes;
        `ConfigError` for more components than pixel values.
        """
        pixels = math.prod(self.config.image_shape)
        components = self._choose_count(pixels)
        mean, merits = mean_and_variance(images)
        if not merits.any():
            raise _none_vary()
        if self.config.by == "mutual_information":
            merits = self._mutual_information(images, self._labels_of(images), pixels)
        self._register_buffers(pixels, components)
        self.mean.copy_(mean)
        self.merits.copy_(merits)
        self.kept.copy_(merits.argsort(descending=True, stable=True)[:components])

    def check_images(self, images: Stream) -> None:
        self._choose_count(math.prod(self.config.image_shape))
        if not pictures_vary(images):
            raise _none_vary()
        if self.config.by == "mutual_information":
            self._labels_of(images)

    def _choose_count(self, pixels: int) -> int:
        components = self.config.components or min(DEFAULT_COMPONENTS, pixels)
        if components > pixels:
            raise ConfigError(
                f"components={components}, but the pictures have {pixels} pixel values: use --components {pixels} "
                "or fewer."
            )
        return components

    def fit_work(self, count: int) -> FitWork:
        pixels = math.prod(self.config.image_shape)
        variances = moments_work(count, pixels)
        if self.config.by == "variance":
            return variances
        # The classes are those of the labels, which the sizes alone do not tell: two are counted.
        cells = min(MOST_COUNTS, 2 * pixels * self.config.levels)
        held = batch_bytes(count, pixels) + 4 * DOUBLE * min(count, STREAMED_IMAGES) * pixels + 2 * DOUBLE * cells
        return variances.then(FitWork(held, 0, (READING + 500.0) * count * pixels))

    def _labels_of(self, images: Stream) -> Tensor:
        """The labels, int64 (N,). Raises `DataError` if there are none, or of one class only."""
        if images.labels is None:
            raise DataError(
                "by=mutual_information needs labels, and the pictures have none: put them in a sub-folder a class, "
                "name a table with --labels, or choose by=variance."
            )
        if len(images.labels[images.labels >= 0].unique()) < 2:
            raise DataError("by=mutual_information needs two classes or more: choose by=variance.")
        return images.labels

    def _mutual_information(self, images: Stream, labels: Tensor, pixels: int) -> Tensor:
        classes, levels = int(labels.max()) + 1, self.config.levels
        width = max(1, min(pixels, MOST_COUNTS // (levels * classes)))
        blocks = range(0, pixels, width)
        return torch.cat(
            [_mutual_information(images, levels, classes, slice(start, start + width)) for start in blocks]
        )

    def resize_buffers(self, state: dict[str, Tensor]) -> None:
        self._register_buffers(state["mean"].numel(), state["kept"].numel())

    # Verbs

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return (len(self.kept),)

    def encode(self, images: Tensor) -> Tensor:
        return images.flatten(1)[:, self.kept]

    def decode(self, latents: Tensor) -> Tensor:
        """The mean picture with the selected pixel values replaced by latents (N, K): (N, C, H, W)."""
        pixels = self.mean.expand(len(latents), -1).clone()
        pixels[:, self.kept] = latents
        return pixels.unflatten(1, self.config.image_shape)

    # Parts

    mean: Tensor
    merits: Tensor
    kept: Tensor

    def _register_buffers(self, pixels: int, components: int) -> None:
        self.register_buffer("mean", torch.zeros(pixels))
        self.register_buffer("merits", torch.zeros(pixels))
        self.register_buffer("kept", torch.zeros(components, dtype=torch.int64))


def grey_levels(pixels: Tensor, levels: int) -> Tensor:
    """Pixel values in [-1, 1] quantised to integers from 0 to `levels` - 1, int64: intervals of equal width."""
    return ((pixels + 1) * (levels / 2)).long().clamp_(0, levels - 1)


def _mutual_information(images: Stream, levels: int, classes: int, block: slice) -> Tensor:
    """The mutual information in nats of the labels and each pixel value of a block, float32, in one pass.

    Pictures without a class are left out.
    """
    assert images.labels is not None
    counts, first = torch.zeros(0), 0
    for batch in images.batches(STREAMED_IMAGES):
        pixels = grey_levels(batch.flatten(1)[:, block], levels)
        cells = torch.arange(pixels.shape[1]) * (levels * classes) + pixels * classes
        own = images.labels[first : first + len(batch), None]
        cells = (cells + own)[own[:, 0] >= 0]
        found = cells.flatten().bincount(minlength=pixels.shape[1] * levels * classes)
        counts = found if first == 0 else counts.add_(found)
        first += len(batch)
    joint = counts.view(-1, levels, classes).double() / int((images.labels >= 0).sum())
    independent = joint.sum(1, keepdim=True) * joint.sum(2, keepdim=True)
    return torch.where(joint > 0, joint * (joint / independent.clamp(min=1e-300)).log(), 0.0).sum((1, 2)).float()


def _none_vary() -> DataError:
    return DataError("All pictures are equal: no pixel varies, so none can be selected.")
