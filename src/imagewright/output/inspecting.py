"""Read what a file holds without executing anything: provenance of pictures, shapes of arrays, names of weights."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

from imagewright.archives import open_arrays
from imagewright.errors import DataError, UserError
from imagewright.json_files import parse_json
from imagewright.output.inspecting_pictures import inspect_picture
from imagewright.output.inspecting_videos import FORMATS, inspect_video
from imagewright.output.signatures import read_signature

LARGEST_HEADER = 16 << 20  # bytes, of some 100,000 tensors; Python needs ten times as much for its values
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
    "video" (.mp4, .m4v, .mov, .mkv): `format`, `provenance`.
    "arrays" (.npz): `arrays` (shape and dtype of each), `provenance`.
    "weights" (.safetensors): `metadata`, `parameters`, `tensors` (shape and dtype of each), `header_bytes`; only the
        header is read.
    A picture or video that is signed by C2PA has `signature` too: whether it is `valid`, its `problems`, the `signer`,
    and what is stated (`imagewright.output.signatures.read_signature`).

    Raises `DataError` for a damaged file or another kind of file, `UserError` if there is no file or no permission.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"There is no file {path}." if not path.exists() else f"{path} is not a file.")
    readers = {".npz": _read_arrays, ".safetensors": _read_weights, **dict.fromkeys(FORMATS, inspect_video)}
    try:
        found = readers.get(path.suffix.lower(), inspect_picture)(path)
        signature = read_signature(path) if found["kind"] in ("picture", "video") else None
    except PermissionError:
        raise UserError(f"There is no permission to read {path}.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from None
    signed = {} if signature is None else {"signature": signature}
    return {"path": str(path), "bytes": path.stat().st_size} | found | signed


def _read_arrays(path: Path) -> dict[str, Any]:
    record = None
    with open_arrays(path) as archive:
        arrays = {name: {"shape": list(each.shape), "dtype": str(each.dtype)} for name, each in archive.headers.items()}
        header = archive.headers.get("record")
        if header is not None and header.size < LARGEST_RECORD and header.dtype.kind == "U" and not header.shape:
            record = parse_json(str(archive.read("record")))
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
            header = parse_json(file.read(length))
            ends = [_end_of_data(entry) for name, entry in header.items() if name != "__metadata__"]
            _check_metadata(header.get("__metadata__", {}))
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            raise DataError(f"{path} is damaged: its header is not the JSON of a .safetensors file.") from None
    expected = 8 + length + max(ends, default=0)
    if expected != total:
        fault = "cut short" if expected > total else "followed by other bytes"
        raise DataError(f"{path} is {fault}: by its header it has {expected} bytes, but there are {total}.")
    return header, 8 + length


def _end_of_data(entry: dict[str, Any]) -> int:
    """Where the data of a tensor ends. Raises `ValueError` if its offsets contradict its shape."""
    start, end = entry["data_offsets"]
    numbers = [start, end, *entry["shape"]]
    if not all(isinstance(each, int) and 0 <= each < 2**63 for each in numbers) or not isinstance(entry["dtype"], str):
        raise ValueError("the shape or the offsets are no numbers")
    size = ITEM_BYTES.get(entry["dtype"])
    if start > end or (size is not None and end - start != size * prod(entry["shape"])):
        raise ValueError("the offsets contradict the shape")
    return int(end)


def _check_metadata(metadata: Any) -> None:
    """Raise `ValueError` unless it is texts by name."""
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise ValueError("the metadata are no texts")
