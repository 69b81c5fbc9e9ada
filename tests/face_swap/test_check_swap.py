"""`check_swap` and `imagewright swap check`, on a face that moves through pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from face_weights import use_face_weights
from PIL import Image
from skimage.data import astronaut

import imagewright as iw
from imagewright.cli import main
from imagewright.face_swap.check import series

FRAMES = 6


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of frames: `footage`, in which the window moves; `dark`, with the face darkened in every other frame."""
    place = tmp_path_factory.mktemp("clips")
    picture = astronaut()
    for name in ("footage", "dark"):
        (place / name).mkdir()
        for number in range(FRAMES):
            frame = picture[number // 2 : 240 + number // 2, 100 + number : 340 + number].copy()
            if name == "dark" and number % 2:
                face = frame[60 - number // 2 : 180 - number // 2, 80 - number : 170 - number]
                face[...] = np.clip(face.astype(int) - 30, 0, 255)
            Image.fromarray(frame).save(place / name / f"{number:04d}.png")
    return place


def test_footage_against_itself_is_perfect(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_face_weights(monkeypatch)
    source, out = clips / "footage" / "0000.png", tmp_path / "check.png"
    command = ["swap", "check", str(clips / "footage"), str(clips / "footage"), "--source", str(source)]
    assert main([*command, "--features", "pixels", "--json", "--out", str(out)]) == 0
    printed, path = capsys.readouterr().out.rsplit("\n", 2)[:2]
    assert Path(path) == out
    with Image.open(out) as figure:
        assert figure.width > 1000
    found = json.loads(printed)
    assert found["frames"] == found["measured"] == FRAMES
    values = {each["name"]: each["value"] for each in found["measurements"]}
    assert values["jitter/ratio"] == values["flicker/ratio"] == values["detail/ratio"] == 1
    assert values["pose/error"] == values["expression/error"] == values["seam/colour_step"] == 0
    assert values["outside/change"] == values["outside/changed"] == 0
    assert values["identity/to_source"] < 0.3
    assert all(len(each["key"]) == 12 for each in found["measurements"])


def test_a_face_that_flickers_is_told(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_face_weights(monkeypatch)
    found = iw.check_swap(clips / "dark", clips / "footage")
    assert found["flicker/ratio"] > 3
    assert found["seam/colour_step"] > 0.3  # half of the frames have none
    assert found["outside/change"] < 0.5
    assert "identity/to_source" not in {each.measure.name for each in found.measurements}
    assert any("--source" in note for note in found.notes)
    assert any("not met" in line for line in found.lines())
    assert found.write(tmp_path / "check.csv").read_text().startswith("name,title,value")


def test_a_face_that_is_seen_for_a_moment_is_measured(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_face_weights(monkeypatch)
    for name in ("MOST_IDENTIFIED", "MOST_CROPS", "MOST_SEAMS"):
        monkeypatch.setattr(series, name, 1)  # of all pairs, as in a long video
    Image.new("RGB", (240, 240), (10, 90, 40)).save(tmp_path / "0.png")
    for number in (1, 2):
        (tmp_path / f"{number}.png").write_bytes((clips / "footage" / "0000.png").read_bytes())
    found = iw.check_swap(tmp_path, tmp_path, source=clips / "footage" / "0001.png", features="pixels")
    assert found["identity/to_source"] < 0.3
    assert found.series.identified == [0]
    assert len(found.series.crops[0]) == 1


def test_mistakes_are_sentences(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_face_weights(monkeypatch)
    Image.new("RGB", (200, 160), (10, 90, 40)).save(tmp_path / "meadow.png")
    Image.new("RGB", (200, 160), (10, 90, 40)).save(tmp_path / "wood.png")
    meadow = str(tmp_path / "meadow.png")
    assert main(["swap", "check", meadow, str(tmp_path / "wood.png")]) == 2
    assert "No face was found" in capsys.readouterr().err
    footage = str(clips / "footage")
    assert main(["swap", "check", footage, footage, "--source", meadow]) == 2
    assert "No face was found in 1 picture" in capsys.readouterr().err
    assert main(["swap", "check", footage, footage, "--out", str(tmp_path / "check.txt")]) == 2
    assert ".json" in capsys.readouterr().err
    assert main(["swap", "check", footage, footage, "--out", meadow]) == 2
    assert "--force" in capsys.readouterr().err
