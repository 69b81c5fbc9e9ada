"""Giving a source the annotations of a table: of one that the user names, or of one found beside or in the source."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from imagewright.errors import ConfigError, DataError, count_text
from imagewright.images.annotations import Annotations
from imagewright.images.label_arrays import LabelsLike, labels_from_sequence
from imagewright.images.notices import RowsNote
from imagewright.images.sources.archive import ZipSource
from imagewright.images.sources.base import ListedSource, Source
from imagewright.images.sources.indexed_shards import IndexedShards
from imagewright.images.sources.layered import LayeredSource
from imagewright.images.sources.listing import TABLE_ENDINGS, TABLE_NAMES, is_picture_name
from imagewright.images.tables.columns import HOW, read_columns
from imagewright.images.tables.json_rows import NoLabels
from imagewright.images.tables.matching import Matching, match_names
from imagewright.images.tables.reading import FOUND_LIMIT, Table, parse_table, read_table

EXAMPLES = 3
SAMPLED = 100
"""So many cells of a column are looked at for names of pictures."""


def attach_labels(source: Source, labels: LabelsLike | None, label_column: str | None = None) -> None:
    """Give the source the labels of a sequence, the annotations of the file `labels`, or of a table in it or beside it.

    A table that nobody asked for is passed over with a note if it is damaged or does not fit the pictures.

    label_column: the column of the labels, which also asks for the table that was found.
    Raises `DataError` for a table that was asked for and is damaged, or does not fit the pictures.
    """
    if labels is not None and not isinstance(labels, (str, Path)):
        if label_column is not None:
            raise ConfigError("--label-column names a column of a table, but the labels are given one by one.")
        _annotate(source, *labels_from_sequence(labels, len(source)))
        source.notes += _notes_on_unknown(source)
        return
    asked = labels is not None or label_column is not None
    refused: list[DataError] = []
    tables = _find_tables(source, labels)
    for number, (name, read) in enumerate(tables):
        try:
            _annotate(source, *match_table(read(), source, label_column, asked=asked))
        except DataError as error:
            refused.append(error)
            continue
        also = [other for other, _ in tables[number + 1 :]]
        if also:
            source.notes.append(f"{name} was read, and not {', '.join(also)}: --labels FILE (labels=) chooses.")
        break
    else:
        if asked:
            raise refused[0] if refused else _no_table(source, label_column)
    source.notes += [
        str(error) if isinstance(error, NoLabels) else f"A table was found and is not used: {error}"
        for error in refused
    ]
    source.notes += _notes_on_unknown(source)


def _no_table(source: Source, label_column: str | None) -> DataError:
    return DataError(
        f"There is no table beside {source.typed} that could have the column {label_column!r}: name it with "
        "--labels FILE (labels=FILE)."
    )


def _annotate(source: Source, annotations: Annotations, notes: list[str]) -> None:
    if annotations.labels is not None:
        source.annotations.labels, source.annotations.class_names = annotations.labels, annotations.class_names
    if annotations.attributes is not None:
        source.annotations.attributes = annotations.attributes
        source.annotations.attribute_names = annotations.attribute_names
    if annotations.factors is not None:
        source.annotations.factors = annotations.factors
        source.annotations.factor_names = annotations.factor_names
    source.notes += notes


def match_table(
    table: Table, source: Source, label_column: str | None, *, asked: bool
) -> tuple[Annotations, list[str]]:
    """The annotations of the source's pictures in a table, and notes. Rows of absent pictures are counted.

    asked: whether the user named the table.
    Raises `DataError` if pictures have no row or an ambiguous one, or if no column is labels or attributes.
    """
    names = [source.name(index) for index in range(len(source))]
    names_in, found = _match(table, names, str(getattr(source, "root", "")))
    _check_rows(table, names_in, found, names, asked=asked)
    read = read_columns(table, names_in, found, names, label_column)
    notes = _notes_on_rows(table, found)
    annotated = read.annotations
    has_factors = annotated.factors is not None and not read.refused
    if annotated.labels is None and annotated.attributes is None and not has_factors:
        others = ", ".join(name for name in table.columns if name != names_in)
        if read.refused:
            raise DataError(f"{table.name}: the column {read.refused}.")
        raise DataError(f"{table.name} has no column of labels or of 0/1 attributes; it has {others}; {HOW}.")
    if read.refused:
        notes.append(f"{table.name}: no classes, since the column {read.refused}.")
    return read.annotations, notes + read.notes


# Finding


def _find_tables(source: Source, labels: str | Path | None) -> list[tuple[str, Callable[[], Table]]]:
    """The name of each table, and how it is read: the one at `labels`, else those in or beside the source."""
    if labels is not None:
        if not str(labels).strip():
            raise DataError("labels is an empty text: expected a label file, or a label for each picture.")
        named = Path(labels).expanduser()
        if not named.is_file():
            raise DataError(f"There is no label file {named}.")
        return [(named.name, partial(read_table, named))]
    if isinstance(source, LayeredSource):
        source = source.parts[source.image]
    if isinstance(source, IndexedShards):  # whose index holds the annotations that the set was written with
        return []
    root = getattr(source, "root", None)
    if not isinstance(root, Path):
        return []
    found: list[tuple[str, Callable[[], Table]]] = []
    if isinstance(source, ZipSource):
        members = [each for name in TABLE_NAMES for each in source.tables if each.rpartition("/")[2] == name]
        found += [(member, partial(_read_member, source, member)) for member in members]
    own = () if root.is_dir() else tuple(f"{root.stem}.{end}" for end in TABLE_ENDINGS)
    for folder in _folders_above(root, source):
        paths = [folder / name for name in (*own, *TABLE_NAMES) if (folder / name).is_file()]
        found += [(path.name, partial(read_table, path, most=FOUND_LIMIT)) for path in paths]
    return found


def _read_member(source: ZipSource, member: str) -> Table:
    return parse_table(source.read_table(member), f"{source.root}/{member}")


def _folders_above(root: Path, source: Source) -> list[Path]:
    """The folder of a source, and in it those that all of its pictures are in; a file's own folder."""
    if not root.is_dir() or not isinstance(source, ListedSource):
        return [root if root.is_dir() else root.parent]
    used = [source.listing.directories[number] for number in np.unique(source.listing.directory_ids)]
    shared = os.path.commonpath(used) if len(used) > 1 else used[0]
    above = [root]
    for part in filter(None, shared.split("/")):
        above.append(above[-1] / part)
    return above


