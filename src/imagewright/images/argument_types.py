"""The types of the arguments of `open_images`, checked at one place: a wrong one is a sentence, never a traceback."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from imagewright.errors import ConfigError


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_name(value: Any) -> bool:
    return _is_text(value) and bool(value.strip())


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool | np.bool_)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not _is_flag(value)


def _is_path(value: Any) -> bool:
    return isinstance(value, str | os.PathLike)


def _are_texts(value: Any) -> bool:
    is_list = isinstance(value, Sequence) and not isinstance(value, bytes)
    return _is_text(value) or (is_list and all(map(_is_text, value)))


def _are_named(value: Any, is_right: Callable[[Any], bool]) -> bool:
    return isinstance(value, Mapping) and all(_is_text(name) and is_right(each) for name, each in value.items())


def _are_sides(value: Any) -> bool:
    return _is_whole(value) or (isinstance(value, list | tuple) and len(value) == 2 and all(map(_is_whole, value)))


_FLAG = (_is_flag, "True or False")
_PATTERNS = (_are_texts, "a pattern of names such as '*.png', or a list of several")
EXPECTED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "crop": (_is_text, "'centre', 'random' or 'none'"),
    "resize": (_is_text, "the name of a filter, such as 'lanczos' or 'nearest'"),
    "size": (_are_sides, "a side such as 64, or (height, width)"),
    "load_size": (_are_sides, "the shorter side such as 286, or (height, width)"),
    "channels": (
        lambda value: _is_whole(value) or _are_named(value, _is_whole),
        "1, 3 or 4, or a mapping such as {'input': 1}",
    ),
    "layers": (_are_texts, "names such as 'input,target' or ('input', 'target')"),
    "kinds": (
        lambda value: _is_text(value) or _are_named(value, _is_text),
        "'labels=labels:35' or a mapping such as {'labels': 'labels:35'}",
    ),
    "flip": _FLAG,
    "strict": _FLAG,
    "cache": _FLAG,
    "label_column": (_is_name, "the name of a column, such as 'kind'"),
    "attributes": (_are_texts, "names of attributes, such as 'Smiling,Male' or ('Smiling', 'Male')"),
    "split": (_is_name, "the name of a part, such as 'train'"),
    "only": _PATTERNS,
    "exclude": _PATTERNS,
    "cache_dir": (_is_path, "the path of a folder"),
}
"""For each argument what it may be, and the words for that."""
REQUIRED = ("crop", "resize", "strict", "cache")
"""Arguments that cannot be None."""


def check_types(source: Any, given: Mapping[str, Any]) -> None:
    """Raise `ConfigError` for an argument of `open_images` of a wrong type. None stands for the default.

    source: what is opened; a mapping has names of layers.
    given: the other arguments, by name.
    """
    if isinstance(source, Mapping) and (not source or not all(map(_is_text, source))):
        raise ConfigError(
            f"source={_shown(dict(source))}: expected a source for each layer by its name, such as "
            "{'input': 'edges/', 'target': 'photos/'}."
        )
    for name, value in given.items():
        is_right, words = EXPECTED[name]
        if not is_right(value) and (value is not None or name in REQUIRED):
            raise ConfigError(f"{name}={_shown(value)}: expected {words}.")


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:60]} ..."
