"""The cache knows pictures by their content: touched files are the same, replaced ones are not, faults pass."""

from __future__ import annotations

import builtins
import errno
import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imagewright.images import open_images
from imagewright.images.sources import content


def pixels(images) -> np.ndarray:
    return images.batch(np.arange(len(images))).images.numpy()


def keep_time(path: Path, change) -> None:
    status = path.stat()
    change()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size


def decoded(images) -> int:
    seen = [0]
    images.prepare(progress=lambda done, total: seen.append(done))
    return max(seen)


def grey(path: Path, shade: int, side: int = 64) -> None:
    Image.new("L", (side, side), shade).save(path)


def test_a_file_replaced_with_equal_size_and_time_is_another_picture(tmp_path) -> None:
    for number in range(60):
        grey(tmp_path / f"{number:02}.bmp", number)
    before = open_images(tmp_path).prepare().fingerprint
    keep_time(tmp_path / "37.bmp", lambda: grey(tmp_path / "37.bmp", 250))
    images = open_images(tmp_path)
    assert images.fingerprint != before
    assert (pixels(images)[37] == 250).all()


def test_one_pixel_of_a_file_without_compression_is_enough(tmp_path) -> None:
    grey(tmp_path / "a.bmp", 9, 600)
    before = open_images(tmp_path).fingerprint

    def change() -> None:
        data = bytearray((tmp_path / "a.bmp").read_bytes())
        data[123_457] ^= 1
        (tmp_path / "a.bmp").write_bytes(data)

    keep_time(tmp_path / "a.bmp", change)
    assert open_images(tmp_path).fingerprint != before


def test_touched_and_copied_folders_are_the_same_set(folder, tmp_path) -> None:
    images = open_images(folder)
    assert decoded(images) == 6
    os.utime(folder / "2.png")
    assert open_images(folder).fingerprint == images.fingerprint
    shutil.copytree(folder, tmp_path / "copy", copy_function=shutil.copyfile)
    again = open_images(tmp_path / "copy")
    assert again.fingerprint == images.fingerprint
    assert decoded(again) == 0


def test_a_touch_while_pictures_are_read_changes_nothing(folder) -> None:
    for cache in (True, False):
        images = open_images(folder, cache=cache)
        assert images.fingerprint
        os.utime(folder / "4.png", (1, 1))
        assert len(pixels(images)) == 6
        assert not images.skipped


def test_without_a_cache_a_changed_picture_is_replaced_and_named(folder) -> None:
    images = open_images(folder, cache=False)
    assert images.fingerprint
    (folder / "4.png").write_bytes((folder / "3.png").read_bytes() + b"more")
    assert len(pixels(images)) == 6
    assert [name for name, _ in images.skipped] == ["4.png"]
    assert "changed" in images.skipped[0][1]


def test_touched_archives_are_the_same_and_replaced_ones_are_not(folder, tmp_path) -> None:
    def pack(last: str) -> None:
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            for name in ("0.png", "1.png", last):
                archive.writestr(zipfile.ZipInfo(f"{name[0]}.png"), (folder / name).read_bytes())

    pack("2.png")
    images = open_images(tmp_path / "a.zip")
    os.utime(tmp_path / "a.zip", (1, 1))
    assert open_images(tmp_path / "a.zip").fingerprint == images.fingerprint
    assert len(pixels(images)) == 3
    pack("3.png")
    assert open_images(tmp_path / "a.zip").fingerprint != images.fingerprint


def test_shards_are_known_by_their_pictures(tmp_path) -> None:
    import io
    import tarfile

    def pack(shade: int) -> None:
        with tarfile.open(tmp_path / "a.tar", "w") as archive:
            for number in range(300):
                buffer = io.BytesIO()
                Image.new("L", (8, 8), shade if number == 123 else number % 200).save(buffer, "BMP")
                entry = tarfile.TarInfo(f"{number:04}.bmp")
                entry.size = len(buffer.getvalue())
                archive.addfile(entry, io.BytesIO(buffer.getvalue()))

    pack(1)
    before = open_images(tmp_path / "a.tar").fingerprint
    keep_time(tmp_path / "a.tar", lambda: pack(2))
    assert open_images(tmp_path / "a.tar").fingerprint != before
    pack(1)
    assert open_images(tmp_path / "a.tar").fingerprint == before


# Saved samples


