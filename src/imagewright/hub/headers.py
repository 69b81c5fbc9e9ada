"""The records in the headers of safetensors files, cleaned as they are published; the tensors stay as they are.

A safetensors file is the length of its header (8 bytes, little-endian), the header as JSON, then the tensors, whose
places are counted from the header's end.
"""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

from imagewright.errors import RunError
from imagewright.json_files import JsonError, parse_json
from imagewright.regular_files import open_regular
from imagewright.runs.weights import RECORD_KEY

METADATA = "__metadata__"
LARGEST_HEADER = 100 << 20  # bytes, as safetensors itself allows
ALIGNED = 8  # bytes: where the tensors begin

Clean = Callable[[dict[str, Any]], dict[str, Any]]


def with_clean_record(path: Path, copy: Path, clean: Clean) -> Path:
    """`path` if its record is clean already; else `copy`, to which the file is written with the cleaned record.

    clean: returns the record as it is published.
    Raises `RunError` for a damaged header.
    """
    with open_regular(path) as file:
        header = _read_header(file.read(8), file.read, path)
        metadata = header.get(METADATA) or {}
        try:
            record = parse_json(metadata.get(RECORD_KEY, "{}"))
        except JsonError as error:
            raise RunError(f"{path} is damaged: of its record, {error}.") from None
        cleaned = clean(record)
        if cleaned == record:
            return path
        header[METADATA] = metadata | {RECORD_KEY: json.dumps(cleaned, sort_keys=True)}
        content = json.dumps(header, separators=(",", ":")).encode()
        content += b" " * (-len(content) % ALIGNED)
        copy.parent.mkdir(parents=True, exist_ok=True)
        with copy.open("wb") as written:
            written.write(struct.pack("<Q", len(content)) + content)
            shutil.copyfileobj(file, written, 1 << 20)
    return copy


def _read_header(length: bytes, read: Callable[[int], bytes], path: Path) -> dict[str, Any]:
    size = struct.unpack("<Q", length)[0] if len(length) == 8 else 0
    if not 0 < size <= LARGEST_HEADER:
        raise RunError(f"{path} is damaged: its header has {size:,} bytes.")
    try:
        header = parse_json(read(size))
    except JsonError as error:
        raise RunError(f"{path} is damaged: of its header, {error}.") from None
    if not isinstance(header, dict):
        raise RunError(f"{path} is damaged: its header is no object.")
    return header
