"""Choices that hold for every source that is opened inside a block, such as those typed for a whole command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from imagewright.images.decoding.preprocessing import check_decode
from imagewright.images.decoding.value_range import ValueRange, parse_value_range
from imagewright.images.sources.name_filter import ALL_NAMES, NameFilter, Patterns


@dataclass(frozen=True)
class Choices:
    """What `open_images` was asked for, besides the source, its size and its labels.

    Attributes:
        names: which pictures are taken, by name.
        value_range: "full", "auto" or (low, high); None: what the index of shards says, else "full".
        decode: "auto", "exact" or "reduced".
    """

    names: NameFilter = ALL_NAMES
    value_range: ValueRange | str | None = None
    decode: str = "auto"


_NO_CHOICES = Choices()
_DEFAULTS: ContextVar[Choices] = ContextVar("imagewright_opening", default=_NO_CHOICES)


def resolve_choices(only: Patterns, exclude: Patterns, value_range: Any, decode: str | None) -> Choices:
    """The choices of one source: those given, and for None those of the block around. Raises `ConfigError`."""
    outer = _DEFAULTS.get()
    return Choices(
        outer.names if only is None and exclude is None else NameFilter.parse(only, exclude),
        outer.value_range if value_range is None else parse_value_range(value_range),
        outer.decode if decode is None else check_decode(decode),
    )


@contextmanager
def opening_choices(
    only: Patterns = None, exclude: Patterns = None, value_range: Any = None, decode: str | None = None
) -> Iterator[None]:
    """Every source that is opened inside the block has these choices, unless it is given others (see `open_images`)."""
    token = _DEFAULTS.set(resolve_choices(only, exclude, value_range, decode))
    try:
        yield
    finally:
        _DEFAULTS.reset(token)
