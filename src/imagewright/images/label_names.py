"""Names of the classes of label maps, from a file that lies beside the maps."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from imagewright.errors import RunError
from imagewright.json_files import JsonError, parse_json
from imagewright.regular_files import read_regular

FILES = ("classes.txt", "class_names.txt", "label_names.txt", "labels.txt", "classes.json", "class_names.json")
LARGEST_FILE = 1 << 18  # bytes
LONGEST_NAME = 60  # characters
_NUMBERED = re.compile(r"(\d{1,5})\s*[:;,=\t ]\s*(.+)")


def find_label_names(folders: Iterable[Path], classes: int) -> dict[int, str]:
    """The names of classes by their numbers, of the first folder with a file that holds some; {} if none has.

    Text: a name a line, from class 0 on, or a number and a name a line. JSON: a list of names, or an object of names by
    numbers.

    folders: that are looked into, in this order.
    classes: how many there are; a name of another number is passed over.
    """
    for folder in folders:
        for name in FILES:
            with suppress(RunError, OSError, JsonError, UnicodeDecodeError):
                content = read_regular(folder / name, LARGEST_FILE)
                found = _from_json(content) if name.endswith(".json") else _from_text(content.decode("utf-8-sig"))
                named = {number: text for number, text in found.items() if 0 <= number < classes and text}
                if named:
                    return named
    return {}


def _from_text(text: str) -> dict[int, str]:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    numbered = [_NUMBERED.fullmatch(line) for line in lines]
    if lines and all(numbered):
        return {int(each[1]): _plain(each[2]) for each in numbered if each}
    return {number: _plain(line) for number, line in enumerate(lines)}


def _from_json(content: bytes) -> dict[int, str]:
    value = parse_json(content)
    if isinstance(value, list):
        return {number: _plain(each) for number, each in enumerate(value) if isinstance(each, str)}
    if not isinstance(value, dict):
        return {}
    return {int(number): _plain(each) for number, each in value.items() if number.isdecimal() and isinstance(each, str)}


def _plain(text: str) -> str:
    """Without what a screen does not show, and not longer than a label may be."""
    return "".join(each for each in text.strip().strip("\"'") if each.isprintable())[:LONGEST_NAME]
