"""The features of pictures that are judged against again and again, kept by what the pictures and the features are.

`KEY.features` and `KEY.logits` (raw float32), `KEY.moments` (safetensors), and `KEY.json`, written last, with the size
and SHA-256 of each: a file cut in half counts as not there, and is made anew. One process at a time makes a key.
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
from imagewright.metrics.features.extraction import Extracted, Progress, features_of, room
from imagewright.metrics.frechet.moments import Moments
from imagewright.metrics.subjects import OpenedPictures
from imagewright.pretrained.features.contract import About, FeatureNetwork

FORMAT = 1
FOLDER = "features"


@dataclass(frozen=True)
class Kept:
    """Features of a set with their moments; `found`: whether they were there already."""

    extracted: Extracted
    moments: Moments
    found: bool


def key_of(images: Images, about: About) -> str:
    """What decides the features of pictures: their pixels, the network, and what is done to pictures before it."""
    parts = json.dumps([FORMAT, images.fingerprint, about.to_dict()], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()[:32]


def kept_features(
    images: Images,
    network: FeatureNetwork,
    *,
    progress: Progress | None = None,
    alone: bool = False,
    cache_dir: str | Path | None = None,
) -> Kept:
    """The features of `images`: from the cache, or made now and kept. `alone` and ranks: as for `features_of`.

    Ranks other than the main one do their share of the work and get empty features.
    Raises `RunError` where the cache cannot be written.
    """
    folder = cache_folder(cache_dir) / FOLDER
    place = _Place(folder, key_of(images, network.about), network.about, len(images))
    main = alone or distributed.is_main()
    pictures = OpenedPictures(images)
    if not main:
        if distributed.any_rank(False):
            features_of(pictures, network, progress=progress)
        return Kept(Extracted(np.empty((0, network.about.dimension), np.float32)), Moments.none(1), False)
    with explain_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder / f"{place.key}.lock"):
            found = place.open()
            if not alone:
                distributed.any_rank(found is None)  # tells the others whether there is work for them
            if found is not None:
                return found

            def make() -> Extracted:
                rooms = (place.room("features"), place.room("logits"))
                return features_of(pictures, network, progress=progress, rooms=rooms, alone=alone)

            return place.keep(make, images.source)


class _Place:
    """The files of one key."""

    def __init__(self, folder: Path, key: str, about: About, count: int) -> None:
        self.folder, self.key, self.about, self.count = folder, key, about, count

    def path(self, kind: str) -> Path:
        return self.folder / f"{self.key}.{kind}"

    def room(self, kind: str) -> Callable[[tuple[int, int]], np.ndarray]:
        """Room for an array in the file of that kind, under a name that does not count yet."""

        def made(shape: tuple[int, int]) -> np.ndarray:
            if 0 in shape:
                return room(shape)
            return np.memmap(self.path(f"{kind}.part"), np.float32, "w+", shape=shape)

        return made

    def open(self) -> Kept | None:
        """What is kept, if it is there and whole."""
        try:
            header = json.loads(self.path("json").read_text())
            if header["format"] != FORMAT or header["count"] != self.count:
                return None
            if any(_digest(self.path(kind)) != digest for kind, digest in header["files"].items()):
                return None
            moments = _read_moments(self.path("moments"))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        with suppress(OSError):
            os.utime(self.path("json"))  # when it was last used
        logits = self._mapped("logits", self.about.classes) if self.about.classes else None
        return Kept(Extracted(self._mapped("features", self.about.dimension), logits), moments, True)

    def _mapped(self, kind: str, width: int) -> np.ndarray:
        return np.memmap(self.path(kind), np.float32, "r", shape=(self.count, width))

    def keep(self, make: Callable[[], Extracted], source: str) -> Kept:
        self.path("json").unlink(missing_ok=True)
        kinds = ["features", *(["logits"] if self.about.classes else [])]
        try:
            extracted = make()
            moments = Moments.of(extracted.features)
            for kind, array in zip(kinds, (extracted.features, extracted.logits), strict=False):
                assert isinstance(array, np.memmap)
                array.flush()
                os.replace(self.path(f"{kind}.part"), self.path(kind))
            _write_moments(self.path("moments"), moments)
            header: dict[str, Any] = {"format": FORMAT, "count": self.count, "source": source}
            header |= {"shape": extracted.features.shape, "about": self.about.to_dict()}
            header |= {"files": {kind: _digest(self.path(kind)) for kind in (*kinds, "moments")}}
            write_whole(self.path("json"), json.dumps(header, indent=1))
        finally:
            for kind in kinds:
                self.path(f"{kind}.part").unlink(missing_ok=True)
        return Kept(extracted, moments, False)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_moments(path: Path, moments: Moments) -> None:
    from safetensors.numpy import save

    write_whole(path, save(moments.state()))


def _read_moments(path: Path) -> Moments:
    from safetensors.numpy import load

    return Moments.from_state(load(path.read_bytes()))
