"""Write pictures, animations and arrays with their provenance record; each file is written whole or not at all."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image, PngImagePlugin

from imagewright.errors import RunError, UserError
from imagewright.files import LONGEST_NAME, atomic_write, cut_name, written_together
from imagewright.output.grids import to_channels_last, to_picture
from imagewright.output.provenance import (
    PNG_KEYWORD,
    TIFF_TAG,
    Record,
    add_to_gif,
    to_xmp,
)
from imagewright.shared_work import check_on_main

if TYPE_CHECKING:
    import torch

PICTURES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF"}
ANIMATIONS = (".webp", ".gif", ".mp4")
ARRAYS = (".npz",)
SMOOTH_FROM = 48  # pixels of the longer side: smaller frames are enlarged pixel by pixel
FRAME_SIDE = 256  # pixels: small frames of an animation are enlarged to about this longer side
NEAREST = Image.Resampling.NEAREST
LANCZOS = Image.Resampling.LANCZOS


@contextmanager
def new_file(path: str | Path, *, force: bool = False) -> Iterator[BinaryIO]:
    """An open file that becomes `path` when the block ends. If the block or the disk fails, no file is left.

    Makes missing folders. Raises `RunError` if `path` exists (unless `force`) or the system refuses to write it.
    """
    path = Path(path)
    refuse_existing([path], force=force)
    parent = next(folder for folder in path.absolute().parents if folder.exists())
    if not parent.is_dir():
        raise RunError(f"Cannot write {path}: {parent} is a file, not a folder. Choose another place.")
    with atomic_write(path, is_result=True) as temporary, temporary.open("wb") as file:
        yield file


def refuse_existing(paths: Sequence[str | Path], *, force: bool) -> None:
    """Raise `RunError` if one of the paths exists, unless `force`. Call it before long work."""

    def check() -> None:
        taken = [Path(path) for path in paths if os.path.lexists(path)]
        if taken:
            others = f" (and {len(taken) - 1} more)" if len(taken) > 1 else ""
            raise RunError(
                f"{taken[0]} exists already{others}. Choose another name, or replace it with --force (force=True)."
            )

    if not force:
        check_on_main(check)


def _is_one_letter_off(typed: str, known: str) -> bool:
    """Whether a suffix has one letter more, less, or other than a known one."""
    if len(typed) == len(known):
        return sum(one != other for one, other in zip(typed, known, strict=True)) == 1
    shorter, longer = sorted((typed, known), key=len)
    return any(longer[:place] + longer[place + 1 :] == shorter for place in range(len(longer)))


def check_suffix(path: str | Path, known: Sequence[str]) -> str:
    """The suffix of a path in lower case. Raises `UserError` with the nearest if it is none of the known ones."""
    suffix = Path(path).suffix.lower()
    if suffix not in known:
        fault = f"the suffix {suffix!r} of {path} is of no known format" if suffix else f"{path} has no suffix"
        # A suffix of three letters is near any other; one is meant if one letter is wrong or two are exchanged.
        meant = [each for each in known if sorted(each) == sorted(suffix) or _is_one_letter_off(suffix, each)]
        hint = f" Did you mean {meant[0]!r}?" if len(meant) == 1 else ""
        raise UserError(f"The file's name says the format, but {fault}.{hint} Known: {', '.join(known)}.")
    return suffix


def write_image(
    image: Image.Image | np.ndarray | torch.Tensor,
    path: str | Path,
    record: Record | None = None,
    *,
    force: bool = False,
) -> Path:
    """Write one picture in the format of the path's suffix.

    PNG, TIFF and WebP are lossless. JPEG has quality 95, no chroma subsampling, and white instead of transparency.

    image: a Pillow image, or uint8 (C, H, W).
    record: the provenance record, written into the file as XMP.
    force: replace a file that exists.
    Raises `UserError` for an unknown suffix, `RunError` if the path exists or cannot be written.
    """
    encoded = encode_image(image, check_suffix(path, tuple(PICTURES)), record)
    with new_file(path, force=force) as file:
        file.write(encoded)
    return Path(path)


def encode_image(
    image: Image.Image | np.ndarray | torch.Tensor, suffix: str, record: Record | None = None
) -> memoryview[int]:
    """The content of a picture file with its record; formats and arguments as of `write_image`.

    suffix: a key of `PICTURES`.
    """
    picture = image if isinstance(image, Image.Image) else to_picture(image)
    packet = to_xmp(record) if record else b""
    options: dict[str, Any] = {"xmp": packet} if packet else {}
    if suffix == ".png":
        options = {"pnginfo": _png_text(packet)} if packet else {}
    elif suffix in (".tif", ".tiff"):
        options = {"compression": "tiff_adobe_deflate"} | ({"tiffinfo": {TIFF_TAG: packet}} if packet else {})
    elif suffix == ".webp":
        options |= {"lossless": True}
    else:
        picture = _on_white(picture)
        options |= {"quality": 95, "subsampling": 0}
    encoded = io.BytesIO()  # libtiff prints about a full disk by itself, and hides its error
    picture.save(encoded, PICTURES[suffix], **options)
    return encoded.getbuffer()


@written_together()
def write_images_folder(
    images: np.ndarray | torch.Tensor,
    folder: str | Path,
    record: Record | None = None,
    *,
    names: Sequence[str] | None = None,
    force: bool = False,
) -> list[Path]:
    """Write images as PNG files into a folder. Returns the paths.

    images: uint8 (N, C, H, W).
    record: the provenance record; each file has it with its own `index`.
    names: of the files, with any suffix, which becomes .png; `00000.png` and so on by default.
    force: replace files that exist.
    Raises `UserError` for names of another number or given twice, `RunError` if a file exists or cannot be written.
    """
    pixels = to_channels_last(images)
    if names is not None and (len(names) != len(pixels) or len(set(names)) != len(names)):
        raise UserError(f"{len(pixels)} pictures need as many names, all different; {len(set(names))} were given.")
    paths = picture_paths(folder, names or [f"{index:05d}" for index in range(len(pixels))])
    refuse_existing(paths, force=force)
    for index, (path, image) in enumerate(zip(paths, pixels, strict=True)):
        indexed = {**record, "index": index} if record else None
        write_image(to_picture(image.transpose(2, 0, 1)), path, indexed, force=force)
    return paths


def holds_transparency(path: str | Path) -> bool:
    """Whether `write_image` keeps transparency in a file of this name."""
    return PICTURES[Path(path).suffix.lower()] != "JPEG"


def picture_paths(folder: str | Path, names: Sequence[str]) -> list[Path]:
    """A .png in the folder for each name; all are numbered if two names differ in their sub-folder or suffix only."""
    stems = [Path(name).stem for name in names]
    if len(set(stems)) != len(stems):
        stems = [f"{index:05d}_{stem}" for index, stem in enumerate(stems)]
    stems = [cut_name(stem, LONGEST_NAME - len(".png")) for stem in stems]
    return [Path(folder) / f"{stem}.png" for stem in stems]


def write_npz(arrays: dict[str, Any], path: str | Path, record: Record | None = None, *, force: bool = False) -> Path:
    """Write arrays or tensors by name into an .npz file, and the record as JSON text in the array `record`.

    Raises `UserError` for another suffix and for arrays of Python objects, `RunError` if the file exists or cannot be
    written.
    """
    check_suffix(path, ARRAYS)
    plain = {
        name: value.detach().cpu().numpy() if hasattr(value, "detach") else np.asarray(value)
        for name, value in arrays.items()
    }
    for name, array in plain.items():
        if array.dtype.hasobject:
            raise UserError(f"The array {name!r} holds Python objects, which are not written: give numbers or text.")
    if record:
        plain["record"] = np.array(json.dumps(dict(record), default=str))
    with new_file(path, force=force) as file:
        np.savez(file, allow_pickle=False, **plain)
    return Path(path)


def write_animation(
    frames: np.ndarray | torch.Tensor | Iterable[torch.Tensor | Image.Image],
    path: str | Path,
    record: Record | None = None,
    *,
    frames_per_second: float = 12.0,
    scale: int | None = None,
    force: bool = False,
) -> Path:
    """Write frames as a .webp or .gif that repeats without end, or as an .mp4, which needs PyAV (the extra `video`).

    frames: uint8 (N, C, H, W), or one by one (C, H, W), which are enlarged if they are small, as players blur small
        frames: pixel by pixel below 48 pixels, smoothly (Lanczos) from there on; or Pillow images of one size, which
        stay as they are. An .mp4 holds one frame at a time in memory; Pillow holds all frames of the other formats.
    record: the provenance record, written into the file.
    frames_per_second: more than 0, at most 100.
    scale: each side becomes so many times as long; by default about 256 pixels.
    force: replace a file that exists.
    Raises `UserError` for another suffix or rate, `RunError` if the file exists or cannot be written.
    """
    suffix = check_suffix(path, ANIMATIONS)
    if not 0 < frames_per_second <= 100:
        raise UserError(f"An animation runs at more than 0 and at most 100 frames a second, not {frames_per_second}.")
    refuse_existing([path], force=force)
    if scale is not None and scale < 1:
        raise UserError(f"The scale of an animation is a whole number from 1, not {scale}.")
    pictures, by_default = _frames(frames)
    scale = by_default if scale is None else scale
    packet = to_xmp(record) if record else b""
    if suffix == ".mp4":
        from imagewright.output.video import write_mp4

        with new_file(path, force=force) as file:
            write_mp4(file, _enlarge(pictures, scale), frames_per_second, record, packet)
        return Path(path)
    if suffix == ".webp":
        data = _encode_webp(_enlarge(pictures, scale), frames_per_second, packet)
    else:
        data = _encode_gif(pictures, scale, frames_per_second, packet)
    with new_file(path, force=force) as file:
        file.write(data)
    return Path(path)


def _frames(frames: Any) -> tuple[Iterator[Image.Image], int]:
    """Frames as RGB pictures, each converted when it is asked for, and the whole number to enlarge them by."""
    if hasattr(frames, "shape"):
        to_channels_last(frames)  # checks shape and type of all frames
    left = iter(frames)
    first = next(left, None)
    if first is None:
        raise UserError("There is no frame to write: give at least one.")
    every = chain([first], left)
    if isinstance(first, Image.Image):
        return (frame.convert("RGB") for frame in every), 1
    pictures = (_on_white(to_picture(frame)).convert("RGB") for frame in every)
    return pictures, max(1, round(FRAME_SIDE / max(first.shape[-2:])))


def _enlarge(pictures: Iterable[Image.Image], scale: int) -> Iterator[Image.Image]:
    return (
        picture.resize((picture.width * scale, picture.height * scale), LANCZOS if _is_smooth(picture) else NEAREST)
        for picture in pictures
    )


def _is_smooth(picture: Image.Image) -> bool:
    """Whether a frame is enlarged smoothly: a photograph, where the pixels of a digit are to be seen."""
    return max(picture.size) >= SMOOTH_FROM


def _encode_webp(pictures: Iterator[Image.Image], frames_per_second: float, packet: bytes) -> bytes:
    """Every frame is a key frame: in slow changes the rounding of differences between frames would add up."""
    buffer = io.BytesIO()
    options: dict[str, Any] = {"quality": 90, "method": 2, "kmin": 0, "kmax": 1} | ({"xmp": packet} if packet else {})
    duration = round(1000 / frames_per_second)
    first = next(pictures)
    first.save(buffer, "WEBP", save_all=True, append_images=pictures, duration=duration, loop=0, **options)
    return buffer.getvalue()


def _encode_gif(pictures: Iterator[Image.Image], scale: int, frames_per_second: float, packet: bytes) -> bytes:
    """Each frame has its own 256 colours. A small one gets them before it is enlarged: a pixel keeps one colour."""
    left = iter(pictures)
    first = next(left)
    every = chain([first], left)
    large: Iterator[Image.Image]
    if _is_smooth(first):
        large = (picture.quantize(256, dither=Image.Dither.NONE) for picture in _enlarge(every, scale))
    else:
        large = _enlarge((picture.quantize(256, dither=Image.Dither.NONE) for picture in every), scale)
    buffer = io.BytesIO()
    duration = round(1000 / frames_per_second)
    next(large).save(buffer, "GIF", save_all=True, append_images=large, duration=duration, loop=0)
    return add_to_gif(buffer.getvalue(), packet) if packet else buffer.getvalue()


def to_png(picture: Image.Image, packet: bytes | None = None, level: int = 6) -> bytes:
    """The bytes of a picture as a PNG file, with an XMP packet (`to_xmp`) if there is one.

    level: of the compression, from 1, the fastest, to 9.
    """
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=level, **({"pnginfo": _png_text(packet)} if packet else {}))
    return buffer.getvalue()


def _png_text(packet: bytes) -> PngImagePlugin.PngInfo:
    text = PngImagePlugin.PngInfo()
    text.add_itxt(PNG_KEYWORD, packet.decode())
    return text


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode not in ("RGBA", "LA", "P"):
        return picture
    picture = picture.convert("RGBA")
    paper = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(paper, picture).convert("RGB")
