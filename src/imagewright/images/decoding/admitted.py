"""The formats of pictures that are read: Pillow's readers of them, and the suffixes of their files.

AVIF is read if Pillow was built with it, as its wheels are from 11.3 on. HEIC is read if pillow-heif is installed (the
extra `heic`): its decoder is another program than Pillow, so it is asked for and never needed.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
    features,
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
ALWAYS_READ = "PNG, JPEG, WebP, TIFF, BMP, GIF, PGM"
_PLAIN = "png jpg jpeg jpe jfif webp tif tiff bmp dib gif pgm ppm pbm pnm"
PLAIN_SUFFIXES = frozenset(f".{suffix}" for suffix in _PLAIN.split())
AVIF_SUFFIXES = frozenset((".avif", ".avifs"))
HEIF_SUFFIXES = frozenset((".heic", ".heif", ".hif", ".heics", ".heifs"))
_FIRST_BYTES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"P5", b"P6")


@cache
def admitted_formats() -> tuple[str, ...]:
    """The only formats that are tried: files from outside never reach Pillow's rarer readers."""
    formats = [str(reader.format) for reader in READERS]
    if _reads_avif():
        formats.append("AVIF")
    if _reads_heif():
        formats.append("HEIF")
    return tuple(formats)


@cache
def picture_suffixes() -> frozenset[str]:
    """The suffixes, in lower case, of the files that are opened as pictures."""
    found = PLAIN_SUFFIXES
    if _reads_avif():
        found |= AVIF_SUFFIXES
    if _reads_heif():
        found |= HEIF_SUFFIXES
    return found


def formats_read() -> str:
    """The formats in words, for messages."""
    return f"{ALWAYS_READ}{', AVIF' if _reads_avif() else ''}{', HEIC' if _reads_heif() else ''}"


@cache
def _reads_avif() -> bool:
    try:
        from PIL import AvifImagePlugin  # noqa: F401 (registers the reader)
    except ImportError:
        return False
    return bool(features.check("avif"))


@cache
def _reads_heif() -> bool:
    try:
        import pillow_heif  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


def looks_like_picture(path: Path) -> bool:
    """Whether a file begins as pictures of a format that is read do, whatever its name."""
    try:
        with open(path, "rb") as file:
            start = file.read(16)
    except OSError:
        return False
    return start.startswith(_FIRST_BYTES) or (start[:4] == b"RIFF" and start[8:12] == b"WEBP")
