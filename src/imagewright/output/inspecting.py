"""Read what a file holds without executing anything: provenance of pictures, shapes of arrays, names of weights."""

from __future__ import annotations

import json
import struct
import warnings
import zipfile
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from imagewright.errors import DataError, UserError
from imagewright.output.provenance import (
    PNG_KEYWORD,
    TIFF_TAG,
    find_in_gif,
    find_in_mp4,
    from_xmp,
)

LARGEST_HEADER = 100 << 20  # bytes; the limit of the safetensors format
LARGEST_RECORD = 16 << 20  # bytes of a provenance record in an .npz file
ITEM_BYTES = {
    "F64": 8,
    "I64": 8,
    "U64": 8,
    "F32": 4,
    "I32": 4,
    "U32": 4,
    "F16": 2,
    "BF16": 2,
    "I16": 2,
    "U16": 2,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
}


def inspect_file(path: str | Path) -> dict[str, Any]:
    """What a file holds, as JSON values: `path`, `bytes`, `kind`, and by kind:

    "picture": `format`, `width`, `height`, `mode`, `frames`, `provenance` (the record, or None).
    "video" (.mp4): `format`, `provenance`.
    "arrays" (.npz): `arrays` (shape and dtype of each), `provenance`.
    "weights" (.safetensors): `metadata`, `parameters`, `tensors` (shape and dtype of each), `header_bytes`; only the
        header is read.

    Raises `DataError` for a damaged file or another kind of file, `UserError` if there is no file or no permission.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"There is no file {path}." if not path.exists() else f"{path} is not a file.")
    readers = {".npz": _read_arrays, ".safetensors": _read_weights, ".mp4": _read_video}
    try:
        found = readers.get(path.suffix.lower(), _read_picture)(path)
    except PermissionError:
        raise UserError(f"There is no permission to read {path}.") from None
    return {"path": str(path), "bytes": path.stat().st_size} | found


def _read_picture(path: Path) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.filterwarnings("error", message="Truncated File Read")
            with Image.open(path) as picture:
                found: dict[str, Any] = {
                    "kind": "picture",
                    "format": picture.format,
                    "width": picture.width,
                    "height": picture.height,
                }
                found |= {"mode": picture.mode, "frames": getattr(picture, "n_frames", 1)}
                packet = _find_packet(picture, path)
                picture.seek(found["frames"] - 1)
                picture.load()  # opening alone does not notice that a file is truncated
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise DataError(f"{path} states more pixels than Pillow decodes safely: it was not opened.") from None
    except UnidentifiedImageError:
        raise DataError(
            f"{path} is no file that can be inspected: expected a picture, .mp4, .npz or .safetensors."
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError, UserWarning, struct.error) as error:
        if isinstance(error, PermissionError):
            raise
        raise DataError(f"{path} is damaged: {error}.") from None
    return found | {"provenance": from_xmp(packet) if packet else None}


def _find_packet(picture: Image.Image, path: Path) -> bytes | None:
    """The XMP packet of an open picture, from the place where its format has it."""
    if picture.format == "GIF":
        return find_in_gif(path.read_bytes())
    found = picture.info.get("xmp") or picture.info.get(PNG_KEYWORD)
    if found is None and picture.format == "TIFF":
        found = picture.tag_v2.get(TIFF_TAG)  # type: ignore[attr-defined]
    return found.encode() if isinstance(found, str) else found


def _read_video(path: Path) -> dict[str, Any]:
    packet = find_in_mp4(path)
    return {"kind": "video", "format": "MP4", "provenance": from_xmp(packet) if packet else None}


def _read_arrays(path: Path) -> dict[str, Any]:
    arrays: dict[str, Any] = {}
    record = None
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                name = member.filename.removesuffix(".npy")
                with archive.open(member) as file:
                    version = np.lib.format.read_magic(file)
                    read = (
                        np.lib.format.read_array_header_1_0
                        if version == (1, 0)
                        else np.lib.format.read_array_header_2_0
                    )
                    shape, _, dtype = read(file)
                arrays[name] = {"shape": list(shape), "dtype": str(dtype)}
                if name == "record" and member.file_size < LARGEST_RECORD and dtype.kind == "U":
                    with archive.open(member) as file:
                        record = json.loads(str(np.lib.format.read_array(file, allow_pickle=False)))
    except (zipfile.BadZipFile, EOFError, ValueError, OSError) as error:
        if isinstance(error, PermissionError):
            raise
        raise DataError(f"{path} is damaged, or no .npz file: {error}.") from None
    if record is not None:
        del arrays["record"]
    return {"kind": "arrays", "arrays": arrays, "provenance": record}


def _read_weights(path: Path) -> dict[str, Any]:
    header, begins = read_safetensors_header(path)
    metadata = header.pop("__metadata__", {})
    tensors = {name: {"shape": entry["shape"], "dtype": entry["dtype"]} for name, entry in header.items()}
    parameters = sum(prod(entry["shape"]) for entry in header.values())
    return {
        "kind": "weights",
        "metadata": metadata,
        "parameters": parameters,
        "tensors": tensors,
        "header_bytes": begins,
    }


def read_safetensors_header(path: Path) -> tuple[dict[str, Any], int]:
    """The header of a .safetensors file, and the byte at which its data begins.

    Raises `DataError` if the file is cut short or its header contradicts its size.
    Source: the safetensors format, https://huggingface.co/docs/safetensors (8 bytes of length, JSON, then the data).
    """
    total = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if total < 8 or length > min(LARGEST_HEADER, total - 8):
            raise DataError(
                f"{path} is cut short or no .safetensors file: its header does not fit in its {total} bytes."
            )
        try:
            header = json.loads(file.read(length))
            ends = [_end_of_data(entry) for name, entry in header.items() if name != "__metadata__"]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise DataError(f"{path} is damaged: its header is not the JSON of a .safetensors file.") from None
    expected = 8 + length + max(ends, default=0)
    if expected != total:
        fault = "cut short" if expected > total else "followed by other bytes"
        raise DataError(f"{path} is {fault}: by its header it has {expected} bytes, but there are {total}.")
    return header, 8 + length


def _end_of_data(entry: dict[str, Any]) -> int:
    """Where the data of a tensor ends. Raises `ValueError` if its offsets contradict its shape."""
    start, end = entry["data_offsets"]
    size = ITEM_BYTES.get(entry["dtype"])
    if not 0 <= start <= end or (size is not None and end - start != size * prod(entry["shape"])):
        raise ValueError("the offsets contradict the shape")
    return int(end)
