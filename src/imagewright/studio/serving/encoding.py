"""Pictures as the browser takes them: raw pixels up to 256 x 256, which are the fastest, JPEG above."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from imagewright.studio.serving.page import Picture
from imagewright.studio.serving.plain import to_json

RAW_PIXELS = 256 * 256
QUALITY = 90


def encode_answer(number: int, pictures: Sequence[Picture], tickets: Sequence[str], about: dict[str, Any]) -> bytes:
    """An answer of pictures as one message: the length of a header (uint32, little-endian), the header as JSON, and the
    pictures one after the other.
    """
    parts, entries = [], []
    for picture, ticket in zip(pictures, tickets, strict=True):
        form, content = encode_picture(picture.pixels)
        height, width = picture.pixels.shape[:2]
        shape = {"width": width, "height": height, "form": form, "bytes": len(content)}
        entries.append(shape | {"ticket": ticket, "name": picture.name, "about": picture.about})
        parts.append(content)
    header = to_json({"id": number, "pictures": entries, "about": about}).encode()
    header += b" " * (-(len(header) + 4) % 4)
    return b"".join([struct.pack("<I", len(header)), header, *parts])


def encode_picture(pixels: np.ndarray) -> tuple[str, bytes]:
    """Pixels uint8 (H, W, C) as ("rgba", raw bytes) or ("jpeg", a file); PNG if large and transparent."""
    height, width, channels = pixels.shape
    if height * width <= RAW_PIXELS:
        whole = np.empty((height, width, 4), np.uint8)
        whole[..., :3] = pixels[..., :3]  # of grey pictures the one channel is repeated
        whole[..., 3] = pixels[..., 3] if channels == 4 else 255
        return "rgba", whole.tobytes()
    form = "png" if channels == 4 else "jpeg"
    return form, encode_file(pixels, form)


def encode_file(pixels: np.ndarray, form: str) -> bytes:
    """Pixels uint8 (H, W, C) as a file for the screen: "jpeg", "png" or "webp"."""
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    written = io.BytesIO()
    options: dict[str, Any] = {} if form == "png" else {"quality": QUALITY}
    picture.save(written, form, **options)
    return written.getvalue()
