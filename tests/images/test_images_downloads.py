"""Downloads of named sets from a local server: checksums, resuming, mirrors, and no network at all."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import tarfile
from collections.abc import Iterator

import numpy as np
import pytest
from serving import Site, serving

from imagewright.errors import DataError
from imagewright.images import open_images
from imagewright.images.sources import downloads


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as served:
        yield served


def idx(values: np.ndarray) -> bytes:
    return gzip.compress(struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes())


@pytest.fixture
def small_mnist(site, monkeypatch) -> np.ndarray:
    """A set called `mnist` of 30 pictures, with true checksums, on the site. Returns its pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (30, 28, 28), np.uint8)
    contents = {
        "train-images-idx3-ubyte.gz": idx(pixels),
        "train-labels-idx1-ubyte.gz": idx(np.arange(30, dtype=np.uint8) % 10),
    }
    files = tuple(
        downloads.RemoteFile(name, len(content), hashlib.md5(content).hexdigest()) for name, content in contents.items()
    )
    true = downloads.REMOTE_SETS["mnist"]
    monkeypatch.setitem(
        downloads.REMOTE_SETS, "mnist", downloads.RemoteSet(true.mirrors, {"train": files}, true.class_names)
    )
    site.files = {f"/mnist/{name}": content for name, content in contents.items()}
    monkeypatch.setenv("IMAGEWRIGHT_MIRROR", site.url)
    return pixels


def test_a_set_is_downloaded_once_and_checked(site, small_mnist) -> None:
    images = open_images("mnist")
    assert images.class_names == tuple("0123456789")
    assert np.array_equal(images.batch(np.arange(30)).images[:, 0].numpy(), small_mnist)
    assert len(site.requests) == 2
    assert len(open_images("mnist")) == 30
    assert len(site.requests) == 2


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_download_is_resumed(site, small_mnist, ranges) -> None:
    site.break_after, site.ranges = 1000, ranges
    assert np.array_equal(open_images("mnist").batch(np.arange(30)).images[:, 0].numpy(), small_mnist)
    assert ("/mnist/train-images-idx3-ubyte.gz", "bytes=1000-") in site.requests


def test_the_part_of_an_earlier_process_is_resumed(site, small_mnist, cache) -> None:
    folder = cache / "downloads" / "mnist"
    folder.mkdir(parents=True)
    whole = site.files["/mnist/train-images-idx3-ubyte.gz"]
    (folder / "train-images-idx3-ubyte.gz.part").write_bytes(whole[:5000])
    assert len(open_images("mnist")) == 30
    assert site.requests[0] == ("/mnist/train-images-idx3-ubyte.gz", "bytes=5000-")


def test_a_file_with_a_wrong_checksum_is_refused_and_removed(site, small_mnist, cache) -> None:
    name = "/mnist/train-images-idx3-ubyte.gz"
    site.files[name] = bytes(len(site.files[name]))
    with pytest.raises(DataError, match="another checksum"):
        open_images("mnist")
    left = {path.name for path in (cache / "downloads" / "mnist").iterdir()}
    assert not {entry for entry in left if not entry.endswith(".lock")}


def test_mirrors_are_tried_in_turn(site, small_mnist, monkeypatch) -> None:
    monkeypatch.delenv("IMAGEWRIGHT_MIRROR")
    known = downloads.REMOTE_SETS["mnist"]
    mirrors = (f"{site.url}/absent/", f"{site.url}/mnist/")
    monkeypatch.setitem(downloads.REMOTE_SETS, "mnist", downloads.RemoteSet(mirrors, known.files, known.class_names))
    assert len(open_images("mnist")) == 30
    assert site.requests[0][0].startswith("/absent/")


def test_without_a_network_the_error_names_the_file_and_its_folder(small_mnist, site, monkeypatch, cache) -> None:
    monkeypatch.setenv("IMAGEWRIGHT_MIRROR", "http://127.0.0.1:9")  # no server listens there
    with pytest.raises(DataError, match=r"put train-images-idx3-ubyte\.gz .*MD5 [0-9a-f]{32}.* into .*mnist"):
        open_images("mnist")
    for path, content in site.files.items():
        (cache / "downloads" / path[1:]).write_bytes(content)
    assert len(open_images("mnist")) == 30
    (cache / "downloads" / "mnist" / "train-labels-idx1-ubyte.gz").write_bytes(b"other")
    with pytest.raises(DataError, match="is not the published"):
        open_images("mnist")


def test_addresses_other_than_http_are_refused(small_mnist, monkeypatch) -> None:
    monkeypatch.setenv("IMAGEWRIGHT_MIRROR", "file:///etc")
    with pytest.raises(DataError, match="no http or https address"):
        open_images("mnist")


def test_parts_of_named_sets(small_mnist) -> None:
    with pytest.raises(DataError, match="no part 'valid'"):
        open_images("mnist", split="valid")


@pytest.mark.learning
def test_cifar10_is_read_from_its_binary_records(site, monkeypatch) -> None:
    random = np.random.default_rng(1).integers(0, 256, (2, 100, 3073), np.uint8)
    names = ("test_batch.bin", "data_batch_1.bin")
    records = {name: np.tile(some, (100, 1)) for name, some in zip(names, random, strict=True)}
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz", compresslevel=1) as archive:
        for name, values in records.items():
            values[:, 0] %= 10
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = values.size
            archive.addfile(member, io.BytesIO(values.tobytes()))
    content = stream.getvalue()
    file = downloads.RemoteFile("cifar-10-binary.tar.gz", len(content), hashlib.md5(content).hexdigest())
    known = downloads.REMOTE_SETS["cifar10"]
    parts = {"train": (file,), "test": (file,)}
    monkeypatch.setitem(downloads.REMOTE_SETS, "cifar10", downloads.RemoteSet((), parts, known.class_names))
    monkeypatch.setenv("IMAGEWRIGHT_MIRROR", site.url)
    site.files["/cifar10/cifar-10-binary.tar.gz"] = content
    images = open_images("cifar10", split="test")
    batch = images.batch(np.array([7, 9999]))
    expected = records["test_batch.bin"][[7, 9999]]
    assert np.array_equal(batch.images.numpy(), expected[:, 1:].reshape(2, 3, 32, 32))
    assert batch.labels.tolist() == expected[:, 0].tolist()
    assert images.class_names[3] == "cat"
    with pytest.raises(DataError, match=r"lacks data_batch_2\.bin"):
        open_images("cifar10")
