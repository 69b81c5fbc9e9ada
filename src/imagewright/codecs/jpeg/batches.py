"""Pictures of one size at one quality after another: transformed once, then quantised, counted and decoded together.

The numbers and pixels are those of the files that `codec.py` writes one by one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from imagewright.codecs.jpeg import markers, tables
from imagewright.codecs.jpeg.codec import HUFFMAN_TABLES, code_planes
from imagewright.codecs.jpeg.frame import JPEGFrame, build_frame
from imagewright.codecs.jpeg.scan_writing import count_bytes
from imagewright.codecs.jpeg.transform import decode_images, quantise_coefficients, transform_images

END_BYTES = 2  # after the scan


@dataclass(frozen=True)
class TransformedPictures:
    """N pictures in the cosine basis, which is the same for all qualities.

    frame: of each picture.
    planes: int16 (N, rows, columns, 64) each.
    """

    frame: JPEGFrame
    planes: tuple[Tensor, ...]

    @classmethod
    def of(cls, pictures: Tensor, subsampling: str) -> TransformedPictures:
        """uint8 pictures (N, C, H, W), C 1 or 3, in the cosine basis. Raises `ConfigError` for another subsampling."""
        channels, height, width = pictures.shape[1:]
        frame = build_frame(height, width, channels, subsampling)
        return cls(frame, tuple(transform_images(pictures, frame)))

    def quantise(self, quality: int) -> QuantisedPictures:
        """The pictures at a quality from 1 to 100. Raises `ConfigError` for another one."""
        chosen = tables.scaled_tables(quality)[: len({each.table for each in self.frame.components})]
        steps = [torch.from_numpy(table) for table in chosen]
        planes = [
            quantise_coefficients(plane, steps[component.table])
            for plane, component in zip(self.planes, self.frame.components, strict=True)
        ]
        return QuantisedPictures(self.frame, tuple(planes), tuple(steps))


@dataclass(frozen=True)
class QuantisedPictures:
    """N pictures at one quality.

    frame: of each picture.
    planes: multiples of the steps, int16 (N, rows, columns, 64) each, in zig-zag order.
    steps: quantisation tables (8, 8).
    """

    frame: JPEGFrame
    planes: tuple[Tensor, ...]
    steps: tuple[Tensor, ...]

    def scan_bytes(self) -> np.ndarray:
        """The length of each picture's entropy-coded scan, int64 (N,)."""
        words = code_planes([plane.numpy() for plane in self.planes], self.frame)
        return count_bytes(words, len(self.planes[0]))

    def other_bytes(self) -> int:
        """The length of each file without its scan."""
        header = markers.build_header(
            self.frame, [table.numpy() for table in self.steps], HUFFMAN_TABLES[: len(self.steps)]
        )
        return len(header) + END_BYTES

    def decode(self) -> Tensor:
        """The pictures as a decoder shows them, uint8 (N, C, H, W)."""
        return decode_images(self.planes, self.frame, self.steps)
