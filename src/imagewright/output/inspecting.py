"""What a file holds, read without executing anything: a picture's provenance, an array's shape, weights' names."""

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

LARGEST_HEADER = 100 << 20  # what the safetensors format itself allows
LARGEST_RECORD = 16 << 20
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
    """What one file is, as JSON values: `kind` ("picture", "video", "arrays", "weights"), `bytes`, and its own.

    Pictures: `format`, `width`, `height`, `mode`, `frames`, `provenance` (the record, or None). Arrays (.npz): shape
    and dtype of each, `provenance`. Weights (.safetensors): `metadata`, and shape and dtype of each tensor, from
    the header alone. Raises `DataError` for a damaged file, `UserError` for one that is none of these or not there.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"There is no file {path}." if not path.exists() else f"{path} is not a file.")
    readers = {".npz": _arrays, ".safetensors": _weights, ".mp4": _video}
    try:
        found = readers.get(path.suffix.lower(), _picture)(path)
    except PermissionError:
        raise UserError(f"You may not read {path}.") from None
    return {"path": str(path), "bytes": path.stat().st_size} | found


def _picture(path: Path) -> dict[str, Any]:
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
                packet = _packet(picture, path)
                picture.seek(found["frames"] - 1)
                picture.load()  # a truncated file opens all the same
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise DataError(f"{path} claims more pixels than any picture should have: it was not opened.") from None
    except UnidentifiedImageError:
        raise DataError(
            f"{path} is none of the files that can be inspected: a picture, .mp4, .npz or .safetensors."
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError, UserWarning, struct.error) as error:
        if isinstance(error, PermissionError):
            raise
        raise DataError(f"{path} is damaged: {error}.") from None
    return found | {"provenance": from_xmp(packet) if packet else None}


def _packet(picture: Image.Image, path: Path) -> bytes | None:
    """The XMP packet, wherever the format keeps it."""
    if picture.format == "GIF":
        return find_in_gif(path.read_bytes())
    found = picture.info.get("xmp") or picture.info.get(PNG_KEYWORD)
    if found is None and picture.format == "TIFF":
        found = picture.tag_v2.get(TIFF_TAG)  # type: ignore[attr-defined]
    return found.encode() if isinstance(found, str) else found


def _video(path: Path) -> dict[str, Any]:
    packet = find_in_mp4(path)
    return {"kind": "video", "format": "MP4", "provenance": from_xmp(packet) if packet else None}


def _arrays(path: Path) -> dict[str, Any]:
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


def _weights(path: Path) -> dict[str, Any]:
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
    """The header of a .safetensors file and where its data begins; `DataError` where it is cut short or lies.

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
            ends = [_checked_end(entry) for name, entry in header.items() if name != "__metadata__"]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise DataError(f"{path} is damaged: its header is not the JSON of a .safetensors file.") from None
    expected = 8 + length + max(ends, default=0)
    if expected != total:
        fault = "cut short" if expected > total else "followed by foreign bytes"
        raise DataError(f"{path} is {fault}: its header promises {expected} bytes, it has {total}.")
    return header, 8 + length


def _checked_end(entry: dict[str, Any]) -> int:
    start, end = entry["data_offsets"]
    size = ITEM_BYTES.get(entry["dtype"])
    if not 0 <= start <= end or (size is not None and end - start != size * prod(entry["shape"])):
        raise ValueError("the offsets contradict the shape")
    return int(end)
