"""A run goes on when its pictures were touched or copied, and is refused when one of them was replaced."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image
from tiny import simple_pictures, tiny_options

import imagewright as iw
from imagewright.errors import RunError
from imagewright.training.reporting import Silent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "in"
    root.mkdir()
    for number, pixels in enumerate(simple_pictures(16)):
        Image.fromarray(pixels.transpose(1, 2, 0)).save(root / f"{number:02}.png")
    return root


def train(folder: Path, out: Path, seen: int, **options: object) -> iw.Run:
    return iw.train("vae", str(folder), out, images_seen=seen, batch_size=8, reporter=Silent(), **options)


@pytest.mark.parametrize("cache", [True, False])
def test_a_touched_or_copied_set_resumes(folder, tmp_path, cache) -> None:
    out = tmp_path / "run"
    images = iw.open_images(folder, size=16, cache=cache)
    iw.train("vae", images, out, images_seen=16, batch_size=8, reporter=Silent(), **tiny_options("vae"))
    for path in folder.iterdir():
        os.utime(path, (1, 1))
    assert train(folder, out, 32, resume=True).latest()[0].images_seen == 32
    shutil.copytree(folder, tmp_path / "copy", copy_function=shutil.copyfile)
    assert train(tmp_path / "copy", out, 48, resume=True).latest()[0].images_seen == 48


def test_a_replaced_picture_of_equal_size_and_time_is_noticed(folder, tmp_path) -> None:
    out = tmp_path / "run"
    path = folder / "07.bmp"
    Image.new("RGB", (16, 16), "red").save(path)
    train(folder, out, 16, **tiny_options("vae"))
    status = path.stat()
    Image.new("RGB", (16, 16), "blue").save(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(RunError, match=r"the pictures of .* changed"):
        train(folder, out, 32, resume=True)


def test_a_training_without_a_cache_outlives_a_touch(folder, tmp_path) -> None:
    images = iw.open_images(folder, size=16, cache=False)
    assert images.fingerprint
    for path in folder.iterdir():
        os.utime(path, (1, 1))
    run = iw.train(
        "vae", images, tmp_path / "run", images_seen=16, batch_size=8, reporter=Silent(), **tiny_options("vae")
    )
    assert run.latest()[0].images_seen == 16
