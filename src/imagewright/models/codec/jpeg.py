"""JPEG as a model without training: latents are the quantised coefficients of a file, reconstructions its pixels.

ITU-T T.81, Annex K; Wallace 1991, "The JPEG still picture compression standard". `codecs/jpeg/codec.py` reads and
writes files. Shape letters: N images, C channels, H W pixels, K coefficients: 64 for each 8x8 block of each plane.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from pydantic import Field
from pydantic.dataclasses import dataclass
from torch import Tensor

from imagewright.codecs.jpeg.frame import Subsampling, build_frame
from imagewright.codecs.jpeg.tables import scaled_tables
from imagewright.codecs.jpeg.transform import decode_images, quantise_images
from imagewright.configs import Config
from imagewright.fit_work import FitWork
from imagewright.model import Model, Stream
from imagewright.pixels import to_float, to_uint8


@dataclass(frozen=True, kw_only=True)
class JPEGConfig(Config):
    tiny_options: ClassVar[dict[str, Any]] = {"quality": 50}

    quality: int = Field(75, ge=1, le=100, description="1 (smallest) to 100; 50 uses the standard's tables as printed")
    subsampling: Subsampling = Field("4:2:0", description="chrominance samples: 4:4:4 (all), 4:2:2 (half), 4:2:0")


class JPEG(Model):
    """Buffer: the quantisation `tables` (2, 8, 8) for luminance and chrominance, determined by the quality.

    Latents are integers: the quantised coefficients, plane by plane, block by block, in zig-zag order. The opacity of
    transparent pictures is a fourth plane, coded as luminance; files (`encode_jpeg`) cannot hold it.
    """

    Config = JPEGConfig
    config: JPEGConfig
    tables: Tensor

    def __init__(self, config: JPEGConfig) -> None:
        super().__init__(config)
        self.frame = build_frame(*config.size, config.channels, config.subsampling)
        steps = [torch.from_numpy(table).float() for table in scaled_tables(config.quality)]
        self.register_buffer("tables", torch.stack(steps))

    def fit(self, images: Stream) -> None:
        """Does nothing: the tables follow from the quality."""

    def fit_work(self, count: int) -> FitWork:
        return FitWork(0)

    # Verbs

    @property
    def latent_shape(self) -> tuple[int, ...]:
        return (64 * self.frame.block_count,)

    def encode(self, images: Tensor) -> Tensor:
        planes = quantise_images(to_uint8(images), self.frame, list(self.tables))
        return torch.cat([plane.flatten(1) for plane in planes], dim=1).float()

    def decode(self, latents: Tensor) -> Tensor:
        """Decode latents, which need not be integers: interpolated latents are not rounded to the table's steps."""
        with torch.no_grad():  # rounding has no gradient
            return to_float(decode_images(self.planes(latents), self.frame, list(self.tables)))

    def planes(self, latents: Tensor) -> list[Tensor]:
        """Latents (N, K) as each plane's blocks, (N, rows, columns, 64) in zig-zag order."""
        shapes = [self.frame.blocks(component) for component in self.frame.components]
        parts = latents.split([64 * math.prod(shape) for shape in shapes], dim=1)
        return [part.unflatten(1, (*shape, 64)) for part, shape in zip(parts, shapes, strict=True)]
