"""The work of a picture is bounded: what never ends is unreadable with a reason, and what is only unusual is read."""

from __future__ import annotations

import io
import os
import struct
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from endless_pictures import (
    ENDLESS,
    PLAIN_PAGE,
    bmp_of_runs,
    chunk,
    encoded,
    gif_of_frames,
    jpeg_of_scans,
    noise,
    png_with,
    tiff,
)
from PIL import Image

import imagewright as iw
from imagewright.errors import ConfigError, DataError, UserError
from imagewright.images.decoding import opening
from imagewright.images.decoding.bounds import PIXEL_LIMIT
from imagewright.images.decoding.formats import Unreadable, decode, read_header
from imagewright.images.decoding.opening import open_picture, read_encoded
from imagewright.output import inspecting_pictures
from imagewright.output.inspecting import inspect_file

VARIABLE = "IMAGEWRIGHT_PIXEL_LIMIT"


@pytest.mark.parametrize(("name", "content", "reason"), ENDLESS, ids=[name for name, _, _ in ENDLESS])
def test_pictures_without_end_are_unreadable_with_the_reason(
    name: str, content: bytes, reason: str, tmp_path: Path
) -> None:
    for read in (read_header, lambda payload: decode(payload, 3)):
        with pytest.raises(Unreadable, match=reason):
            read(content)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{name} cannot be read: .*{reason}"):
        inspect_file(tmp_path / name)


def test_unusual_pictures_are_read_as_pillow_reads_them() -> None:
    grey = np.random.default_rng(1).integers(0, 100, (20, 30), np.uint8)
    text = b"P2 # a comment\n30 20 # another\n99\n" + b" ".join(b"%d" % value for value in grey.reshape(-1))
    unusual = {
        "scans.jpg": jpeg_of_scans(60),
        "thumbnail.jpg": encoded(noise(), "JPEG", xmp=b"\xff\xda" * 500),
        "text.ppm": text,
        "odd.pgm": b"P5\n#" + b"c" * 5000 + b"\n30 20\n99\n" + grey.tobytes(),
        "runs.bmp": bmp_of_runs(40, b"".join(bytes([40, row, 0, 0]) for row in range(40)) + b"\0\1"),
        "many.gif": gif_of_frames(300),
        "chunks.png": png_with(chunk(b"abCd", b"x") * 1000),
        "loop.tif": tiff(PLAIN_PAGE, pages=3, loop=True),
        "parts.png": encoded(Image.new("L", (3000, 3000)), "PNG"),
    }
    for name, content in unusual.items():
        with Image.open(io.BytesIO(content)) as expected:
            assert np.array_equal(decode(content, 3), expected.convert("RGB")), name


def test_frames_are_counted_without_decoding_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {
        "many.gif": gif_of_frames(300),
        "pages.tif": tiff(PLAIN_PAGE, pages=40),
        "loop.tif": tiff(PLAIN_PAGE, loop=True),
    }
    for (name, content), frames in zip(counts.items(), (300, 40, 1), strict=True):
        (tmp_path / name).write_bytes(content)
        assert inspect_file(tmp_path / name)["frames"] == frames
    monkeypatch.setattr(inspecting_pictures, "MOST_FRAMES", 2_000)
    for name, content in {"a.gif": gif_of_frames(4_000), "a.tif": tiff(PLAIN_PAGE, pages=2_100)}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match="more than 2,000 frames"):
            inspect_file(tmp_path / name)


def test_a_gif_whose_later_frame_is_huge_is_not_decoded(tmp_path: Path) -> None:
    content = bytearray(gif_of_frames(2))
    struct.pack_into("<2H", content, content.rindex(b",") + 5, 65_000, 65_000)
    (tmp_path / "grows.gif").write_bytes(content)
    with pytest.raises(DataError, match=rf"65000x65000 pixels.*{VARIABLE}"):
        inspect_file(tmp_path / "grows.gif")
    assert decode(bytes(content), 3).size == (4, 4)


# The limit of pixels


def declares(width: int, height: int) -> bytes:
    content = bytearray(encoded(Image.new("1", (8, 8)), "BMP"))
    struct.pack_into("<2i", content, 18, width, height)
    return bytes(content)


