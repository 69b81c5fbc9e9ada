"""Counts and times as people write them: 5000, 200k, 1.5M; 120, 2m; 20 minutes; the images that a training saw."""

from __future__ import annotations

import math
import re

MULTIPLES = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}
LARGEST = 10**15
SECONDS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600}
WRITTEN = re.compile(r"([+-]?\d[\d_,]*(?:\.(\d+))?)([kmg]?)")


def parse_count(text: str) -> int:
    """Parse a whole number, which may have separators and a suffix k, M or G. Raises `ValueError` for other text.

    >>> parse_count("200k"), parse_count("1.5M"), parse_count("20_000"), parse_count("20,000"), parse_count("-3")
    (200000, 1500000, 20000, 20000, -3)
    """
    match = WRITTEN.fullmatch(text.strip().lower())
    number = float(match[1].replace("_", "").replace(",", "")) * MULTIPLES[match[3]] if match else 0.5
    if abs(number) > LARGEST:
        raise ValueError(f"It must be a whole number of at most {LARGEST:,}.")
    if number != int(number):
        raise ValueError("It must be a whole number, such as 5000, 200k or 1.5M.")
    return int(number)


def parse_seconds(text: str) -> int:
    """Parse a time, in seconds unless it has a unit: s, m (min) or h. Raises `ValueError` for other text.

    >>> parse_seconds("120"), parse_seconds("90s"), parse_seconds("2m"), parse_seconds("1.5h")
    (120, 90, 120, 5400)
    """
    match = re.fullmatch(r"([+-]?\d{1,12}(?:\.\d{1,6})?) ?([a-z]*)", text.strip().lower())
    seconds = float(match[1]) * SECONDS.get(match[2], math.nan) if match else math.nan
    if not seconds.is_integer():
        raise ValueError("It must be a time: seconds, such as 120, or 2m or 1h.")
    return int(seconds)


def minutes_text(minutes: float) -> str:
    """Minutes in words.

    >>> minutes_text(1), minutes_text(0.5), minutes_text(20)
    ('1 minute', '0.5 minutes', '20 minutes')
    """
    return f"{minutes:g} minute{'s' * (minutes != 1)}"


def precision_of(text: str) -> float:
    """The unit of the last digit of a count as it was written: what was rounded away is at most half of it.

    >>> precision_of("400k"), precision_of("1.25M"), precision_of("38464")
    (1000.0, 10000.0, 1.0)
    """
    match = WRITTEN.fullmatch(text.strip().lower())
    return MULTIPLES[match[3]] / 10 ** len(match[2] or "") if match else 1.0


def seen_text(seen: int, asked: int | None = None) -> str:
    """How many images a training saw: more than were asked for if the last step, as large as all, is not needed whole.

    asked: of the training, from its record; None if it is not known.

    >>> seen_text(3008, 3000), seen_text(2000, 3000), seen_text(2000)
    ('3,008 images seen, 3,000 asked', '2,000 images seen', '2,000 images seen')
    """
    more = f", {asked:,} asked" if asked and asked < seen else ""
    return f"{seen:,} images seen{more}"
