"""The caches that lie in the cache folder: what they are of, when each was last used, and removing them."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from imagewright.errors import DataError
from imagewright.images.cache import cache_folder, is_locked

SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class Cached:
    """One set of prepared pixels. `used`: seconds since 1970. `unfinished`: left by a process that was killed."""

    fingerprint: str
    source: str
    shape: tuple[int, ...]  # (N, H, W, C)
    size: int  # bytes
    used: float
    unfinished: bool


def list_caches(folder: str | Path | None = None) -> list[Cached]:
    """What is in the cache folder, least recently used first. One that is being prepared right now is left out."""
    place = cache_folder(folder)
    headers, pixels, parts = (sorted(place.glob(f"*.{suffix}")) for suffix in ("json", "pixels", "part"))
    fingerprints = {path.stem for path in (*headers, *pixels, *parts)}
    found = [_described(place, fingerprint) for fingerprint in sorted(fingerprints)]
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
        for suffix in ("json", "pixels", "part", "lock"):  # the header first: without it the pixels count as not there
            try:
                (place / f"{cached.fingerprint}.{suffix}").unlink(missing_ok=True)
            except OSError as error:
                raise DataError(
                    f"{place / cached.fingerprint}.{suffix} cannot be removed: {error.strerror}."
                ) from error
    return chosen


def _described(place: Path, fingerprint: str) -> Cached | None:
    if is_locked(place / f"{fingerprint}.lock"):
        return None
    header: dict[str, object] = {}
    with suppress(OSError, ValueError):
        header = json.loads((place / f"{fingerprint}.json").read_text(encoding="utf-8"))
    statuses = []
    for suffix in ("json", "pixels", "part"):
        with suppress(OSError):
            statuses.append((place / f"{fingerprint}.{suffix}").stat())
    if not statuses:
        return None
    shape = header.get("shape")
    return Cached(
        fingerprint,
        source=str(header.get("source", "unknown")),
        shape=tuple(shape) if isinstance(shape, list) else (),
        size=sum(status.st_blocks * 512 if hasattr(status, "st_blocks") else status.st_size for status in statuses),
        used=max(status.st_mtime for status in statuses),
        unfinished=not header,
    )
