"""The prepared cache: made once, by one process, never stale, never half-made."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from PIL import Image

from imagewright.errors import DataError
from imagewright.files import is_locked
from imagewright.images import open_images


def times_prepared(images) -> int:
    """How many pictures `prepare` decoded: 0 if the cache existed."""
    seen = [0]
    images.prepare(progress=lambda done, total: seen.append(done))
    return max(seen)


def test_the_second_opening_decodes_nothing(folder) -> None:
    first = open_images(folder, size=8)
    assert times_prepared(first) == 6
    assert times_prepared(first) == 0
    second = open_images(folder, size=8)
    assert times_prepared(second) == 0
    assert torch.equal(first.batch(np.arange(6)).images, second.batch(np.arange(6)).images)


def test_options_that_change_the_pixels_change_the_fingerprint(folder) -> None:
    options = [
        {},
        {"size": 8},
        {"size": (8, 10)},
        {"channels": 1},
        {"crop": "random"},
        {"crop": "none"},
        {"resize": "box"},
    ]
    prints = [open_images(folder, **chosen).fingerprint for chosen in options]
    assert len(set(prints)) == len(prints)
    assert open_images(folder, flip=True).fingerprint == prints[0]


def test_every_change_of_the_folder_changes_the_fingerprint(folder, picture) -> None:
    def added() -> None:
        picture(50).save(folder / "9.png")

    def renamed() -> None:
        os.rename(folder / "9.png", folder / "8.png")

    def rewritten() -> None:
        status = os.stat(folder / "3.png")
        picture(51).save(folder / "3.png")
        os.utime(folder / "3.png", ns=(status.st_atime_ns, status.st_mtime_ns + 1))

    def removed() -> None:
        (folder / "0.png").unlink()

    seen = {open_images(folder).prepare().fingerprint}
    for change in (added, renamed, rewritten, removed):
        change()
        images = open_images(folder)
        assert images.fingerprint not in seen, change.__name__
        assert times_prepared(images) == len(images)
        seen.add(images.fingerprint)


def test_folders_with_equal_names_sizes_and_times_have_different_fingerprints(tmp_path) -> None:
    prints = set()
    for shade in (10, 200):
        root = tmp_path / str(shade)
        root.mkdir()
        Image.new("L", (8, 8), shade).save(root / "a.pgm")
        os.utime(root / "a.pgm", ns=(0, 0))
        images = open_images(root)
        assert (images.batch(np.array([0])).images == shade).all()
        prints.add(images.fingerprint)
    assert len(prints) == 2


def test_training_goes_on_when_the_source_is_gone(folder) -> None:
    images = open_images(folder).prepare()
    before = images.batch(np.arange(6)).images
    shutil.rmtree(folder)
    assert torch.equal(images.batch(np.arange(6)).images, before)


def test_a_source_that_vanishes_or_changes_during_prepare_is_an_error(folder, cache) -> None:
    images = open_images(folder)
    (folder / "4.png").write_bytes((folder / "3.png").read_bytes() + b"more")
    with pytest.raises(DataError, match=r"4\.png changed"):
        images.prepare()
    images = open_images(folder)
    shutil.rmtree(folder)
    with pytest.raises(DataError, match="vanished"):
        images.prepare()
    assert not list(cache.glob("*.p*"))


@pytest.mark.parametrize("damage", ["short", "header", "shape"])
def test_a_damaged_cache_is_made_anew(folder, cache, damage) -> None:
    expected = open_images(folder).batch(np.arange(6)).images
    pixels, header = next(cache.glob("*.pixels")), next(cache.glob("*.json"))
    if damage == "short":
        pixels.write_bytes(pixels.read_bytes()[:-1])
    elif damage == "header":
        header.write_text(header.read_text()[:-4])
    else:
        header.write_text(json.dumps({**json.loads(header.read_text()), "shape": [6, 1, 1, 3]}))
    images = open_images(folder)
    assert times_prepared(images) == 6
    assert torch.equal(images.batch(np.arange(6)).images, expected)


def test_a_full_disk_raises_and_leaves_no_files(folder, cache, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for name in ("posix_fallocate", "pwrite"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, full)
            with pytest.raises(DataError, match=r"disk of .* is full.*IMAGEWRIGHT_CACHE"):
                open_images(folder).prepare()
        assert not list(cache.glob("*.p*"))
    assert len(open_images(folder).prepare()) == 6


def test_a_cache_folder_that_cannot_be_written(folder, tmp_path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="cannot be written"):
        open_images(folder, cache_dir=tmp_path / "file").prepare()


def test_unreadable_pictures_leave_no_gaps_in_the_cache(tmp_path, picture, pixels_of) -> None:
    bad = {0, 3, 4, 11, 19}
    for number in range(20):
        picture(number).save(tmp_path / f"{number:02d}.png")
        if number in bad:
            (tmp_path / f"{number:02d}.png").write_bytes(b"\x00bad")
    for _ in range(2):  # decoded now, then from the cache
        images = open_images(tmp_path).prepare()
        assert [name for name, _ in images.skipped] == [f"{number:02d}.png" for number in sorted(bad)]
        good = [number for number in range(20) if number not in bad]
        batch = images.batch(np.arange(15)).images
        assert all(
            np.array_equal(row.numpy(), pixels_of(picture(number))) for row, number in zip(batch, good, strict=True)
        )
    subset = open_images(tmp_path).subset(np.array([12, 11, 5])).prepare()
    assert subset.names() == ["12.png", "05.png"]
    assert np.array_equal(subset.batch(np.array([1])).images[0].numpy(), pixels_of(picture(5)))


def test_of_two_processes_at_once_only_one_decodes(tmp_path, picture) -> None:
    for number in range(300):
        picture(number).save(tmp_path / f"{number}.png")
    script = textwrap.dedent(f"""
        import sys
        from imagewright.images import open_images
        images, seen = open_images({str(tmp_path)!r}, size=8), [0]
        print("ready", flush=True)
        sys.stdin.readline()
        images.prepare(progress=lambda done, total: seen.append(done))
        print(max(seen))
    """)
    command, pipe = [sys.executable, "-c", script], subprocess.PIPE
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(2)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert sorted(int(process.communicate(timeout=60)[0]) for process in processes) == [0, 300]
    assert times_prepared(open_images(tmp_path, size=8)) == 0


def test_a_cache_can_be_made_after_a_killed_preparation(folder, cache) -> None:
    script = textwrap.dedent(f"""
        import os, time
        from imagewright.images import open_images
        def hold(*arguments):
            print("writing", flush=True)
            time.sleep(60)
        os.pwrite = hold
        open_images({str(folder)!r}).prepare()
    """)
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=dict(os.environ)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"writing\n"
        process.send_signal(signal.SIGKILL)
    assert list(cache.glob("*.part"))
    assert not any(is_locked(lock) for lock in cache.glob("*.lock"))  # the lock ended with the process
    assert times_prepared(open_images(folder)) == 6
    assert not list(cache.glob("*.part"))
