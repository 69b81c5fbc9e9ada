"""Damaged and hostile JPEG files end in a `DataError` or in a picture: never in another error, a warning or a hang."""

from __future__ import annotations

import io
import struct
import tracemalloc

import numpy as np
import pytest
import torch
from PIL import Image

from imagewright.codecs.jpeg.codec import decode_jpeg, encode_jpeg
from imagewright.errors import DataError

RESTARTS = {"restart_marker_blocks": 2}


def small_file(**options: object) -> bytes:
    """A file of 24x40 with every header segment and much data."""
    generator = np.random.default_rng(5)
    smooth = np.add.outer(np.arange(24) * 3, np.arange(40) * 4)[..., None] + generator.integers(0, 60, (24, 40, 3))
    file = io.BytesIO()
    picture = Image.fromarray(smooth.clip(0, 255).astype(np.uint8))
    picture.save(file, "JPEG", **({"comment": b"hello", "quality": 80} | options))
    return file.getvalue()


def outcome(data: bytes) -> str:
    """ "picture" or "error"; any other exception fails the test."""
    try:
        picture = decode_jpeg(data)
    except DataError:
        return "error"
    assert picture.dtype == torch.uint8
    assert picture.ndim == 3
    return "picture"


@pytest.mark.parametrize("options", [{}, {"restart_marker_blocks": 2}, {"optimize": True}])
def test_a_file_cut_at_any_byte_is_an_error(options: dict[str, object]) -> None:
    data = small_file(**options)
    assert outcome(data) == "picture"
    assert outcome(data + b"what comes after") == "picture"
    for length in range(len(data)):
        assert outcome(data[:length]) == "error", f"{length} of {len(data)} bytes"


@pytest.mark.parametrize(
    ("options", "count"),
    [(RESTARTS, 400)] + [pytest.param(each, 1500, marks=pytest.mark.learning) for each in ({}, RESTARTS)],
)
def test_changed_bytes(options: dict[str, object], count: int) -> None:
    whole = small_file(**options)
    generator = np.random.default_rng(0)
    found = []
    for _ in range(count):
        data = bytearray(whole)
        for _ in range(generator.integers(1, 4)):
            data[generator.integers(len(data))] = generator.integers(256)
        found.append(outcome(bytes(data)))
    assert {"picture", "error"} == set(found)


def test_missing_and_doubled_bytes() -> None:
    whole = small_file()
    generator = np.random.default_rng(1)
    for _ in range(500):
        start, end = sorted(generator.integers(2, len(whole), 2))
        outcome(whole[:start] + whole[end:])
        outcome(whole[:end] + whole[start:])


@pytest.mark.learning
def test_random_bytes() -> None:
    generator = np.random.default_rng(2)
    whole = encode_jpeg(np.zeros((3, 24, 40), np.uint8))
    header = whole[: whole.rindex(b"\xff\xda") + 14]
    for _ in range(700):
        noise = generator.integers(0, 256, generator.integers(0, 600), dtype=np.uint8).tobytes()
        assert outcome(noise) == "error"
        assert outcome(b"\xff\xd8" + noise) == "error"
        outcome(header + noise + b"\xff\xd9")
        outcome(header + noise.replace(b"\xff", b"\xff\x00") + b"\xff\xd9")


@pytest.mark.parametrize(("height", "width"), [(65_535, 65_535), (11_000, 12_000), (1, 65_535), (65_535, 8)])
def test_huge_declared_sizes_are_refused_before_anything_is_allocated(height: int, width: int) -> None:
    data = bytearray(encode_jpeg(np.zeros((3, 24, 40), np.uint8)))
    place = data.index(b"\xff\xc0") + 5
    data[place : place + 4] = struct.pack(">HH", height, width)
    tracemalloc.start()
    with pytest.raises(DataError, match=r"are refused|its data is too little"):
        decode_jpeg(bytes(data))
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("find", "replace", "message"),
    [
        (b"\xff\xd8", b"\x89PNG", "This is no JPEG file"),
        (b"\xff\xc0\x00\x11\x08", b"\xff\xc1\x00\x11\x0c", "has 12 bits a sample, and only 8"),
        (b"\xff\xc0", b"\xff\xc2", "This JPEG file is progressive"),
        (b"\xff\xc0", b"\xff\xc9", "This JPEG file is arithmetic-coded"),
        (b"\xff\xc0", b"\xff\xfe", "a scan comes before the frame"),
        (b"\xff\xda\x00\x0c\x03\x01", b"\xff\xda\x00\x0c\x03\x09", "names the plane 9, which is not in the frame"),
        (b"\xff\xda\x00\x0c\x03\x01\x00", b"\xff\xda\x00\x0c\x03\x01\x33", "a Huffman table that is not in the file"),
        (b"\xff\xda\x00\x0c\x03\x01\x00\x02", b"\xff\xda\x00\x0c\x03\x01\x00\x01", "names a plane twice"),
        (b"\xff\xdb\x00\x43\x01", b"\xff\xdb\x00\x43\x03", "names a quantisation table that is not in the file"),
        (b"\xff\xdb\x00\x43\x01\x11", b"\xff\xdb\x00\x43\x01\x00", "a step of zero"),
        (b"\x00\x18\x00\x28\x03\x01\x22", b"\x00\x00\x00\x28\x03\x01\x22", "its picture is 40x0 pixels large"),
        (b"\x00\x18\x00\x28\x03\x01\x22", b"\x00\x18\x00\x28\x04\x01\x22", "another length"),
    ],
)
def test_the_defect_is_named(find: bytes, replace: bytes, message: str) -> None:
    data = encode_jpeg(np.full((3, 24, 40), 90, np.uint8), 50)
    assert data.count(find) == 1
    with pytest.raises(DataError, match=message):
        decode_jpeg(data.replace(find, replace + find[len(replace) :]))


def test_sampling_in_a_ratio_that_is_no_whole_number_is_refused() -> None:
    data = encode_jpeg(np.full((3, 48, 48), 90, np.uint8), 50, "4:4:4")
    uneven = data.replace(b"\x03\x01\x11\x00\x02\x11", b"\x03\x01\x31\x00\x02\x21")
    assert uneven != data
    assert outcome(uneven) == "error"
