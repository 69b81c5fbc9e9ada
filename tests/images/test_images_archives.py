"""Zip files: read in place; hostile ones are refused."""

from __future__ import annotations

import io
import struct
import zipfile

import numpy as np
import pytest
import torch

from imagewright.errors import DataError
from imagewright.images import open_images


def encoded(image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def archive(tmp_path, picture):
    """A zip of four pictures in two classes, half stored and half deflated, with a directory entry."""
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("cats/", b"")
        for seed, name in enumerate(("cats/b.png", "cats/a.png", "dogs/c.png", "dogs/ü.png")):
            method = zipfile.ZIP_DEFLATED if seed % 2 else zipfile.ZIP_STORED
            file.writestr(name, encoded(picture(seed)), method)
        file.writestr("readme.txt", "hello")
    return path


def test_a_zip_opens_as_the_folder_does(archive, tmp_path) -> None:
    with zipfile.ZipFile(archive) as file:
        file.extractall(tmp_path / "unpacked")
    packed, folder = open_images(archive), open_images(tmp_path / "unpacked")
    assert packed.names() == folder.names()
    assert packed.class_names == folder.class_names == ("cats", "dogs")
    assert packed.labels.tolist() == folder.labels.tolist()
    assert torch.equal(packed.batch(np.arange(4)).images, folder.batch(np.arange(4)).images)


def test_a_folder_with_one_zip_and_its_table_is_one_set(tmp_path, picture) -> None:
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as file:
        for seed in range(3):
            file.writestr(f"{seed}.png", encoded(picture(seed)))
    (tmp_path / "attributes.csv").write_text("image,hat\n0.png,1\n1.png,0\n2.png,1\n")
    images = open_images(tmp_path)
    assert images.attribute_names == ("hat",)
    assert images.attributes[:, 0].tolist() == [1, 0, 1]


def test_bytes_before_the_archive_do_not_matter(archive) -> None:
    archive.write_bytes(b"#!/bin/sh\n" * 100 + archive.read_bytes())
    assert len(open_images(archive).prepare()) == 4


def test_a_comment_may_hold_the_signature_of_the_directory(archive) -> None:
    comment = b"a comment with PK\x05\x06 in the middle of it, and more text"
    archive.write_bytes(archive.read_bytes()[:-2] + struct.pack("<H", len(comment)) + comment)
    assert len(open_images(archive).prepare()) == 4


def test_sixty_four_bit_directories(tmp_path, picture) -> None:
    path = tmp_path / "wide.zip"
    with zipfile.ZipFile(path, "w") as file:
        for seed in range(3):
            file.writestr(f"{seed}.png", encoded(picture(seed)))
    # The same archive with the 64-bit end records that large ones have.
    content = path.read_bytes()
    at = content.rindex(b"PK\x05\x06")
    size, offset = struct.unpack("<2I", content[at + 12 : at + 20])
    wide = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 3, 3, size, offset)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, at, 1)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    path.write_bytes(content[:at] + wide + locator + end)
    assert zipfile.ZipFile(path).namelist() == ["0.png", "1.png", "2.png"]
    assert len(open_images(path).prepare()) == 3

    path.write_bytes(b"#!/bin/sh\n" * 100 + path.read_bytes())
    assert len(open_images(path).prepare()) == 3


def test_a_table_whose_name_is_utf_8_without_the_flag(tmp_path, picture) -> None:
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for seed in range(2):
            file.writestr(f"Größe/{seed}.png", encoded(picture(seed)))
        file.writestr("Größe/labels.csv", "image,label\n0.png,klein\n1.png,groß\n")
    content = bytearray(path.read_bytes())
    for mark, shift in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        at = -1
        while (at := content.find(mark, at + 1)) >= 0:
            content[at + shift + 1] &= 0xF7  # the bit that says UTF-8
    path.write_bytes(content)
    assert "Größe/labels.csv" not in zipfile.ZipFile(path).namelist()
    images = open_images(path)
    assert [images.class_name(number) for number in range(2)] == ["klein", "groß"]


