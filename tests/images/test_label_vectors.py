"""Vectors of labels in tables: one-hot vectors are classes, others attributes; rows may contradict each other."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from imagewright.errors import DataError
from imagewright.images import Images, open_images


def classes_of(images: Images) -> list[str | None]:
    return [images.class_name(number) for number in range(len(images))]


def write_vectors(folder: Path, vectors: list[tuple[str, list[int] | None]]) -> None:
    """JSON lines with a vector for each row, None for no value."""
    entries = [{"image": name} | ({} if vector is None else {"label": vector}) for name, vector in vectors]
    (folder / "labels.jsonl").write_text("\n".join(map(json.dumps, entries)))


def test_contradicting_rows_of_vectors_give_no_class_and_no_attribute(folder: Path) -> None:
    one_hot = [(f"{number}.png", [int(number % 3 == place) for place in range(3)]) for number in range(6)]
    write_vectors(folder, [*one_hot, ("0.png", [0, 1, 0]), ("1.png", [0, 1, 0]), ("2.png", None)])
    images = open_images(folder)
    assert classes_of(images) == [None, "1", "2", "0", "1", "2"]
    assert any("1 picture, which get no class: 0.png (0, 1)" in note for note in images.notes)
    write_vectors(folder, [*one_hot[:5], ("5.png", None)])
    assert classes_of(open_images(folder)) == ["0", "1", "2", "0", "1", None]
    write_vectors(folder, [*one_hot, ("0.png", [1, 1, 0])])
    images = open_images(folder)
    assert images.class_names is None
    assert images.attributes is not None
    np.testing.assert_array_equal(images.attributes[:2], [[1, np.nan, 0], [0, 1, 0]])
    write_vectors(folder, one_hot + [(name, vector[::-1]) for name, vector in one_hot])
    with pytest.raises(DataError, match=r"differs between the rows of one picture for 4 of 6"):
        open_images(folder, labels=folder / "labels.jsonl")


def test_vectors_are_chosen_by_name(folder: Path) -> None:
    write_vectors(folder, [(f"{number}.png", [int(number % 3 == place) for place in range(3)]) for number in range(6)])
    assert classes_of(open_images(folder, label_column="label")) == list("012012")
    write_vectors(folder, [(f"{number}.png", None if number else [2, 3]) for number in range(6)])
    with pytest.raises(DataError, match="the column label holds vectors of 2 numbers, which are no classes"):
        open_images(folder, label_column="label")
