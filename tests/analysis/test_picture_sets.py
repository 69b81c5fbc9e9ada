"""A set made of some pictures of another: links of files, copies of what is in archives and arrays."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import imagewright as iw
from imagewright.analysis.picture_sets import read_names
from imagewright.cli import main
from imagewright.errors import ImagewrightError


@pytest.fixture
def animals(tmp_path: Path) -> Path:
    for place, name in enumerate(("cats/a.png", "cats/b.png", "dogs/a.png", "dogs/-1.png")):
        (tmp_path / "animals" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), 40 * place, np.uint8)).save(tmp_path / "animals" / name)
    return tmp_path / "animals"


def test_files_become_links_in_the_folders_of_their_classes(animals: Path) -> None:
    made = iw.make_set(animals, ["cats/b.png", "dogs/-1.png", "cats/b.png"], animals.parent / "some")
    assert (made.linked, made.copied) == (2, 0)
    assert iw.open_images(made.folder).class_names == ("cats", "dogs")
    assert (made.folder / "cats" / "b.png").samefile(animals / "cats" / "b.png")
    assert "2 pictures" in made.lines()[0]


def test_members_and_arrays_are_copied(animals: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "animals.zip", "w") as archive:
        archive.write(animals / "cats" / "a.png", "cats/a.png")
        archive.write(animals / "dogs" / "a.png", "dogs/a.png")
        archive.writestr("dogs/broken.png", b"no picture")
    made = iw.make_set(tmp_path / "animals.zip", ["cats/a.png"], tmp_path / "copied")
    assert (made.folder / "cats" / "a.png").read_bytes() == (animals / "cats" / "a.png").read_bytes()
    digits = iw.open_images("digits")
    made = iw.make_set("digits", [digits.name(3), digits.name(5)], tmp_path / "numbers")
    assert made.copied == len(iw.open_images(made.folder)) == 2


def test_mistakes_leave_nothing(animals: Path) -> None:
    folder = animals.parent / "some"
    with pytest.raises(ImagewrightError, match=r"1 of 2 names are not in .* 'cats/z.png'"):
        iw.make_set(animals, ["cats/a.png", "cats/z.png"], folder)
    with pytest.raises(ImagewrightError, match="not in"):
        iw.make_set(animals, [], folder)
    with pytest.raises(ImagewrightError, match="exists already"):
        iw.make_set(animals, ["cats/a.png"], animals)
    assert [path.name for path in animals.parent.iterdir()] == ["animals"]


def test_the_command_reads_a_list(animals: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = animals.parent / "names.txt"
    names.write_text("cats/a.png\n\ndogs/-1.png\n")
    assert read_names(names) == ["cats/a.png", "dogs/-1.png"]
    assert main(["data", "subset", str(animals), "--names", str(names), "--out", str(animals.parent / "some")]) == 0
    assert "2 pictures" in capsys.readouterr().out
    assert sorted(path.name for path in (animals.parent / "some").rglob("*.png")) == ["-1.png", "a.png"]
    names.write_text("\n")
    assert main(["data", "subset", str(animals), "--names", str(names), "--out", str(animals.parent / "more")]) == 2
    assert "is empty" in capsys.readouterr().err
