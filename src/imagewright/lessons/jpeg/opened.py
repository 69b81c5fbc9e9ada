"""`OpenedJPEG`: a picture coded at one quality, with the bits of each block and every stage of any of them."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from imagewright.codecs.jpeg.codec import count_block_bits, decode_jpeg, encode_jpeg, entropy_code, quantise_image
from imagewright.codecs.jpeg.colour import to_luminance_and_chrominance
from imagewright.lessons.jpeg.stages import Stages, compute_stages

LOSSLESS_PSNR = 99.0  # dB, recorded for an identical picture: JSON cannot hold the infinite PSNR


class OpenedJPEG:
    """The luminance of a picture, as JPEG codes it.

    pixels: uint8 (C, H, W), C 1 or 3.
    quality: 1 to 100.

    grey: the luminance, uint8 (1, H, W).
    bits: of each block, int64 (rows, columns).
    """

    def __init__(self, pixels: Tensor, quality: int) -> None:
        self.grey = pixels if len(pixels) == 1 else to_luminance_and_chrominance(pixels[None])[0]
        self._coded = quantise_image(self.grey, quality)
        self._words = entropy_code(self._coded)
        self.bits: np.ndarray = count_block_bits(self._coded)[0]

    def block(self, row: int, column: int) -> Stages:
        """The stages of one block, by its row and column counted in blocks."""
        return compute_stages(self.grey, self._coded, self._words, row, column)


def measure_quality(pixels: Tensor, quality: int) -> dict[str, float]:
    """Bytes and bits a pixel of the whole file at a quality, and its PSNR."""
    return code_whole(pixels, quality)[1]


def code_whole(pixels: Tensor, quality: int) -> tuple[Tensor, dict[str, float]]:
    """The picture that the whole file decodes to, uint8 (C, H, W), and the numbers of `measure_quality`."""
    data = encode_jpeg(pixels, quality)
    decoded = decode_jpeg(data)
    size = pixels.shape[1] * pixels.shape[2]
    numbers = {
        "quality": quality,
        "bytes": len(data),
        "bits_per_pixel": 8 * len(data) / size,
        "psnr": psnr(pixels, decoded),
    }
    return decoded, numbers


def psnr(pixels: Tensor, rebuilt: Tensor) -> float:
    """The PSNR in dB, at most `LOSSLESS_PSNR`."""
    error = float((pixels.double() - rebuilt.double()).square().mean())
    return min(LOSSLESS_PSNR, 10 * math.log10(255**2 / error)) if error else LOSSLESS_PSNR
