"""Many pictures at many qualities at once: the bytes and pixels of the files that are written one by one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny import simple_pictures

from imagewright.analysis.compression import jpeg_coder
from imagewright.analysis.compression.jpeg_coder import JPEGCoder
from imagewright.codecs.jpeg.codec import decode_jpeg, encode_jpeg

SIZES = [(1, 16, 16), (3, 16, 16), (3, 13, 21), (1, 9, 30), (3, 1, 1), (3, 40, 8)]


def pictures_of(channels: int, height: int, width: int) -> torch.Tensor:
    """Noise, of which many bytes are 0xFF and are stuffed, smooth ones, and one that is black."""
    noise = np.random.default_rng(0).integers(0, 256, (5, channels, height, width), np.uint8)
    smooth = simple_pictures(5, (max(height, 2), max(width, 2)), channels)[:, :, :height, :width]
    return torch.from_numpy(np.concatenate([noise, smooth, np.zeros_like(noise[:1])]))


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("shape", SIZES)
def test_bits_and_pixels_are_those_of_the_files(shape: tuple[int, int, int], subsampling: str) -> None:
    pictures = pictures_of(*shape)
    coder = JPEGCoder([1, 50, 95, 100], subsampling)
    rows = coder.analyse(pictures)
    for quality in coder.settings:
        files = [encode_jpeg(each, int(quality), subsampling) for each in pictures]
        coded = coder.code(rows, quality)
        assert coded.file_bits is not None
        assert coded.file_bits.tolist() == [8 * len(each) for each in files]
        # From the scan's header, whose length its first two bytes say, to the two bytes that end the file.
        starts = [each.index(b"\xff\xda") + 2 for each in files]
        starts = [at + int.from_bytes(each[at : at + 2], "big") for at, each in zip(starts, files, strict=True)]
        assert coded.bits.tolist() == [8 * (len(each) - 2 - at) for at, each in zip(starts, files, strict=True)]
        assert coder.count_bits(rows, quality).tolist() == coded.bits.tolist()
        assert torch.equal(coded.decoded, torch.stack([decode_jpeg(each) for each in files]))


def test_pictures_that_are_coded_in_groups_have_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = pictures_of(3, 16, 16)
    coder = JPEGCoder([30], "4:2:0")
    whole = coder.code(coder.analyse(pictures), 30)
    monkeypatch.setattr(jpeg_coder, "VALUES_AT_ONCE", 2 * 3 * 16 * 16)
    for kept in (0, 1 << 26):
        monkeypatch.setattr(jpeg_coder, "KEPT_VALUES", kept)
        rows = coder.analyse(pictures)
        assert len(rows) == 6
        coded = coder.code(rows, 30)
        assert torch.equal(coded.bits, whole.bits)
        assert torch.equal(coded.decoded, whole.decoded)
