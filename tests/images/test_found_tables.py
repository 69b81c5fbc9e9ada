"""Tables that are found in or beside the pictures: which one is read, and that none of them blocks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from written_tables import ROWS, classes_of, lines, table

from imagewright.errors import DataError
from imagewright.images import open_images
from imagewright.images.notices import gathered_notices

# Tables that nobody asked for


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("metadata.csv", "file_name,width,height\n" + "\n".join(f"{number}.png,16,12" for number in range(6))),
        ("metadata.csv", "file_name,label\n0.png,tree\n1.png,hut\n"),
        ("metadata.csv", "name,price\nA,3.5\nB,4.5\n"),
        ("metadata.csv", "file_name,label\n0.png,tree,3\n"),
        ("metadata.csv", b"file_name,label\n\xff\xfe\x00,1\n"),
        ("metadata.csv", ""),
        ("metadata.csv", "only one line"),
        ("labels.json", "{"),
        ("labels.json", "3"),
        ("labels.json", "[" * 100_000),
        ("labels.json", json.dumps({"0.png": [1, 2]})),
        ("labels.json", '{"0.png": ' + "9" * 5000 + "}"),
        ("metadata.jsonl", '{"file_name": "0.png"\n'),
        ("dataset.json", '{"labels": null}'),
        ("dataset.json", json.dumps({"labels": [[f"{number}.png", [number / 10, 1.0]] for number in range(6)]})),
    ],
)
def test_a_table_found_by_chance_never_blocks(folder: Path, name: str, text: str | bytes) -> None:
    path = table(folder / name, text)
    images = open_images(folder)
    assert (len(images), images.labels, images.attributes) == (6, None, None)
    assert name in images.notes[0]
    assert len(images.notes) == 1
    assert len(images.notes[0].splitlines()) == 1
    if "null" not in str(text):
        with pytest.raises(DataError) as error:
            open_images(folder, labels=path)
        assert len(str(error.value).splitlines()) == 1


# Where a table is found


def test_a_table_in_the_folder_of_the_opened_part(tmp_path: Path, picture: Callable) -> None:
    for number, part in enumerate(("train", "test")):
        (tmp_path / part).mkdir()
        for seed in range(2):
            picture(seed, (8, 8)).save(tmp_path / part / f"{seed}.png")
        table(tmp_path / part / "metadata.csv", f"file_name,label\n0.png,a{number}\n1.png,b{number}")
    assert open_images(tmp_path).class_names == ("a0", "b0")
    assert open_images(tmp_path, split="test").class_names == ("a1", "b1")


def test_columns_that_are_not_used_are_noted_and_not_told_by_every_command(folder: Path) -> None:
    rows = [f"{name},{label},{number}.5" for number, (name, label) in enumerate(ROWS)]
    table(folder / "labels.csv", "\n".join(["image,label,width", *rows]))
    with gathered_notices() as told:
        images = open_images(folder)
    assert any("not for training: width" in note for note in images.notes)
    assert not any("not used" in line for line in told.lines())


def test_the_next_table_is_tried_and_others_are_named(folder: Path) -> None:
    table(folder / "attributes.csv", "image,width\n" + "\n".join(f"{name},16" for name, _ in ROWS))
    table(folder / "labels.csv", lines(","))
    table(folder / "metadata.csv", lines(","))
    images = open_images(folder)
    assert classes_of(images) == list("ababab")
    assert "labels.csv was read, and not metadata.csv" in images.notes[0]
    assert "attributes.csv" in images.notes[1]
