"""Whether the pixels of a cache are those that were written: a checksum, and the state of the file that had it.

CRC-32 runs at several gigabytes a second. Files up to `ALWAYS_BYTES` are read at each opening; larger ones if the
system says that they were touched since they were checked, by their size, their time, or the time of the last change of
their inode, which no program can set.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any

ALWAYS_BYTES = 2**30
CHUNK_BYTES = 2**22


def checksum_of(path: Path) -> int:
    """CRC-32 of a file. Raises `OSError`."""
    value = 0
    with open(path, "rb", buffering=0) as file:
        while part := file.read(CHUNK_BYTES):
            value = zlib.crc32(part, value)
    return value


def state_of(path: Path) -> list[int]:
    """Size, time, time of the last change of the inode, and inode of a file, for JSON. Raises `OSError`."""
    status = os.stat(path)
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def is_whole(path: Path, header: dict[str, Any]) -> bool:
    """Whether the pixels are those that `header` was written for. Raises `OSError`.

    header: of the cache, with "checksum" and "state"; a new state is put into it if the checksum had to be computed.
    """
    state = state_of(path)
    if state == header.get("state") and state[0] > ALWAYS_BYTES:
        return True
    if checksum_of(path) != header.get("checksum"):
        return False
    header["state"] = state
    return True
