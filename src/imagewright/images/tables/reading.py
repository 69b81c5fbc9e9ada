"""Reading a table: CSV with any usual separator, CelebA's lists, JSON and JSON lines, into columns of text."""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
import unicodedata
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from imagewright.errors import DataError
from imagewright.images.sources.listing import is_picture_name
from imagewright.images.tables.json_rows import NAME_FIELDS, json_lines, json_rows, parse_table_json, split_lines

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
SAMPLED_LINES = 20
FOUND_LIMIT, ASKED_LIMIT = 2**28, 2**31
"""The most bytes of a table that is found by chance, and of one that the user names: a row is some 20 to 200 bytes."""
ESCAPED_QUOTE = re.compile(r'\\"[^"\s,;|]')
"""A quote that a backslash escapes, as MySQL and Spark write it: no closing quote is followed by text."""


@dataclass
class TableColumn:
    """The cells of a column, as they are written: `texts[codes[row]]`."""

    codes: np.ndarray  # int32 (R,)
    texts: list[str]

    def text(self, row: int) -> str:
        """The cell of one row."""
        return self.texts[self.codes[row]]


@dataclass
class Table:
    """A table by columns.

    Attributes:
        name: the file, for messages.
        columns: by name, in order; all of equal length.
        candidates: the columns that may hold the names of pictures, the likeliest first.
        has_header: whether the columns have names; "1", "2" ... if not.
        notes: sentences for the user on how the file was read.
    """

    name: str
    columns: dict[str, TableColumn]
    candidates: list[str]
    has_header: bool = True
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())).codes) if self.columns else 0


def read_table(path: Path, most: int = ASKED_LIMIT) -> Table:
    """Read the label file at `path`. Raises `DataError` that names the wrong line, or for more than `most` bytes."""
    try:
        size = path.stat().st_size
        if size > most:
            raise DataError(
                f"The label file {path} has {size:,} bytes, and one of at most {most:,} is read"
                f"{' unless --labels FILE (labels=) names it' if size <= ASKED_LIMIT else ''}: give one with the names "
                "and the labels alone."
            )
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"The label file {path} cannot be read: {error.strerror}.") from error
    return parse_table(content, str(path))


def parse_table(content: bytes, name: str) -> Table:
    """The table of a file's bytes; `name` ends as the file's does. Raises `DataError` that names the wrong line."""
    ending = os.path.splitext(name)[1].lower()
    kind = "JSON" if ending in {".json", ".jsonl"} else "CSV"
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise DataError(f"The label file {name} is a spreadsheet or an archive: save it as CSV.")
    try:
        text, notes = _decode(content, name)
        if ending == ".json":
            return _from_records(json_rows(parse_table_json(text), name), name)
        if ending == ".jsonl":
            return _from_records(json_lines(text, name), name)
        found = _from_text(text, name)
        found.notes += notes
        return found
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"The label file {name} is not valid {kind}: byte {content[error.start]:#04x} in line {line:,} is no "
            "UTF-8: save it as UTF-8 text."
        ) from error
    except RecursionError as error:
        raise DataError(f"The label file {name} is not valid {kind}: it is nested too deeply.") from error
    except (ValueError, csv.Error) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"The label file {name} is not valid {kind}: {error}.") from error


def _decode(content: bytes, name: str) -> tuple[str, list[str]]:
    """Text in UTF-8, in UTF-16 with a byte order mark, or with lines in Windows-1252, with a note.

    Older spreadsheets save CSV so, and names of files that are no UTF-8 are such lines. A byte that Windows-1252 does
    not have becomes a surrogate escape in lines that name a picture, as in the name of the file. Raises
    `UnicodeDecodeError` for such bytes elsewhere, and for JSON that is no UTF-8.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16"), []
    try:
        return content.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        if os.path.splitext(name)[1].lower() in {".json", ".jsonl"}:
            raise
        try:
            text = "\n".join(map(_decode_line, content.removeprefix(codecs.BOM_UTF8).split(b"\n")))
        except UnicodeDecodeError:
            raise error from None
    return text, [f"{os.path.basename(name)} is no UTF-8: it was read as Windows-1252."]


def _decode_line(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        text = line.decode("cp1252", "surrogateescape")
        if any(map(is_picture_name, re.split(r"[,;\t|\" ]", text))):
            return text
        return line.decode("cp1252")


# Rows of text


def _from_text(text: str, name: str) -> Table:
    text = _without_preamble(text)
    first = [line for line in split_lines(text[:100_000])[: SAMPLED_LINES + 2] if line.strip()]
    if len(first) >= 2 and first[0].strip().isdecimal() and not any(each in first[1] for each in ",;\t|"):
        return _celeba_list(text, first, name)
    separator = _find_separator(first)
    if separator is None:
        raise DataError(
            f"{name} has no columns: a column of file names and one of labels were expected, separated by "
            f"{', '.join(SEPARATORS.values())} or spaces."
        )
    rows = _split_rows(text, separator, name)
    header = next(rows)
    names = [unicodedata.normalize("NFC", cell.strip()) for cell in header]
    has_header = not any(is_picture_name(cell.strip()) for cell in header) and not names[0].isdecimal()
    if has_header:
        return _build(names, rows, name)
    rows = _split_rows(text, separator, name)
    return _build([str(number) for number in range(1, len(header) + 1)], rows, name, has_header=False)


def _without_preamble(text: str) -> str:
    """The text without comments (`# ...`) and Excel's `sep=;` before the header; a header may begin with `#`, too."""
    if "\0" in text:
        raise ValueError("it holds zero bytes; save it as UTF-8 text")
    while True:
        line, _, rest = text.partition("\n")
        following = rest.partition("\n")[0]
        if line.startswith("#") and any(0 < line.count(each) == following.count(each) for each in SEPARATORS):
            return text[1:]
        if not line.startswith("#") and not (line.strip()[:-1].lower() == "sep=" and len(line.strip()) == 5):
            return text
        text = rest


