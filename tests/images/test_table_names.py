"""Which row of a table belongs to which picture: folders, Windows, Unicode, case, escapes, ambiguity."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from imagewright.errors import DataError
from imagewright.images import Images, open_images

NAMES = [f"{place}/{number}.png" for place in ("north", "south") for number in range(3)]
WEATHER = ["sun"] * 3 + ["rain"] * 3


def make(root: Path, names: list[str], picture: Callable) -> Path:
    for seed, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        picture(seed, (8, 8)).save(root / name)
    return root


def opened(root: Path, tmp_path: Path, rows: dict[str, str] | list[tuple[str, str]]) -> Images:
    pairs = rows.items() if isinstance(rows, dict) else rows
    (tmp_path / "my.csv").write_text("file,label\n" + "\n".join(f'"{name}",{label}' for name, label in pairs))
    return open_images(root, labels=tmp_path / "my.csv")


def classes_of(images: Images) -> list[str | None]:
    return [images.class_name(index) for index in range(len(images))]


@pytest.mark.parametrize(
    "form",
    [
        "{}",
        "./{}",
        "photos/{}",
        "/home/somebody/photos/{}",
        "C:\\data\\photos\\{}",
        "file:///data/photos/{}",
        "https://example.org/photos/{}?size=big",
        "../other/{}",
    ],
)
def test_folders_decide_between_equal_base_names(tmp_path: Path, picture: Callable, form: str) -> None:
    root = make(tmp_path / "in", NAMES, picture)
    slash = "\\" if "\\" in form else "/"
    rows = [(form.format(name.replace("/", slash)), label) for name, label in zip(NAMES, WEATHER, strict=True)]
    images = opened(root, tmp_path, rows[::-1])
    assert images.names() == NAMES
    assert classes_of(images) == WEATHER


def test_the_folder_of_the_source_decides_too(tmp_path: Path, picture: Callable) -> None:
    root = make(tmp_path / "north", ["0.png", "1.png", "2.png"], picture)
    assert classes_of(opened(root, tmp_path, dict(zip(NAMES, WEATHER, strict=True)))) == ["sun"] * 3


def test_pictures_at_the_top_and_in_a_folder_of_the_same_name(tmp_path: Path, picture: Callable) -> None:
    root = make(tmp_path / "in", ["0.png", "deep/0.png"], picture)
    assert classes_of(opened(root, tmp_path, {"set/0.png": "top", "set/deep/0.png": "deep"})) == ["top", "deep"]


@pytest.mark.parametrize(
    ("names", "rows", "message"),
    [
        (["north/0.png", "south/0.png"], {"0.png": "sun"}, r"north/0\.png and south/0\.png could be '0\.png'"),
        (["0.png"], {"east/0.png": "sun", "west/0.png": "rain"}, r"0\.png could be 'east/0\.png' or 'west/0\.png'"),
        (["0.jpg", "0.png"], {"0": "sun"}, r"0\.jpg and 0\.png could be '0'"),
    ],
)
def test_what_folders_do_not_decide_is_refused_with_names(
    tmp_path: Path, picture: Callable, names: list[str], rows: dict[str, str], message: str
) -> None:
    root = make(tmp_path / "in", names, picture)
    with pytest.raises(DataError, match=message):
        opened(root, tmp_path, rows)
    (tmp_path / "my.csv").rename(root / "labels.csv")
    images = open_images(root)
    assert "labels.csv" in images.notes[0]


def test_another_folder_of_the_same_base_name_is_no_match(tmp_path: Path, picture: Callable) -> None:
    root = make(tmp_path / "in", ["north/0.png", "south/0.png"], picture)
    with pytest.raises(DataError, match=r"no row for 1 of 2 pictures, such as south/0\.png"):
        opened(root, tmp_path, {"photos/north/0.png": "sun", "photos/west/0.png": "rain"})


def test_base_names_are_enough_if_they_are_unique(tmp_path: Path, picture: Callable) -> None:
    root = make(tmp_path / "in", ["a/0.png", "b/1.png"], picture)
    assert classes_of(opened(root, tmp_path, {"train/0.png": "sun", "1.png": "rain"})) == ["sun", "rain"]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_unicode_forms_are_equal(tmp_path: Path, picture: Callable, form: str) -> None:
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    names = [unicodedata.normalize(form, name) for name in ("süd/bär.png", "nord/bär.png")]  # type: ignore[arg-type]
    root = make(tmp_path / "in", names, picture)
    rows = {unicodedata.normalize(other, name): label for name, label in zip(names, ["rain", "sun"], strict=True)}  # type: ignore[arg-type]
    images = opened(root, tmp_path, rows)
    assert classes_of(images) == ["sun", "rain"]
    assert images.notes == []


@pytest.mark.parametrize(
    ("name", "row", "ignored"),
    [
        ("my cats/0 1.png", "my%20cats/0%201.png", "percent escapes and what follows a question mark"),
        ("Cats/IMG.PNG", "cats/img.png", "upper and lower case"),
        ("cats/0.png", "cats/0.jpg", "suffixes"),
        ("cats/22.00.png", "cats/22.00", "suffixes"),
        ("cats/000007.png", "cats/7.jpg", "zeros before numbers"),
        ("cats/000007.png", "7", "zeros before numbers"),
    ],
)
def test_looser_rules_are_said(tmp_path: Path, picture: Callable, name: str, row: str, ignored: str) -> None:
    root = make(tmp_path / "in", [name, "dogs/other.png"], picture)
    images = opened(root, tmp_path, {row: "one", "dogs/other.png": "two"})
    assert sorted(filter(None, classes_of(images))) == ["one", "two"]
    assert images.class_name(images.names().index(name)) == "one"
    assert images.notes == [f"1 picture found its row in my.csv without regard to {ignored}."]


def test_a_percent_sign_in_a_name_is_no_escape(tmp_path: Path, picture: Callable) -> None:
    root = make(tmp_path / "in", ["100%25.png", "100%.png"], picture)
    assert classes_of(opened(root, tmp_path, {"100%25.png": "one", "100%.png": "two"})) == ["two", "one"]


def test_dotted_names_keep_their_dots(tmp_path: Path, picture: Callable) -> None:
    root = make(tmp_path / "in", ["22.00.png", "22.01.png"], picture)
    assert classes_of(opened(root, tmp_path, {"22.00": "one", "22.01": "two"})) == ["one", "two"]


def test_the_column_that_names_the_pictures_is_found(tmp_path: Path, picture: Callable) -> None:
    root = make(tmp_path / "in", ["0.png", "1.png", "2.png", "3.png"], picture)
    rows = [f"{10 + number},{number},{'ab'[number % 2]},{number}.png" for number in range(4)]
    (tmp_path / "my.csv").write_text("\n".join(["id,person,kind,where it is", *rows]))
    images = open_images(root, labels=tmp_path / "my.csv", label_column="kind")
    assert classes_of(images) == list("abab")
    assert images.factor_names == ("id", "person")
    assert [note.partition(". --label-column NAME")[0] for note in images.notes] == [
        "my.csv: 2 columns of numbers, for `latent factors` and not for training: id, person"
    ]


@pytest.mark.parametrize("header", ["id,picture,label", "name,path,label"])
def test_a_column_that_names_files_exactly_goes_before_numbers(tmp_path: Path, picture: Callable, header: str) -> None:
    root = make(tmp_path / "in", [f"{number}.png" for number in range(1, 5)], picture)
    (tmp_path / "my.csv").write_text(f"{header}\n2,1.png,cat\n3,2.png,dog\n4,3.png,cat\n1,4.png,dog\n")
    images = open_images(root, labels=tmp_path / "my.csv")
    assert classes_of(images) == ["cat", "dog", "cat", "dog"]
    unused = header.split(",", maxsplit=1)[0]
    assert len(images.notes) == 1
    assert f": {unused}. --label-column NAME" in images.notes[0]
    assert "of numbers" in images.notes[0]


def test_what_follows_a_question_mark_is_said(tmp_path: Path, picture: Callable) -> None:
    root = make(tmp_path / "in", ["1.png", "2.png"], picture)
    images = opened(root, tmp_path, {"http://a.org/1.png?size=2": "a", "http://a.org/2.png?size=2": "b"})
    assert classes_of(images) == ["a", "b"]
    assert "question mark" in images.notes[0]


def test_names_that_are_no_utf_8_come_back(tmp_path: Path, picture: Callable) -> None:
    names = ["é.png".encode("latin-1"), b"\x81\x40.png", "ö.png".encode(), b"a.png"]
    root = tmp_path / "in"
    root.mkdir()
    for seed, name in enumerate(names):
        with open(os.fsencode(root) + b"/" + name, "wb") as file:
            picture(seed, (8, 8)).save(file, "PNG")
    (tmp_path / "my.csv").write_bytes(b"image,label\n" + b"\n".join(name + b",x" for name in names) + b"\n")
    assert classes_of(open_images(root, labels=tmp_path / "my.csv")) == ["x"] * 4
