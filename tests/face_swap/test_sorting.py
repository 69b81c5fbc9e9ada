"""`imagewright swap sort`: folders, orders, duplicates, the best of each pose, and mistakes in a sentence."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from face_files import write_face

import imagewright as iw
from imagewright.cli import main
from imagewright.face_swap.face_sets import read_face_set
from imagewright.face_swap.sorting import sort


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Anna four times, of which two look the same; Bert once, turned; someone without mesh."""
    folder = tmp_path / "faces"
    write_face(folder, "anna.png", sharpness=0.3, side=60)
    write_face(folder, "anna_blurred.png", sharpness=0.1, side=50)
    write_face(folder, "anna_dark.png", sharpness=0.2, grey=30)
    write_face(folder, "sub/anna.png", yaw=32, sharpness=0.4)
    write_face(folder, "bert.png", yaw=-31, person=1, sharpness=0.25, side=44)
    write_face(folder, "cascade.png", person=None, sharpness=0.15, side=42)
    return folder


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))


def test_people_get_a_folder_each_and_are_sets_of_faces(faces: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in faces.rglob("*.png")}
    made = iw.sort_faces(faces, tmp_path / "people", by="person")
    assert made.groups == [("person_01", 4), ("person_02", 1), ("unknown", 1)]
    assert files(made.folder) == [
        *("person_01/anna.png", "person_01/anna_blurred.png", "person_01/anna_dark.png", "person_01/sub_anna.png"),
        *("person_02/bert.png", "unknown/cascade.png"),
    ]
    assert len(read_face_set(tmp_path / "people" / "person_01")) == 4
    lines = (tmp_path / "people" / "person_01" / "faces.jsonl").read_text().splitlines()
    assert [json.loads(line)["file"] for line in lines] == sorted(
        path.name for path in (made.folder / "person_01").glob("*.png")
    )
    assert {path: path.read_bytes() for path in faces.rglob("*.png")} == before
    assert made.sheet.is_file()
    with (made.folder / "sorted.csv").open() as table:
        assert next(csv.DictReader(table)) == {
            "file": "person_01/anna.png",
            "face": "anna.png",
            "group": "person_01",
            "value": "",
        }


def test_poses_get_a_folder_each(faces: Path, tmp_path: Path) -> None:
    made = iw.sort_faces(faces, tmp_path / "poses", by="pose", how="list")
    assert made.groups == [("yaw-030_pitch+00", 1), ("yaw+000_pitch+00", 3), ("yaw+030_pitch+00", 1), ("no_pose", 1)]
    assert [path.name for path in made.folder.iterdir()] == ["sorted.csv"]


@pytest.mark.parametrize(
    ("by", "wanted"),
    [
        ("sharpness", ["1_sub_anna.png", "2_anna.png"]),
        ("size", ["1_anna.png", "2_anna_blurred.png"]),
    ],
)
def test_rankings_are_numbered(faces: Path, tmp_path: Path, by: Any, wanted: list[str]) -> None:
    made = iw.sort_faces(faces, tmp_path / by, by=by, count=2, how="link")
    assert files(made.folder) == wanted
    assert made.left_out == 4
    source = faces / ("sub/anna.png" if by == "sharpness" else "anna.png")
    assert (made.folder / wanted[0]).samefile(source)


def test_likeness_puts_others_at_the_end(faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = iw.sort_faces(faces, tmp_path / "like", by="likeness")
    assert files(made.folder)[-1] == "5_bert.png"
    assert made.left_out == 1
    monkeypatch.setattr(sort, "open_face_finder", lambda *_: pytest.fail("a crop needs no weights"))
    again = iw.sort_faces(faces, tmp_path / "like_bert", by="likeness", person=faces / "bert.png")
    assert files(again.folder)[0] == "1_bert.png"


def test_duplicates_leave_the_sharper_one(faces: Path, tmp_path: Path) -> None:
    made = iw.sort_faces(faces, tmp_path / "kept", by="duplicates")
    assert [name for name in files(made.folder) if name.startswith("dup")] == ["duplicates/anna_blurred.png"]


def test_best_takes_poses_evenly_and_no_duplicates(faces: Path, tmp_path: Path) -> None:
    made = iw.sort_faces(faces, tmp_path / "best", by="best")
    assert files(made.folder) == ["anna.png", "anna_dark.png", "bert.png", "sub_anna.png"]
    made = iw.sort_faces(faces, tmp_path / "three", by="best", count=3)
    assert files(made.folder) == ["anna.png", "bert.png", "sub_anna.png"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("faces --by size --out faces/sorted", "whose pictures are read"),
        ("missing --by size --out x", "missing is no folder of faces"),
        ("faces --by person --count 3 --out x", "--by person sorts all faces"),
        ("faces --by size --person a.png --out x", "--by size asks for nobody"),
        ("faces --by sharpnes --out x", "sharpness"),
    ],
)
def test_mistakes_are_said_in_a_sentence(
    faces: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: str,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert main(["swap", "sort", *options.split()]) == 2
    message = capsys.readouterr().err
    assert said in message
    assert "Traceback" not in message
    assert sorted(tmp_path.rglob("*")) == before
