"""Named sets that are fetched once: MNIST, Fashion-MNIST and CIFAR-10, each file by its size and checksum.

A file is fetched into `<name>.part`, goes on where it stopped (HTTP Range), and gets its name only when its checksum
is right. Mirrors are tried in turn; the variable IMAGEWRIGHT_MIRROR replaces them by one base URL, under which each
file is expected as `<set>/<file>`. Files put by hand where they belong are used as they are, if their checksum is
right.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import tarfile
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from imagewright.errors import DataError
from imagewright.images.cache import cache_folder, locked
from imagewright.images.labels import Annotations
from imagewright.images.sources.arrays import ArraySource
from imagewright.images.sources.idx import open_idx

SECONDS_OF_SILENCE = 30
TRIES = 3
BLOCK = 2**20


@dataclass(frozen=True)
class RemoteFile:
    """One file: its name, its bytes, and the MD5 that its authors publish (a check of the way, not of trust)."""

    name: str
    size: int
    md5: str


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
    """A named set, fetched first if it is not there. Raises `DataError` without network, saying what to put where."""
    remote, part = REMOTE_SETS[name], split or "train"
    if part not in remote.files:
        raise DataError(f"{name} has the parts {' and '.join(remote.files)}; there is no part {part!r}.")
    folder = cache_folder(cache_dir) / "downloads" / name
    paths = [fetch(name, file, remote.mirrors, folder) for file in remote.files[part]]
    source = _open_cifar10(paths[0], part) if name == "cifar10" else open_idx(paths[0], name)
    source.typed = name
    source.annotations.class_names = remote.class_names
    return source


def fetch(name: str, file: RemoteFile, mirrors: tuple[str, ...], folder: Path) -> Path:
    """The path of `file` in `folder`, fetched and checked if need be. Two processes at once fetch it once."""
    path = folder / file.name
    base = os.environ.get("IMAGEWRIGHT_MIRROR")
    urls = [f"{base.rstrip('/')}/{name}/{file.name}"] if base else [mirror + file.name for mirror in mirrors]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / f"{file.name}.lock"):
            if path.is_file():
                if _is_whole(path, file):
                    return path
                raise DataError(f"{path} is not the published {file.name} (its MD5 is not {file.md5}): remove it.")
            problems = [problem for url in urls if (problem := _fetch_from(url, file, path))]
    except OSError as error:
        raise DataError(
            f"{path} cannot be written ({error.strerror}): choose another folder by IMAGEWRIGHT_CACHE."
        ) from error
    if not path.is_file():
        raise DataError(
            f"{name} could not be fetched ({'; '.join(problems)}). Without a network, put {file.name} "
            f"({file.size:,} bytes, MD5 {file.md5}) into {folder}."
        )
    return path


def _fetch_from(url: str, file: RemoteFile, path: Path) -> str | None:
    """Fetch from one mirror, going on after breaks. Returns what went wrong, or None."""
    if path.is_file():
        return None
    host = urllib.parse.urlsplit(url)
    if host.scheme not in {"http", "https"}:
        return f"{url} is no http or https address"
    part = path.with_name(path.name + ".part")
    problem = ""
    for _ in range(TRIES):
        try:
            _continue(url, part, file.size)
        except urllib.error.HTTPError as error:
            return f"{host.netloc} answers {error.code} {error.reason}"
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            problem = f"{host.netloc}: {getattr(error, 'reason', None) or error or type(error).__name__}"
            continue
        if part.stat().st_size < file.size:
            problem = f"{host.netloc} broke off after {part.stat().st_size:,} of {file.size:,} bytes"
            continue
        if _is_whole(part, file):
            os.replace(part, path)
            return None
        part.unlink()
        return f"{host.netloc} sends a file with another checksum"
    return problem


def _continue(url: str, part: Path, size: int) -> None:
    have = part.stat().st_size if part.exists() else 0
    if have >= size:
        return
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    with (
        urllib.request.urlopen(request, timeout=SECONDS_OF_SILENCE) as answer,
        # A server that does not know ranges sends all of it again, from the start.
        open(part, "ab" if answer.status == 206 else "wb") as stored,
    ):
        left = size - stored.tell()
        while left > 0 and (block := answer.read(min(BLOCK, left))):
            stored.write(block)
            left -= len(block)
        stored.flush()
        os.fsync(stored.fileno())


def _is_whole(path: Path, file: RemoteFile) -> bool:
    if path.stat().st_size != file.size:
        return False
    with open(path, "rb") as stored:
        return hashlib.file_digest(stored, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() == file.md5


def _open_cifar10(path: Path, part: str) -> ArraySource:
    """The binary version of CIFAR-10: records of one label byte and 3x32x32 pixel bytes. (The other one is pickles.)"""
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
