"""JPEG as a model: nothing to train, latents that are what a file holds, and rebuilt pictures that are a viewer's.

ITU-T T.81, Annex K; Wallace 1991, "The JPEG still picture compression standard". The bytes of files are in `files`.
Shape letters: N images, C channels, H W pixels, K coefficients: 64 for each block of 8x8 of each plane.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from imagewright.codecs.jpeg.frame import Subsampling, frame_of
from imagewright.codecs.jpeg.tables import scaled_tables
from imagewright.codecs.jpeg.transform import images_of, quantised
from imagewright.configs import Config
from imagewright.model import Model, Stream
from imagewright.pixels import to_float, to_uint8


@dataclass(frozen=True, kw_only=True)
class JPEGConfig(Config):
    tiny_options: ClassVar[dict[str, Any]] = {"quality": 50}

    quality: int = Field(75, ge=1, le=100, description="1 (smallest) to 100; 50 uses the standard's tables as printed")
    subsampling: Subsampling = Field("4:2:0", description="chrominance samples: 4:4:4 (all), 4:2:2 (half), 4:2:0")


class JPEG(Model):
    """Buffers: the quantisation `tables` (2, 8, 8) for luminance and chrominance, which the quality says.

    Latents are whole numbers: the quantised coefficients, plane by plane, block by block, in zig-zag order. A
    transparent picture's opacity is one more plane, coded as luminance; files (`encode_jpeg`) hold none.
    """

    Config = JPEGConfig
    config: JPEGConfig
    tables: Tensor

    def __init__(self, config: JPEGConfig) -> None:
        super().__init__(config)
        self.frame = frame_of(*config.size, config.channels, config.subsampling)
        steps = [torch.from_numpy(table).float() for table in scaled_tables(config.quality)]
        self.register_buffer("tables", torch.stack(steps))

    def fit(self, images: Stream) -> None:
        """Nothing: the standard's tables and the quality are all there is."""

    # Verbs

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return (64 * self.frame.block_count,)

    def encode(self, images: Tensor) -> Tensor:
        planes = quantised(to_uint8(images), self.frame, list(self.tables))
        return torch.cat([plane.flatten(1) for plane in planes], dim=1).float()

    def decode(self, latents: Tensor) -> Tensor:
        """The latents need not be whole: mixtures of two pictures' are not rounded to the table's steps."""
        with torch.no_grad():  # rounding has no gradient
            return to_float(images_of(self.planes(latents), self.frame, list(self.tables)))

    def planes(self, latents: Tensor) -> list[Tensor]:
        """Latents (N, K) as each plane's blocks, (N, rows, columns, 64) in zig-zag order."""
        shapes = [self.frame.blocks(component) for component in self.frame.components]
        parts = latents.split([64 * math.prod(shape) for shape in shapes], dim=1)
        return [part.unflatten(1, (*shape, 64)) for part, shape in zip(parts, shapes, strict=True)]
