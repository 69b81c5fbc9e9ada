"""`imagewright swap extract`: crops with records, several people, what is left out, and mistakes in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from face_shapes import posed_face
from face_weights import use_face_weights
from PIL import Image
from skimage.data import astronaut

import imagewright as iw
from imagewright.cli import main
from imagewright.face_swap.extraction.rules import CUT_OFF, MISSHAPEN, UPSIDE_DOWN, WantedPeople, fault_of, too_small
from imagewright.face_swap.extraction.sources import open_extraction_sources
from imagewright.face_swap.face_sets import read_face_set
from imagewright.face_swap.people import Person
from imagewright.faces.detections import Face
from imagewright.faces.landmarks import MESH_OF_68
from imagewright.faces.pose import Pose


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """One person upright, lying on the side, and small; no face; no picture."""
    place = tmp_path / "photographs"
    place.mkdir()
    person = Image.fromarray(astronaut()).crop((100, 0, 400, 300))
    person.save(place / "up.png")
    person.rotate(90, expand=True).save(place / "side.png")
    small = Image.new("RGB", (300, 300), (90, 90, 90))
    small.paste(person.resize((60, 60)), (120, 120))
    small.save(place / "small.png")
    Image.new("RGB", (200, 150), (20, 60, 90)).save(place / "none.png")
    (place / "broken.jpg").write_bytes(b"no picture")
    return place


def write_video(path: Path, frames: int = 12, *, empty: int = 0) -> Path:
    """A person who moves to the right, after frames without anyone."""
    av = pytest.importorskip("av")
    person = np.asarray(Image.fromarray(astronaut()).crop((100, 0, 400, 300)).resize((160, 160)))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.bit_rate = 240, 176, 4_000_000
        for number in range(frames):
            pixels = np.full((176, 240, 3), 90, np.uint8)
            if number >= empty:
                pixels[8:168, 10 + 3 * number : 170 + 3 * number] = person
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def test_stills_become_crops_with_records(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_face_weights(monkeypatch)
    out = tmp_path / "faces"
    assert main(["swap", "extract", str(photographs), "--size", "64", "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert "2 faces of 4 pictures (1 without a face)" in said.out
    assert "left out: 1 face smaller than 32 pixels" in said.out
    assert "none.png" in said.err
    assert "broken.jpg" in said.err
    faces = read_face_set(out)
    assert [face.name for face in faces] == ["side_0.png", "up_0.png"]
    side, up = faces.records
    assert up.crop == "whole"
    assert up.identity is not None
    assert side.identity is not None
    assert np.linalg.norm(up.identity - side.identity) < 0.2
    assert up.pose is not None
    assert side.pose is not None
    assert side.pose.roll == pytest.approx(up.pose.roll - 90, abs=3)
    assert side.pose.yaw == pytest.approx(up.pose.yaw, abs=4)
    rows = [json.loads(line) for line in (out / "faces.jsonl").read_text().splitlines()]
    assert [row["file"] for row in rows] == ["side_0.png", "up_0.png"]
    assert rows[1] == up.to_json()
    points = up.points_in_crop()
    assert points is not None
    assert points[36:48, 1].mean() == pytest.approx(0.39, abs=0.05)
    assert iw.inspect(out / "up_0.png")["provenance"]["settings"]["face"]["picture"] == "up.png"
    assert iw.open_images(out).size == (64, 64)


def test_a_video_is_tracked_and_kept_people_are_chosen(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_face_weights(monkeypatch)
    video = write_video(tmp_path / "clip.avi", 8, empty=3)
    made = iw.extract_faces(video, tmp_path / "faces", size=32, person=photographs / "up.png")
    assert (made.faces, made.frames, made.without) == (5, 8, 3)
    assert made.people == [5]
    assert [record.frame for record in made.records] == [3, 4, 5, 6, 7]
    assert {record.track for record in made.records} == {0}
    assert made.records[0].time == pytest.approx(0.12)
    middles = [record.box.reshape(2, 2).mean(0)[0] for record in made.records]
    np.testing.assert_allclose(np.diff(middles), 3, atol=1)
    with pytest.raises(iw.UserError, match="5 of the people of --not"):
        iw.extract_faces(video, tmp_path / "b", size=32, not_person=tmp_path / "faces")
    assert not (tmp_path / "b").exists()
    table = tmp_path / "faces" / "faces.jsonl"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines[:2], json.dumps({"file": made.records[2].file}), *lines[3:]]))
    again = iw.extract_faces([photographs / "up.png", video], tmp_path / "faces", size=32, every=4, force=True)
    assert (again.pictures, again.frames) == (1, 2)
    assert len(read_face_set(tmp_path / "faces")) == 6  # those of before are still there
    assert len(table.read_text().splitlines()) == 5  # but for the line that was damaged


def test_pictures_in_memory_are_searched(tmp_path: Path) -> None:
    person = astronaut()[:300, 100:400]
    for number, source in enumerate((person[None], [person, person], iw.open_images([person]))):
        made = iw.extract_faces(source, tmp_path / str(number), size=32, find="cascade")
        assert made.faces == made.pictures == (2 if number == 1 else 1)


def test_a_folder_may_hold_pictures_and_videos(
    photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_video(photographs / "clip.avi", 3)
    typed = ["swap", "extract", str(photographs), "--every", "2", "--size", "32", "--find", "cascade"]
    assert main([*typed, "--out", str(tmp_path / "faces")]) == 0
    said = capsys.readouterr()
    assert "pictures and 2 frames" in said.out
    assert "Passed over" not in said.err
    names = [face.name for face in read_face_set(tmp_path / "faces")]
    assert "clip_000000_0.png" in names


def test_frames_beside_their_video_get_other_names(tmp_path: Path) -> None:
    video = write_video(tmp_path / "clip.avi", 2)
    for name in ("clip_000001.png", "clips.png"):
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    both = open_extraction_sources(tmp_path, 1, None)
    assert both.video_stems == ["video0_clip"]
    assert open_extraction_sources([video, tmp_path / "clips.png"], 1, None).video_stems == ["clip"]


def test_the_cascade_needs_no_weights_and_says_what_is_lost(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("IMAGEWRIGHT_MIRROR", "http://127.0.0.1:9")
    monkeypatch.delenv("IMAGEWRIGHT_WEIGHTS", raising=False)
    out = tmp_path / "faces"
    assert main(["swap", "extract", str(photographs / "up.png"), "--size", "64", "--out", str(out)]) == 0
    said = capsys.readouterr().err
    assert "crops are not turned" in said
    assert "people are not told apart" in said
    (record,) = read_face_set(out).records
    assert (record.layout, record.points, record.pose, record.identity) == ("cascade", None, None, None)
    typed = ["swap", "extract", str(photographs), "--out", str(tmp_path / "b"), "--find", "cascade"]
    assert main([*typed, "--person", str(photographs / "up.png")]) == 2
    assert "weights get faces" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("none.png --out faces --find cascade", "No face was found in 1 picture"),
        ("broken.jpg --out faces --find cascade", "cannot be read"),
        ("up.png --out faces --size 8", "8"),
        ("up.png --out faces --every 0", "0"),
        ("up.png --out full --find cascade", "full holds other files, such as other.txt"),
        (". --out ./faces --find cascade", "whose pictures are read"),
        ("missing.mp4 --out faces --find cascade", "missing.mp4"),
        ("cut.mp4 --out faces --find cascade", "cut.mp4 cannot be read as a video"),
        ("--out faces", "pictures or videos are missing"),
        ("up.png --out faces.png --find cascade", "name a folder by --out"),
    ],
)
def test_mistakes_are_said_in_a_sentence_and_write_nothing(
    photographs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: str, said: str
) -> None:
    pytest.importorskip("av")
    monkeypatch.chdir(photographs)
    (photographs / "full").mkdir()
    (photographs / "full" / "other.txt").write_text("x")
    (photographs / "cut.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    before = sorted(photographs.rglob("*"))
    assert main(["swap", "extract", *options.split()]) == 2
    message = capsys.readouterr().err
    assert said in message
    assert "Traceback" not in message
    assert [path for path in sorted(photographs.rglob("*")) if path not in before] == []


def test_faces_that_are_none_are_told_from_faces() -> None:
    face = posed_face(Pose(0, 0, 0), side=60)
    assert fault_of(face, 200, 200, 32) is None
    assert fault_of(posed_face(Pose(0, 0, 0), side=8), 200, 200, 32) == too_small(32)
    assert fault_of(face, 4000, 4000, 32) == too_small(32)
    assert fault_of(posed_face(Pose(0, 0, 0), centre=(5, 100), side=60), 200, 200, 32) == CUT_OFF
    scattered = face.points.copy()
    scattered[MESH_OF_68, :2] = np.random.default_rng(0).uniform(0, 200, (68, 2))
    assert fault_of(Face(face.box, scattered, 1.0, "mesh"), 200, 200, 32) in {MISSHAPEN, UPSIDE_DOWN}
    swapped = np.array([(30, 37), (70, 37), (50, 30), (34, 20), (66, 20)], float)
    assert fault_of(Face(face.box, swapped, 1.0, "centerface"), 200, 200, 32) is not None


def test_of_people_who_are_named_the_nearer_one_counts() -> None:
    axes = np.eye(128)
    anna, other = Person("anna", axes[:1] / 2), Person("other", axes[1:2] / 2)
    wanted = WantedPeople([anna], [other])
    assert wanted.fault_of(axes[0] / 2) is None
    assert wanted.fault_of(axes[2]) is not None
    assert WantedPeople([], [other]).fault_of(axes[1] / 2) is not None
    assert WantedPeople([], [other]).fault_of(axes[0]) is None
    assert WantedPeople().fault_of(axes[0]) is None
