"""A folder of picture files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from imagewright.errors import DataError
from imagewright.images.decoding.formats import Unreadable
from imagewright.images.folders import arrange_folders
from imagewright.images.sources.base import ListedSource, Picture, digest
from imagewright.images.sources.listing import Listing
from imagewright.images.sources.name_filter import ALL_NAMES, NameFilter

SAMPLED_FILES = 32
SAMPLED_BYTES = 4096


class FolderSource(ListedSource):
    """The listed picture files under `root`. The identity is a digest of names, sizes, times, and a little content.

    The content (the beginning and the middle of a few files) tells apart two folders whose files have equal times,
    since they were unpacked, and equal sizes, since their format has no compression.
    """

    def __init__(
        self, typed: str, root: Path, listing: Listing, split: str | None, names: NameFilter = ALL_NAMES
    ) -> None:
        chosen, annotations, notes = arrange_folders(listing, split, str(root), names)
        super().__init__(typed, root, chosen)
        self.annotations, self.names_taken = annotations, names
        self.notes += [*listing.passed_over.notes(typed, root), *notes]
        picks = np.unique(np.linspace(0, len(chosen) - 1, SAMPLED_FILES).astype(np.int64))
        self.identity = digest(chosen.digest(), *(self._read_sample(index) for index in picks))

    def _read_sample(self, index: int) -> bytes:
        try:
            with open(self.root / self.name(index), "rb") as file:
                size = int(self.listing.sizes[index])
                if size <= 2 * SAMPLED_BYTES:
                    return file.read(2 * SAMPLED_BYTES)
                start = file.read(SAMPLED_BYTES)
                file.seek(size // 2)
                return start + file.read(SAMPLED_BYTES)
        except OSError:
            return b""

    def read(self, indices: np.ndarray) -> Iterator[Picture]:
        for index in indices:
            path = os.path.join(self.root, self.name(index))
            try:
                with open(path, "rb") as file:
                    status = os.fstat(file.fileno())
                    payload = file.read()
            except OSError as error:
                if not self.root.is_dir():
                    raise DataError(f"The folder {self.root} vanished while its pictures were read.") from error
                yield Unreadable(f"the file cannot be read ({error.strerror})")
                continue
            if status.st_size != self.listing.sizes[index] or status.st_mtime_ns != self.listing.times[index]:
                raise DataError(f"{path} changed while its folder was read: run again when nothing writes there.")
            yield payload
