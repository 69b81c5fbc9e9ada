"""Rows of JSON tables: {name: label}, {name: {attribute: 0 or 1}}, lists of entries, StyleGAN's dataset.json."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from imagewright.errors import DataError
from imagewright.json_files import parse_json

FORMS = "{name: label}, {name: {attribute: 0 or 1}} or a list of such entries"
NAME_FIELDS = (
    *("image", "file", "filename", "file_name", "name", "path", "filepath", "file_path", "image_path"),
    *("image_name", "img", "image_id", "id"),
)


LINE_END = re.compile(r"\r\n|\n|\r")
"""Python's splitlines also splits at characters that may occur in a value, such as U+2028."""


class RepeatedKeys(dict[str, Any]):
    """An object of JSON that has a key several times; `pairs` are all of its pairs."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


def parse_table_json(text: str) -> Any:
    """The value of a JSON text, with a `RepeatedKeys` for an object that has a key twice. Raises `JsonError`."""
    return parse_json(text, lambda pairs: dict(pairs) if len(dict(pairs)) == len(pairs) else RepeatedKeys(pairs))


def split_lines(text: str) -> list[str]:
    """The lines of a text, which end with a line feed, a carriage return or both."""
    return LINE_END.split(text)


class NoLabels(DataError):
    """The file says itself that the pictures have no labels, as StyleGAN's {"labels": null} does."""


def json_lines(text: str, where: str) -> Iterator[list[str | None]]:
    """The rows of JSON lines, the header first. Raises `DataError` that names the wrong line."""
    entries = []
    for number, line in enumerate(split_lines(text), 1):
        if not line.strip():
            continue
        try:
            entry = parse_table_json(line)
        except ValueError as error:
            raise DataError(f"The label file {where} is not valid JSON in line {number:,}: {error}.") from error
        entries.append(entry)
    return json_rows(entries, where)


def json_rows(content: Any, where: str) -> Iterator[list[str | None]]:
    """The rows of a JSON table, the header first; None is a value that an entry does not have.

    Raises `DataError` for content of another form, `NoLabels` for {"labels": null}.
    """
    if isinstance(content, dict) and "labels" in content and not isinstance(content["labels"], (str, int, float)):
        if content["labels"] is None:
            raise NoLabels(f"{where} says that the pictures have no labels (null).")
        content = content["labels"]
    pairs = _pairs(content, where)
    fields: dict[str, None] = {}
    for _, value in pairs:
        fields |= dict.fromkeys(value)
    yield ["image", *fields]
    for name, value in pairs:
        yield [name, *(_as_text(value.get(field)) for field in fields)]


def _pairs(content: Any, where: str) -> list[tuple[str, dict[str, Any]]]:
    """(name, values by field) of each entry."""
    if isinstance(content, dict):
        entries = content.pairs if isinstance(content, RepeatedKeys) else list(content.items())
    elif isinstance(content, list) and content and all(isinstance(row, dict) for row in content):
        key = next((key for key in NAME_FIELDS if key in content[0]), None)
        if key is None:
            raise DataError(f"{where}: its entries have no file name; expected a field such as 'image'.")
        entries = [
            (row.get(key), row if isinstance(row, RepeatedKeys) else {k: v for k, v in row.items() if k != key})
            for row in content
        ]
    elif isinstance(content, list) and all(isinstance(row, list) and len(row) == 2 for row in content):
        entries = [(row[0], row[1]) for row in content]
    else:
        raise DataError(f"{where}: expected {FORMS}.")
    return [("" if name is None else str(name), _values(value, where)) for name, value in entries]


def _values(value: Any, where: str) -> dict[str, Any]:
    """The values of an entry by field. A list of numbers is a vector, with a field for each number."""
    if isinstance(value, RepeatedKeys):
        again = next(key for key, count in Counter(key for key, _ in value.pairs).items() if count > 1)
        raise DataError(f"{where}: an entry has the field {again!r} twice: expected one value.")
    values = value if isinstance(value, dict) else {"label": value}
    flat: dict[str, Any] = {}
    for field, each in values.items():
        if isinstance(each, list) and each and all(isinstance(number, (int, float)) for number in each):
            flat |= {f"{field}[{place}]": number for place, number in enumerate(each)}
        else:
            flat[str(field)] = each
    return flat


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    return str(value)
