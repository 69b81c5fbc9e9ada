"""JSON that others may have written: bounded in size, in depth, and in the length of its numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

MOST_DEPTH = 64  # lists and objects inside one another
MOST_BITS = 63  # of a whole number: what a 64-bit integer holds


class JsonError(ValueError):
    """A text that is no usable JSON. The message is the end of a sentence: "it is nested too deeply"."""


def parse_json(text: str | bytes, make_object: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """The value of a JSON text, in UTF-8 if it is bytes. NaN and infinities are accepted, as Python writes them.

    make_object: what makes an object of its pairs; by default a dictionary, in which the last of equal keys counts.
    Raises `JsonError` for text that is no JSON, is nested more than `MOST_DEPTH` deep, or has a whole number that no
    64-bit integer holds.
    """
    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        value = json.loads(decoded, parse_int=_whole_number, object_pairs_hook=make_object)
    except JsonError:
        raise
    except UnicodeDecodeError:
        raise JsonError("it is no UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise JsonError(f"it is no JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise JsonError("its lists and objects are nested too deeply") from None
    # Counting brackets is quick, and enough for nearly all texts.
    if decoded.count("[") + decoded.count("{") > MOST_DEPTH and _is_deeper(value, MOST_DEPTH):
        raise JsonError("its lists and objects are nested too deeply")
    return value


def _whole_number(digits: str) -> int:
    if len(digits) > MOST_BITS or (value := int(digits)).bit_length() > MOST_BITS:
        raise JsonError(f"it has a whole number of {len(digits)} digits, which is too large")
    return value


def _is_deeper(value: Any, depth: int) -> bool:
    """Whether lists and objects are nested more than `depth` deep."""
    level = [value]
    for _ in range(depth):
        level = [inner for outer in level for inner in _parts(outer)]
        if not level:
            return False
    return True


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from (each for each in value.values() if isinstance(each, dict | list))
    elif isinstance(value, list):
        yield from (each for each in value if isinstance(each, dict | list))
