"""Damaged tar shards lose no picture without a word: cuts, headers, sums; and samples that contradict themselves."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imagewright.errors import DataError
from imagewright.images import open_images


def encoded(seed: int) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), np.uint8)
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def write_tar(path: Path, members: list[tuple[str, bytes]], mode: str = "w") -> list[int]:
    """Returns where each member begins."""
    with tarfile.open(path, mode) as shard:  # type: ignore[call-overload]
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            shard.addfile(member, io.BytesIO(content))
    with tarfile.open(path) as shard:
        return [member.offset for member in shard.getmembers()]


@pytest.fixture
def shard(tmp_path: Path) -> tuple[Path, bytes, list[int]]:
    """A shard of 20 pictures, its bytes, and where its members begin."""
    path = tmp_path / "a.tar"
    offsets = write_tar(path, [(f"{number}.png", encoded(number)) for number in range(20)])
    return path, path.read_bytes(), offsets


def test_a_cut_in_a_header_or_a_damaged_header_is_refused(shard: tuple[Path, bytes, list[int]]) -> None:
    path, whole, offsets = shard
    five, ten = offsets[5], offsets[10]
    for damaged in (
        whole[: ten + 100],
        whole[:five] + b"\xff" * 512 + whole[five + 512 :],
        whole[:five] + bytes(512) + whole[five + 512 :],
    ):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"a\.tar is no tar file, or is cut short or damaged .*at byte"):
            open_images(path)


def test_a_missing_end_mark_and_what_follows_one_are_told(shard: tuple[Path, bytes, list[int]]) -> None:
    path, whole, offsets = shard
    path.write_bytes(whole[: offsets[10]])
    images = open_images(path)
    assert len(images) == 10
    assert "a.tar has no end mark: it may be cut short" in images.notes[0]
    for behind in (whole, b"junk" * 10):
        path.write_bytes(whole + behind)
        images = open_images(path)
        assert len(images) == 20
        assert "bytes after its end mark, which were not read" in images.notes[0]
    path.write_bytes(whole + bytes(2**21))
    assert open_images(path).notes == []


@pytest.mark.parametrize("mode", ["gz", "bz2", "xz"])
def test_damage_in_a_packed_shard_is_refused(tmp_path: Path, mode: str) -> None:
    path = tmp_path / f"a.tar.{mode}"
    write_tar(path, [(f"{number:03d}.png", encoded(number)) for number in range(100)], f"w:{mode}")
    whole = path.read_bytes()
    assert open_images(path).notes == []
    middle = len(whole) // 2
    for damaged in (whole[:middle] + b"\xff" * 64 + whole[middle + 64 :], whole[:middle], whole[:-3]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"cut short or damaged|cannot be read"):
            open_images(path)


def test_the_second_label_of_a_sample_does_not_replace_the_first(tmp_path: Path) -> None:
    first, second = encoded(0), encoded(1)
    write_tar(tmp_path / "a.tar", [("0.png", first), ("0.cls", b"cat"), ("0.png", second), ("0.cls", b"dog")])
    images = open_images(tmp_path / "a.tar")
    assert images.class_names == ("cat",)
    assert any("members of samples that have one of that name already, left out: 1" in note for note in images.notes)


def test_labels_of_shards_as_programs_write_them(tmp_path: Path) -> None:
    pictures = [(f"{number}.png", encoded(number)) for number in range(3)]
    write_tar(tmp_path / "a.tar", [*pictures, ("0.cls", b"\xef\xbb\xbfcat"), ("1.cls", b"cat"), ("2.cls", b"dog")])
    assert open_images(tmp_path / "a.tar").class_names == ("cat", "dog")
    labels = [(f"{number}.json", f'{{"label": {label}}}'.encode()) for number, label in enumerate(("1.0", "2.0", "1"))]
    write_tar(tmp_path / "a.tar", [*pictures, *labels])
    assert open_images(tmp_path / "a.tar").class_names == ("1", "2")
    write_tar(tmp_path / "a.tar", [*pictures, ("0.json", b'{"label": {"name": "cat"}}')])
    assert any("neither text, a whole number" in note for note in open_images(tmp_path / "a.tar").notes)
