"""The formats of pictures that are read: Pillow's readers of them."""

from __future__ import annotations

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

READERS = (
    PngImagePlugin.PngImageFile,
    JpegImagePlugin.JpegImageFile,  # and MPO, the JPEG with a second picture inside, which it finds by itself
    WebPImagePlugin.WebPImageFile,
    TiffImagePlugin.TiffImageFile,
    BmpImagePlugin.BmpImageFile,
    BmpImagePlugin.DibImageFile,
    GifImagePlugin.GifImageFile,
    PpmImagePlugin.PpmImageFile,
)


def admitted_formats() -> tuple[str, ...]:
    """The only formats that are tried: files from outside never reach Pillow's rarer readers."""
    return tuple(str(reader.format) for reader in READERS)
