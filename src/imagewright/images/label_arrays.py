"""Labels from arrays (.npz, IDX): a value a picture, one-hot rows, or a 0/1 column an attribute."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np

from imagewright.errors import DataError
from imagewright.images.annotations import UNLABELLED, Annotations, classes_among, labels_from_texts, sort_classes

LabelsLike = str | Path | Sequence[Any] | np.ndarray
"""Labels as a caller gives them: a file, or a label for each picture."""
EXPECTED = "expected one value a picture (N,), one-hot rows, or a 0/1 column for each attribute (N, A)"


def labels_from_sequence(labels: Any, count: int) -> tuple[Annotations, list[str]]:
    """The labels that a caller gives in Python, one for each of `count` pictures in their order, and notes.

    labels: numbers, names, or rows (see `labels_from_array`), in an array, a tensor or any sequence. None, NaN and ""
        are no class.
    Raises `DataError` for another number of them, or for what cannot be labels.
    """
    if isinstance(labels, (Mapping, Set, bytes)) or not (hasattr(labels, "shape") or isinstance(labels, Iterable)):
        raise DataError(
            f"labels is a {type(labels).__name__}: expected a file, or a label for each picture in the order of the "
            "pictures."
        )
    if isinstance(labels, np.ma.MaskedArray) and labels.ndim == 1:
        labels = labels.tolist()  # None for what is masked
    if hasattr(labels, "detach"):
        labels = labels.detach().cpu().numpy()
    elif not hasattr(labels, "shape"):
        labels = list(labels)
    try:
        values = np.asarray(labels)
    except ValueError:
        raise DataError("labels has rows of different lengths: expected a label for each picture.") from None
    if values.dtype.kind == "O" or (values.dtype.kind in "US" and isinstance(labels, list)):
        # Names and None, or names and numbers: numpy would write None as a name.
        named = np.asarray(labels, object).reshape(-1)
        values = np.array(["" if label is None else _as_text(label) for label in named.tolist()])
    return labels_from_array(values, count, "labels")


def labels_from_array(
    values: np.ndarray, count: int, where: str, names: Sequence[str] | None = None
) -> tuple[Annotations, list[str]]:
    """The labels or attributes of `count` pictures, and notes on what was read as what.

    values: (N,) or (N, 1) is a value a picture: the classes are the values that occur. (N, K) of 0 and 1 is one-hot if
        each row has a single 1, which is its class; else each column is an attribute.
    where: the file and key that the values come from, for messages.
    names: of the K columns, or of the classes that whole numbers from 0 count; by default their numbers.
    Raises `DataError` for another number of pictures, shape or kind of values.
    """
    if values.ndim == 0 or 0 in values.shape[1:] or values.dtype.kind not in "biufUS":
        raise DataError(f"{where}: the labels are {values.dtype} of shape {values.shape}; {EXPECTED}.")
    if len(values) != count:
        raise DataError(f"{where} holds {len(values):,} labels for {count:,} pictures: one for each was expected.")
    if values.ndim == 1 or values.size == count:
        return _labels_of(values.reshape(-1), where, names)
    if values.ndim > 2 or values.dtype.kind in "US" or not np.isin(values, (0, 1)).all():
        raise DataError(
            f"{where}: the labels are {values.dtype} of shape {values.shape}, and not all are 0 or 1; {EXPECTED}."
        )
    columns = tuple(names) if names is not None and len(names) == values.shape[1] else None
    unfit = [] if names is None or columns else [_unfit(where, names, f"{values.shape[1]:,} columns")]
    if (values.sum(1) == 1).all():
        return _labels_of(values.argmax(1), where, columns)[0], [
            f"{where} is one-hot ({values.shape[0]:,} x {values.shape[1]:,}): the column of the 1 is the class.",
            *unfit,
        ]
    attributes = values.astype(np.float32)
    return Annotations(
        attributes=attributes, attribute_names=columns or tuple(str(number) for number in range(values.shape[1]))
    ), [
        f"{where} marks several of {values.shape[1]:,} columns in a picture, or none: they are attributes, and the "
        "pictures have no classes.",
        *unfit,
    ]


def _unfit(where: str, names: Sequence[str], found: str) -> str:
    return f"{where}: {len(names):,} names of classes do not fit {found}, and are not used; the classes are numbers."


def _labels_of(values: np.ndarray, where: str, names: Sequence[str] | None) -> tuple[Annotations, list[str]]:
    """One value a picture: the values that occur are the classes, -1, NaN and empty text are none; and notes."""
    if values.dtype.kind == "f":
        known = values[~np.isnan(values)]
        if not (np.isfinite(known) & (known == np.rint(known))).all():
            raise DataError(
                f"{where}: the labels are {values.dtype} with fractions; whole numbers or names were expected."
            )
        texts, codes = np.unique(values, return_inverse=True)
        written = ["" if np.isnan(text) else str(int(text)) for text in texts]
    else:
        texts, codes = np.unique(values, return_inverse=True)
        written = [_as_text(text) for text in texts]
    codes = codes.reshape(-1)
    numbers = sort_classes(classes_among(written))
    if names is None or not numbers:
        return labels_from_texts(codes, written), []
    if all(text == "-1" or (text.isdecimal() and int(text) < len(names)) for text in numbers):
        return _named(codes, written, names), []
    found = f"the labels {numbers[0]} to {numbers[-1]}: whole numbers from 0 were expected"
    return labels_from_texts(codes, written), [_unfit(where, names, found)]


def _as_text(value: Any) -> str:
    return value.decode("utf-8", "replace").strip() if isinstance(value, bytes) else str(value).strip()


def _named(codes: np.ndarray, written: list[str], names: Sequence[str]) -> Annotations:
    """Labels whose values are places in `names`: the classes keep the order of their numbers."""
    numbers = np.array([int(text) if text.isdecimal() else UNLABELLED for text in written], np.int64)
    return Annotations(numbers[codes], tuple(str(name) for name in names)).without_empty_classes()
