"""Label tables: labels and 0/1 attributes from a CSV or JSON file.

A table has a column of file names (`image`, `file`, `filename`, `file_name`, `name`, `path`, `image_id` or `id`, else
the first). A column `label`, `class`, `category`, `target` or `cls` has the labels. All other columns that hold only
0 and 1 (or only -1 and 1, as CelebA's own list does) are attributes; further columns, such as person numbers, are not
used. A single other column that holds neither has the labels.
"""

from __future__ import annotations

import csv
import os
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.errors import DataError
from imagewright.images.annotations import Annotations, labels_from_values
from imagewright.plain_json import parse_json

NAME_COLUMNS = ("image", "file", "filename", "file_name", "name", "path", "image_id", "id")
LABEL_COLUMNS = ("label", "class", "category", "target", "cls")
TABLE_NAMES = tuple(
    f"{stem}.{end}" for stem in ("attributes", "labels", "metadata", "dataset") for end in ("csv", "json")
)


@dataclass
class Table:
    """A label file, by columns: int64 if all cells are whole numbers, else text."""

    path: Path
    names: np.ndarray  # file names, as bytes
    columns: dict[str, np.ndarray]


def read_table(path: Path) -> Table:
    """Read a CSV or JSON label file. Raises `DataError` that names the wrong line."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = (
                _json_rows(parse_json(file.read()), path) if path.suffix.lower() == ".json" else _csv_rows(file, path)
            )
            header = next(rows, None)
            if header is None or len(header) < 2:
                raise DataError(f"{path} has no columns: a column of file names and one of labels were expected.")
            return _columns(path, [name.strip() for name in header], rows)
    except OSError as error:
        raise DataError(f"The label file {path} cannot be read: {error.strerror}.") from error
    except DataError:
        raise
    except (ValueError, csv.Error) as error:
        kind = "JSON" if path.suffix.lower() == ".json" else "CSV"
        raise DataError(f"The label file {path} is not valid {kind}: {error}.") from error


def _csv_rows(lines: Iterable[str], path: Path) -> Iterator[list[str]]:
    width = 0
    reader = csv.reader(lines)
    for row in reader:
        if not row:
            continue
        width = width or len(row)
        if len(row) != width:
            raise DataError(f"{path}, line {reader.line_num}: {len(row)} columns where the header has {width}.")
        yield row


def _json_rows(content: Any, path: Path) -> Iterator[list[str]]:
    """The rows of a JSON table, the header first: {name: label}, {name: {attribute: 0 or 1}} or a list of entries."""
    if isinstance(content, dict) and isinstance(content.get("labels"), list):
        content = content["labels"]
    if isinstance(content, dict):
        pairs = [(name, value) for name, value in content.items()]
    elif isinstance(content, list) and all(isinstance(row, dict) for row in content):
        key = next((key for key in NAME_COLUMNS if content and key in content[0]), None)
        if key is None:
            raise DataError(f"{path}: its entries have no file name; expected a field such as 'image'.")
        pairs = [(row.get(key, ""), {k: v for k, v in row.items() if k != key}) for row in content]
    elif isinstance(content, list) and all(isinstance(row, list) and len(row) == 2 for row in content):
        pairs = [(row[0], row[1]) for row in content]
    else:
        raise DataError(f"{path}: expected {{name: label}}, {{name: {{attribute: 0 or 1}}}} or a list of such entries.")
    fields = list(pairs[0][1]) if pairs and isinstance(pairs[0][1], dict) else ["label"]
    yield ["image", *fields]
    for name, value in pairs:
        cells = [value] if not isinstance(value, dict) else [value.get(field) for field in fields]
        if any(cell is None or isinstance(cell, (dict, list)) for cell in cells):
            raise DataError(f"{path}: the entry of {name!r} should hold {', '.join(fields)} as plain values.")
        yield [str(name), *(str(int(cell) if isinstance(cell, bool) else cell) for cell in cells)]


def _columns(path: Path, header: list[str], rows: Iterator[list[str]]) -> Table:
    lowered = [name.lower() for name in header]
    name_column = next((lowered.index(name) for name in NAME_COLUMNS if name in lowered), 0)
    names: list[bytes] = []
    columns: list[array[int] | list[str]] = [array("q") for _ in header]
    for row in rows:
        names.append(os.fsencode(row[name_column].strip()))
        for number, cell in enumerate(row):
            if number == name_column:
                continue
            column = columns[number]
            if isinstance(column, array):
                try:
                    column.append(int(cell))
                    continue
                except (ValueError, OverflowError):
                    column = columns[number] = [str(value) for value in column]
            column.append(cell.strip())
    if not names:
        raise DataError(f"{path} has a header and no rows.")
    others = {header[n]: np.array(column) for n, column in enumerate(columns) if n != name_column}
    return Table(path, np.array(names), others)


def match_table(table: Table, names: Iterable[str], *, required: bool) -> tuple[Annotations, list[str]] | None:
    """Match each picture to its row of the table, by its whole name, else by its base name without folders.

    names: of the pictures, in order.
    required: whether the user named the table; False if it was found beside the pictures.
    Returns annotations and notes; None if no picture has a row and the table is not required. Rows of absent pictures
    are noted. Raises `DataError` if some pictures have no row.
    """
    wanted = np.array([os.fsencode(name) for name in names])
    rows = _find(wanted, table.names)
    if (rows < 0).any():
        bare = np.array([os.path.basename(name) for name in wanted])
        by_base = _find(bare, np.array([os.path.basename(name) for name in table.names]))
        stems = _find(np.array([os.path.splitext(name)[0] for name in bare]), table.names)
        rows = np.where(rows >= 0, rows, np.where(by_base >= 0, by_base, stems))
    missing = np.flatnonzero(rows < 0)
    if len(missing) == len(wanted) and not required:
        return None
    if len(missing):
        example = os.fsdecode(bytes(wanted[missing[0]]))
        raise DataError(
            f"{table.path} has no row for {len(missing):,} of {len(wanted):,} pictures, such as {example}. "
            "Add the rows, or name another file with labels=."
        )
    notes = []
    absent = len(table.names) - len(np.unique(rows))
    if absent:
        notes.append(f"Rows of {table.path.name} for pictures that are not there: {absent:,}.")
    annotations, unused = _annotate(table, rows)
    if unused:
        notes.append(f"{table.path.name}: not used, as neither labels nor 0/1 attributes: {', '.join(unused)}.")
    return annotations, notes


def _find(wanted: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The place of each wanted name among the known ones, int64; -1 if it is not there."""
    order = np.argsort(known, kind="stable")
    places = np.minimum(np.searchsorted(known[order], wanted), len(known) - 1)
    found = order[places]
    return np.where(known[found] == wanted, found, -1)


def _annotate(table: Table, rows: np.ndarray) -> tuple[Annotations, list[str]]:
    """Labels and attributes of the pictures with these rows, and the names of unused columns."""
    label_name = next((name for name in table.columns if name.lower() in LABEL_COLUMNS), None)
    attributes: dict[str, np.ndarray] = {}
    unused = []
    for name, values in table.columns.items():
        if name == label_name:
            continue
        found = set(np.unique(values).tolist()) if values.dtype.kind == "i" else {None}
        if found <= {0, 1} or found <= {-1, 1}:
            attributes[name] = (values[rows] > 0).astype(np.float32)
        else:
            unused.append(name)
    if label_name is None and len(table.columns) == 1 and unused:
        label_name = unused.pop()
    result = Annotations()
    if label_name is not None:
        result = labels_from_values(table.columns[label_name][rows], len(rows), f"{table.path} ({label_name})")
    if attributes:
        result.attributes = np.stack(list(attributes.values()), axis=1)
        result.attribute_names = tuple(attributes)
    if not attributes and label_name is None:
        raise DataError(
            f"{table.path} has no column of labels or of 0/1 attributes; it has {', '.join(table.columns)}."
        )
    return result, unused
