"""The caches in the cache folder: their sources, when each was last used, and removing them.

Prepared pixels are in the folder itself, features of pictures in `features/` (written by `metrics/features/cache.py`).
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from imagewright.errors import DataError, UserError
from imagewright.files import cache_folder, is_locked

SECONDS_A_DAY = 86_400
SAMPLES = "samples"
"""The folder of the saved samples of files (`sources/content.py`), small tables that are removed with all caches."""
# The folder of each kind, and the suffixes of its files, the header first: a cache without a header is unfinished.
KINDS = {
    "pictures": ("", ("json", "pixels", "part")),
    "features": ("features", ("json", "features", "logits", "moments", "features.part", "logits.part")),
}


@dataclass(frozen=True)
class Cached:
    """One cache.

    Attributes:
        kind: "pictures" (prepared pixels) or "features".
        fingerprint: the name of its files.
        source: as the user named it when the cache was made.
        shape: (N, H, W, C) of pictures, (N, F) of features.
        size: bytes on the disk.
        used: when it was last used, in seconds since 1970.
        unfinished: whether a killed process left it.
    """

    kind: str
    fingerprint: str
    source: str
    shape: tuple[int, ...]
    size: int
    used: float
    unfinished: bool

    def to_dict(self) -> dict[str, Any]:
        """The cache as a record for JSON."""
        return asdict(self)


def caches(folder: str | Path | None = None) -> list[Cached]:
    """The caches on this machine, least recently used first, without those that are being prepared right now.

    folder: the cache folder; by default `$IMAGEWRIGHT_CACHE`, else `~/.cache/imagewright`.
    """
    place = cache_folder(folder)
    found = []
    for kind, (folder_of_kind, suffixes) in KINDS.items():
        paths = [path for suffix in suffixes for path in (place / folder_of_kind).glob(f"*.{suffix}")]
        fingerprints = sorted({path.name.partition(".")[0] for path in paths})
        found += [_describe(place / folder_of_kind, kind, fingerprint) for fingerprint in fingerprints]
    return sorted((cached for cached in found if cached is not None), key=lambda cached: cached.used)


def clear_caches(*, unused_for: float | None = None, folder: str | Path | None = None) -> list[Cached]:
    """Remove caches, and return the removed ones. They are made again when they are needed; sources are never touched.

    unused_for: only caches that were not used for so many days; None removes all.
    folder: the cache folder, as for `caches`.
    A training that reads a removed cache goes on: the system keeps its open file. Raises `DataError` for a file that
    may not be removed, `UserError` for a negative number of days.
    """
    if unused_for is not None and unused_for < 0:
        raise UserError(f"unused_for={unused_for:g}, but it must be a number of days from 0.")
    place = cache_folder(folder)
    latest = time.time() - SECONDS_A_DAY * (unused_for or 0)
    if unused_for is None:
        for path in (place / SAMPLES).glob("*.samples"):
            with suppress(OSError):
                path.unlink()
    removed = [cached for cached in caches(folder) if unused_for is None or cached.used <= latest]
    for cached in removed:
        folder_of_kind, suffixes = KINDS[cached.kind]
        for suffix in (*suffixes, "lock"):
            path = place / folder_of_kind / f"{cached.fingerprint}.{suffix}"
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise DataError(f"{path} cannot be removed: {error.strerror}.") from error
    return removed


def _describe(place: Path, kind: str, fingerprint: str) -> Cached | None:
    if is_locked(place / f"{fingerprint}.lock"):
        return None
    header: dict[str, object] = {}
    with suppress(OSError, ValueError):
        header = json.loads((place / f"{fingerprint}.json").read_text(encoding="utf-8"))
    statuses = []
    for suffix in KINDS[kind][1]:
        with suppress(OSError):
            statuses.append((place / f"{fingerprint}.{suffix}").stat())
    if not statuses:
        return None
    shape = header.get("shape")
    return Cached(
        kind,
        fingerprint,
        source=str(header.get("source", "unknown")),
        shape=tuple(shape) if isinstance(shape, list) else (),
        size=sum(status.st_blocks * 512 if hasattr(status, "st_blocks") else status.st_size for status in statuses),
        used=max(status.st_mtime for status in statuses),
        unfinished=not header,
    )
