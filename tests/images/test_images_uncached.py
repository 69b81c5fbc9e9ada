"""Images without a cache: decoded at each use, with the same pixels, and without files."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imagewright as iw
from imagewright.errors import DataError, RunError
from imagewright.training.reporting import Silent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of 20 pictures of 12x10, each of its own colour."""
    generator = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(20):
            pixels = generator.integers(0, 256, (12, 10, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pictures" / name / f"{number:02d}.png")
    return tmp_path / "pictures"


def test_pixels_labels_and_views_equal_those_of_the_cache(folder: Path, tmp_path: Path) -> None:
    options = {"size": 8, "crop": "random", "flip": True}
    cached = iw.open_images(folder, **options, cache_dir=tmp_path / "cache")
    uncached = iw.open_images(folder, **options, cache=False, cache_dir=tmp_path / "other")
    assert (cached.cached, uncached.cached) == (True, False)
    indices = np.array([39, 0, 17, 17, 3])
    for views in (None, np.array([5, 6, 7, 8, 9])):
        one, other = cached.batch(indices, views, seed=3), uncached.batch(indices, views, seed=3)
        assert np.array_equal(one.images, other.images)
        assert np.array_equal(one.labels, other.labels)
    whole = [batch.images.numpy() for batch in uncached.batches(16)]
    assert np.array_equal(np.concatenate(whole), next(cached.batches(40)).images)
    chosen = np.array([30, 2, 11])
    assert np.array_equal(uncached.subset(chosen).batch(np.arange(3)).images, cached.batch(chosen).images)
    assert not (tmp_path / "other").exists()


def test_an_unreadable_picture_is_replaced_by_the_next_one(folder: Path) -> None:
    (folder / "cats" / "03.png").write_bytes(b"no picture")
    (folder / "cats" / "04.png").write_bytes(b"nor this")
    images = iw.open_images(folder, size=8, cache=False)
    assert len(images) == 40
    batch = images.batch(np.array([3, 5, 39, 4]))
    assert np.array_equal(batch.images[0], batch.images[1])
    assert np.array_equal(batch.images[0], batch.images[3])
    assert [name for name, _ in images.skipped] == ["cats/03.png", "cats/04.png"]
    assert np.array_equal(images.batch(np.array([4])).images[0], batch.images[1])
    few = images.subset(np.array([3, 30]))
    assert np.array_equal(few.batch(np.array([0])).images, images.batch(np.array([30])).images)
    assert few.batch(np.array([0])).labels.tolist() == [1]


def test_an_unreadable_picture_raises_with_strict_and_if_none_is_left(folder: Path) -> None:
    (folder / "cats" / "03.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"cats/03\.png cannot be read"):
        iw.open_images(folder, size=8, cache=False, strict=True).batch(np.arange(10))
    images = iw.open_images(folder, size=8, channels=3, cache=False)
    with pytest.raises(DataError, match=r"No picture chosen of .* can be read"):
        images.subset(np.array([3])).batch(np.array([0]))


def test_sources_that_are_read_in_order_need_the_cache(folder: Path, tmp_path: Path) -> None:
    shard = tmp_path / "packed.tar.gz"
    with tarfile.open(shard, "w:gz") as file:
        content = (folder / "cats" / "00.png").read_bytes()
        member = tarfile.TarInfo("000.png")
        member.size = len(content)
        file.addfile(member, io.BytesIO(content))
    with pytest.raises(DataError, match="can only be read from its start to its end"):
        iw.open_images(shard, cache=False)


def test_training_without_a_cache_resumes_with_the_same_bytes_and_not_with_one(folder: Path, tmp_path: Path) -> None:
    options = {"latent_dim": 2, "width": 4, "batch_size": 8, "report_every": 48, "checkpoint_every": 24}
    quiet = {"reporter": Silent(), **options}

    def opened() -> iw.Images:
        return iw.open_images(folder, size=8, flip=True, cache=False)

    unbroken = iw.train("vae", opened(), tmp_path / "one" / "run", images_seen=96, **quiet)
    iw.train("vae", opened(), tmp_path / "two" / "run", images_seen=48, **quiet)
    broken = iw.train("vae", str(folder), tmp_path / "two" / "run", images_seen=96, resume=True, **quiet)
    ends = [run.checkpoints()[-1] for run in (unbroken, broken)]
    assert ends[0].weights.read_bytes() == ends[1].weights.read_bytes()
    cached = iw.open_images(folder, size=8, flip=True, cache_dir=tmp_path / "cache")
    with pytest.raises(RunError, match="cache was False and is True"):
        iw.train("vae", cached, tmp_path / "two" / "run", images_seen=144, resume=True, **quiet)
