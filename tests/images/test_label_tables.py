"""Label tables: separators, encodings, values as they are written, missing values, captions, contradictions, ranges."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from written_tables import ROWS, classes_of, column, lines, table

from imagewright.errors import ConfigError, DataError
from imagewright.images import open_images


@pytest.mark.parametrize(
    "text",
    [
        lines(","),
        lines(";"),
        lines("\t"),
        lines("|"),
        lines(" "),
        lines(", "),
        lines(",", end="\r\n"),
        lines(",", end="\r"),
        lines(",", header=None),
        lines("\t", header=None),
        lines(" ", header=None),
        "\ufeff" + lines(","),
        lines(";").encode("utf-16"),
        lines("\t").encode("utf-16-le").join([b"\xff\xfe", b""]),
        '"image","label"\n' + "\n".join(f'"{name}","{label}"' for name, label in ROWS),
        "image,label\n" + "\n".join(f"{name},{label}," for name, label in ROWS),
        ",image,label\n" + "\n".join(f"{place},{name},{label}" for place, (name, label) in enumerate(ROWS)),
        "label,filename\n" + "\n".join(f"{label},{name}" for name, label in ROWS),
        "label,picture\n" + "\n".join(f"{label},{name}" for name, label in ROWS),
        "sep=;\n" + lines(";"),
        "# made by hand\n# in May\n" + lines(","),
        "#" + lines(","),
        "Image ; CLASS \n\n" + "\n".join(f" {name} ; {label} " for name, label in ROWS) + "\n\n",
    ],
)
def test_every_usual_form_of_a_table_is_read(folder: Path, tmp_path: Path, text: str | bytes) -> None:
    images = open_images(folder, labels=table(tmp_path / "my.csv", text))
    assert (images.class_names, classes_of(images)) == (("a", "b"), list("ababab"))
    assert images.notes == []


def test_lists_as_celeba_has_and_names_with_spaces(folder: Path, tmp_path: Path) -> None:
    rows = "\n".join(f"{number}.png {-1 if number % 2 else 1:2d}  1" for number in range(6))
    images = open_images(folder, labels=table(tmp_path / "list_attr.txt", f"6\nSmiling Male\n{rows}\n"))
    assert images.attribute_names == ("Smiling", "Male")
    assert images.attributes is not None
    assert images.attributes.tolist() == [[1, 1], [0, 1]] * 3
    (folder / "5.png").rename(folder / "my own 5.png")
    spaced = "\n".join([*(f"{name} {label}" for name, label in ROWS[:5]), "my own 5.png b"])
    assert classes_of(open_images(folder, labels=table(tmp_path / "spaces.txt", spaced))) == list("ababab")


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        (["1_1", "11", "1_1", "11", "1_1", "11"], ("11", "1_1")),
        (["007", "7", "007", "7", "7", "7"], ("007", "7")),
        (["1e3", "1000", "1e3", "1000", "1e3", "1000"], ("1000", "1e3")),
        (["0.0", "1.0", "0.0", "1.0", "0.0", "1.0"], ("0.0", "1.0")),
        (["+1", "1", "+1", "1", "1", "1"], ("+1", "1")),
        (["٣", "3", "٣", "3", "3", "3"], ("3", "٣")),
        (["10", "9", "10", "9", "-2", "-1"], ("-2", "-1", "9", "10")),
        (["1", "-1", "1", "-1", "1", "1"], ("-1", "1")),
        (["18", "65", "18", "65", "90", "90"], ("18", "65", "90")),
        (["1", "2", "3", "1", "2", "3"], ("1", "2", "3")),
        ([str(10**30), "5", str(10**30), "5", "5", "5"], (str(10**30), "5")),
        (["True", "False", "True", "False", "True", "False"], ("False", "True")),
    ],
)
def test_labels_are_the_values_that_occur_as_they_are_written(
    folder: Path, tmp_path: Path, values: list[str], classes: tuple[str, ...]
) -> None:
    images = open_images(folder, labels=table(tmp_path / "my.csv", column(values)))
    assert images.class_names == classes
    assert classes_of(images) == values


@pytest.mark.parametrize("nothing", ["", " ", "NaN", "nan", "NULL", "null", "N/A", "<NA>", "NA", "#N/A"])
def test_missing_labels_are_no_class_and_are_counted(folder: Path, tmp_path: Path, nothing: str) -> None:
    images = open_images(folder, labels=table(tmp_path / "my.csv", column(["b", nothing, "a", "b", nothing, "a"])))
    assert images.class_names == ("a", "b")
    assert images.labels is not None
    assert images.labels.tolist() == [1, -1, 0, 1, -1, 0]
    assert ["2 of 6 pictures have no class, such as 1.png" in note for note in images.notes] == [True]
    chosen = images.with_classes()
    assert chosen.names() == ["0.png", "2.png", "3.png", "5.png"]
    assert classes_of(chosen) == ["b", "a", "b", "a"]


def test_a_class_called_na_in_small_letters_or_none_is_a_class(folder: Path, tmp_path: Path) -> None:
    values = ["none", "na", "none", "na", "None", "None"]
    assert classes_of(open_images(folder, labels=table(tmp_path / "my.csv", column(values)))) == values


def test_classes_that_differ_in_case_only_are_said(folder: Path, tmp_path: Path) -> None:
    images = open_images(folder, labels=table(tmp_path / "my.csv", column(["Cat", "cat", "dog", "dog", "cat", "Cat"])))
    assert images.class_names == ("Cat", "cat", "dog")
    assert "upper and lower case only: Cat, cat" in images.notes[0]


def test_unknown_attributes_are_nan_and_said_and_true_and_false_are_read(folder: Path, tmp_path: Path) -> None:
    rows = [
        "image,Smiling,Male",
        "0.png,1,True",
        "1.png,,False",
        "2.png,0,true",
        "3.png,1,FALSE",
        "4.png,0,",
        "5.png,1,true",
    ]
    images = open_images(folder, labels=table(tmp_path / "my.csv", "\n".join(rows)))
    assert images.attribute_names == ("Smiling", "Male")
    assert images.attributes is not None
    expected = np.array([[1, 1], [np.nan, 0], [0, 1], [1, 0], [0, np.nan], [1, 1]], np.float32)
    assert np.array_equal(images.attributes, expected, equal_nan=True)
    assert images.with_known_attributes().names() == ["0.png", "2.png", "3.png", "5.png"]


# Captions, measures, contradictions


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("text", ["tree", "hut", "tree", "hut", "tree", "hut"]),
        ("caption", [f"a field with {number} trees, and a hut" for number in range(6)]),
        ("remark", list("abcdef")),
        ("width", ["16"] * 6),
        ("label", [f"a field with {number} trees" for number in range(6)]),
        ("label", [f"a long text of many words that says what is in the picture {number % 4}" for number in range(6)]),
        ("label", ["1.25", "2.5", "3.75", "4.0", "5.5", "6.25"]),
    ],
)
def test_captions_and_measures_are_no_classes(folder: Path, tmp_path: Path, name: str, values: list[str]) -> None:
    path = table(folder / "metadata.csv", column(values, name))
    images = open_images(folder)
    assert images.class_names is None
    assert "metadata.csv" in images.notes[0]
    assert name in images.notes[0]
    with pytest.raises(DataError, match=rf"the column {name} holds .*--label-column"):
        open_images(folder, labels=path)
    chosen = open_images(folder, label_column=name)
    assert chosen.class_names is not None
    assert classes_of(chosen) == values


def test_many_whole_numbers_are_said_and_ranges_make_classes_of_them(tmp_path: Path, picture: Callable) -> None:
    for number in range(80):
        picture(number, (8, 8)).save(tmp_path / f"{number}.png")
    text = "image,age,sex\n" + "\n".join(f"{number}.png,{number // 2 + 20},{number % 2}" for number in range(80))
    path = table(tmp_path / "labels.csv", text)
    plain = open_images(tmp_path, label_column="age")
    assert plain.class_names == tuple(map(str, range(20, 60)))
    assert any(
        "40 different whole numbers (20 to 59)" in note and "--label-column age:" in note for note in plain.notes
    )
    ranges = open_images(tmp_path, labels=path, label_column="age:30,50,99")
    assert ranges.class_names == ("below 30", "30 to below 50", "50 to below 99")
    assert ranges.labels is not None
    assert np.bincount(ranges.labels).tolist() == [20, 40, 20]
    assert ranges.attribute_names == ("sex",)


def test_ranges_of_large_numbers_and_fractions_have_names_of_their_own(folder: Path, tmp_path: Path) -> None:
    path = table(tmp_path / "my.csv", column(["5", "1000000", "1000001", "1000002", "7", "3"], "area"))
    images = open_images(folder, labels=path, label_column="area:1000000,1000001,1000002")
    assert images.class_names == (
        "below 1000000",
        "1000000 to below 1000001",
        "1000001 to below 1000002",
        "1000002 and above",
    )
    images = open_images(folder, labels=path, label_column="area:0.1234567,1000000.5")
    assert images.class_names == ("0.1234567 to below 1000000.5", "1000000.5 and above")


def test_ranges_of_what_is_no_number(folder: Path, tmp_path: Path) -> None:
    path = table(tmp_path / "my.csv", column(["1", "2", "x", "4", "5", "6"], "age"))
    with pytest.raises(DataError, match="holds 'x', and ranges of numbers"):
        open_images(folder, labels=path, label_column="age:3")
    with pytest.raises(DataError, match="no column 'age:5,3'"):
        open_images(folder, labels=path, label_column="age:5,3")


def test_contradicting_rows_are_named_and_give_no_class(folder: Path) -> None:
    text = (
        "image,label,hat\n"
        + "\n".join(f"{name},{label},1" for name, label in ROWS)
        + "\n0.png,b,0\n1.png,b,1\n2.png,,1"
    )
    table(folder / "labels.csv", text)
    images = open_images(folder)
    assert classes_of(images) == [None, "b", "a", "b", "a", "b"]
    assert images.attributes is not None
    assert np.isnan(images.attributes[:, 0]).tolist() == [True, *[False] * 5]
    notes = "\n".join(images.notes)
    assert "a picture that has one already: 3" in notes
    assert "1 picture, which get no class: 0.png (a, b)" in notes


def test_a_table_of_many_objects_a_picture_is_no_table_of_classes(folder: Path) -> None:
    rows = [f"{number}.png,{kind},{number},{number + 1}" for number in range(6) for kind in ("cat", "dog")]
    path = table(folder / "labels.csv", "image,label,xmin,ymin\n" + "\n".join(rows))
    assert open_images(folder).class_names is None
    with pytest.raises(DataError, match=r"differs between the rows of one picture for 6 of 6 .*0\.png \(cat, dog\)"):
        open_images(folder, labels=path)


# JSON


def test_jsonl_and_stylegans_dataset_json(folder: Path) -> None:
    rows = [json.dumps({"file_name": name, "label": label}) for name, label in ROWS]
    table(folder / "metadata.jsonl", "\n".join(rows))
    assert classes_of(open_images(folder)) == list("ababab")
    (folder / "metadata.jsonl").unlink()
    table(folder / "dataset.json", json.dumps({"labels": [[f"{number}.png", 2 * (number % 2)] for number in range(6)]}))
    assert classes_of(open_images(folder)) == list("020202")
    one_hot = {"labels": [[f"{number}.png", [float(number % 3 == place) for place in range(3)]] for number in range(6)]}
    table(folder / "dataset.json", json.dumps(one_hot))
    assert classes_of(open_images(folder)) == list("012012")
    several = {"labels": [[f"{number}.png", [1, number % 2]] for number in range(6)]}
    table(folder / "dataset.json", json.dumps(several))
    images = open_images(folder)
    assert images.class_names is None
    assert images.attributes is not None
    assert images.attributes.tolist() == [[1, 0], [1, 1]] * 3


def test_json_entries_may_lack_values(folder: Path) -> None:
    content = [{"image": name, "label": label, "hat": True, "boxes": [{"x": 1}]} for name, label in ROWS]
    content[1]["label"] = None  # type: ignore[assignment]
    del content[2]["hat"]
    table(folder / "labels.json", json.dumps(content))
    images = open_images(folder)
    assert classes_of(images) == ["a", None, "a", "b", "a", "b"]
    assert images.attribute_names == ("hat",)
    assert images.attributes is not None
    assert np.isnan(images.attributes[:, 0]).tolist() == [False, False, True, False, False, False]


# The column


def test_a_column_is_chosen_by_name(folder: Path, tmp_path: Path) -> None:
    rows = [f"{number}.png,{'xy'[number % 2]},{'pqr'[number % 3]},{number % 2}" for number in range(6)]
    path = table(tmp_path / "my.csv", "\n".join(["image,label,Kind,hat", *rows]))
    assert open_images(folder, labels=path).class_names == ("x", "y")
    for name in ("Kind", "kind"):
        images = open_images(folder, labels=path, label_column=name)
        assert classes_of(images) == list("pqrpqr")
        assert images.attribute_names == ("hat",)
    assert classes_of(open_images(folder, labels=path, label_column="hat")) == list("010101")
    with pytest.raises(DataError, match=r"no column 'kin'.*Did you mean 'Kind'.*label, Kind, hat"):
        open_images(folder, labels=path, label_column="kin")
    headless = table(tmp_path / "headless.csv", "\n".join(rows))
    assert classes_of(open_images(folder, labels=headless, label_column="3")) == list("pqrpqr")
    with pytest.raises(DataError, match=r"no column 'Kind' \(it has no header"):
        open_images(folder, labels=headless, label_column="Kind")


def test_a_column_without_a_table(folder: Path) -> None:
    with pytest.raises(DataError, match=r"no table beside .* column 'kind'"):
        open_images(folder, label_column="kind")
    with pytest.raises(ConfigError, match="is open already: give labels"):
        open_images(open_images(folder), label_column="kind")


def test_a_list_without_header_has_labels_even_if_they_are_0_and_1(folder: Path, tmp_path: Path) -> None:
    text = "\n".join(f"{number}.png {number % 2}" for number in range(6))
    assert classes_of(open_images(folder, labels=table(tmp_path / "list.txt", text))) == list("010101")


def test_an_older_spreadsheet_is_read_with_a_note(folder: Path, tmp_path: Path) -> None:
    text = lines(";").replace(";b", ";Öl").replace(";a", ";blé")
    images = open_images(folder, labels=table(tmp_path / "my.csv", text.encode("cp1252")))
    assert classes_of(images) == ["blé", "Öl"] * 3
    assert images.notes == ["my.csv is no UTF-8: it was read as Windows-1252."]


def test_utf_16_without_its_mark_is_refused_in_words(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds zero bytes; save it as UTF-8"):
        open_images(folder, labels=table(tmp_path / "my.csv", lines(",").encode("utf-16-le")))


def test_a_spreadsheet_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is a spreadsheet or an archive: save it as CSV"):
        open_images(folder, labels=table(tmp_path / "my.xlsx", b"PK\x03\x04" + bytes(20)))