def test_the_limit_of_pixels_is_said_and_can_be_moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=rf"20000x20000 pixels; more than {PIXEL_LIMIT:,} are refused \({VARIABLE}"):
        decode(declares(20_000, 20_000), 1)
    picture = encoded(noise(40), "PNG")
    monkeypatch.setenv(VARIABLE, "1599")
    with pytest.raises(Unreadable, match="more than 1,599 are refused"):
        decode(picture, 3)
    monkeypatch.setenv(VARIABLE, "1_600")
    assert decode(picture, 3).size == (40, 40)
    (tmp_path / "a.png").write_bytes(picture)
    monkeypatch.setenv(VARIABLE, "900")
    found = inspect_file(tmp_path / "a.png")
    assert (found["width"], found["frames"]) == (40, 1)
    assert "were not decoded" in found["note"]
    report = iw.check(tmp_path)
    assert report.unreadable == 1
    assert VARIABLE in report.unreadable_examples[0][1]
    for wrong in ("many", "-4", "0", "1e9", "9" * 30):
        monkeypatch.setenv(VARIABLE, wrong)
        with pytest.raises(ConfigError, match=f"{VARIABLE}='{wrong}'"):
            decode(picture, 3)


def test_formats_that_hold_several_copies_have_a_quarter_of_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "4000")
    for options in ({"lossless": True}, {"lossless": False}, {"exif": b"Exif\0\0MM"}):
        content = encoded(noise(40), "WEBP", **options)
        with pytest.raises(Unreadable, match=r"40x40 pixels; more than 1,000 of a WEBP"):
            decode(content, 3)
    assert decode(encoded(noise(31), "WEBP"), 3).size == (31, 31)
    assert decode(encoded(noise(40), "PNG"), 3).size == (40, 40)


def test_a_file_larger_than_any_picture_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "good.png").write_bytes(encoded(noise(), "PNG"))
    with open(tmp_path / "huge.png", "wb") as file:
        file.truncate(2**29 + 1)  # a hole, which takes no space
    with pytest.raises(Unreadable, match="536,870,913 bytes; more than 536,870,912"):
        read_encoded(tmp_path / "huge.png")
    report = iw.check(tmp_path)
    assert (report.count, report.readable) == (2, 1)
    assert "536,870,913 bytes" in report.unreadable_examples[0][1]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(Unreadable, match="no regular file"):
        read_encoded(tmp_path / "pipe.png")
    with pytest.raises(UserError, match=r"pipe\.png is not a file"):
        inspect_file(tmp_path / "pipe.png")


# Conversions in bands, and silence


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "I;16", "I"])
def test_large_pictures_are_converted_as_small_ones(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(2).integers(0, 256, (37, 29, 4), np.uint8)
    if mode in {"RGBA", "LA"}:
        content = encoded(Image.fromarray(values).convert(mode), "PNG")
    elif mode == "P":
        content = encoded(Image.fromarray(values[..., 0]).convert("P"), "PNG", transparency=bytes(range(256)))
    else:
        deep = Image.fromarray(values.view(np.uint16)[..., 0].copy())
        content = encoded(deep if mode == "I;16" else deep.convert("I"), "PNG" if mode == "I;16" else "TIFF")
    whole = {channels: np.asarray(decode(content, channels)) for channels in (1, 3)}
    monkeypatch.setattr(opening, "BAND_PIXELS", 200)
    for channels, expected in whole.items():
        assert np.array_equal(decode(content, channels), expected)


def test_pillow_and_libtiff_print_nothing_and_its_settings_come_back(capfd: pytest.CaptureFixture[str]) -> None:
    whole = encoded(noise(), "TIFF", compression="tiff_adobe_deflate")
    damaged = bytearray(whole)
    damaged[60:90] = bytes(30)
    cut = whole[: len(whole) // 2]
    text = tiff([*PLAIN_PAGE, (270, 2, 500, 60_000)], bytes(16))
    before = list(warnings.filters), Image.MAX_IMAGE_PIXELS
    barrier = threading.Barrier(4)

    def read(content: bytes) -> str:
        barrier.wait()
        try:
            return str(decode(content, 3).size)
        except Unreadable as reason:
            return str(reason)

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(read, [bytes(damaged), cut, text, whole] * 5))
    assert results[3] == "(40, 40)"
    assert capfd.readouterr() == ("", "")
    assert (list(warnings.filters), Image.MAX_IMAGE_PIXELS) == before
    with open_picture(whole) as picture, open_picture(encoded(noise(), "PNG")):
        picture.load()
    assert (list(warnings.filters), Image.MAX_IMAGE_PIXELS) == before
