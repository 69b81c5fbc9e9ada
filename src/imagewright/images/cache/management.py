"""The caches that lie in the cache folder: what they are of, when each was last used, and removing them.

Prepared pixels lie in the folder itself, features of pictures in `features/` (written by `metrics/features/cache.py`).
"""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from imagewright.errors import DataError
from imagewright.files import cache_folder, is_locked

SECONDS_A_DAY = 86_400
# The folder of each kind, and the suffixes of its files; the header first: without it the others count as not there.
KINDS = {
    "pictures": ("", ("json", "pixels", "part")),
    "features": ("features", ("json", "features", "logits", "moments", "features.part", "logits.part")),
}


@dataclass(frozen=True)
class Cached:
    """One set of prepared pixels, or of features, which `kind` says. `used`: seconds since 1970.

    `shape`: (N, H, W, C) of pictures, (N, F) of features. `unfinished`: left by a process that was killed.
    """

    kind: str
    fingerprint: str
    source: str
    shape: tuple[int, ...]
    size: int  # bytes
    used: float
    unfinished: bool


def list_caches(folder: str | Path | None = None) -> list[Cached]:
    """What is in the cache folder, least recently used first. One that is being prepared right now is left out."""
    place = cache_folder(folder)
    found = []
    for kind, (folder_of_kind, suffixes) in KINDS.items():
        paths = [path for suffix in suffixes for path in (place / folder_of_kind).glob(f"*.{suffix}")]
        fingerprints = sorted({path.name.partition(".")[0] for path in paths})
        found += [_described(place / folder_of_kind, kind, fingerprint) for fingerprint in fingerprints]
    return sorted((cached for cached in found if cached is not None), key=lambda cached: cached.used)


def remove_caches(
    caches: list[Cached], folder: str | Path | None = None, *, unused_for: float | None = None
) -> list[Cached]:
    """Remove caches, or those not used for `unused_for` days; returns what was removed. Sources are never touched.

    A training that reads one goes on: the system keeps the file for it. Raises `DataError` where it may not be removed.
    """
    place = cache_folder(folder)
    latest = time.time() - SECONDS_A_DAY * (unused_for or 0)
    chosen = [cached for cached in caches if unused_for is None or cached.used <= latest]
    for cached in chosen:
        folder_of_kind, suffixes = KINDS[cached.kind]
        for suffix in (*suffixes, "lock"):
            path = place / folder_of_kind / f"{cached.fingerprint}.{suffix}"
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise DataError(f"{path} cannot be removed: {error.strerror}.") from error
    return chosen


def _described(place: Path, kind: str, fingerprint: str) -> Cached | None:
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
