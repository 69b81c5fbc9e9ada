"""The feature cache: features of pictures that are used repeatedly, keyed by the pictures and the network.

An entry is `KEY.features` and `KEY.logits` (raw float32), `KEY.moments` (safetensors) if there are many pictures, and
`KEY.json`, written last, with the SHA-256 of each. A truncated or changed file invalidates the entry, which is then
extracted again. A lock lets one process at a time write an entry.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imagewright import distributed
from imagewright.files import cache_folder, explain_write_errors, locked, write_whole
from imagewright.images import Images
from imagewright.metrics.features.extraction import ExtractedFeatures, extract_features
from imagewright.metrics.features.mapped_arrays import allocate_array, map_new_array
from imagewright.metrics.frechet.moments import Moments
from imagewright.metrics.subjects import OpenedPictures
from imagewright.pretrained.features.contract import About, FeatureNetwork
from imagewright.progress import Progress

FORMAT = 1
FOLDER = "features"
PICTURES_A_FEATURE = 0.25
"""From so many pictures a feature on, moments are stored: those of fewer are computed sooner than they are read."""


@dataclass(frozen=True)
class CachedFeatures:
    """Features of a set of pictures.

    extracted: features, and logits if the network classifies.
    load_moments: returns the stored moments of the features; None if there are none.
    found: whether they were in the cache.
    """

    extracted: ExtractedFeatures
    load_moments: Callable[[], Moments] | None
    found: bool


def cache_key(images: Images, about: About) -> str:
    """A digest of what decides the features: the pixels, the network, and its preprocessing; 32 hex digits."""
    parts = json.dumps([FORMAT, images.fingerprint, about.to_dict()], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


def load_features(
    images: Images,
    network: FeatureNetwork,
    *,
    progress: Progress | None = None,
    all_on_this_rank: bool = False,
    cache_dir: str | Path | None = None,
) -> CachedFeatures:
    """The features of images: from the cache, or extracted now and saved there.

    images: the pictures.
    network: extracts the features.
    progress: called with (done, total) during the extraction.
    all_on_this_rank: as for `extract_features`. Otherwise, under `torchrun`, the other ranks extract their shares and
        return empty features.
    cache_dir: another folder than the usual cache.

    Raises `RunError` if the cache cannot be written.
    """
    folder = cache_folder(cache_dir) / FOLDER
    entry = _CacheEntry(folder, cache_key(images, network.about), network.about, len(images))
    main = all_on_this_rank or distributed.is_main()
    pictures = OpenedPictures(images)
    if not main:
        if distributed.any_rank(False):
            extract_features(pictures, network, progress=progress)
        empty = ExtractedFeatures(np.empty((0, network.about.dimension), np.float32))
        return CachedFeatures(empty, None, False)
    with explain_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / f"{entry.key}.lock"):
            found = entry.read()
            if not all_on_this_rank:
                distributed.any_rank(found is None)  # tells the other ranks whether to extract their share
            if found is not None:
                return found

            def extract() -> ExtractedFeatures:
                allocate = (entry.allocator("features"), entry.allocator("logits"))
                return extract_features(
                    pictures, network, progress=progress, allocate=allocate, all_on_this_rank=all_on_this_rank
                )

            return entry.save(extract, images.source)


class _CacheEntry:
    """The files of one key."""

    def __init__(self, folder: Path, key: str, about: About, count: int) -> None:
        self.folder, self.key, self.about, self.count = folder, key, about, count

    def path(self, kind: str) -> Path:
        return self.folder / f"{self.key}.{kind}"

    def allocator(self, kind: str) -> Callable[[tuple[int, int]], np.ndarray]:
        """A function that maps the file of that kind as an array, under the name of an unfinished file."""

        def allocate(shape: tuple[int, int]) -> np.ndarray:
            if 0 in shape:
                return allocate_array(shape)
            part = self.path(f"{kind}.part")
            with explain_write_errors(part), part.open("w+b") as file:
                return map_new_array(file, shape)

        return allocate

    def read(self) -> CachedFeatures | None:
        """The features, None if the entry is missing or damaged."""
        try:
            header = json.loads(self.path("json").read_text())
            if header["format"] != FORMAT or header["count"] != self.count:
                return None
            if any(_digest(self.path(kind)) != digest for kind, digest in header["files"].items()):
                return None
            load_moments = self.load_moments if "moments" in header["files"] else None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        with suppress(OSError):
            os.utime(self.path("json"))  # the time of the last use
        logits = self._mapped("logits", self.about.classes) if self.about.classes else None
        features = self._mapped("features", self.about.dimension)
        return CachedFeatures(ExtractedFeatures(features, logits), load_moments, True)

    def _mapped(self, kind: str, width: int) -> np.ndarray:
        return np.memmap(self.path(kind), np.float32, "r", shape=(self.count, width))

    def save(self, extract: Callable[[], ExtractedFeatures], source: str) -> CachedFeatures:
        """Extract the features into the files of this entry."""
        self.path("json").unlink(missing_ok=True)
        kinds = ["features", *(["logits"] if self.about.classes else [])]
        stores_moments = self.count >= PICTURES_A_FEATURE * self.about.dimension
        try:
            extracted = extract()
            moments = Moments.from_features(extracted.features) if stores_moments else None
            for kind, array in zip(kinds, (extracted.features, extracted.logits), strict=False):
                assert isinstance(array, np.memmap)
                array.flush()
                os.replace(self.path(f"{kind}.part"), self.path(kind))
            if moments is not None:
                _write_moments(self.path("moments"), moments)
                kinds.append("moments")
            header: dict[str, Any] = {"format": FORMAT, "count": self.count, "source": source}
            header |= {"shape": extracted.features.shape, "about": self.about.to_dict()}
            header |= {"files": {kind: _digest(self.path(kind)) for kind in kinds}}
            write_whole(self.path("json"), json.dumps(header, indent=1))
        finally:
            for kind in kinds:
                self.path(f"{kind}.part").unlink(missing_ok=True)
        return CachedFeatures(extracted, self.load_moments if stores_moments else None, False)

    def load_moments(self) -> Moments:
        """The moments in the entry."""
        return _read_moments(self.path("moments"))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_moments(path: Path, moments: Moments) -> None:
    from safetensors.numpy import save

    write_whole(path, save(moments.to_arrays()))


def _read_moments(path: Path) -> Moments:
    from safetensors.numpy import load

    return Moments.from_arrays(load(path.read_bytes()))
