"""Value ranges: which numbers of a picture with more than 8 bits become 0 and 255.

A file says how many bits a number has, not which numbers occur: 12 bits of a camera in a file of 16 are nearly black if
65,535 is white. `full` takes all numbers of 16 bits (65,535 is white), LOW:HIGH those of the user, and `auto` those
that occur in a sample of the set. Numbers outside become 0 and 255.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from imagewright.errors import ConfigError, number_text
from imagewright.images.decoding.unreadable import Unreadable

ValueRange = tuple[float, float]
FULL, AUTO = "full", "auto"
FULL_RANGE = (0, 65_535)
LARGEST = 1e12
SHARE_OUTSIDE = 1e-4
"""`auto`: of each picture of the sample, this share of the numbers may be outside at either end."""
DARK_BITS = 14
"""Pictures of 16 bits whose largest number has at most so many bits are a quarter as bright as they could be."""
NUMBERS_LOOKED_AT = 2**18


def parse_value_range(value: str | Sequence[float] | None) -> ValueRange | str:
    """`full` (also for None), `auto`, or (low, high) from "LOW:HIGH" or a pair. Raises `ConfigError` for others.

    >>> parse_value_range("0:4095"), parse_value_range((0, 1)), parse_value_range(None)
    ((0.0, 4095.0), (0.0, 1.0), 'full')
    """
    if value is None or value in (FULL, AUTO):
        return value or FULL
    pair: Sequence[object] = value.split(":") if isinstance(value, str) else value
    try:
        low, high = (float(each) for each in pair)  # type: ignore[arg-type]
        good = low < high and max(abs(low), abs(high)) <= LARGEST
    except (TypeError, ValueError):
        good = False
    if not good:
        raise ConfigError(
            f"value_range={value} cannot be used: expected LOW:HIGH, two numbers of the files such as 0:4095, the "
            "first the smaller; or auto, or full."
        )
    return low, high


def describe_range(values: ValueRange) -> str:
    """A range as it is typed: "0:4095". Two ranges never have the same text."""
    return ":".join(map(number_text, values))


def is_deep(mode: str) -> bool:
    """Whether a Pillow mode has more than 8 bits a number."""
    return mode in {"I", "F"} or mode.startswith("I;16")


def scale(values: np.ndarray, limits: ValueRange) -> np.ndarray:
    """Numbers as 0 to 255, uint8 of the same shape; LOW and less is 0, HIGH and more is 255, not-a-number is 0."""
    low, high = limits
    scaled = (np.nan_to_num(values.astype(np.float64), nan=low) - low) * (255 / (high - low))
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)


def to_eight_bits(image: Image.Image, limits: ValueRange | None) -> Image.Image:
    """A grey picture of more than 8 bits as one of mode "L". Raises `Unreadable` for numbers that have no place there.

    limits: the numbers that become 0 and 255; None for 0 and 65,535, which the numbers must then be within.
    """
    values = np.asarray(image)
    if limits is not None:
        return Image.fromarray(scale(values, limits))
    if image.mode == "F":
        raise Unreadable(
            "its pixels are floating-point numbers, which have no agreed range: save it as 8 or 16 bits, or give the "
            "numbers of black and white by --value-range LOW:HIGH (value_range=), or auto"
        )
    values = values.astype(np.int64)
    if values.size and (values.min() < 0 or values.max() > FULL_RANGE[1]):
        raise Unreadable(
            f"its grey values run from {values.min()} to {values.max()}; 0 to 65535 was expected, or their range by "
            "--value-range LOW:HIGH (value_range=), or auto"
        )
    return Image.fromarray(((values + 128) // 257).astype(np.uint8))


def _read_range(values: Any, *, least: bool = False) -> ValueRange:
    """Two finite numbers of which the first is not the larger one; with `least` it is the smaller one."""
    low, high = (float(each) for each in values)
    if not (np.isfinite([low, high]).all() and (low < high or (low == high and not least))):
        raise ValueError("a value range is none")
    return low, high


@dataclass
class DeepValues:
    """The numbers in the pictures of a sample that have more than 8 bits.

    Attributes:
        count: how many of the pictures have more than 8 bits.
        low: the least number.
        high: the largest number.
        likely: (low, high) without the few numbers at either end that only a fault of the camera may have made.
        floats: whether there are floating-point numbers.
        chosen: the range by which the one who wrote the pictures as shards read them; None for the full one.
    """

    count: int = 0
    low: float = np.inf
    high: float = -np.inf
    likely: ValueRange = (np.inf, -np.inf)
    floats: bool = False
    chosen: ValueRange | None = None

    def add(self, values: np.ndarray) -> None:
        """Add the numbers of one picture."""
        values = values.reshape(-1)
        values = values[:: max(1, len(values) // NUMBERS_LOOKED_AT)]
        finite = values[np.isfinite(values)]
        if not len(finite):
            return
        self.count += 1
        self.floats |= values.dtype.kind == "f"
        self.low, self.high = min(self.low, float(finite.min())), max(self.high, float(finite.max()))
        ends = np.quantile(finite, [SHARE_OUTSIDE, 1 - SHARE_OUTSIDE], method="nearest")
        self.likely = min(self.likely[0], float(ends[0])), max(self.likely[1], float(ends[1]))

    def to_dict(self) -> dict[str, Any]:
        """JSON values, for the index of shards."""
        known = {"low": self.low, "high": self.high, "likely": list(self.likely)} if self.count else {}
        return {"count": self.count, "floats": self.floats, "chosen": self.chosen and list(self.chosen), **known}

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> DeepValues:
        """Numbers that `to_dict` gave. Raises `ValueError`, `KeyError` or `TypeError` for others."""
        count, floats, chosen = record["count"], record["floats"], record["chosen"]
        if not isinstance(floats, bool) or isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise ValueError("its numbers of more than 8 bits are not described")
        found = cls(count, floats=floats, chosen=None if chosen is None else _read_range(chosen, least=True))
        if count:
            found.low, found.high = _read_range([record["low"], record["high"]])
            found.likely = _read_range(record["likely"])
        return found

    def settle(self, wanted: ValueRange | str | None, where: str) -> tuple[ValueRange | None, list[str]]:
        """The range that the numbers are read by, None for the full one; and notes for the user.

        wanted: `full`, `auto`, or the numbers that the user gave; None if nothing was given: the range that the index
            of shards names, else `full`.
        where: the source, for the notes.
        """
        if wanted is None and self.chosen is not None:
            return self.chosen, [
                f"The value range of {where} is {describe_range(self.chosen)}, with which its shards were written."
            ]
        if wanted in (None, FULL):
            return None, self._warn(where)
        if not isinstance(wanted, str):
            if self.count and (wanted[1] < self.low or wanted[0] > self.high):
                return wanted, [
                    f"All numbers looked at in {where} are outside the value range given: {self._numbers()}."
                ]
            return wanted, []
        if not self.count:
            return None, [f"The pictures looked at in {where} have 8 bits: the value range auto changes nothing."]
        low, high = self.likely if self.likely[0] < self.likely[1] else (self.low, self.high)
        chosen = (low, high) if low < high else (low, low + 1)
        return chosen, [
            f"The value range of {where} is {describe_range(chosen)}, by {self.count:,} pictures looked at "
            f"({self._numbers()})."
        ]

    def _warn(self, where: str) -> list[str]:
        if not self.count or self.floats or self.low < 0 or self.high > FULL_RANGE[1]:
            return []  # such pictures are refused one by one, with what to do
        if self.high == 0:
            return []  # black in any range
        bits = int(self.high).bit_length()
        if bits > DARK_BITS:
            return []
        return [
            f"Pictures of {where} have 16 bits or more and hold numbers up to {self.high:,.0f} only ({bits} bits), so "
            f"they are dark: --value-range 0:{2**bits - 1} (value_range=) makes the largest white, auto takes those "
            "that occur."
        ]

    def _numbers(self) -> str:
        return f"they run from {number_text(self.low)} to {number_text(self.high)}"
