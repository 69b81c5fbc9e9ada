"""A folder of picture files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import numpy as np

from imagewright.errors import DataError
from imagewright.files import cache_folder
from imagewright.images.cache.management import SAMPLES
from imagewright.images.decoding.bounds import OutOfBounds, check_bytes
from imagewright.images.decoding.formats import Unreadable
from imagewright.images.decoding.unreadable import Changed, Unreachable
from imagewright.images.folders import arrange_folders
from imagewright.images.sources.base import ListedSource, Picture, digest
from imagewright.images.sources.content import UNREAD, sample_file, sample_listed
from imagewright.images.sources.listing import Listing
from imagewright.images.sources.name_filter import ALL_NAMES, NameFilter
from imagewright.images.sources.system_files import note_on_system_folders


class FolderSource(ListedSource):
    """The listed picture files under `root`. The identity is a digest of names, sizes, and samples of the content.

    Times are no part of it: a copy of the folder, or one whose files were touched, is the same set (see `content.py`).
    """

    def __init__(
        self,
        typed: str,
        root: Path,
        listing: Listing,
        split: str | None,
        names: NameFilter = ALL_NAMES,
        cache_dir: str | Path | None = None,
    ) -> None:
        chosen, annotations, notes = arrange_folders(listing, split, str(root), names)
        super().__init__(typed, root, chosen)
        self.annotations, self.names_taken = annotations, names
        system = note_on_system_folders(listing.system_folders)
        self.notes += [*listing.passed_over.notes(typed, root), *notes, *system]
        self._samples: np.ndarray | None = None
        self._saved = cache_folder(cache_dir) / SAMPLES

    @cached_property
    def identity(self) -> str:
        """Hex digest of names, sizes and samples. The first call reads a little of each file."""
        self._samples = sample_listed(self.root, self.listing, self._saved)
        return digest(self.listing.digest(times=False), self._samples.view(np.uint8))

    def read(self, indices: np.ndarray) -> Iterator[Picture]:
        for index in indices:
            path = os.path.join(self.root, self.name(index))
            try:
                with open(path, "rb") as file:
                    status = os.fstat(file.fileno())
                    check_bytes(status.st_size)
                    payload = file.read(status.st_size + 1)
            except OSError as error:
                if not self.root.is_dir():
                    raise DataError(f"The folder {self.root} vanished while its pictures were read.") from error
                yield Unreachable(f"the file cannot be read ({error.strerror})")
                continue
            except OutOfBounds as reason:
                yield Unreadable(str(reason))
                continue
            if status.st_size != self.listing.sizes[index] or (
                status.st_mtime_ns != self.listing.times[index] and self._is_another(path, int(index))
            ):
                yield Changed("changed while its folder was read")
                continue
            yield payload

    def _is_another(self, path: str, index: int) -> bool:
        """Whether a file of another time than the listed one has another content than the one sampled."""
        if self._samples is None:  # nothing depends on what it was
            return False
        try:
            return self._samples[index].tobytes() not in (sample_file(path), UNREAD)
        except OSError:
            return True
