"""What a picture file holds: format, size, frames, provenance. The work is bounded, whatever the file declares."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from imagewright.errors import DataError
from imagewright.images.decoding.bounds import OutOfBounds, check_pixels, pixel_limit
from imagewright.images.decoding.opening import open_picture, read_encoded
from imagewright.images.decoding.tiff_bounds import count_pages, is_whole
from imagewright.images.decoding.unreadable import Unreadable
from imagewright.output.provenance import PNG_KEYWORD, TIFF_TAG, find_in_gif, from_xmp

MOST_FRAMES = 100_000
SOUGHT_FRAMES = 1000  # up to which the last frame is decoded too, if all frames together are within the limit of pixels


def inspect_picture(path: Path) -> dict[str, Any]:
    """`kind`, `format`, `width`, `height`, `mode`, `frames`, `provenance`, and a `note` if pixels were not decoded.

    The first and the last frame are decoded, since opening alone does not notice that a file is cut short; of pictures
    above the limit of pixels, none is. Raises `DataError`, and `OSError` for a file that cannot be opened.
    """
    try:
        payload = read_encoded(path)
        with open_picture(payload, any_size=True) as picture:
            found: dict[str, Any] = {
                "kind": "picture",
                "format": picture.format,
                "width": picture.width,
                "height": picture.height,
                "mode": picture.mode,
                "frames": _count_frames(picture, payload),
            }
            if picture.format == "TIFF" and not is_whole(payload):
                raise Unreadable("the picture is cut short (its directory names places beyond its end)")
            packet = find_packet(picture, payload)
            note = _decode_ends(picture, found["frames"])
    except Unreadable as reason:
        if isinstance(reason.__cause__, UnidentifiedImageError):
            raise DataError(
                f"{path} is no file that can be inspected: expected a picture, .mp4, .npz or .safetensors."
            ) from None
        raise DataError(f"{path} cannot be read: {reason}.") from None
    if note:
        found["note"] = note
    return found | {"provenance": from_xmp(packet) if packet else None}


def find_packet(picture: Image.Image, payload: bytes) -> bytes | None:
    """The XMP packet of an open picture, from the place where its format has it."""
    if picture.format == "GIF":
        return find_in_gif(payload)
    found = picture.info.get("xmp") or picture.info.get(PNG_KEYWORD)
    if found is None and picture.format == "TIFF":
        found = picture.tag_v2.get(TIFF_TAG)  # type: ignore[attr-defined]
    if isinstance(found, str):
        return found.encode("utf-8", "surrogatepass")
    return found if isinstance(found, bytes) else None


def _count_frames(picture: Image.Image, payload: bytes) -> int:
    """The frames, which are stepped over. Pillow reads each frame of a GIF and each page of a TIFF to count them."""
    if picture.format == "GIF":
        frames = _count_gif(payload)
    elif picture.format == "TIFF":
        frames = count_pages(payload, MOST_FRAMES)
    else:
        frames = int(getattr(picture, "n_frames", 1))
    if frames > MOST_FRAMES:
        raise Unreadable(f"it has more than {MOST_FRAMES:,} frames")
    return frames


def _count_gif(payload: bytes) -> int:
    """The frames of a GIF, counted up to `MOST_FRAMES + 1`.

    Raises `Unreadable` if it is cut short or damaged, `OutOfBounds` if a frame is larger than the limit.
    """
    frames, position = 0, 13 + _colours(payload[10])
    try:
        # Many a GIF lacks the byte at its end.
        while position < len(payload) and payload[position] != 0x3B and frames <= MOST_FRAMES:
            kind = payload[position]
            if kind == 0x2C:
                frames += 1
                left, top, width, height, flags = struct.unpack_from("<4HB", payload, position + 1)
                check_pixels(left + width, top + height, "GIF")
                position += 11 + _colours(flags)
            elif kind == 0x21:
                position += 2
            else:
                position += 1  # Pillow passes over such bytes too
                continue
            while length := payload[position]:
                position += 1 + length
            position += 1
    except (IndexError, struct.error):
        raise Unreadable("the picture is cut short (it has no end)") from None
    return frames


def _colours(flags: int) -> int:
    """The bytes of the table of colours that follows."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _decode_ends(picture: Image.Image, frames: int) -> str | None:
    """Decode the first and the last frame, within the limit of pixels; or why not, as a sentence."""
    try:
        check_pixels(*picture.size, picture.format)
    except OutOfBounds as reason:
        return f"Its pixels were not decoded: {reason}."
    picture.load()
    # To decode the last frame of an animation, all are decoded. The other pictures in an MPO are thumbnails and views
    # for other screens, and many cameras name wrong places for them.
    in_all = frames if picture.format in {"GIF", "PNG", "WEBP"} else 1
    within = frames <= SOUGHT_FRAMES and in_all * picture.width * picture.height <= pixel_limit()
    if frames > 1 and within and picture.format != "MPO":
        picture.seek(frames - 1)
        check_pixels(*picture.size, picture.format)
        picture.load()
    return None
