"""PNG files with more text than Pillow reads: editors store their whole history in it."""

from __future__ import annotations

import struct

SIGNATURE = b"\x89PNG\r\n\x1a\n"
TEXT = (b"tEXt", b"zTXt", b"iTXt")
_HEAD = struct.Struct(">I4s")


def without_long_text(payload: bytes) -> bytes:
    """A PNG without its text chunks: its pixels, colours and EXIF tags stay. Others are returned as they are."""
    if not payload.startswith(SIGNATURE):
        return payload
    parts, at = [SIGNATURE], len(SIGNATURE)
    while at + _HEAD.size <= len(payload):
        length, kind = _HEAD.unpack_from(payload, at)
        end = at + _HEAD.size + length + 4
        if kind not in TEXT:
            parts.append(payload[at:end])
        at = end
    return b"".join(parts)
