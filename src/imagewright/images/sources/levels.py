"""Pixels of other types than uint8, given in Python: read if it is plain which numbers are black and white."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from imagewright.errors import DataError

DARK, BRIGHT = 0.25, 0.75
"""Floats from 0 to 1 are taken for such if some are darker and some brighter than this: [-1, 1] has other numbers."""
ROWS = 1024
WHITE = 255


def as_levels(arrays: Sequence[np.ndarray], typed: str) -> tuple[list[np.ndarray], list[str]]:
    """Arrays of pixels as uint8, and a note if they were converted. One range holds for all of them.

    arrays: uint8; bool; or floats that plainly run from 0 to 1, of any shape.
    typed: how the user named them, for messages.
    Raises `DataError` for other types, and for floats of another range.
    """
    others = [array for array in arrays if array.dtype != np.uint8]
    if not others:
        return list(arrays), []
    kinds = {array.dtype.kind for array in arrays}
    if kinds == {"b"}:
        return [array.astype(np.uint8) * np.uint8(255) for array in arrays], []
    names = " and ".join(sorted({str(array.dtype) for array in arrays}))
    if kinds != {"f"}:
        raise DataError(
            f"{typed}: the pixels are {names}; expected uint8 pixels 0 to 255. {_advice_on_integers(arrays)}"
        )
    lowest = min((float(array.min()) for array in arrays if array.size), default=0.0)
    highest = max((float(array.max()) for array in arrays if array.size), default=0.0)
    if not (0 <= lowest < DARK and BRIGHT < highest <= 1):
        raise DataError(
            f"{typed}: the pixels are {names} from {lowest:.6g} to {highest:.6g}; expected uint8 pixels 0 to 255, or "
            f"floats that plainly run from 0 to 1. {_advice(lowest, highest)}"
        )
    return [_scale(array) for array in arrays], [f"The pixels of {typed}, {names} from 0 to 1, became 0 to 255."]


def _advice(lowest: float, highest: float) -> str:
    if not np.isfinite(lowest) or not np.isfinite(highest):
        return "Some are no numbers: mend them first."
    if -1 <= lowest < 0 and highest <= 1:
        return "If -1 is black, convert them by ((x + 1) * 127.5).round() and to uint8."
    if lowest >= 0 and highest <= 1:
        return "If 0 is black and 1 is white, convert them by (x * 255).round() and to uint8."
    if lowest >= 0 and highest <= 255:
        return "If 0 is black and 255 is white, convert them by x.round() and to uint8."
    return "Scale them to 0 to 255 and convert them to uint8 first."


def _advice_on_integers(arrays: Sequence[np.ndarray]) -> str:
    if any(array.dtype.kind not in "iu" for array in arrays):
        return "Convert them first."
    white = max((int(array.max()) for array in arrays if array.size), default=0)
    if white <= WHITE:
        return f"If 0 is black and {WHITE} is white, convert them to uint8."
    return f"If 0 is black and {white:,} is white, convert them by (x * ({WHITE} / {white})).round() and to uint8."


def _scale(array: np.ndarray) -> np.ndarray:
    levels = np.empty(array.shape, np.uint8)
    for start in range(0, len(array), ROWS):
        levels[start : start + ROWS] = np.rint(array[start : start + ROWS] * np.float32(255))
    return levels