def test_samples_of_large_folders_are_saved_and_only_changed_files_read_again(tmp_path, cache, monkeypatch) -> None:
    monkeypatch.setattr(content, "SAVED_FROM", 4)
    monkeypatch.setattr(content, "TRUSTED_AFTER", -60.0)  # files of this moment are trusted, too
    for number in range(8):
        grey(tmp_path / f"{number}.png", number)
    read: list[str] = []
    sample = content.sample_file
    monkeypatch.setattr(content, "sample_file", lambda path, *rest: read.append(Path(path).name) or sample(path, *rest))
    first = open_images(tmp_path).fingerprint
    assert sorted(read) == [f"{number}.png" for number in range(8)]
    read.clear()
    assert open_images(tmp_path).fingerprint == first
    assert read == []
    keep_time(tmp_path / "5.png", lambda: grey(tmp_path / "5.png", 6))
    assert open_images(tmp_path).fingerprint != first
    assert read == ["5.png"]
    for saved in (cache / "samples").iterdir():
        saved.write_bytes(b"damaged")
    assert open_images(tmp_path).fingerprint != first


def test_saved_samples_that_another_process_replaces_are_not_mixed_up(tmp_path, cache, monkeypatch) -> None:
    monkeypatch.setattr(content, "SAVED_FROM", 4)
    monkeypatch.setattr(content, "TRUSTED_AFTER", -60.0)
    for number in range(8):
        grey(tmp_path / f"{number}.png", number)
    first = open_images(tmp_path).fingerprint
    (saved,) = (cache / "samples").iterdir()
    load = np.load

    def load_then_replace(*arguments, **options) -> np.ndarray:
        entries = load(*arguments, **options)
        with saved.open("wb") as file:  # as a process that sees half of the files does
            np.save(file, entries[::-1][:4])
        return entries

    monkeypatch.setattr(np, "load", load_then_replace)
    assert open_images(tmp_path).fingerprint == first


def test_the_last_seconds_are_not_trusted(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(content, "SAVED_FROM", 1)
    grey(tmp_path / "a.png", 1)
    before = open_images(tmp_path).fingerprint
    keep_time(tmp_path / "a.png", lambda: grey(tmp_path / "a.png", 2))
    assert open_images(tmp_path).fingerprint != before


def test_a_cache_folder_that_cannot_be_written_is_no_error_for_samples(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(content, "SAVED_FROM", 1)
    grey(tmp_path / "a.png", 1)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("IMAGEWRIGHT_CACHE", str(tmp_path / "file"))
    assert open_images(tmp_path).fingerprint


# Faults that pass


@pytest.mark.parametrize("after_sampling", [False, True])
def test_a_read_error_that_passes_does_not_stick(folder, monkeypatch, after_sampling) -> None:
    real, failing = builtins.open, [True]

    def open_or_fail(file, *arguments, **options):
        if failing[0] and str(file).endswith("3.png"):
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(file))
        return real(file, *arguments, **options)

    images = open_images(folder)
    if after_sampling:
        assert images.fingerprint
    monkeypatch.setattr(builtins, "open", open_or_fail)
    images.prepare()
    assert len(images) == 5
    assert "Input/output error" in images.skipped[0][1]
    still = open_images(folder).prepare()
    assert len(still) == 5
    failing[0] = False
    assert len(open_images(folder).prepare()) == 6


def test_damage_sticks_and_is_not_read_again(folder) -> None:
    (folder / "3.png").write_bytes((folder / "3.png").read_bytes()[:40])
    assert len(open_images(folder).prepare()) == 5
    again = open_images(folder)
    assert decoded(again) == 0
    assert [name for name, _ in again.skipped] == ["3.png"]


# Damage of the cache


def test_damaged_bytes_of_the_right_length_are_noticed(folder, cache) -> None:
    expected = pixels(open_images(folder))
    stored = next(cache.glob("*.pixels"))
    status = stored.stat()
    data = bytearray(stored.read_bytes())
    data[200:300] = bytes(100)
    stored.write_bytes(data)
    os.utime(stored, ns=(status.st_atime_ns, status.st_mtime_ns))
    images = open_images(folder)
    assert decoded(images) == 6
    np.testing.assert_array_equal(pixels(images), expected)


def test_large_caches_are_checked_when_they_were_touched(folder, cache, monkeypatch) -> None:
    from imagewright.images.cache import checksum

    monkeypatch.setattr(checksum, "ALWAYS_BYTES", 0)
    computed: list[Path] = []
    real = checksum.checksum_of
    monkeypatch.setattr(checksum, "checksum_of", lambda path: computed.append(path) or real(path))
    open_images(folder).prepare()
    open_images(folder).prepare()
    assert computed == []  # as it was written
    os.utime(next(cache.glob("*.pixels")), (1, 1))
    assert decoded(open_images(folder)) == 0
    assert len(computed) == 1
    open_images(folder).prepare()
    assert len(computed) == 1  # checked, and the new state is recorded


@pytest.mark.parametrize("header", ["[" * 100_000, "{}", '{"format": 2, "shape": null}', "null"])
def test_a_damaged_header_means_a_new_cache(folder, cache, header) -> None:
    open_images(folder).prepare()
    next(cache.glob("*.json")).write_text(header)
    assert decoded(open_images(folder)) == 6
    assert json.loads(next(cache.glob("*.json")).read_text())["checksum"]