# Rows


def _match(table: Table, names: list[str], root: str) -> tuple[str, Matching]:
    """The column of file names, which is the one that names most pictures exactly, and the row of each picture."""
    best: tuple[str, Matching] | None = None
    for candidate in table.candidates:
        column = table.columns[candidate]
        if best is not None and len(column.texts) < len(names) / 2:
            continue  # it cannot name them all
        if best is not None and (best[1].rows >= 0).all() and not any(map(is_picture_name, column.texts[:SAMPLED])):
            continue  # it cannot name them better: what names files exactly has suffixes
        found = match_names(names, [column.texts[code] for code in column.codes], root)
        if best is None or _worth(found) > _worth(best[1]):
            best = candidate, found
        if (best[1].rows >= 0).all() and not best[1].loosely:
            break
    assert best is not None, "a table has two columns or more"
    return best


def _worth(found: Matching) -> tuple[int, int]:
    """How many pictures a column names exactly, and how many in any way: `1` may be another number than `1.png`."""
    settled = int((found.rows >= 0).sum()) + len(found.ambiguous)
    return settled - sum(found.loosely.values()), settled


def _check_rows(table: Table, names_in: str, found: Matching, names: list[str], *, asked: bool) -> None:
    """Raise `DataError` if pictures have no row, or one that may be another picture's."""
    if found.ambiguous:
        rows = next(iter(found.ambiguous.values()))
        alike = [names[other] for other, several in found.ambiguous.items() if several == rows]
        pictures = count_text(len(found.ambiguous), "picture")
        raise DataError(
            f"{table.name}: the names do not decide which rows belong to {pictures}: "
            f"{' and '.join(alike[:EXAMPLES])} could be {' or '.join(map(repr, rows[:EXAMPLES]))}. Write more of the "
            "folders into the table."
        )
    missing = np.flatnonzero(found.rows < 0)
    if len(missing) == len(names) and not asked:
        raise DataError(f"{table.name} names none of the pictures.")
    if len(missing):
        row = table.columns[names_in].text(0)
        raise DataError(
            f"{table.name} has no row for {len(missing):,} of {len(names):,} pictures, such as {names[missing[0]]} "
            f"(its rows name pictures such as {row!r}). Add the rows, with an empty label for no class, or name "
            "another file with --labels."
        )


def _notes_on_rows(table: Table, found: Matching) -> list[str]:
    name = Path(table.name).name
    repeated = sum(map(len, found.repeated.values()))
    absent = len(table) - len(np.unique(found.rows)) - repeated
    notes = list(table.notes)
    if absent:
        notes.append(f"Rows of {name} for pictures that are not there: {absent:,}.")
    if repeated:
        notes.append(f"Rows of {name} for a picture that has one already: {repeated:,}.")
    notes += [
        f"{count_text(count, 'picture')} found {'its row' if count == 1 else 'their rows'} in {name} without regard to "
        f"{ignored}."
        for ignored, count in found.loosely.items()
    ]
    return [RowsNote(note) for note in notes]


def _notes_on_unknown(source: Source) -> list[str]:
    """Notes on pictures without a class among others that have one, and on those with unknown attributes."""
    notes = []
    labels, attributes = source.annotations.labels, source.annotations.attributes
    unknown = {} if labels is None else {"no class": np.flatnonzero(labels < 0)}
    unknown |= {} if attributes is None else {"unknown attributes": np.flatnonzero(np.isnan(attributes).any(1))}
    for what, missing in unknown.items():
        if len(missing):
            verb = "has" if len(missing) == 1 else "have"
            notes.append(
                f"{len(missing):,} of {len(source):,} pictures {verb} {what}, such as {source.name(int(missing[0]))}: "
                "what learns or compares them leaves these pictures out."
            )
    return notes
