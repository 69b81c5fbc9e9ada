"""`Asked`: what a page asked for, a JSON object whose values are checked as they are read."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from imagewright.errors import UserError, nearest_name, one_line

Name = TypeVar("Name", bound=str)
LONGEST_TEXT = 2_000  # characters of a value that names no longer text


class Asked:
    """The values of a request by name. Each method raises `UserError` for a value that is missing or of another kind.

    values: as parsed from JSON, or texts of a query.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def raw(self, name: str) -> Any:
        """The value as it was sent; None if it was not."""
        return self._values.get(name)

    def text(self, name: str, default: str | None = None, *, most: int = LONGEST_TEXT) -> str:
        """A text of at most so many characters."""
        value = self._value(name, default)
        if not isinstance(value, str) or len(value) > most:
            raise self._wrong(name, value, f"a text of at most {most:,} characters")
        return value

    def choice(self, name: str, known: Collection[Name], default: str | None = None) -> Name:
        """One of some names."""
        value = self.text(name, default)
        for each in known:
            if each == value:
                return each
        raise UserError(f"{name} is {value!r}: expected {', '.join(known)}.{nearest_name(value, known)}")

    def number(self, name: str, default: float | None = None, *, low: float = -1e9, high: float = 1e9) -> float:
        """A finite number in a range; also a text that is one, as queries hold."""
        value = self._value(name, default)
        number = _number(value)
        if number is None or not low <= number <= high:
            raise self._wrong(name, value, f"a number from {low:g} to {high:g}")
        return number

    def whole(self, name: str, default: int | None = None, *, low: int = 0, high: int = 2**53) -> int:
        """A whole number in a range."""
        number = self.number(name, default, low=low, high=high)
        if number != int(number):
            raise self._wrong(name, number, "a whole number")
        return int(number)

    def flag(self, name: str, default: bool = False) -> bool:
        """True or false."""
        value = self._value(name, default)
        if value in ("true", "false"):
            return bool(value == "true")
        if not isinstance(value, bool):
            raise self._wrong(name, value, "true or false")
        return value

    def items(self, name: str, *, most: int = 1_000) -> list[Any]:
        """A list of at most so many values; empty if it was not sent."""
        value = self._values.get(name, [])
        if not isinstance(value, list) or len(value) > most:
            raise self._wrong(name, value, f"a list of at most {most:,} values")
        return value

    def numbers(self, name: str, *, most: int = 1_000_000, limit: float = 1e9) -> list[float]:
        """A list of finite numbers between -limit and limit; empty if it was not sent."""
        found = [_number(each) for each in self.items(name, most=most)]
        if not all(each is not None and -limit <= each <= limit for each in found):
            raise self._wrong(name, "a list", f"finite numbers between {-limit:g} and {limit:g}")
        return [each for each in found if each is not None]

    def texts(self, name: str, *, most: int = 1_000) -> list[str]:
        """A list of texts; empty if it was not sent."""
        found = self.items(name, most=most)
        if not all(isinstance(each, str) and len(each) <= LONGEST_TEXT for each in found):
            raise self._wrong(name, "a list", "texts")
        return found

    def part(self, name: str) -> Asked:
        """An object inside; an empty one if it was not sent."""
        value = self._values.get(name, {})
        if not isinstance(value, dict):
            raise self._wrong(name, value, "an object")
        return Asked(value)

    def names(self) -> list[str]:
        """The names of all values."""
        return list(self._values)

    def _value(self, name: str, default: Any) -> Any:
        value = self._values.get(name)
        if value is None:
            value = default
        if value is None:
            raise UserError(f"{name} is missing.")
        return value

    @staticmethod
    def _wrong(name: str, value: Any, expected: str) -> UserError:
        return UserError(f"{name} is {one_line(repr(value), 60)}: expected {expected}.")


def _number(value: Any) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
