"""What is in the files of a source, by a sample of each: it tells a file that was replaced from one that was touched.

The time and the size of a file are not enough to know that it is the same: a copy can keep both and hold another
picture, and a touched file has another time and holds the same. So each file is sampled: whole up to 64 KiB, else in
windows from its start to its end. Formats with compression change from the first other pixel on, so a window finds it;
files without compression are read whole up to 4 MiB.

The samples of a large folder are saved in the cache folder, by what the system knows of each file: its inode, its size,
its time, and the time of the last change of its inode, which no program can set. A file of which these are the same is
not read again. Times of the last seconds are not trusted, since a clock may not tell two changes apart.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np

from imagewright.files import atomic_write
from imagewright.images.decoding.parallel import usable_cores
from imagewright.images.sources.listing import Listing

WHOLE_BYTES = 2**16
WHOLE_BYTES_UNPACKED = 2**22
WINDOWS, WINDOW_BYTES = 8, 4096
MEMBER_WINDOWS, MEMBER_BYTES = 4, 1024
"""Places of each picture inside an archive, and bytes of each place."""
UNPACKED = frozenset((".bmp", ".dib", ".ppm", ".pgm", ".pbm", ".pnm", ".tif", ".tiff"))
"""Formats that may have no compression."""
SAVED_FROM = 1000
"""From so many files on, samples are saved."""
TRUSTED_AFTER = 3.0
"""Seconds after its last change from which on the state of a file is trusted."""
CHUNK = 512  # files a thread samples at once
UNREAD = b"\0" * 16
"""The sample of a file that cannot be read now. It is never saved."""
_STATE = np.dtype([("key", "<u8"), ("changed", "<u8"), ("size", "<i8"), ("time", "<i8")])
_ENTRY = np.dtype([("state", _STATE), ("sample", "V16")])


def sample_file(path: str | Path, windows: int | None = None) -> bytes:
    """16 bytes that differ as soon as the sampled content of a file does. Raises `OSError`."""
    unpacked = os.path.splitext(path)[1].lower() in UNPACKED
    with open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        result = hashlib.blake2b(size.to_bytes(8, "little"), digest_size=16)
        if size <= (WHOLE_BYTES_UNPACKED if unpacked else WHOLE_BYTES):
            while part := file.read(WHOLE_BYTES):
                result.update(part)
        else:
            for start in _spread(size, WINDOWS if windows is None else windows, WINDOW_BYTES):
                file.seek(start)
                result.update(file.read(WINDOW_BYTES))
    return result.digest()


def _spread(size: int, windows: int, length: int) -> list[int]:
    """Where windows of `length` bytes begin, from the start of `size` bytes to their end."""
    return np.linspace(0, size - length, windows).astype(np.int64).tolist()


def sample_members(path: Path, starts: np.ndarray, sizes: np.ndarray) -> bytes:
    """16 bytes that differ as soon as one of the pictures inside an archive without compression does.

    starts: int64 (N,), the first byte of each picture.
    sizes: int64 (N,), bytes of each.
    Raises `OSError`.
    """
    result = hashlib.blake2b(sample_file(path), digest_size=16)
    with open(path, "rb", buffering=0) as file:
        for start, size in zip(starts.tolist(), sizes.tolist(), strict=True):
            windows = [0] if size <= MEMBER_WINDOWS * MEMBER_BYTES else _spread(size, MEMBER_WINDOWS, MEMBER_BYTES)
            for offset in windows:
                file.seek(start + offset)
                result.update(file.read(min(size, MEMBER_BYTES * (1 if len(windows) > 1 else MEMBER_WINDOWS))))
    return result.digest()


def sample_listed(root: Path, listing: Listing, saved: Path) -> np.ndarray:
    """The samples of all files of a listing of a folder, (N,) of 16 bytes each; those that were saved are not read.

    saved: the folder for the saved samples.
    """
    states = _states(listing)
    path = saved / f"{hashlib.blake2b(os.fsencode(root.resolve()), digest_size=16).hexdigest()}.samples"
    worth_it = len(listing) >= SAVED_FROM and states is not None
    samples = _load(path, states) if worth_it and states is not None else np.full(len(listing), np.void(UNREAD), "V16")
    missing = np.flatnonzero(samples == np.void(UNREAD))
    names = [str(root / listing.name(index)) for index in missing.tolist()]
    _in_threads(names, lambda place, sample: samples.__setitem__(missing[place], np.void(sample)))
    if worth_it and states is not None and len(missing):
        _save(path, states, samples)
    return samples


def _states(listing: Listing) -> np.ndarray | None:
    """What the system knows of each file; None if it knows too little."""
    if listing.files is None:
        return None
    states = np.empty(len(listing), _STATE)
    states["key"], states["changed"] = listing.files[:, 0], listing.files[:, 1]
    states["size"], states["time"] = listing.sizes, listing.times
    return states


def _load(path: Path, states: np.ndarray) -> np.ndarray:
    """The sample that was saved for each state, (N,) of 16 bytes; `UNREAD` for none.

    The file is read once, since another process may replace it at any time.
    """
    unknown = np.full(len(states), np.void(UNREAD), "V16")
    try:
        entries = np.load(path, allow_pickle=False)
        if entries.dtype != _ENTRY or not len(entries):
            return unknown
    except (OSError, ValueError, EOFError):
        return unknown
    places = np.minimum(np.searchsorted(entries["state"]["key"], states["key"]), len(entries) - 1)
    return np.where(entries["state"][places] == states, entries["sample"][places], unknown)


def _save(path: Path, states: np.ndarray, samples: np.ndarray) -> None:
    """Save the samples of the files that were not changed a moment ago. Without a writable cache nothing is saved."""
    settled = states["changed"] < np.uint64(max(0, time.time_ns() - int(TRUSTED_AFTER * 1e9)))
    settled &= samples != np.void(UNREAD)
    entries = np.empty(int(settled.sum()), _ENTRY)
    entries["state"], entries["sample"] = states[settled], samples[settled]
    with suppress(Exception), atomic_write(path) as temporary, temporary.open("wb") as file:
        np.save(file, entries[np.argsort(entries["state"]["key"], kind="stable")])


def _in_threads(names: list[str], take: Callable[[int, bytes], None]) -> None:
    """Sample files on all cores; `take` is called with the place of each name and its sample."""

    def work(start: int) -> list[bytes]:
        return [_sample_or_unread(name) for name in names[start : start + CHUNK]]

    starts = range(0, len(names), CHUNK)
    with ThreadPoolExecutor(usable_cores(), "imagewright-samples") as pool:
        for start, found in zip(starts, pool.map(work, starts), strict=True):
            for place, sample in enumerate(found, start):
                take(place, sample)


def _sample_or_unread(name: str) -> bytes:
    try:
        return sample_file(name)
    except OSError:
        return UNREAD