def test_a_table_in_a_zip_that_cannot_be_read_is_said(tmp_path, picture) -> None:
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("0.png", encoded(picture(0)))
        file.writestr("labels.csv", "image,label\n0.png,klein\n")
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"0.png,klein", b"0.png,other"))
    assert any("labels.csv cannot be read: the archive is damaged" in note for note in open_images(path).notes)
    at = whole.index(b"PK\x01\x02", whole.index(b"PK\x01\x02") + 1)
    path.write_bytes(whole[: at + 8] + b"\x01" + whole[at + 9 :])
    assert any("is encrypted (member labels.csv)" in note for note in open_images(path).notes)


@pytest.mark.parametrize("name", ["../outside.png", "a/../../outside.png", "/etc/x.png", "C:/x.png", "..\\x.png"])
def test_members_that_point_outside_are_refused(tmp_path, picture, name) -> None:
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as file:
        file.writestr("good.png", encoded(picture()))
        file.writestr(zipfile.ZipInfo(name), encoded(picture()))
    with pytest.raises(DataError, match="points outside the archive"):
        open_images(tmp_path / "evil.zip")


def test_links_in_a_zip_are_left_out(tmp_path, picture) -> None:
    with zipfile.ZipFile(tmp_path / "links.zip", "w") as file:
        file.writestr("good.png", encoded(picture()))
        link = zipfile.ZipInfo("link.png")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        file.writestr(link, "/etc/passwd")
    images = open_images(tmp_path / "links.zip")
    assert images.names() == ["good.png"]
    assert "left out: 1" in images.notes[0]


def test_encrypted_archives_are_refused(archive) -> None:
    content = bytearray(archive.read_bytes())
    for mark, shift in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        at = -1
        while (at := content.find(mark, at + 1)) >= 0:
            content[at + shift] |= 1
    archive.write_bytes(content)
    with pytest.raises(DataError, match="encrypted"):
        open_images(archive)


def test_a_member_with_a_huge_declared_size_is_refused(tmp_path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        file.writestr("a.bmp", bytes(300 * 2**20))
    with pytest.raises(DataError, match="bomb"):
        open_images(tmp_path / "bomb.zip")


def test_overlapping_members_with_a_huge_total_are_refused(tmp_path) -> None:
    """Each entry of the directory names the same 64 MiB of zeros, compressed to 64 KiB."""
    path = tmp_path / "overlap.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a000.bmp", bytes(2**26))
    content = path.read_bytes()
    start, end = content.index(b"PK\x01\x02"), content.rindex(b"PK\x05\x06")
    entry = content[start:end]
    directory = b"".join(entry.replace(b"a000", f"a{number:03d}".encode()) for number in range(400))
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 400, 400, len(directory), start, 0)
    path.write_bytes(content[:start] + directory + tail)
    with pytest.raises(DataError, match=r"over 200 times its .* a decompression bomb"):
        open_images(path)


def test_a_member_larger_than_declared_is_unreadable(archive, picture) -> None:
    content = bytearray(archive.read_bytes())
    at = content.index(b"cats/a.png", content.index(b"PK\x01\x02")) - 46
    struct.pack_into("<I", content, at + 24, 10)
    archive.write_bytes(content)
    images = open_images(archive).prepare()
    assert [name for name, _ in images.skipped] == ["cats/a.png"]
    assert "declares 10 bytes" in images.skipped[0][1]


def test_a_flipped_byte_is_found_by_the_checksum(archive) -> None:
    content = bytearray(archive.read_bytes())
    content[content.index(b"cats/b.png") + 10 + 200] ^= 255
    archive.write_bytes(content)
    images = open_images(archive).prepare()
    assert images.skipped == [("cats/b.png", "the archive is damaged here (the checksum differs)")]


def test_truncated_and_damaged_archives(archive, tmp_path) -> None:
    whole = archive.read_bytes()
    for cut in (0, 10, len(whole) // 2, len(whole) - 90):
        archive.write_bytes(whole[:cut])
        with pytest.raises(DataError, match="zip file"):
            open_images(archive)
    (tmp_path / "false.zip").write_text("no zip\n" * 100)
    with pytest.raises(DataError, match="no zip file"):
        open_images(tmp_path / "false.zip")
    with zipfile.ZipFile(tmp_path / "empty.zip", "w"):
        pass
    with pytest.raises(DataError, match="holds no pictures"):
        open_images(tmp_path / "empty.zip")
