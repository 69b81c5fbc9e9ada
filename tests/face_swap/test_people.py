"""People by identities: groups, distances, and references that cannot be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from face_shapes import posed_face

from imagewright.errors import DataError
from imagewright.face_swap import people
from imagewright.face_swap.face_sets import read_face_set, write_table
from imagewright.face_swap.people import Person, group_identities
from imagewright.faces.cascade import CascadeFinder
from imagewright.faces.crop_records import FACE
from imagewright.faces.crops import crop_square
from imagewright.faces.identities import SAME_PERSON
from imagewright.faces.pose import Pose
from imagewright.faces.records import FaceRecord, make_face_record
from imagewright.output.provenance import ENHANCED, make_record
from imagewright.output.writing import write_image


def identities(person: int, count: int, spread: float = 0.02) -> np.ndarray:
    """Identities of one person, who is at 1 from the others."""
    random = np.random.default_rng(100 + person)
    return np.eye(128)[person] / 2**0.5 + random.normal(0, spread, (count, 128))


def write_crop(folder: Path, name: str, identity: np.ndarray | None, *, in_xmp: bool = True) -> FaceRecord:
    face = posed_face(Pose(0, 0, 0))
    square = crop_square(face, "whole")
    record = make_face_record(
        face, file=name, picture="a.jpg", crop="whole", size=16, square=square, sharpness=0.1, identity=identity
    )
    settings = {FACE: record.to_json()} if in_xmp else {}
    provenance = make_record("swap extract", model="networks", settings=settings, source_type=ENHANCED)
    write_image(np.full((3, 16, 16), 90, np.uint8), folder / name, provenance)
    return record


def test_people_are_told_apart_and_the_one_with_most_faces_is_first() -> None:
    rows = np.concatenate([identities(3, 5), identities(1, 20), identities(2, 9)])
    shuffled = np.random.default_rng(0).permutation(len(rows))
    truth = np.repeat([2, 0, 1], [5, 20, 9])[shuffled]
    np.testing.assert_array_equal(group_identities(rows[shuffled]), truth)
    weights = np.where(truth == 2, 10.0, 1.0)
    assert (group_identities(rows[shuffled], weights)[truth == 2] == 0).all()
    assert group_identities(np.zeros((0, 128))).shape == (0,)


def test_of_many_faces_some_are_grouped_and_the_others_join_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "MOST_GROUPED", 12)
    rows = np.concatenate([identities(0, 30), identities(1, 20)])
    np.testing.assert_array_equal(group_identities(rows), np.repeat([0, 1], [30, 20]))


@pytest.mark.parametrize("numbers", [["0.1"] * 128, [None] * 128, [float("nan")] * 128, [10**400] * 128, [0.1]])
def test_a_run_whose_record_of_a_person_is_damaged_has_none(numbers: object) -> None:
    assert Person.from_record({"source": "anna", "layers": [{"name": "image"}, {"identity": numbers}]}) is None


def test_a_stranger_among_the_references_changes_no_distance() -> None:
    known = np.concatenate([identities(0, 40), identities(5, 1)])
    person = Person("x", known)
    assert person.distance(identities(0, 1)[0]) < SAME_PERSON
    assert person.distance(identities(5, 1)[0]) > SAME_PERSON
    assert Person("x", identities(0, 1)).distance(identities(0, 1)[0]) == 0


def test_a_set_is_read_from_its_crops_wherever_they_are(tmp_path: Path) -> None:
    records = [write_crop(tmp_path, f"a_{number}.png", identities(0, 3)[number]) for number in range(3)]
    lost = write_crop(tmp_path, "lost.png", None, in_xmp=False)
    write_table(tmp_path / "faces.jsonl", [*records, lost])
    with (tmp_path / "faces.jsonl").open("a") as table:
        table.write("no json\n")
    (tmp_path / "best").mkdir()
    (tmp_path / "a_1.png").rename(tmp_path / "best" / "renamed.png")
    write_image(np.zeros((3, 8, 8), np.uint8), tmp_path / "other.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "a_0.png").read_bytes()[:40])
    found = read_face_set(tmp_path)
    assert [face.name for face in found] == ["a_0.png", "a_2.png", "lost.png", "best/renamed.png"]
    assert found.from_table == 1
    assert {name for name, _ in found.skipped} == {"other.png", "cut.png"}
    assert "2 pictures" in found.notes()[0]
    rows, places = found.identities()
    assert rows.shape == (3, 128)
    assert places.tolist() == [0, 1, 3]
    assert len(Person.from_face_set(found).identities) == 3


def test_folders_without_faces_say_how_to_make_some(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="swap extract"):
        read_face_set(tmp_path / "absent")
    write_image(np.zeros((3, 8, 8), np.uint8), tmp_path / "plain.png")
    with pytest.raises(DataError, match=r"1 picture without.*swap extract"):
        read_face_set(tmp_path)


def test_a_crop_that_was_cut_is_no_crop(tmp_path: Path) -> None:
    record = write_crop(tmp_path, "a.png", identities(0, 1)[0])
    provenance = make_record("x", model="networks", settings={FACE: record.to_json()})
    write_image(np.zeros((3, 8, 16), np.uint8), tmp_path / "cut.png", provenance)
    assert "16x8" in read_face_set(tmp_path).skipped[0][1]


def test_several_references_are_one_person(tmp_path: Path) -> None:
    for number, row in enumerate([*identities(0, 2), identities(1, 1)[0]]):
        write_crop(tmp_path, f"{number}.png", row)
    finder = CascadeFinder()
    known = Person.from_source([tmp_path / "0.png", str(tmp_path / "1.png")], finder)
    assert known.identities.shape == (2, 128)
    with pytest.raises(DataError, match="of 2 people"):
        Person.from_source([tmp_path / "0.png", tmp_path / "2.png"], finder)


def test_sets_that_mix_people_are_said(tmp_path: Path) -> None:
    for number, row in enumerate([*identities(0, 4), *identities(1, 1)]):
        write_crop(tmp_path, f"{number}.png", row)
    person = Person.from_face_set(read_face_set(tmp_path))
    assert len(person.identities) == 4
    assert "1 of 5 faces" in person.notes[0]
    (tmp_path / "none").mkdir()
    write_crop(tmp_path / "none", "a.png", None)
    with pytest.raises(DataError, match="no identities"):
        Person.from_face_set(read_face_set(tmp_path / "none"))
