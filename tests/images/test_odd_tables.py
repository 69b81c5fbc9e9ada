"""Odd cells of tables: quotes, lines, numbers, repeated keys; and -1, which is no class."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from written_tables import ROWS, classes_of, column, lines, table

from imagewright.errors import DataError
from imagewright.images import open_images

NO_CLASS_GIVEN = [-1, 1, 2, 0, 1, 2]


def test_minus_one_is_no_class_in_tables(folder: Path, tmp_path: Path) -> None:
    path = table(tmp_path / "my.csv", column(["10", "9", "10", "9", "-1", "9"]))
    images = open_images(folder, labels=path)
    assert classes_of(images) == ["10", "9", "10", "9", None, "9"]
    assert any("1 of 6 pictures has no class, such as 4.png" in note for note in images.notes)


def test_minus_one_and_masked_values_are_no_class_in_python(folder: Path) -> None:
    expected = [None, "1", "2", "0", "1", "2"]
    masked = np.ma.masked_equal([5, 1, 2, 0, 1, 2], 5)
    for labels in (NO_CLASS_GIVEN, np.array(NO_CLASS_GIVEN), np.array(NO_CLASS_GIVEN, float), masked):
        assert classes_of(open_images(folder, labels=labels)) == expected
    again = open_images(folder, labels=open_images(folder, labels=NO_CLASS_GIVEN).labels)
    assert classes_of(again) == expected
    assert open_images(folder, labels=[b"a", "a", "b", "b", "a", b"b"]).class_names == ("a", "b")


def test_names_of_classes_in_npz_fit_or_are_told(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), np.uint8)

    def opened(names: list[str], labels: object, key: str = "labels", **more: object) -> tuple[list[str | None], str]:
        np.savez(tmp_path / "a.npz", images=pixels, class_names=names, **{key: labels}, **more)  # type: ignore[arg-type]
        images = open_images(tmp_path / "a.npz")
        return classes_of(images), "\n".join(images.notes)

    for key in ("labels", "label", "targets", "target"):
        assert opened(["a", "b", "c"], NO_CLASS_GIVEN, key)[0] == [None, "b", "c", "a", "b", "c"]
    for names, labels in ((["a", "b"], [0, 1, 2, 0, 1, 2]), (["a", "b", "c"], [1, 2, 3, 1, 2, 3])):
        classes, notes = opened(names, labels)
        assert classes == list(map(str, labels))
        assert f"{len(names)} names of classes do not fit the labels {labels[0]} to {labels[2]}" in notes
    assert "2 names of classes do not fit 3 columns" in opened(["a", "b"], np.eye(3)[[0, 1, 2, 0, 1, 2]])[1]
    classes, notes = opened(["a"], np.linspace(0, 1, 6), "targets")
    assert classes == [None] * 6
    assert "No labels were read" in notes
    assert "with fractions" in notes
    assert "which is not used: ages" in opened(["a", "b", "c"], NO_CLASS_GIVEN, ages=np.arange(6))[1]


@pytest.mark.parametrize(("one", "other"), [("caf\u00e9", "cafe\u0301"), ("dog", "dog\u200b"), ("dog", "\ufeffdog")])
def test_classes_that_look_equal_are_one(folder: Path, tmp_path: Path, one: str, other: str) -> None:
    images = open_images(folder, labels=table(tmp_path / "my.csv", column([one, other, "x", one, other, "x"])))
    assert classes_of(images) == [one, one, "x", one, one, "x"]


def test_a_key_that_a_json_object_has_twice_contradicts_itself(folder: Path, tmp_path: Path) -> None:
    pairs = [*ROWS, ("0.png", "b")]
    text = "{" + ", ".join(f'"{name}": "{label}"' for name, label in pairs) + "}"
    images = open_images(folder, labels=table(tmp_path / "my.json", text))
    assert classes_of(images) == [None, "b", "a", "b", "a", "b"]
    assert any("1 picture, which get no class: 0.png (a, b)" in note for note in images.notes)
    twice = "\n".join(f'{{"image": "{name}", "label": "x", "label": "{label}"}}' for name, label in ROWS)
    with pytest.raises(DataError, match="has the field 'label' twice"):
        open_images(folder, labels=table(tmp_path / "my.jsonl", twice))


def test_lines_end_at_line_ends_only(folder: Path, tmp_path: Path) -> None:
    entries = [
        json.dumps({"image": name, "label": f"{label}\u2028{label}"}, ensure_ascii=False) for name, label in ROWS
    ]
    images = open_images(folder, labels=table(tmp_path / "my.jsonl", "\n".join(entries)))
    assert images.class_names == ("a\u2028a", "b\u2028b")
    for odd in ("\x85", "\v"):
        images = open_images(folder, labels=table(tmp_path / "my.txt", lines(" ").replace(" b", f" b{odd}b")))
        assert images.class_names == ("a", f"b{odd}b")


def test_quotes_that_a_backslash_escapes(folder: Path, tmp_path: Path) -> None:
    rows = [f'{number}.png,"a \\"big\\" {"cat" if number % 2 else "dog"}"' for number in range(6)]
    images = open_images(folder, labels=table(tmp_path / "my.csv", "\n".join(["image,label", *rows])))
    assert images.class_names == ('a "big" cat', 'a "big" dog')
    rows = [f'C:\\photos\\{name},"{label}\\"' for name, label in ROWS]
    images = open_images(folder, labels=table(tmp_path / "my.csv", "\n".join(["image,label", *rows])))
    assert images.class_names == ("a\\", "b\\")


def test_ranges_take_numbers_as_tables_write_them(folder: Path, tmp_path: Path) -> None:
    path = table(tmp_path / "my.csv", column(["1", "2", "1_0", "4", "5", "6"], "age"))
    with pytest.raises(DataError, match="holds '1_0', and ranges of numbers"):
        open_images(folder, labels=path, label_column="age:3")


def test_a_huge_table_is_not_read_by_chance(folder: Path) -> None:
    with open(folder / "labels.csv", "wb") as file:
        file.truncate(6 * 2**30)
    images = open_images(folder)
    assert len(images) == 6
    assert "labels.csv has 6,442,450,944 bytes" in images.notes[0]
    with pytest.raises(DataError, match=r"labels\.csv has 6,442,450,944 bytes, and one of at most"):
        open_images(folder, labels=folder / "labels.csv")
    with pytest.raises(DataError, match="labels is an empty text"):
        open_images(folder, labels="")
