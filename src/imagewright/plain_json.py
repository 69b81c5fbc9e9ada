"""JSON that comes from files. What Python's reader fails on with an error of another kind is refused all the same."""

from __future__ import annotations

import json
from typing import Any

MOST_LEVELS = 64  # of lists and objects inside one another: code that walks through them calls itself for each


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises `ValueError`, one line without a period, for text that is no JSON, no UTF-8, nested more than 64 levels deep,
    or has a number of thousands of digits.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(f"it is nested more than {MOST_LEVELS} levels deep") from None
    except UnicodeDecodeError:
        raise ValueError("it is no UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise ValueError(" ".join(str(error).split())) from None
    except ValueError:  # the only other one: Python limits the digits of a number
        raise ValueError("it has a number of thousands of digits") from None
    level = [value]
    for _ in range(MOST_LEVELS):
        level = [part for each in level for part in _parts(each) if isinstance(part, dict | list)]
        if not level:
            return value
    raise ValueError(f"it is nested more than {MOST_LEVELS} levels deep")


def _parts(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
