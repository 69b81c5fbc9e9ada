"""What the columns of a table are: labels, 0/1 attributes, captions and measures, or something else."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from imagewright.errors import DataError, count_text, nearest_name
from imagewright.images.annotations import (
    WHOLE_NUMBER,
    Annotations,
    classes_among,
    clean_class,
    is_missing,
    labels_from_texts,
)
from imagewright.images.label_arrays import labels_from_array
from imagewright.images.notices import RowsNote
from imagewright.images.tables.matching import Matching
from imagewright.images.tables.ranges import Ranges, parse_ranges
from imagewright.images.tables.reading import Table, TableColumn

LABEL_COLUMNS = ("label", "labels", "class", "class_name", "classname", "category", "target", "cls")
CAPTION_COLUMNS = ("text", "caption", "captions", "prompt", "description", "sentence", "title")
ON = frozenset({"1", "1.0", "true", "yes"})
OFF = frozenset({"0", "0.0", "-1", "-1.0", "false", "no"})
ZERO, MINUS = frozenset({"0", "0.0"}), frozenset({"-1", "-1.0"})
MANY_NUMBERS = 30
"""Labels of more whole numbers than this may be a measure, such as an age, which is said."""
LONG_TEXT = 40
"""Labels that are longer than this in the mean, and mostly different, are captions."""
EXAMPLES = 3
HOW = "--label-column NAME (label_column=) takes a column as classes all the same"
NUMBER = re.compile(r"-?([0-9]+\.?[0-9]*|\.[0-9]+)(e[-+]?[0-9]+)?", re.IGNORECASE)
VECTOR = re.compile(r"(.+)\[[0-9]+\]")
UNNAMED = re.compile(r"column [0-9]+|Unnamed: [0-9]+")


@dataclass
class Labelling:
    """What a table says of N pictures: `annotations`, `notes`, and why a column is no label ("" if none is refused)."""

    annotations: Annotations = field(default_factory=Annotations)
    notes: list[str] = field(default_factory=list)
    refused: str = ""


def read_columns(table: Table, names_in: str, found: Matching, names: list[str], label_column: str | None) -> Labelling:
    """The labels and attributes of the pictures from the columns of their rows.

    names_in: the column of file names.
    found: the rows of the pictures.
    names: of the pictures, for messages.
    label_column: the column of the labels, or `COLUMN:EDGES` (see `ranges`); None: by its name.
    Raises `DataError` for a column that is not there, or if most pictures have rows that contradict each other.
    """
    result = Labelling()
    others = {name: each for name, each in table.columns.items() if name != names_in and not UNNAMED.fullmatch(name)}
    ranges: Ranges | None = None
    label: str | None
    if label_column is not None:
        label, ranges = _find_column(table, others, label_column)
    else:
        lowered = {name.lower(): name for name in reversed(others)}
        label = next((lowered[name] for name in LABEL_COLUMNS if name in lowered), None)
    vectors = _vectors(others)
    for name in [name for name in vectors if name.lower() in LABEL_COLUMNS or name == label_column]:
        _read_vector(table, name, [others.pop(column) for column in vectors.pop(name)], found, names, result)
    attributes = {
        name: _attribute(column, found)
        for name, column in others.items()
        if name != label and is_attribute(column.texts)
    }
    unused = [name for name in others if name != label and name not in attributes]
    unused = list(dict.fromkeys(_vector_of(name) or name for name in unused))
    if label is None and not table.has_header and len(attributes) == 1 and not unused:
        label = attributes.popitem()[0]  # a list such as `7.jpg 1`, which names no attribute
    by_default = label is None and result.annotations.labels is None and len(unused) == 1 and not attributes
    if by_default and unused[0] in others:
        label = unused.pop()
    if label is not None and label in others:
        _read_label(table, label, others[label], found, names, ranges, by_default, label_column is not None, result)
    if attributes:
        result.annotations.attributes = np.stack(list(attributes.values()), axis=1)
        result.annotations.attribute_names = tuple(attributes)
    refused = [label] if result.annotations.labels is None and label is not None else []
    _read_factors({name: others[name] for name in [*refused, *unused] if name in others}, found, result)
    result.notes += _notes_on_others(table, unused, result.annotations.factor_names or ())
    return result


def _notes_on_others(table: Table, unused: list[str], measures: tuple[str, ...]) -> list[str]:
    """What becomes of columns that are neither classes nor 0/1 attributes: numbers are measures, others left out."""
    measured = [name for name in unused if name in measures]
    rest = [name for name in unused if name not in measures]
    said = []
    if measured:
        which = f"{count_text(len(measured), 'column')} of numbers"
        said.append(f"{_short(table)}: {which}, for `latent factors` and not for training: {', '.join(measured)}.")
    if rest:
        said.append(f"{_short(table)}: no classes, no 0/1 attributes, no numbers, and left out: {', '.join(rest)}.")
    return [RowsNote(f"{each} {HOW}.") for each in said]


def is_attribute(texts: list[str]) -> bool:
    """Whether all values are 0 and 1, or -1 and 1, or true and false; some may be missing."""
    values = {text.lower() for text in texts if not is_missing(text)}
    return bool(values) and values <= ON | OFF and not (values & ZERO and values & MINUS)


def _short(table: Table) -> str:
    return table.name.replace("\\", "/").rsplit("/", 1)[-1]


def _find_column(table: Table, others: dict[str, TableColumn], wanted: str) -> tuple[str, Ranges | None]:
    """A column by its name, in any case; or with ranges. Raises `DataError` with the columns that there are."""
    lowered = {name.lower(): name for name in reversed(others)}
    vectors = _vectors(others)
    for text, ranges in ((wanted, None), parse_ranges(wanted) or (wanted, None)):
        if text in others or text in vectors:
            return text, ranges
        if text.lower() in lowered:
            return lowered[text.lower()], ranges
    shown = list(dict.fromkeys(_vector_of(name) or name for name in others))
    kind = "" if table.has_header else " (it has no header: columns are called by their number)"
    raise DataError(
        f"{table.name} has no column {wanted!r}{kind}.{nearest_name(wanted, shown)} "
        f"Its columns: {', '.join(shown[:20])}{' ...' if len(shown) > 20 else ''}."
    )


# Vectors


def _vector_of(name: str) -> str | None:
    matched = VECTOR.fullmatch(name)
    return matched[1] if matched else None


def _vectors(columns: dict[str, TableColumn]) -> dict[str, list[str]]:
    """The columns `label[0]`, `label[1]` ... by the name of the vector."""
    groups: dict[str, list[str]] = {}
    for name in columns:
        if vector := _vector_of(name):
            groups.setdefault(vector, []).append(name)
    return groups


def _read_vector(
    table: Table, name: str, columns: list[TableColumn], found: Matching, names: list[str], result: Labelling
) -> None:
    """Labels from one-hot vectors, attributes from other vectors of 0 and 1; others are refused."""
    rows = np.array([*found.rows, *(row for further in found.repeated.values() for row in further)], np.int64)
    vectors = np.stack([_numbers(column) for column in columns], axis=1)
    rows = rows[~np.isnan(vectors[rows]).all(1)]  # a row may lack its vector
    try:
        read, notes = labels_from_array(vectors[rows], len(rows), f"{_short(table)} ({name})")
    except DataError:
        read, notes = Annotations(), []
    if read.attributes is not None:
        result.annotations.attributes = np.stack([_attribute(column, found) for column in columns], axis=1)
        result.annotations.attribute_names = read.attribute_names
    elif read.labels is not None and read.class_names:
        numbers = TableColumn(np.full(len(table), len(read.class_names), np.int32), [*read.class_names, ""])
        numbers.codes[rows] = read.labels
        codes, contradictions = _settle_rows(table, name, numbers, found, names, result)
        if result.refused:
            return
        settled = labels_from_texts(codes, numbers.texts)
        result.annotations.labels, result.annotations.class_names = settled.labels, settled.class_names
        notes += contradictions
    else:
        result.refused = f"{name} holds vectors of {len(columns)} numbers, which are no classes"
    result.notes += notes


def _numbers(column: TableColumn) -> np.ndarray:
    """The value of each row, float64; NaN for what is no number."""
    values = [float(text) if NUMBER.fullmatch(text) else np.nan for text in column.texts]
    return np.array(values)[column.codes]


def _read_factors(columns: dict[str, TableColumn], found: Matching, result: Labelling) -> None:
    """Of columns that are neither classes nor attributes, those of numbers; of several rows of a picture the first."""
    numbers = {name: _numbers(column) for name, column in columns.items() if _measures(column.texts)}
    if numbers:
        result.annotations.factors = np.stack([values[found.rows] for values in numbers.values()], axis=1)
        result.annotations.factor_names = tuple(numbers)


def _measures(texts: list[str]) -> bool:
    """Whether all values are numbers, but for missing ones, and differ."""
    known = [text for text in texts if not is_missing(text)]
    return len(known) > 1 and all(NUMBER.fullmatch(text) for text in known)


# Attributes and labels


def _attribute(column: TableColumn, found: Matching) -> np.ndarray:
    """float32 (N,) of 0 and 1; NaN if the value is missing, or if rows of a picture contradict each other."""
    lowered = [text.lower() for text in column.texts]
    values = np.array([1 if text in ON else 0 if text in OFF else np.nan for text in lowered], np.float32)
    result: np.ndarray = values[column.codes[found.rows]]
    for picture, further in found.repeated.items():
        several = {float(values[column.codes[row]]) for row in (found.rows[picture], *further)}
        known = {value for value in several if value >= 0}  # NaN is not
        result[picture] = known.pop() if len(known) == 1 else np.nan
    return result


def _read_label(
    table: Table,
    name: str,
    column: TableColumn,
    found: Matching,
    names: list[str],
    ranges: Ranges | None,
    by_default: bool,
    chosen: bool,
    result: Labelling,
) -> None:
    """Add the labels of a column to the result, or the reason why they are no classes."""
    if ranges is None:
        column = _without_looks(column)
    codes, contradictions = _settle_rows(table, name, column, found, names, result)
    if result.refused:
        return
    where = f"{table.name} ({name})"
    used = [column.texts[code] for code in np.unique(codes[codes >= 0]) if not is_missing(column.texts[code])]
    labelled = int(np.isin(codes, [code for code, text in enumerate(column.texts) if not is_missing(text)]).sum())
    if not chosen and (why := why_no_classes(name, used, labelled, by_default=by_default)):
        result.refused = f"{name} holds {why}; {HOW}"
        return
    labels = ranges.labels(codes, column.texts, where) if ranges else labels_from_texts(codes, column.texts)
    if not labels.class_names:
        result.refused = f"{name} is empty for all pictures"
        return
    result.annotations.labels, result.annotations.class_names = labels.labels, labels.class_names
    result.notes += contradictions
    result.notes += _notes_on_classes(_short(table), name, used, ranges)


def _without_looks(column: TableColumn) -> TableColumn:
    """The column with texts that look equal as one, and an empty text for what is no class (see `classes_among`)."""
    cleaned = [clean_class(text) for text in column.texts]
    classes = classes_among(cleaned)
    places: dict[str, int] = {}
    numbers = [places.setdefault(text if text in classes else "", len(places)) for text in cleaned]
    return TableColumn(np.array(numbers, np.int32)[column.codes], list(places))


def _settle_rows(
    table: Table, name: str, column: TableColumn, found: Matching, names: list[str], result: Labelling
) -> tuple[np.ndarray, list[str]]:
    """The place of each picture's value in the texts of a column, -1 for none; and a note on rows that contradict.

    If those of most pictures do, `result` gets the reason why they are no classes.
    """
    codes = column.codes[found.rows].astype(np.int64)
    contradictions = _settle_repeated(column, found, codes)
    if 2 * len(contradictions) > len(codes):
        result.refused = (
            f"{name} differs between the rows of one picture for {len(contradictions):,} of {len(codes):,} pictures, "
            f"such as {_name_contradictions(contradictions, names, 1)}: a picture has one class"
        )
    if not contradictions:
        return codes, []
    return codes, [
        f"{_short(table)}: rows with different labels for {count_text(len(contradictions), 'picture')}, which get no "
        f"class: {_name_contradictions(contradictions, names, EXAMPLES)}."
    ]


def _settle_repeated(column: TableColumn, found: Matching, codes: np.ndarray) -> dict[int, list[str]]:
    """Give pictures with several rows their one value; returns the values of those that have several, and no class."""
    contradictions: dict[int, list[str]] = {}
    for picture, further in found.repeated.items():
        several = dict.fromkeys(int(column.codes[row]) for row in (found.rows[picture], *further))
        known = [code for code in several if not is_missing(column.texts[code])]
        codes[picture] = known[0] if len(known) == 1 else -1
        if len(known) > 1:
            contradictions[picture] = [column.texts[code] for code in known]
    return contradictions


def _name_contradictions(contradictions: dict[int, list[str]], names: list[str], most: int) -> str:
    shown = [f"{names[picture]} ({', '.join(values)})" for picture, values in list(contradictions.items())[:most]]
    return "; ".join(shown) + (" ..." if len(contradictions) > most > 1 else "")


def why_no_classes(name: str, used: list[str], labelled: int, *, by_default: bool) -> str:
    """What a column holds instead of classes; "" for classes.

    by_default: whether it was taken because it is the only one that can be, and not by its name.
    """
    count = f"{len(used):,} values for {labelled:,} pictures"
    mostly_different = labelled > 1 and len(used) > labelled / 2
    if by_default and name.lower() in CAPTION_COLUMNS:
        return f"captions ({count})"
    if mostly_different and sum(map(len, used)) > LONG_TEXT * len(used):
        return f"captions ({count})"
    all_different = labelled > 1 and len(used) == labelled
    if all_different and (by_default or (labelled > 3 and any(" " in text for text in used))):
        return f"as many values as pictures ({labelled:,}), as names and captions do"
    if by_default and len(used) == 1 and labelled > 1:
        return f"one value for all pictures ({used[0]})"
    fractions = [text for text in used if not WHOLE_NUMBER.fullmatch(text)]
    if mostly_different and fractions and all(NUMBER.fullmatch(text) for text in used) and labelled > 3:
        return f"measures ({count})"
    return ""


def _notes_on_classes(table: str, name: str, used: list[str], ranges: Ranges | None) -> list[str]:
    if ranges is not None:
        return []
    notes = []
    if len(used) > MANY_NUMBERS and all(WHOLE_NUMBER.fullmatch(text) for text in used):
        low, high = min(map(int, used)), max(map(int, used))
        notes.append(
            f"{table}: {name} has {len(used):,} different whole numbers ({low:,} to {high:,}), each of which is a "
            f"class. If they measure something, such as an age, make classes of ranges: --label-column {name}:"
            f"{low + (high - low) // 3},{low + 2 * (high - low) // 3} (label_column=)."
        )
    by_case: dict[str, list[str]] = {}
    for text in used:
        by_case.setdefault(text.casefold(), []).append(text)
    alike = [sorted(texts) for texts in by_case.values() if len(texts) > 1]
    if alike:
        notes.append(f"{table}: classes that differ in upper and lower case only: {', '.join(alike[0])}.")
    return notes
