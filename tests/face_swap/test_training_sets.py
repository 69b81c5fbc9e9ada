"""Face sets as a swap model is trained on them: parts, classes of poses, and what is refused or said."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import Messages, simple_pictures, tiny_options

import imagewright as iw
from imagewright.errors import ConfigError, DataError
from imagewright.face_swap.convert.choosing import person_in_footage
from imagewright.face_swap.face_sets import read_face_set
from imagewright.face_swap.people import Person
from imagewright.face_swap.pose_bins import choose_pose_bins
from imagewright.face_swap.training_sets import open_training_sets
from imagewright.faces.parts import draw_typical_parts
from imagewright.faces.pose import Pose
from imagewright.faces.records import FaceRecord
from imagewright.output.provenance import ENHANCED, make_record
from imagewright.output.writing import write_image

SIDE = 16
WriteFaces = Callable[..., Path]


def identity(person: int) -> np.ndarray:
    """The identity of a made-up person, far from those of others."""
    values = np.zeros(128)
    values[person] = 1.0
    return values


def face_record(file: str, crop: str, person: int, yaw: float) -> FaceRecord:
    """A face in the middle of a frame, whose points are those of a square about its centre."""
    angles = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    oval = 60 + 30 * np.stack([np.sin(angles), -np.cos(angles)], 1)
    points = np.full((68, 2), 60.0) + np.arange(68)[:, None] % 6
    square = np.array([[100.0, 0, 10], [0, 100.0, 10]])
    return FaceRecord(
        file=file,
        picture="clip.mp4",
        frame=0,
        time=0.0,
        track=0,
        crop=crop,
        size=SIDE,
        square=square,
        box=np.array([30.0, 30, 90, 90]),
        score=1.0,
        layout="mesh",
        points=points,
        oval=oval,
        pose=Pose(yaw, 0.0, 0.0),
        sharpness=1.0,
        identity=identity(person),
    )


@pytest.fixture
def write_faces(tmp_path: Path) -> WriteFaces:
    def write(name: str, count: int = 12, *, crop: str = "face", person: int = 0, others: int = 0) -> Path:
        folder = tmp_path / name
        for place, picture in enumerate(simple_pictures(count, (SIDE, SIDE), seed=person)):
            file = f"{name}_{place:03d}.png"
            who = person if place >= others else 50
            record = face_record(file, crop, who, yaw=30.0 if place % 4 == 0 else 0.0)
            settings = {"face": record.to_json()}
            write_image(
                picture,
                folder / file,
                make_record("swap extract", model="made up", settings=settings, source_type=ENHANCED),
            )
        return folder

    return write


def opened(one: Any, other: Any, **opening: Any) -> tuple[Any, list[str]]:
    messages = Messages()
    return open_training_sets({"a": one, "b": other}, opening, messages.message), messages.texts


def test_a_training_records_the_crop_and_the_people_and_resumes(write_faces: WriteFaces, tmp_path: Path) -> None:
    ada, bob = write_faces("ada"), write_faces("bob", person=1)
    options: dict[str, Any] = {**tiny_options("swap"), "batch_size": 4, "precision": "fp32"}
    run = iw.train("swap", {"a": ada, "b": bob}, out=tmp_path / "run", images_seen=8, consent="self", **options)
    assert (run.record["config"]["crop"], run.record["config"]["domain_names"]) == ("face", ["ada", "bob"])
    assert iw.load(run).config.crop == "face"
    again = iw.train("swap", {"a": ada, "b": bob}, out=run.path, images_seen=16, resume=True)
    assert again.checkpoints()[-1].images_seen == 16
    shown = Person.from_face_set(read_face_set(bob))
    bob.rename(tmp_path / "moved")  # whom the run replaces is in its record
    replaced = person_in_footage(iw.load(run), 0)
    assert replaced is not None
    assert replaced.distance(shown.identities.mean(0)) < 1e-3


def test_a_resumed_run_opens_its_faces_as_before(write_faces: WriteFaces, tmp_path: Path) -> None:
    sets = {"a": write_faces("ada"), "b": write_faces("bob", person=1)}
    options: dict[str, Any] = {**tiny_options("swap"), "batch_size": 4, "precision": "fp32", "consent": "self"}
    run = iw.train(
        "swap", sets, out=tmp_path / "run", images_seen=4, exclude="*_003.png", cache=False, size=32, **options
    )
    assert [source["count"] for source in run.record["sources"].values()] == [11, 11]
    again = iw.train("swap", sets, out=run.path, images_seen=8, resume=True)
    assert again.checkpoints()[-1].images_seen == 8


def test_faces_have_their_parts_at_their_pixels(write_faces: WriteFaces) -> None:
    sets, _ = opened(write_faces("ada"), write_faces("bob", person=1), size=SIDE)
    batch = sets.sources["ada"].batch(np.arange(2))
    parts = batch.layers["parts"]
    assert parts.shape == (2, SIDE, SIDE)
    assert parts[:, 0].max() == 0
    assert parts[:, 8, 4].min() > 0  # the oval reaches from a fifth to four fifths of the crop
    assert set(parts.unique().tolist()) <= {0, 1, 2, 3}


def test_turned_faces_are_a_class_of_their_own_if_they_are_enough() -> None:
    poses = [Pose(30.0, 0, 0)] * 10 + [Pose(0, 0, 0)] * 90 + [Pose(-60, 30, 0)] + [None]
    labels, names = choose_pose_bins(poses)
    assert np.bincount(labels).tolist() == [92, 10]
    assert len(names) == 2
    assert "25 to 40" in names[1]
    labels, names = choose_pose_bins([None, None])
    assert (labels.tolist(), len(names)) == ([0, 0], 1)


def test_few_faces_are_refused_and_not_many_are_said(write_faces: WriteFaces) -> None:
    _, said = opened(write_faces("ada"), write_faces("bob", person=1))
    assert any("12 faces" in text and "few" in text for text in said)
    with pytest.raises(DataError, match=r"few.* holds 5 faces.*10 are the least.*swap extract"):
        opened(write_faces("eve", 20), write_faces("few", 5))


def test_a_set_of_several_people_is_said_with_counts(write_faces: WriteFaces) -> None:
    _, said = opened(write_faces("ada", 12, others=3), write_faces("bob", person=1))
    (text,) = [text for text in said if "mixes people" in text]
    assert "3 of 12 faces" in text
    assert "--person" in text


def test_one_person_on_both_sides_is_said(write_faces: WriteFaces) -> None:
    _, said = opened(write_faces("ada"), write_faces("ada-too"))
    assert any("one person" in text for text in said)
    _, said = opened(write_faces("eve"), write_faces("bob", person=1))
    assert not any("one person" in text for text in said)


def test_sets_of_different_crops_are_refused(write_faces: WriteFaces) -> None:
    with pytest.raises(DataError, match=r"crop face.*bob.*whole.*--crop"):
        opened(write_faces("ada"), write_faces("bob", crop="whole", person=1))
    mixed = write_faces("eve")
    for path in write_faces("other", crop="head").iterdir():
        shutil.copy(path, mixed)
    with pytest.raises(DataError, match=r"several crops \(12 face, 12 head\)"):
        opened(mixed, mixed.with_name("ada"))


def test_plain_pictures_are_refused_with_the_command_that_makes_faces_of_them(
    write_faces: WriteFaces, tmp_path: Path
) -> None:
    plain = tmp_path / "plain"
    write_image(simple_pictures(1)[0], plain / "1.png", make_record("sample", model="made up", source_type=ENHANCED))
    with pytest.raises(DataError, match=r"plain is no set of faces.*swap extract .*plain --out plain-faces"):
        opened(plain, write_faces("bob"))
    with pytest.raises(ConfigError, match="trains on two sets of faces"):
        iw.train("swap", plain, out=tmp_path / "run", consent="self")
    with pytest.raises(ConfigError, match="not by labels"):
        opened(write_faces("ada"), write_faces("eve"), labels="table.csv")


def test_a_set_whose_records_cannot_be_used_says_why(write_faces: WriteFaces, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    settings = {"face": {"square": "nonsense"}}
    record = make_record("swap extract", model="made up", settings=settings, source_type=ENHANCED)
    write_image(simple_pictures(1, (SIDE, SIDE))[0], damaged / "1.png", record)
    with pytest.raises(DataError, match=r"None of 1 picture in .*damaged can be used as a face \(1\.png: "):
        opened(damaged, write_faces("bob"))


def test_faces_without_points_get_those_of_a_typical_face() -> None:
    for crop in ("face", "whole", "head", "ffhq"):
        parts = draw_typical_parts(crop, 64)
        assert {1, 2, 3} <= set(np.unique(parts).tolist()), crop
