"""Values of Python as JSON that a browser reads: no NaN, no numpy, no paths."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np


def to_json(value: Any) -> str:
    """A value as JSON text; numbers that are not finite become null, arrays lists."""
    return json.dumps(plain(value), allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def plain(value: Any) -> Any:
    """A value with nothing in it that JSON lacks. Raises `TypeError` for an object of another kind."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str | float):
        return _text(value) if isinstance(value, str) else value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_text(str(key)): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _text(text: str) -> str:
    """A text that UTF-8 holds: bytes of file names that are no UTF-8, and halves of characters, become "?"."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
