"""What a video file holds: its format and its provenance record. No frame is decoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from imagewright.errors import DataError, UserError, short_reason
from imagewright.json_files import parse_json
from imagewright.output.provenance import LARGEST_PACKET, find_in_mp4, from_xmp

FORMATS = {".mp4": "MP4", ".m4v": "MP4", ".mov": "QuickTime", ".mkv": "Matroska"}


def inspect_video(path: Path) -> dict[str, Any]:
    """`kind`, `format`, `provenance`. Raises `DataError` for a damaged file."""
    if path.suffix.lower() == ".mkv":
        record = _matroska_record(path)
    else:
        packet = find_in_mp4(path)
        record = from_xmp(packet) if packet else None
    return {"kind": "video", "format": FORMATS[path.suffix.lower()], "provenance": record}


def _matroska_record(path: Path) -> dict[str, Any] | None:
    """The record in the file's comment: Matroska has no place for XMP."""
    try:
        import av
    except ImportError:
        raise UserError(f"Reading {path} needs PyAV: pip install 'imagewright[video]'.") from None
    try:
        with av.open(str(path)) as container:
            names = {name.lower(): text for name, text in container.metadata.items()}
    except av.FFmpegError as error:
        raise DataError(f"{path} cannot be read: {short_reason(error)}.") from None
    comment = names.get("comment", "")
    if len(comment) > LARGEST_PACKET or not comment.startswith("{"):
        return None
    try:
        found = parse_json(comment)
    except ValueError:  # another program's comment
        return None
    return found if isinstance(found, dict) and "digital_source_type" in found else None
