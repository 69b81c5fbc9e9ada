"""Named sets that are downloaded once, checked by size and checksum: MNIST, Fashion-MNIST and CIFAR-10."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imagewright.downloads import RemoteFile, fetch
from imagewright.errors import DataError
from imagewright.files import cache_folder
from imagewright.images.annotations import Annotations
from imagewright.images.sources.arrays import ArraySource
from imagewright.images.sources.idx import open_idx


@dataclass(frozen=True)
class RemoteSet:
    """A set: base URLs to try in turn, the files of each split, and the names of the classes."""

    mirrors: tuple[str, ...]
    files: dict[str, tuple[RemoteFile, ...]]
    class_names: tuple[str, ...]


_CIFAR10 = (RemoteFile("cifar-10-binary.tar.gz", 170_052_171, "c32a1d4ab5d03f1284b67883e8d87530"),)

REMOTE_SETS = {
    "mnist": RemoteSet(
        ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
        {
            "train": (
                RemoteFile("train-images-idx3-ubyte.gz", 9_912_422, "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
                RemoteFile("train-labels-idx1-ubyte.gz", 28_881, "d53e105ee54ea40749a09fcbcd1e9432"),
            ),
            "test": (
                RemoteFile("t10k-images-idx3-ubyte.gz", 1_648_877, "9fb629c4189551a2d022fa330f9573f3"),
                RemoteFile("t10k-labels-idx1-ubyte.gz", 4_542, "ec29112dd5afa0611ce80d1b7f02629c"),
            ),
        },
        tuple("0123456789"),
    ),
    "fashion-mnist": RemoteSet(
        (
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        ),
        {
            "train": (
                RemoteFile("train-images-idx3-ubyte.gz", 26_421_880, "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
                RemoteFile("train-labels-idx1-ubyte.gz", 29_515, "25c81989df183df01b3e8a0aad5dffbe"),
            ),
            "test": (
                RemoteFile("t10k-images-idx3-ubyte.gz", 4_422_102, "bef4ecab320f06d8554ea6380940ec79"),
                RemoteFile("t10k-labels-idx1-ubyte.gz", 5_148, "bb300cfdad3c16e7a12a480ee83cd310"),
            ),
        },
        ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    "cifar10": RemoteSet(
        ("https://www.cs.toronto.edu/~kriz/",),
        {"train": _CIFAR10, "test": _CIFAR10},
        ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    ),
}


def open_remote(name: str, split: str | None, cache_dir: str | Path | None) -> ArraySource:
    """A named set, downloaded if need be. Raises `DataError` without network, which says which file to put where."""
    remote, part = REMOTE_SETS[name], split or "train"
    if part not in remote.files:
        raise DataError(f"{name} has the parts {' and '.join(remote.files)}; there is no part {part!r}.")
    folder = cache_folder(cache_dir) / "downloads" / name
    paths = [fetch(name, file, remote.mirrors, folder) for file in remote.files[part]]
    if name != "cifar10":
        return open_idx(paths[0], name, remote.class_names)
    source = _open_cifar10(paths[0], part)
    source.annotations.class_names = remote.class_names
    return source


def _open_cifar10(path: Path, part: str) -> ArraySource:
    """The binary version of CIFAR-10: records of a label byte and 3x32x32 pixel bytes. (The other one is pickles.)"""
    wanted = {f"data_batch_{number}.bin" for number in range(1, 6)} if part == "train" else {"test_batch.bin"}
    found: dict[str, np.ndarray] = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                content = archive.extractfile(member) if Path(member.name).name in wanted else None
                if content is not None and member.size == 10_000 * 3073:
                    found[Path(member.name).name] = np.frombuffer(content.read(), np.uint8).reshape(-1, 3073)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(f"{path} cannot be read ({error}): remove it, and it is fetched again.") from error
    if set(found) != wanted:
        raise DataError(f"{path} lacks {', '.join(sorted(wanted - set(found)))}: remove it, and it is fetched again.")
    records = np.concatenate([found[name] for name in sorted(found)])
    pixels = np.ascontiguousarray(records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    return ArraySource("cifar10", pixels, Annotations(records[:, 0].astype(np.int64)))
