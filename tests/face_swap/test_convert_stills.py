"""Pictures with transparency or more than 8 bits: what a conversion keeps, and what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("av", reason="the extra 'video' (av) is not installed")

import painted_people
from painted_people import ANNA, ColourFinder, identify_by_colour, paint, person

from imagewright.face_swap.convert import convert as converting
from imagewright.face_swap.convert.convert import swap_faces
from imagewright.pretrained.faces import networks


@pytest.fixture(autouse=True)
def painted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faces are discs of the colours of people, and the run replaces Anna."""
    monkeypatch.setattr(networks, "identify", identify_by_colour)
    monkeypatch.setattr(converting, "open_face_finder", lambda find, confirm: ColourFinder())
    monkeypatch.setattr(converting, "person_in_footage", lambda model, to: person(0))


@pytest.fixture(scope="module")
def model() -> Any:
    return painted_people.untrained_swap()


def cut_out(picture: np.ndarray) -> np.ndarray:
    """A picture whose right half is wholly transparent and whose last lines are half."""
    pixels = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
    pixels[:, 100:, 3], pixels[80:, :100, 3] = 0, 128
    return pixels


def test_transparency_is_kept(tmp_path: Path, model: Any) -> None:
    pixels = cut_out(paint((50, ANNA)))
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    made = swap_faces(model, tmp_path / "photo.png", tmp_path / "out.png", mask="hull", colour="none")
    after = np.asarray(Image.open(tmp_path / "out.png"))
    assert np.array_equal(after[..., 3], pixels[..., 3])
    assert (after[..., :3] != pixels[..., :3]).any()
    assert np.array_equal(after[:, 100:], pixels[:, 100:])
    assert np.array_equal(after[80:], pixels[80:])
    assert not any("transparency" in note for note in made.notes)


def test_a_format_without_transparency_is_said(tmp_path: Path, model: Any) -> None:
    Image.fromarray(cut_out(paint((50, ANNA)))).save(tmp_path / "photo.png")
    made = swap_faces(model, tmp_path / "photo.png", tmp_path / "out.jpg", mask="hull")
    assert any(".jpg holds no transparency: 1 picture laid on white" in note for note in made.notes)
    assert (np.asarray(Image.open(tmp_path / "out.jpg"))[:, 110:] > 245).all()


def test_pictures_of_16_bits_are_counted(tmp_path: Path, model: Any) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(paint((50, ANNA))).save(folder / "plain.png")
    Image.fromarray(np.full((96, 96), 40_000, np.uint16)).save(folder / "deep.png")
    made = swap_faces(model, folder, tmp_path / "out", mask="hull")
    assert any("1 picture of 16 bits a channel written with 8" in note for note in made.notes)


def test_faces_of_pictures_are_not_looked_for_again(
    tmp_path: Path, model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(20):
        Image.fromarray(paint((40 + number, ANNA))).save(folder / f"{number:02d}.png")

    def stop_at_fifteen(stage: str, done: int, total: int) -> None:
        if stage == "finding faces" and done == 15:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        swap_faces(model, folder, tmp_path / "out", mask="hull", progress=stop_at_fifteen)
    asked: list[int] = []
    find = ColourFinder.find
    monkeypatch.setattr(ColourFinder, "find", lambda self, picture: asked.append(1) or find(self, picture))
    made = swap_faces(model, folder, tmp_path / "out", mask="hull").pictures
    assert len(asked) == 5
    assert made is not None
    assert (len(made.paths), made.swapped) == (20, 20)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "photos"]