def _find_separator(lines: list[str]) -> str | None:
    """The separator that divides the first lines into equally many columns; " " for spaces, None for one column."""
    widths = {}
    for separator in SEPARATORS:
        try:
            found = [len(_trim(row)) for row in csv.reader(lines, delimiter=separator, skipinitialspace=True)]
        except csv.Error:
            continue
        if found and found[0] > 1:
            widths[separator] = (sum(width == found[0] for width in found), found[0])
    if widths:
        return max(widths, key=lambda separator: widths[separator])
    return " " if lines and len(lines[0].split()) > 1 else None


def _split_rows(text: str, separator: str, name: str) -> Iterator[list[str]]:
    """The cells of each row that is not empty; cells beyond the header's must be empty and are left out."""
    width = 0
    if separator == " ":
        reader: Iterator[list[str]] = (_split_spaces(line, width) for line in split_lines(text))
        line_of = None
    else:
        if ESCAPED_QUOTE.search(text):
            text = re.sub(rf'\\"(?!\s*({re.escape(separator)}|$))', '""', text, flags=re.MULTILINE)
        line_of = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
        reader = line_of
    for number, cells in enumerate(reader, 1):
        if not any(cell.strip() for cell in cells):
            continue
        width = width or len(_trim(cells))
        row = cells if any(cell.strip() for cell in cells[width:]) else cells[:width]
        if len(row) != width:
            line = number if line_of is None else line_of.line_num
            raise DataError(f"{name}, line {line:,}: {len(row)} columns where the header has {width}.")
        yield row


def _split_spaces(line: str, width: int) -> list[str]:
    """Cells between spaces; if the table has two columns, the first may have spaces in it."""
    cells = re.split(r"[ \t]+", line.strip(" \t"))
    if width == 2 and len(cells) > 2:
        last = cells[-1]
        return [line.strip(" \t")[: -len(last)].rstrip(" \t"), last]
    return cells


def _trim(row: list[str]) -> list[str]:
    """The row without empty cells at its end."""
    last = max((place for place, cell in enumerate(row) if cell.strip()), default=-1)
    return row[: last + 1]


def _celeba_list(text: str, first: list[str], name: str) -> Table:
    """A list as CelebA has: the number of rows, the names of the columns without that of the file names, the rows."""
    header = first[1].split()
    lines = [line for line in split_lines(text) if line.strip()][2:]
    width = len(header) + 1
    cells = [line.rsplit(maxsplit=len(header)) for line in lines]
    wrong = next((place for place, row in enumerate(cells) if len(row) != width), None)
    if wrong is not None:
        raise DataError(f"{name}, line {wrong + 3:,}: {len(cells[wrong])} columns where the header has {width}.")
    return _build(["image", *header], cells, name)


# Columns


def _from_records(rows: Iterator[list[str | None]], name: str) -> Table:
    header = [str(each) for each in next(rows)]
    return _build(header, (["" if cell is None else cell for cell in row] for row in rows), name)


def _build(header: list[str], rows: Iterable[list[str]], name: str, *, has_header: bool = True) -> Table:
    """The table of rows as wide as the header."""
    if len(header) < 2:
        raise DataError(f"{name} has no columns: a column of file names and one of labels were expected.")
    codes = [array("i") for _ in header]
    known: list[dict[str, int]] = [{} for _ in header]
    for row in rows:
        for column, places, cell in zip(codes, known, row, strict=True):
            column.append(places.setdefault(cell.strip(), len(places)))
    if not codes[0]:
        raise DataError(f"{name} has a header and no rows.")
    columns = {}
    for place, (column, places) in enumerate(zip(codes, known, strict=True)):
        unique = header[place] or f"column {place + 1}"
        while unique in columns:
            unique += " (again)"
        columns[unique] = TableColumn(np.array(column, np.int32), list(places))
    return Table(name, columns, _name_candidates(columns), has_header)


def _name_candidates(columns: dict[str, TableColumn]) -> list[str]:
    """The columns that may hold names of pictures: by their own name, then those whose first cells look like files."""
    lowered = {name.lower(): name for name in reversed(columns)}
    named = [lowered[name] for name in NAME_FIELDS if name in lowered]
    files = [name for name, column in columns.items() if is_picture_name(column.text(0))]
    return list(dict.fromkeys([*named, *files, *columns]))
