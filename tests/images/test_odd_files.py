"""Names in other encodings, and pictures of odd kinds: read, or refused with a reason."""

from __future__ import annotations

import struct
import unicodedata
import warnings
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from imagewright.images import open_images
from imagewright.images.sources.zip_directory import _decode_name


def test_unflagged_utf8_names_in_a_zip(tmp_path, picture) -> None:
    picture(0).save(tmp_path / "a.png")
    path = tmp_path / "old.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(tmp_path / "a.png", "weiX.png")
    # The name with two bytes of UTF-8 for one letter, without the flag, as old programs wrote it.
    path.write_bytes(path.read_bytes().replace(b"weiX.png", "we\xdf.png".encode()))
    assert open_images(path).names() == ["we\xdf.png"]


@pytest.mark.parametrize(
    ("raw", "flags", "name"),
    [
        (b"plain.png", 0, "plain.png"),
        ("ゾウ.png".encode(), 0x800, "ゾウ.png"),
        ("ゾウ.png".encode(), 0, "ゾウ.png"),
        (b"gr\x81n.png", 0, "grün.png"),  # code page 437
        (b"lat\xe9.png", 0x800, "lat\udce9.png"),
    ],
)
def test_names_of_zip_members(raw, flags, name) -> None:
    assert _decode_name(raw, flags, b"") == name


def test_the_field_with_the_unicode_name_goes_first() -> None:
    raw, name = b"gr?n.png", "grün.png".encode()
    field = b"\x01" + struct.pack("<I", zlib.crc32(raw)) + name
    assert _decode_name(raw, 0, struct.pack("<2H", 0x7075, len(field)) + field) == "grün.png"
    stale = b"\x01" + struct.pack("<I", 5) + name
    assert _decode_name(raw, 0, struct.pack("<2H", 0x7075, len(stale)) + stale) == "gr?n.png"


def test_pairs_whose_names_differ_in_the_form_of_unicode(tmp_path, picture) -> None:
    for layer, form in (("input", "NFC"), ("target", "NFD")):
        (tmp_path / layer).mkdir()
        for seed, name in enumerate(("café", "über", "plain")):
            picture(seed).save(tmp_path / layer / f"{unicodedata.normalize(form, name)}.png")
    pairs = open_images({layer: tmp_path / layer for layer in ("input", "target")})
    assert len(pairs) == 3
    assert not any("without a partner" in note for note in pairs.notes)


def test_latin1_names_are_opened(tmp_path, picture) -> None:
    picture(3).save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "lat\udce9.png")
    assert open_images(tmp_path).prepare().names() == ["lat\udce9.png"]


def test_lab_pictures_become_srgb(tmp_path) -> None:
    colours = np.zeros((8, 9, 3), np.uint8)
    colours[:, :3], colours[:, 3:6], colours[:, 6:] = (200, 30, 60), (20, 120, 220), (90, 90, 90)
    lab = ImageCms.profileToProfile(
        Image.fromarray(colours), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    lab.save(tmp_path / "a.tif")
    images = open_images(tmp_path).prepare()
    assert images.channels == 3
    found = images.batch(np.array([0])).images[0].permute(1, 2, 0).numpy()
    assert np.abs(found.astype(int) - colours).max() <= 6  # a step of 8 bits in Lab is up to 5 in sRGB


@pytest.mark.parametrize("packed", [False, True])
def test_png_with_megabytes_of_text(tmp_path, picture, pixels_of, packed) -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("history", "x" * 3_000_000, zip=packed)
    picture(5).save(tmp_path / "a.png", pnginfo=text)
    images = open_images(tmp_path).prepare()
    assert not images.skipped
    np.testing.assert_array_equal(images.batch(np.array([0])).images[0], pixels_of(picture(5)))


def test_text_after_the_pixels_too(tmp_path, picture, pixels_of) -> None:
    picture(5).save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    chunk = b"zTXt" + b"history\0\0" + zlib.compress(b"x" * 3_000_000)
    framed = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    (tmp_path / "a.png").write_bytes(data[:-12] + framed + data[-12:])
    images = open_images(tmp_path).prepare()
    np.testing.assert_array_equal(images.batch(np.array([0])).images[0], pixels_of(picture(5)))


def test_a_damaged_tiff_prints_no_warning(tmp_path, picture, recwarn) -> None:
    picture(5).save(tmp_path / "a.tif")
    picture(6).save(tmp_path / "b.png")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    data[-60:] = bytes(60)
    (tmp_path / "a.tif").write_bytes(data)
    with warnings.catch_warnings(record=True):
        images = open_images(tmp_path, size=8, channels=3).prepare()
    assert len(images) >= 1
